package enginetest

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"vzsl/extract/onnx"
)

// Node is a test of one operator: a graph, its arguments and what must come out.
type Node struct {
	Name, Op string
	imports  [][]byte // operator sets
	nodes    [][]byte
	args     []*array // in the graph's order
	outputs  []string
	want     map[string]*array
}

// Nodes reads the tests of single operators from dir, which is extract/engine/testdata.
func Nodes(t testing.TB, dir string) []*Node {
	t.Helper()
	z, err := zip.OpenReader(filepath.Join(dir, "nodes.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var list []*Node
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		_ = r.Close()
		if err != nil {
			t.Fatal(err)
		}
		n := &Node{Name: strings.TrimSuffix(f.Name, ".onnx"), want: map[string]*array{}}
		fields(b, func(k protowire.Number, v []byte, _ uint64) {
			switch k {
			case 7:
				n.graph(v)
			case 8:
				n.imports = append(n.imports, v)
			}
		})
		list = append(list, n)
	}
	return list
}

// fields calls f for the fields of a message that a test's own writer made.
func fields(b []byte, f func(n protowire.Number, v []byte, num uint64)) {
	for len(b) > 0 {
		n, typ, k := protowire.ConsumeTag(b)
		l := protowire.ConsumeFieldValue(n, typ, b[k:])
		switch typ {
		case protowire.BytesType:
			v, _ := protowire.ConsumeBytes(b[k:])
			f(n, v, 0)
		case protowire.VarintType:
			v, _ := protowire.ConsumeVarint(b[k:])
			f(n, nil, v)
		}
		b = b[k+l:]
	}
}

func (n *Node) graph(b []byte) {
	held := map[string]*array{}
	var inputs []string
	nameOf := func(v []byte) (name string) {
		fields(v, func(k protowire.Number, v []byte, _ uint64) {
			if k == 1 {
				name = string(v)
			}
		})
		return name
	}
	fields(b, func(k protowire.Number, v []byte, _ uint64) {
		switch k {
		case 1:
			n.nodes = append(n.nodes, v)
			fields(v, func(k protowire.Number, v []byte, _ uint64) {
				if k == 4 {
					n.Op = string(v)
				}
			})
		case 5:
			a := &array{raw: v}
			fields(v, func(k protowire.Number, v []byte, num uint64) {
				switch k {
				case 1:
					if v == nil {
						a.dims = append(a.dims, int(num))
					}
					for len(v) > 0 {
						d, k := protowire.ConsumeVarint(v)
						a.dims = append(a.dims, int(d))
						v = v[k:]
					}
				case 2:
					a.typ = int(num)
				case 8:
					a.name = string(v)
				case 9:
					a.data = v
				}
			})
			held[a.name] = a
		case 11:
			inputs = append(inputs, nameOf(v))
		case 12:
			n.outputs = append(n.outputs, nameOf(v))
		}
	})
	for _, name := range inputs {
		if a := held[name]; a != nil {
			n.args = append(n.args, a)
		}
	}
	for _, o := range n.outputs {
		n.want[o] = held["want:"+o]
	}
}

// Ways of making a test's arguments depend on the image.
const (
	all       = iota // all that are floating-point numbers or truth values
	First            // the first of them, which is the image
	constants        // none: the operator is folded
	twice            // the first, plus 1/4, which is read once more after the operator
)

type message []byte

func (m message) sub(n protowire.Number, b []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, n, protowire.BytesType), b)
}

func (m message) num(n protowire.Number, v int) message {
	return protowire.AppendVarint(protowire.AppendTag(m, n, protowire.VarintType), uint64(v))
}

func operator(op string, in []string, out string, attrs ...message) message {
	var m message
	for _, s := range in {
		m = m.sub(1, []byte(s))
	}
	m = m.sub(2, []byte(out)).sub(4, []byte(op))
	for _, a := range attrs {
		m = m.sub(5, a)
	}
	return m
}

func list(name string, v ...int) message {
	m := message{}.num(1, len(v)).num(2, 7).sub(8, []byte(name))
	var raw []byte
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
	}
	return m.sub(9, raw)
}

func attribute(name string, v int) message {
	return message{}.sub(1, []byte(name)).num(3, v).num(20, 2)
}

