package onnx

import (
	"fmt"
	"sync"
)

// Network is an open ONNX file. Its weights are slices of the mapped file, so nothing taken from a
// Network may be used after Close. Methods other than Close may be called from several goroutines.
type Network struct {
	f *File

	shapesOnce sync.Once
	shapes     map[string][]int // of the values on the way to the output, see shape
}

// Open maps the network at path and reads its structure. Errors name the file, what is wrong with
// it and what to do.
func Open(path string) (*Network, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	return &Network{f: f}, nil
}

// parse reads a network from memory; external data are looked for beside path.
func parse(path string, data []byte) (*Network, error) {
	f, err := parseFile(path, data)
	if err != nil {
		return nil, err
	}
	return &Network{f: f}, nil
}

// Close unmaps the file.
func (n *Network) Close() error { return n.f.Close() }

// Path is the file's path as given to Open.
func (n *Network) Path() string { return n.f.Path() }

// Outputs are the names of the outputs that the file declares.
func (n *Network) Outputs() []string { return n.f.Outputs() }

// SHA256 is the file's SHA-256 in hexadecimal, as sha256sum prints it. A network with external data
// has the SHA-256 of the text of lines "<sha256>  <location>\n" for its files, the model's own (with
// an empty location) first.
func (n *Network) SHA256() string { return n.f.SHA256() }

// Input describes the network's input.
func (n *Network) Input() Input { return n.f.Input() }

// Plan makes the plan for a layer's tensor as it is and images of h x w. Where the file fixes the input's
// size, h and w must agree with it.
func (n *Network) Plan(tensor string, h, w int) (*Plan, error) {
	return n.PlanLayer(Layer{Tensor: tensor}, h, w)
}

// PlanLayer is Plan with the layer's pooling.
func (n *Network) PlanLayer(l Layer, h, w int) (*Plan, error) {
	in := n.Input()
	if in.Height > 0 && h != in.Height || in.Width > 0 && w != in.Width {
		return nil, fmt.Errorf("%s takes images of %d x %d, not %d x %d: choose a recipe of that size", n.f.Path(), in.Height, in.Width, h, w)
	}
	if h <= 0 || w <= 0 || h > 1<<14 || w > 1<<14 {
		return nil, fmt.Errorf("images of %d x %d for %s: the size is out of range", h, w, n.f.Path())
	}
	b, err := build(n.f, l.Tensor, h, w)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.f.Path(), err)
	}
	if err := l.finish(b); err != nil {
		return nil, fmt.Errorf("%s: %w", n.f.Path(), err)
	}
	p := b.built()
	p.simplify()
	return p, nil
}
