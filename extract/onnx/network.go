package onnx

import (
	"fmt"
	"sync"

	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/ops"
	"vzsl/extract/onnx/plan"
)

// Input is what a network wants to be fed.
type Input = load.Input

// UnsupportedError says which operator of a network cannot be run.
type UnsupportedError = load.UnsupportedError

// Pooling says how one feature is made of a sequence of tokens or of maps.
type Pooling = ops.Pooling

// Poolings are the ways to pool, for help texts.
func Poolings() []string { return ops.Poolings() }

// Network is an open ONNX file. Its weights are slices of the mapped file, so nothing taken from a
// Network may be used after Close. Methods other than Close may be called from several goroutines.
type Network struct {
	file *load.File

	shapesOnce sync.Once
	shapes     map[string][]int // of the values on the way to the output, see shape
}

// Open maps the network at path and reads its structure. Errors name the file, what is wrong with
// it and what to do.
func Open(path string) (*Network, error) {
	f, err := load.Open(path)
	if err != nil {
		return nil, err
	}
	return &Network{file: f}, nil
}

// parse reads a network from memory; external data are looked for beside path.
func parse(path string, data []byte) (*Network, error) {
	f, err := load.Parse(path, data)
	if err != nil {
		return nil, err
	}
	return &Network{file: f}, nil
}

// Close unmaps the file.
func (n *Network) Close() error { return n.file.Close() }

// Path is the file's path as given to Open.
func (n *Network) Path() string { return n.file.Path() }

// Outputs are the names of the outputs that the file declares.
func (n *Network) Outputs() []string { return n.file.Outputs() }

// SHA256 is the file's SHA-256 in hexadecimal, as sha256sum prints it. A network with external data
// has the SHA-256 of the text of lines "<sha256>  <location>\n" for its files, the model's own (with
// an empty location) first.
func (n *Network) SHA256() string { return n.file.SHA256() }

// Input describes the network's input.
func (n *Network) Input() Input { return n.file.Input() }

// Plan makes the plan for a layer's tensor as it is and images of h x w. Where the file fixes the input's
// size, h and w must agree with it.
func (n *Network) Plan(tensor string, h, w int) (*plan.Plan, error) {
	return n.PlanLayer(Layer{Tensor: tensor}, h, w)
}

// PlanLayer is Plan with the layer's pooling.
func (n *Network) PlanLayer(l Layer, h, w int) (*plan.Plan, error) {
	in := n.Input()
	if in.Height > 0 && h != in.Height || in.Width > 0 && w != in.Width {
		return nil, fmt.Errorf("%s requires images of %d x %d, not %d x %d: choose a recipe of that size", n.file.Path(), in.Height, in.Width, h, w)
	}
	if h <= 0 || w <= 0 || h > 1<<14 || w > 1<<14 {
		return nil, fmt.Errorf("images of %d x %d for %s: the size is out of range", h, w, n.file.Path())
	}
	b, err := ops.Build(n.file, l.Tensor, h, w)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.file.Path(), err)
	}
	if err := l.finish(b); err != nil {
		return nil, fmt.Errorf("%s: %w", n.file.Path(), err)
	}
	p := b.Plan()
	p.Simplify()
	return p, nil
}