// model makes a network of a test whose result is output, as float32 in one axis. The image holds the
// arguments that depend on it one after another.
func (n *Node) model(way int, output string) (model []byte, image []float32) {
	opset := 0
	for _, b := range n.imports {
		own, version := true, 0
		fields(b, func(k protowire.Number, v []byte, num uint64) {
			switch k {
			case 1:
				own = len(v) == 0
			case 2:
				version = int(num)
			}
		})
		if own {
			opset = version
		}
	}
	var g message
	add := func(m message) { g = g.sub(1, m) }
	weight := func(m []byte) { g = g.sub(5, m) }
	reshape := func(in, out string, d ...int) {
		weight(list(out+".shape", d...))
		add(operator("Reshape", []string{in, out + ".shape"}, out))
	}
	// A slice of the image: an attribute's in old operator sets, arguments' since.
	slice := func(out string, lo, hi int) {
		if opset < 10 {
			ints := func(name string, v int) message {
				return message{}.sub(1, []byte(name)).num(8, v).num(20, 7)
			}
			add(operator("Slice", []string{"image.flat"}, out, ints("starts", lo), ints("ends", hi)))
			return
		}
		weight(list(out+".lo", lo))
		weight(list(out+".hi", hi))
		add(operator("Slice", []string{"image.flat", out + ".lo", out + ".hi"}, out))
	}
	alone := way == First || way == twice
	var dynamic []*array
	for _, a := range n.args {
		size := 1
		for _, d := range a.dims {
			size *= d
		}
		if way == constants || alone && len(dynamic) > 0 || way == twice && a.typ != 1 || size == 0 || a.typ != 1 && a.typ != 9 && a.typ != 10 && a.typ != 11 {
			weight(a.raw)
			continue
		}
		dynamic = append(dynamic, a)
	}
	if way != constants && len(dynamic) == 0 {
		return nil, nil
	}
	total := 0
	if !alone { // a zero, to add to the result
		total, image = 1, []float32{0}
	}
	for _, a := range dynamic {
		total += len(a.numbers())
	}
	if !alone {
		reshape("image", "image.flat", total)
	}
	for i, a := range dynamic {
		v := a.numbers()
		part := "image"
		if !alone {
			part = fmt.Sprintf("image.%d", i)
			slice(part, len(image), len(image)+len(v))
		}
		for _, x := range v {
			image = append(image, float32(x))
		}
		if a.typ == 9 {
			reshape(part, part+".shaped", a.dims...)
			add(operator("Cast", []string{part + ".shaped"}, a.name, attribute("to", 9)))
			continue
		}
		if way == twice {
			reshape(part, "image.shaped", a.dims...)
			weight(message{}.num(2, 1).sub(8, []byte("quarter")).sub(9, []byte{0, 0, 0x80, 0x3e}))
			add(operator("Add", []string{"image.shaped", "quarter"}, a.name, attribute("broadcast", 1)))
			continue
		}
		reshape(part, a.name, a.dims...)
	}
	for _, d := range n.nodes {
		add(d)
	}
	// The result as float32, and depending on the image even where it is folded.
	add(operator("Cast", []string{output}, "vzsl.float", attribute("to", 1)))
	if way == twice {
		size := len(image)
		reshape("vzsl.float", "vzsl.flat", 1, len(n.want[output].numbers()))
		reshape(dynamic[0].name, "image.again", 1, size)
		add(operator("Concat", []string{"vzsl.flat", "image.again"}, "vzsl.result", attribute("axis", 1)))
		return n.finish(g, total), image
	}
	if way == First {
		reshape("vzsl.float", "vzsl.result", -1)
		return n.finish(g, total), image
	}
	reshape("vzsl.float", "vzsl.flat", -1)
	slice("image.zero", 0, 1)
	add(operator("Add", []string{"vzsl.flat", "image.zero"}, "vzsl.result", attribute("broadcast", 1)))
	return n.finish(g, total), image
}

// finish gives a graph its input of so many numbers and its output.
func (n *Node) finish(g message, total int) []byte {
	shape := message{}.sub(1, message{}.num(1, 1)).sub(1, message{}.num(1, 1)).sub(1, message{}.num(1, 1)).sub(1, message{}.num(1, total))
	g = g.sub(11, message{}.sub(1, []byte("image")).sub(2, message{}.sub(1, message{}.num(1, 1).sub(2, shape))))
	g = g.sub(12, message{}.sub(1, []byte("vzsl.result")))
	m := message{}.num(1, 8).sub(7, g)
	for _, b := range n.imports {
		m = m.sub(8, b)
	}
	return m
}

