package load

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
	path        string
	data        []byte
	maps        []mmap.MMap
	externals   []externalFile
	Model       *Model
	Tensors     map[string]*Tensor
	Nodes       []*Node
	Producer    map[string]*Node // the node that makes a value
	Consumers   map[string][]*Node
	Image       valueInfo
	OtherInputs []string // further inputs, which are not given
	Output      string

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

// Open maps the network at path and reads its structure. Errors name the file, what is wrong with
// it and what to do.
func Open(path string) (*File, error) { return openFor(path, (*File).findInput) }

// openFor is Open with a search for what the network is fed.
func openFor(path string, find func(*File) error) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s: model file not found: %w", path, err)
		}
		return nil, fmt.Errorf("opening network: %w", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, fmt.Errorf("%s is a folder, an ONNX file is required: name the file in it", path)
	}
	m, err := mapFile(f)
	if err != nil {
		return nil, fmt.Errorf("mapping network %s: %w", path, err)
	}
	n := &File{path: path, data: m}
	if m != nil {
		n.maps = append(n.maps, m)
	}
	if err := n.read(find); err != nil {
		_ = n.Close()
		return nil, err
	}
	return n, nil
}

// Parse reads a network from memory; external data are looked for beside path.
func Parse(path string, data []byte) (*File, error) {
	n := &File{path: path, data: data}
	if err := n.read((*File).findInput); err != nil {
		_ = n.Close()
		return nil, err
	}
	return n, nil
}

func (n *File) read(find func(*File) error) error {
	if s := sniff(n.data); s != "" {
		return fmt.Errorf("%s %s", n.path, s)
	}
	s, err := scan(n.data)
	var cut *truncatedError
	switch {
	case errors.As(err, &cut):
		return fmt.Errorf("%s %w: the file is incomplete or not an ONNX network; download or export it again", n.path, err)
	case err != nil:
		return fmt.Errorf("%s cannot be read as an ONNX network: %w", n.path, err)
	case !s.hasGraph:
		return fmt.Errorf("%s holds no ONNX graph: it is another kind of file, or incomplete; download or export it again", n.path)
	}
	if s.Opset == 0 {
		if s.irVersion >= 3 {
			return fmt.Errorf("%s has no operator set: the file is incomplete; download or export it again", n.path)
		}
		s.Opset = 1 // the first versions of the format did not say
	}
	n.Model, n.Tensors = s, s.tensors
	if err := n.attachExternal(); err != nil {
		return err
	}
	if n.Nodes, err = decode(s); err != nil {
		return fmt.Errorf("%s: %w", n.path, err)
	}
	n.Producer, n.Consumers = map[string]*Node{}, map[string][]*Node{}
	for _, d := range n.Nodes {
		for _, o := range d.Outputs {
			if o == "" {
				continue
			}
			if n.Producer[o] != nil || n.Tensors[o] != nil {
				return fmt.Errorf("%s is corrupt: duplicate output %q", n.path, o)
			}
			n.Producer[o] = d
		}
		d.EachInput(func(in string) { n.Consumers[in] = append(n.Consumers[in], d) })
	}
	if n.Nodes, err = topologicalOrder(n.Nodes, n.Producer); err != nil {
		return fmt.Errorf("%s: %w", n.path, err)
	}
	return find(n)
}

// findInput picks the input that is fed: the graph input that is not a weight and can be a batch of images.
// Where there are several, as in a network for images and text, it is the one of floating-point numbers in
// four dimensions; layers that need the others cannot be taken.
func (n *File) findInput() error {
	var feeds, images []valueInfo
	for _, v := range n.Model.inputs {
		if n.Tensors[v.Name] != nil {
			continue
		}
		feeds = append(feeds, v)
		if (IsFloat(v.Type) || v.Type == 0) && (len(v.Dims) == 4 || !v.hasShape) {
			images = append(images, v)
		}
	}
	switch {
	case len(feeds) == 1:
		n.Image = feeds[0]
	case len(images) == 1:
		n.Image = images[0]
	case len(feeds) == 0:
		return fmt.Errorf("%s has no input", n.path)
	default:
		names := make([]string, len(feeds))
		for i, v := range feeds {
			names[i] = fmt.Sprintf("%q %s %v", v.Name, TypeName(v.Type), v.Dims)
		}
		what := "none of which is a batch of images (floating-point numbers in four dimensions)"
		if len(images) > 1 {
			what = fmt.Sprintf("%d of which could be the batch of images", len(images))
		}
		return fmt.Errorf("%s has %d inputs, %s: %s. Export the part of it that takes images", n.path, len(feeds), what, strings.Join(names, ", "))
	}
	for _, v := range feeds {
		if v.Name != n.Image.Name {
			n.OtherInputs = append(n.OtherInputs, v.Name)
		}
	}
	if n.Producer[n.Image.Name] != nil {
		return fmt.Errorf("%s is corrupt: its input %q is also an output of %s", n.path, n.Image.Name, n.Producer[n.Image.Name])
	}
	if n.Image.Type != 0 && !IsFloat(n.Image.Type) {
		return fmt.Errorf("%s has %s values at its input %q, only floating-point inputs are supported: export it in float32", n.path, TypeName(n.Image.Type), n.Image.Name)
	}
	if n.Image.hasShape && len(n.Image.Dims) != 4 {
		return fmt.Errorf("%s: the input %q has %d dimensions, a batch of images has 4", n.path, n.Image.Name, len(n.Image.Dims))
	}
	first := ""
	for _, o := range n.Model.Outputs {
		if n.Producer[o.Name] == nil {
			continue
		}
		if first == "" {
			first = o.Name
		}
		if n.Output == "" && n.FromImage(o.Name) {
			n.Output = o.Name
		}
	}
	if n.Output == "" {
		n.Output = first // its layers may be had, if not itself
	}
	if n.Output == "" {
		return fmt.Errorf("%s is corrupt: its output is not the output of any operator", n.path)
	}
	return nil
}

// FromImage reports whether a value depends on the image and on no other input.
func (n *File) FromImage(name string) bool {
	image := false
	for d := range n.Needs(name) {
		ok := true
		d.EachInput(func(in string) {
			image = image || in == n.Image.Name
			ok = ok && !slices.Contains(n.OtherInputs, in)
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
	for _, o := range n.Model.Outputs {
		names = append(names, o.Name)
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
		releasePages(p)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Input describes the network's input. What reads it tells the layout: a transposition to channels
// first says that they come last, a convolution that they come first; else the axis of size 3 (or 1)
// is treated as the channels.
func (n *File) Input() Input {
	in := Input{Name: n.Image.Name}
	if n.Image.Type != TypeFloat && n.Image.Type != 0 {
		in.Element = TypeName(n.Image.Type)
	}
	var d [4]int
	if len(n.Image.Dims) == 4 {
		for i, v := range n.Image.Dims {
			d[i] = max(v, 0)
		}
	}
	few := func(c int) bool { return c == 3 || c == 1 }
	in.NHWC = few(d[3]) && !few(d[1])
	channels := 0
	for _, u := range n.Consumers[n.Image.Name] {
		switch u.Op {
		case "Transpose":
			if p, ok := u.Attrs["perm"].([]int64); ok && slices.Equal(p, []int64{0, 3, 1, 2}) {
				in.NHWC = true
			}
		case "Conv":
			in.NHWC = false
			if w := n.Tensors[u.Input(1)]; w != nil && len(w.Dims) == 4 && u.Input(0) == in.Name {
				if c := w.Dims[1] * u.Int("group", 1); c > 0 && c < MaxExtent {
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
