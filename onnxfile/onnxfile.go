// Package onnxfile writes ONNX models (opset 17): a graph is put together node by node, with its weights, and encoded as the
// protobuf messages of onnx.proto.
package onnxfile

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// opset is the version of the operators.
const opset = 17

// Type is that of a tensor's values.
type Type int

// The types of TensorProto.DataType that are used here.
const (
	Float  Type = 1
	Int64  Type = 7
	Double Type = 11
)

// Graph is one being put together. Values are known by name.
type Graph struct {
	name                       string
	nodes, weights             []byte
	inputs, outputs            []byte
	values                     int
	producer, version, comment string
	metadata                   map[string]string
}

// New begins a graph. producer and version say which program writes it.
func New(name, producer, version string) *Graph {
	return &Graph{name: name, producer: producer, version: version, metadata: map[string]string{}}
}

// Comment is shown by programs that show models.
func (g *Graph) Comment(text string) { g.comment = text }

// Metadata adds one of the model's properties.
func (g *Graph) Metadata(key, value string) { g.metadata[key] = value }

// Input declares an input of float32; dims are numbers or names of dimensions that are free.
func (g *Graph) Input(name string, dims ...any) string {
	g.inputs = message(g.inputs, 11, valueInfo(name, dims))
	return name
}

// Output declares value to be an output of float32 under a name of its own.
func (g *Graph) Output(name, value string, dims ...any) {
	g.node("Identity", []string{value}, []string{name}, nil)
	g.outputs = message(g.outputs, 12, valueInfo(name, dims))
}

// Floats adds a tensor of float32, row-major.
func (g *Graph) Floats(name string, v []float32, dims ...int) string {
	raw := make([]byte, 0, 4*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return g.weight(name, Float, raw, dims)
}

// Doubles adds a tensor of float64.
func (g *Graph) Doubles(name string, v []float64, dims ...int) string {
	raw := make([]byte, 0, 8*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(x))
	}
	return g.weight(name, Double, raw, dims)
}

// Ints adds a list of whole numbers.
func (g *Graph) Ints(name string, v ...int) string {
	raw := make([]byte, 0, 8*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
	}
	return g.weight(name, Int64, raw, []int{len(v)})
}

func (g *Graph) weight(name string, t Type, raw []byte, dims []int) string {
	var m []byte
	for _, d := range dims {
		m = varint(m, 1, uint64(d))
	}
	m = text(varint(m, 2, uint64(t)), 8, name)
	g.weights = message(g.weights, 5, message(m, 9, raw))
	return name
}

// Attribute is one of a node's settings.
type Attribute struct {
	name  string
	value any // int, float32 or []int
}

// Attr makes an attribute of an int, float32 or []int.
func Attr(name string, value any) Attribute { return Attribute{name, value} }

// Node adds an operator with one result, whose name it gives. An input "" is one left out.
func (g *Graph) Node(op string, inputs []string, attributes ...Attribute) string {
	return g.Nodes(op, 1, inputs, attributes...)[0]
}

// Nodes adds an operator with n results.
func (g *Graph) Nodes(op string, n int, inputs []string, attributes ...Attribute) []string {
	out := make([]string, n)
	for i := range out {
		g.values++
		out[i] = fmt.Sprintf("%s_%d", op, g.values)
	}
	g.node(op, inputs, out, attributes)
	return out
}

func (g *Graph) node(op string, inputs, outputs []string, attributes []Attribute) {
	var m []byte
	for _, in := range inputs {
		m = text(m, 1, in)
	}
	for _, out := range outputs {
		m = text(m, 2, out)
	}
	m = text(text(m, 3, op+" "+outputs[0]), 4, op)
	for _, a := range attributes {
		b := text(nil, 1, a.name)
		switch v := a.value.(type) {
		case int:
			b = varint(varint(b, 3, uint64(v)), 20, 2)
		case float32:
			b = protowire.AppendFixed32(protowire.AppendTag(b, 2, protowire.Fixed32Type), math.Float32bits(v))
			b = varint(b, 20, 1)
		case []int:
			for _, x := range v {
				b = varint(b, 8, uint64(x))
			}
			b = varint(b, 20, 7)
		default:
			panic(fmt.Sprintf("onnxfile: an attribute of type %T", a.value))
		}
		m = message(m, 5, b)
	}
	g.nodes = message(g.nodes, 1, m)
}

// Encode is the model's file. Equal graphs give equal bytes.
func (g *Graph) Encode() []byte {
	graph := append([]byte{}, g.nodes...)
	graph = text(graph, 2, g.name)
	graph = append(graph, g.weights...)
	if g.comment != "" {
		graph = text(graph, 10, g.comment)
	}
	graph = append(append(graph, g.inputs...), g.outputs...)

	b := varint(nil, 1, 8) // IR version 8, that of opset 17
	b = text(text(b, 2, g.producer), 3, g.version)
	b = message(b, 7, graph)
	b = message(b, 8, varint(text(nil, 1, ""), 2, opset))
	for _, k := range slices.Sorted(maps.Keys(g.metadata)) {
		b = message(b, 14, text(text(nil, 1, k), 2, g.metadata[k]))
	}
	return b
}

func valueInfo(name string, dims []any) []byte {
	var shape []byte
	for _, d := range dims {
		switch d := d.(type) {
		case int:
			shape = message(shape, 1, varint(nil, 1, uint64(d)))
		case string:
			shape = message(shape, 1, text(nil, 2, d))
		default:
			panic(fmt.Sprintf("onnxfile: a dimension of type %T", d))
		}
	}
	tensor := message(varint(nil, 1, uint64(Float)), 2, shape)
	return message(text(nil, 1, name), 2, message(nil, 1, tensor))
}

func message(b []byte, n protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), m)
}

func text(b []byte, n protowire.Number, s string) []byte { return message(b, n, []byte(s)) }

func varint(b []byte, n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}