// errWrong is that of an engine whose results are not what they should be.
var errWrong = errors.New("wrong")

// Verdict is what became of tests.
type Verdict struct {
	Pass    int
	Refused []Refusal
	Wrong   []string
}

// Refusal is a result that an engine does not compute.
type Refusal struct {
	Test, Output string
	Err          error
}

// Try runs a test in one way; tolerance is a part of the largest value.
func (n *Node) Try(t testing.TB, create New, way int, v *Verdict) {
	t.Helper()
	for _, output := range n.outputs {
		want := n.want[output]
		model, image := n.model(way, output)
		if model == nil || want == nil || len(want.numbers()) == 0 {
			continue
		}
		got, err := run(t, create, model, image)
		if errors.Is(err, errWrong) {
			v.Wrong = append(v.Wrong, fmt.Sprintf("%s %s: %v", n.Name, output, err))
			continue
		}
		if err != nil {
			v.Refused = append(v.Refused, Refusal{n.Name, output, err})
			continue
		}
		if why := differs(got, want, n.args); why != "" {
			v.Wrong = append(v.Wrong, fmt.Sprintf("%s %s: %s", n.Name, output, why))
			continue
		}
		v.Pass++
	}
}

// Compare runs what a test makes of one value that is read twice by two engines, and reports how the first's
// result differs; ok says whether both took it.
func (n *Node) Compare(t testing.TB, create, reference New) (why string, ok bool) {
	t.Helper()
	model, image := n.model(twice, n.outputs[0])
	if model == nil || n.want[n.outputs[0]] == nil || len(n.want[n.outputs[0]].numbers()) == 0 {
		return "", false
	}
	got, err := run(t, create, model, image)
	if err != nil {
		if errors.Is(err, errWrong) {
			return err.Error(), true
		}
		return "", false
	}
	want, err := run(t, reference, model, image)
	if err != nil {
		return "", false
	}
	top := float32(0)
	for _, v := range want {
		if v == v && !math.IsInf(float64(v), 0) {
			top = max(top, v, -v)
		}
	}
	for i, v := range want {
		if g := got[i]; g != v && (g == g || v == v) && !(max(g-v, v-g) <= 1e-5*top) {
			return fmt.Sprintf("element %d is %v, want %v", i, g, v), true
		}
	}
	return "", true
}

func run(t testing.TB, create New, model []byte, image []float32) ([]float32, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "node.onnx")
	if err := os.WriteFile(path, model, 0o644); err != nil {
		t.Fatal(err)
	}
	net, err := onnx.Open(path)
	if err != nil {
		return nil, err
	}
	defer net.Close()
	l, err := net.Layer("vzsl.result")
	if err != nil {
		return nil, err
	}
	e, err := create(net, l, 1, len(image))
	if err != nil {
		return nil, err
	}
	defer e.Close()
	// Three images of which the outer two are others: the middle one's result must not know them.
	n := len(image)
	three := make([]float32, 3*n)
	for i, v := range image {
		three[i], three[n+i], three[2*n+i] = v/2, v, v
	}
	out := make([]float32, 3*e.Dim())
	if err := e.Run(three, 3, out); err != nil {
		return nil, err
	}
	one := make([]float32, e.Dim())
	if err := e.Run(image, 1, one); err != nil {
		return nil, err
	}
	for i := range one {
		for _, k := range []int{1, 2} {
			if a, b := one[i], out[k*len(one)+i]; a != b && (a == a || b == b) {
				return nil, fmt.Errorf("%w: element %d is %v alone and %v in a batch", errWrong, i, a, b)
			}
		}
	}
	return one, nil
}

func differs(got []float32, want *array, args []*array) string {
	w := want.numbers()
	if len(got) != len(w) {
		return fmt.Sprintf("%d values, want %d", len(got), len(w))
	}
	top, tolerance := 0.0, 1e-5
	for _, v := range w {
		if !math.IsInf(v, 0) && v == v {
			top = max(top, math.Abs(v))
		}
	}
	if want.typ == 10 || slices.ContainsFunc(args, func(a *array) bool { return a.typ == 10 }) {
		tolerance = 2e-3 // ONNX's own results are rounded to 16 bits on the way
	}
	for i, v := range w {
		g := float64(got[i])
		if g == v || g != g && v != v || math.Abs(g-v) <= tolerance*top {
			continue
		}
		return fmt.Sprintf("element %d is %v, want %v", i, g, v)
	}
	return ""
}
