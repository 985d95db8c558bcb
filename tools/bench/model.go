package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/encoding/protowire"
)

// network is a VGG-19 of some width and image size.
type network struct {
	Path  string  `json:"-"` // the ONNX file
	Size  int     `json:"size"`
	Dim   int     `json:"-"` // of fc7
	Steps []step  `json:"steps"`
	GFLOP float64 `json:"-"` // of one image, by direct convolution
}

// step is a layer up to fc7, for the peer that does not read ONNX: where its weights lie in the file.
type step struct {
	Op     string `json:"op"` // conv, pool, linear; a ReLU follows conv and linear
	Shape  []int  `json:"shape"`
	Weight int64  `json:"weight"`
	Bias   int64  `json:"bias"`
}

// vgg19 describes and, if it does not exist yet, writes a VGG-19: names, opset 7 and weights among
// the inputs as in the model zoo's vgg19-7. cut leaves out what follows fc7.
func (b *bench) vgg19(cut bool) (*network, error) {
	width, size := 64, 224
	if b.small {
		width, size = 8, 64
	}
	n := &network{Size: size, Dim: 64 * width}
	name := "vgg19"
	if cut {
		name += "-fc7"
	}
	n.Path = filepath.Join(b.work, name+".onnx")
	w := &modelWriter{n: n}
	x, in, side, conv, pool := "data", 3, size, 0, 0
	for _, stage := range [][]int{{1, 1}, {2, 2}, {4, 4, 4, 4}, {8, 8, 8, 8}, {8, 8, 8, 8}} {
		for _, k := range stage {
			out := k * width
			id := fmt.Sprintf("vgg0_conv%d", conv)
			w.layer("Conv", id, x, []int{out, in, 3, 3},
				ints("dilations", 1, 1), integer("group", 1), ints("kernel_shape", 3, 3), ints("pads", 1, 1, 1, 1), ints("strides", 1, 1))
			n.Steps[len(n.Steps)-1].Op = "conv"
			n.GFLOP += 2e-9 * float64(out*in*9*side*side)
			x = fmt.Sprintf("vgg0_relu%d_fwd", conv)
			w.node("Relu", []string{id + "_fwd"}, x)
			in = out
			conv++
		}
		out := fmt.Sprintf("vgg0_pool%d_fwd", pool)
		w.node("MaxPool", []string{x}, out, ints("kernel_shape", 2, 2), ints("pads", 0, 0, 0, 0), ints("strides", 2, 2))
		n.Steps = append(n.Steps, step{Op: "pool"})
		x, side = out, side/2
		pool++
	}
	in *= side * side
	for i, out := range []int{n.Dim, n.Dim, 1000} {
		if i == 2 && cut {
			break
		}
		id, flat := fmt.Sprintf("vgg0_dense%d", i), fmt.Sprintf("flatten%d", i)
		w.node("Flatten", []string{x}, flat, integer("axis", 1))
		w.layer("Gemm", id, flat, []int{out, in}, integer("transA", 0), integer("transB", 1))
		n.Steps[len(n.Steps)-1].Op = "linear"
		x = id + "_fwd"
		if i < 2 {
			n.GFLOP += 2e-9 * float64(out*in)
			w.node("Relu", []string{x}, id+"_relu_fwd")
			x = id + "_relu_fwd"
			if i == 0 || !cut {
				w.node("Dropout", []string{x}, id+"_dropout_fwd")
				x = id + "_dropout_fwd"
			}
		}
		in = out
	}
	last := 1000
	if cut {
		last = n.Dim
	}
	return n, w.write(x, last)
}

// modelWriter gathers a graph whose weights are drawn when they are written.
type modelWriter struct {
	n       *network
	nodes   []byte
	weights []weight
}

type weight struct {
	name  string
	dims  []int
	scale float64
	head  []byte // TensorProto up to the values
}

// layer adds an operator with its weights, after He et al.: standard deviation sqrt(2 / inputs).
func (w *modelWriter) layer(op, id, x string, dims []int, attrs ...[]byte) {
	fan := 1
	for _, d := range dims[1:] {
		fan *= d
	}
	w.n.Steps = append(w.n.Steps, step{Shape: dims})
	w.weights = append(w.weights,
		weight{name: id + "_weight", dims: dims, scale: math.Sqrt(2 / float64(fan))},
		weight{name: id + "_bias", dims: dims[:1], scale: 0.05})
	w.node(op, []string{x, id + "_weight", id + "_bias"}, id+"_fwd", attrs...)
}

func (w *modelWriter) node(op string, in []string, out string, attrs ...[]byte) {
	var m []byte
	for _, s := range in {
		m = text(m, 1, s)
	}
	m = text(text(text(m, 2, out), 3, out), 4, op)
	for _, a := range attrs {
		m = message(m, 5, a)
	}
	w.nodes = message(w.nodes, 1, m)
}

