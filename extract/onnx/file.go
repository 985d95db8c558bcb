package onnx

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/edsrzf/mmap-go"
)

// File is an open ONNX file. Its weights are slices of the mapped file, so nothing taken from a
// File may be used after Close. Methods other than Close may be called from several goroutines.
type File struct {
	path      string
	data      []byte
	maps      []mmap.MMap
	externals []externalFile
	model     *scanned
	tensors   map[string]*Tensor
	nodes     []*node
	maker     map[string]*node // the node that makes a value
	users     map[string][]*node
	input     valueInfo
	others    []string // further inputs, which are not given
	output    string

	sumOnce sync.Once
	sum     string
}

type externalFile struct {
	location string
	data     []byte
}

// Input is what a network wants to be fed: a batch of images, N x C x H x W, or N x H x W x C where
// NHWC is set. Dimensions that the file leaves open are 0.
type Input struct {
	Name                    string
	Channels, Height, Width int
	NHWC                    bool
	Element                 string // type of its numbers where that is not float32: FLOAT16, BFLOAT16 or DOUBLE
}

// openFile maps the network at path and reads its structure. Errors name the file, what is wrong with
// it and what to do.
func openFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("no network at %s: %w", path, err)
		}
		return nil, fmt.Errorf("opening network: %w", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, fmt.Errorf("%s is a folder where an ONNX file is wanted: name the file in it", path)
	}
	m, err := mapFile(f)
	if err != nil {
		return nil, fmt.Errorf("mapping network %s: %w", path, err)
	}
	n := &File{path: path, data: m}
	if m != nil {
		n.maps = append(n.maps, m)
	}
	if err := n.read(); err != nil {
		_ = n.Close()
		return nil, err
	}
	return n, nil
}

// parseFile reads a network from memory; external data are looked for beside path.
func parseFile(path string, data []byte) (*File, error) {
	n := &File{path: path, data: data}
	if err := n.read(); err != nil {
		_ = n.Close()
		return nil, err
	}
	return n, nil
}

func (n *File) read() error {
	if s := sniff(n.data); s != "" {
		return fmt.Errorf("%s %s", n.path, s)
	}
	s, err := scan(n.data)
	var cut *errCut
	switch {
	case errors.As(err, &cut):
		return fmt.Errorf("%s %w: the file is incomplete or not an ONNX network; get it again", n.path, err)
	case err != nil:
		return fmt.Errorf("%s cannot be read as an ONNX network: %w", n.path, err)
	case !s.hasGraph:
		return fmt.Errorf("%s holds no ONNX graph: it is another kind of file, or incomplete; get it again", n.path)
	}
	if s.opset == 0 {
		if s.irVersion >= 3 {
			return fmt.Errorf("%s names no operator set: the file is incomplete; get it again", n.path)
		}
		s.opset = 1 // the first versions of the format did not say
	}
	n.model, n.tensors = s, s.tensors
	if err := n.attachExternal(); err != nil {
		return err
	}
	if n.nodes, err = decode(s); err != nil {
		return fmt.Errorf("%s: %w", n.path, err)
	}
	n.maker, n.users = map[string]*node{}, map[string][]*node{}
	for _, d := range n.nodes {
		for _, o := range d.outputs {
			if o == "" {
				continue
			}
			if n.maker[o] != nil || n.tensors[o] != nil {
				return fmt.Errorf("%s is damaged: the value %q is made twice", n.path, o)
			}
			n.maker[o] = d
		}
		d.reads(func(in string) { n.users[in] = append(n.users[in], d) })
	}
	if n.nodes, err = sorted(n.nodes, n.maker); err != nil {
		return fmt.Errorf("%s: %w", n.path, err)
	}
	return n.findInput()
}