// write writes the file unless one of the right length is there.
func (w *modelWriter) write(output string, dim int) error {
	places := make([]int64, len(w.weights))
	ends := valueInfo(11, "data", "N", 3, w.n.Size, w.n.Size)
	graph := text(nil, 2, "vgg19")
	length := len(w.nodes) + len(graph)
	for i := range w.weights {
		x := &w.weights[i]
		dims, count := []any{}, 1
		for _, d := range x.dims {
			x.head = varint(x.head, 1, uint64(d))
			dims = append(dims, d)
			count *= d
		}
		x.head = text(varint(x.head, 2, 1), 8, x.name)
		x.head = protowire.AppendVarint(protowire.AppendTag(x.head, 9, protowire.BytesType), uint64(4*count))
		body := len(x.head) + 4*count
		head := protowire.AppendVarint(protowire.AppendTag(nil, 5, protowire.BytesType), uint64(body))
		x.head = append(head, x.head...)
		length += len(x.head) + 4*count
		ends = append(ends, valueInfo(11, x.name, dims...)...)
	}
	ends = append(ends, valueInfo(12, output, "N", dim)...)
	length += len(ends)
	start := varint(nil, 1, 3)
	start = text(start, 2, "vzsl bench")
	start = message(start, 8, varint(text(nil, 1, ""), 2, 7))
	start = protowire.AppendVarint(protowire.AppendTag(start, 7, protowire.BytesType), uint64(length))
	at := int64(len(start) + len(w.nodes) + len(graph))
	for i := range w.weights {
		x := &w.weights[i]
		places[i] = at + int64(len(x.head))
		at = places[i] + 4*int64(elements(x.dims))
	}
	for i, k := 0, 0; i < len(w.n.Steps); i++ {
		if s := &w.n.Steps[i]; s.Op != "pool" {
			s.Weight, s.Bias = places[k], places[k+1]
			k += 2
		}
	}
	if w.n.Steps[len(w.n.Steps)-1].Shape[0] == 1000 {
		w.n.Steps = w.n.Steps[:len(w.n.Steps)-1] // up to fc7
	}
	if st, err := os.Stat(w.n.Path); err == nil && st.Size() == at+int64(len(ends)) {
		return nil
	}
	note("writing %s (%d MB)", filepath.Base(w.n.Path), (at+int64(len(ends)))>>20)
	part := w.n.Path + ".part"
	f, err := os.Create(part)
	if err != nil {
		return err
	}
	defer f.Close()
	to := bufio.NewWriterSize(f, 1<<20)
	_, _ = to.Write(append(append(start, w.nodes...), graph...)) // errors stick until Flush
	var four [4]byte
	for i, x := range w.weights {
		_, _ = to.Write(x.head)
		r := rand.New(rand.NewPCG(19, uint64(i)))
		for range elements(x.dims) {
			binary.LittleEndian.PutUint32(four[:], math.Float32bits(float32(r.NormFloat64()*x.scale)))
			_, _ = to.Write(four[:])
		}
	}
	_, _ = to.Write(ends)
	if err := to.Flush(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(part, w.n.Path)
}

func elements(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

func message(b []byte, n protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), m)
}

func text(b []byte, n protowire.Number, s string) []byte { return message(b, n, []byte(s)) }

func varint(b []byte, n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func integer(name string, v int) []byte {
	return varint(varint(text(nil, 1, name), 3, uint64(v)), 20, 2)
}

func ints(name string, v ...int) []byte {
	b := text(nil, 1, name)
	for _, x := range v {
		b = varint(b, 8, uint64(x))
	}
	return varint(b, 20, 7)
}

// valueInfo is a graph's input (11) or output (12): float, of numbers and names of dimensions.
func valueInfo(n protowire.Number, name string, dims ...any) []byte {
	var shape []byte
	for _, d := range dims {
		switch d := d.(type) {
		case int:
			shape = message(shape, 1, varint(nil, 1, uint64(d)))
		case string:
			shape = message(shape, 1, text(nil, 2, d))
		}
	}
	tensor := message(varint(nil, 1, 1), 2, shape)
	return message(nil, n, message(text(nil, 1, name), 2, message(nil, 1, tensor)))
}

// description writes the network for the peer that does not read ONNX, and gives the file's path.
func (n *network) description() (string, error) {
	text, err := json.Marshal(n)
	if err != nil {
		return "", err
	}
	path := n.Path + ".json"
	return path, os.WriteFile(path, text, 0o644)
}

// inputs writes random images for all engines, and gives the file's path.
func (b *bench) inputs(n *network) (string, error) { return b.inputsOf(n.shape()) }

// inputsOf writes maxBatch random inputs of a shape, channels x height x width.
func (b *bench) inputsOf(shape string) (string, error) {
	c, h, w, err := parseShape(shape)
	if err != nil {
		return "", err
	}
	path := filepath.Join(b.work, "images-"+shape+".f32")
	r := rand.New(rand.NewPCG(7, 7))
	buf := make([]byte, 0, 4*maxBatch*c*h*w)
	for range maxBatch * c * h * w {
		buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(float32(r.NormFloat64())))
	}
	return path, os.WriteFile(path, buf, 0o644)
}

// shape is that of one input.
func (n *network) shape() string { return fmt.Sprintf("3x%dx%d", n.Size, n.Size) }

func parseShape(shape string) (c, h, w int, err error) {
	if _, err := fmt.Sscanf(shape, "%dx%dx%d", &c, &h, &w); err != nil {
		return 0, 0, 0, fmt.Errorf("the shape %q is not channels x height x width", shape)
	}
	return c, h, w, nil
}

// maxBatch is the largest batch that is measured.
const maxBatch = 16