// findInput picks the input that is fed: the graph input that is not a weight and can be a batch of images.
// Where there are several, as in a network for images and text, it is the one of floating-point numbers in
// four dimensions; layers that need the others cannot be taken.
func (n *File) findInput() error {
	var feeds, images []valueInfo
	for _, v := range n.model.inputs {
		if n.tensors[v.name] != nil {
			continue
		}
		feeds = append(feeds, v)
		if (isFloat(v.typ) || v.typ == 0) && (len(v.dims) == 4 || !v.hasShape) {
			images = append(images, v)
		}
	}
	switch {
	case len(feeds) == 1:
		n.input = feeds[0]
	case len(images) == 1:
		n.input = images[0]
	case len(feeds) == 0:
		return fmt.Errorf("%s has no input", n.path)
	default:
		names := make([]string, len(feeds))
		for i, v := range feeds {
			names[i] = fmt.Sprintf("%q %s %v", v.name, typeName(v.typ), v.dims)
		}
		what := "none of which is a batch of images (floating-point numbers in four dimensions)"
		if len(images) > 1 {
			what = fmt.Sprintf("%d of which could be the batch of images", len(images))
		}
		return fmt.Errorf("%s has %d inputs, %s: %s. Export the part of it that takes images", n.path, len(feeds), what, strings.Join(names, ", "))
	}
	for _, v := range feeds {
		if v.name != n.input.name {
			n.others = append(n.others, v.name)
		}
	}
	if n.maker[n.input.name] != nil {
		return fmt.Errorf("%s is damaged: its input %q is made by %s", n.path, n.input.name, n.maker[n.input.name])
	}
	if n.input.typ != 0 && !isFloat(n.input.typ) {
		return fmt.Errorf("%s wants %s values at its input %q, where floating-point numbers are supported: export it in float32", n.path, typeName(n.input.typ), n.input.name)
	}
	if n.input.hasShape && len(n.input.dims) != 4 {
		return fmt.Errorf("%s: the input %q has %d dimensions, where a batch of images has 4", n.path, n.input.name, len(n.input.dims))
	}
	first := ""
	for _, o := range n.model.outputs {
		if n.maker[o.name] == nil {
			continue
		}
		if first == "" {
			first = o.name
		}
		if n.output == "" && n.fromImage(o.name) {
			n.output = o.name
		}
	}
	if n.output == "" {
		n.output = first // its layers may be had, if not itself
	}
	if n.output == "" {
		return fmt.Errorf("%s is damaged: no operator makes its output", n.path)
	}
	return nil
}

// fromImage reports whether a value depends on the image and on no other input.
func (n *File) fromImage(name string) bool {
	image := false
	for d := range n.needs(name) {
		ok := true
		d.reads(func(in string) {
			image = image || in == n.input.name
			ok = ok && !slices.Contains(n.others, in)
		})
		if !ok {
			return false
		}
	}
	return image
}

// Close unmaps the file.
func (n *File) Close() error {
	var err error
	for _, m := range n.maps {
		err = errors.Join(err, m.Unmap())
	}
	n.maps, n.data, n.externals = nil, nil, nil
	return err
}

// Path is the file's path as given to Open.
func (n *File) Path() string { return n.path }

// Outputs are the names of the outputs that the file declares.
func (n *File) Outputs() []string {
	var names []string
	for _, o := range n.model.outputs {
		names = append(names, o.name)
	}
	return names
}

// SHA256 is the file's SHA-256 in hexadecimal, as sha256sum prints it. A network with external data
// has the SHA-256 of the text of lines "<sha256>  <location>\n" for its files, the model's own (with
// an empty location) first.
func (n *File) SHA256() string {
	n.sumOnce.Do(func() {
		s := sum256(n.data)
		n.sum = hex.EncodeToString(s[:])
		if len(n.externals) == 0 {
			return
		}
		h := sha256.New()
		fmt.Fprintf(h, "%s  \n", n.sum)
		for _, e := range n.externals {
			fmt.Fprintf(h, "%x  %s\n", sum256(e.data), e.location)
		}
		n.sum = hex.EncodeToString(h.Sum(nil))
	})
	return n.sum
}

// sum256 hashes a mapped file without keeping it in memory.
func sum256(b []byte) [sha256.Size]byte {
	const piece = 16 << 20
	h := sha256.New()
	for lo := 0; lo < len(b); lo += piece {
		p := b[lo:min(len(b), lo+piece)]
		h.Write(p)
		forget(p)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Input describes the network's input. What reads it tells the layout: a transposition to channels
// first says that they come last, a convolution that they come first; else the axis of size 3 (or 1)
// is taken for the channels.
func (n *File) Input() Input {
	in := Input{Name: n.input.name}
	if n.input.typ != typeFloat && n.input.typ != 0 {
		in.Element = typeName(n.input.typ)
	}
	var d [4]int
	if len(n.input.dims) == 4 {
		for i, v := range n.input.dims {
			d[i] = max(v, 0)
		}
	}
	few := func(c int) bool { return c == 3 || c == 1 }
	in.NHWC = few(d[3]) && !few(d[1])
	channels := 0
	for _, u := range n.users[n.input.name] {
		switch u.op {
		case "Transpose":
			if p, ok := u.attrs["perm"].([]int64); ok && slices.Equal(p, []int64{0, 3, 1, 2}) {
				in.NHWC = true
			}
		case "Conv":
			in.NHWC = false
			if w := n.tensors[u.input(1)]; w != nil && len(w.Dims) == 4 && u.input(0) == in.Name {
				if c := w.Dims[1] * u.int("group", 1); c > 0 && c < maxExtent {
					channels = c
				}
			}
		}
	}
	if in.NHWC {
		in.Height, in.Width, in.Channels = d[1], d[2], d[3]
	} else {
		in.Channels, in.Height, in.Width = d[1], d[2], d[3]
	}
	if in.Channels == 0 {
		in.Channels = channels
	}
	return in
}
