package onnxruntime

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// place is where a model's weights are found.
type place struct {
	name   string // of the model file as external data; "": its weights are copied
	folder string // of external data
	far    int    // size in bytes from which on weights are external data
}

// maxStructure is what protobuf lets a message hold.
const maxStructure = math.MaxInt32

// field is a protobuf field within the model file.
type field struct {
	n     protowire.Number
	typ   protowire.Type
	whole []byte // tag and all
	value []byte // of length-delimited fields
	at    int    // where value lies in the file
	num   uint64 // of varints
}

// walk calls f for each field of the message b, which lies at a place of the file.
func walk(b []byte, at int, f func(field) error) error {
	for len(b) > 0 {
		n, typ, k := protowire.ConsumeTag(b)
		if k < 0 {
			return protowire.ParseError(k)
		}
		v := protowire.ConsumeFieldValue(n, typ, b[k:])
		if v < 0 {
			return protowire.ParseError(v)
		}
		fd := field{n: n, typ: typ, whole: b[:k+v]}
		switch typ {
		case protowire.BytesType:
			fd.value, _ = protowire.ConsumeBytes(b[k:])
			fd.at = at + k + v - len(fd.value)
		case protowire.VarintType:
			fd.num, _ = protowire.ConsumeVarint(b[k:])
		}
		if err := f(fd); err != nil {
			return err
		}
		b, at = b[k+v:], at+k+v
	}
	return nil
}

// node is what an operator reads and makes.
type node struct{ in, out []string }

// cutter rewrites a model.
type cutter struct {
	input, tensor string // what is fed, what is wanted
	place
	nodes  []node
	names  map[string]bool // needed: values and weights
	keep   []bool          // nodes needed
	batch  int             // that the file fixes; 0: any
	wanted uint64          // element type of the input where it is not float32
	out    []byte          // the graph
}

// The names of what is fed and given where it is not float32: the model converts it.
const (
	images   = "vzsl.images"
	features = "vzsl.features"
)

// cut rewrites a model whose only output is tensor, as float32 under the name features. What that does not need is left out; large
// weights become external data at their place in the file, small external data come into the model.
// batch is the number of images that the file fixes for its input, 0 where it leaves it open.
func cut(model []byte, input, tensor string, p place) (structure []byte, batch int, err error) {
	c := &cutter{input: input, tensor: tensor, place: p}
	// The graph's nodes come first: only they tell which weights are needed.
	err = walk(model, 0, func(f field) error {
		if f.n == 7 && f.typ == protowire.BytesType {
			return c.read(f)
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	var out []byte
	err = walk(model, 0, func(f field) error {
		if f.n != 7 || f.typ != protowire.BytesType {
			out = append(out, f.whole...)
			return nil
		}
		if err := c.write(f); err != nil {
			return err
		}
		out = protowire.AppendTag(out, 7, protowire.BytesType)
		out = protowire.AppendBytes(out, c.out)
		return nil
	})
	switch {
	case err != nil:
		return nil, 0, err
	case len(out) > maxStructure:
		return nil, 0, fmt.Errorf("%d bytes of the network up to %q lie outside its weights, and protobuf takes only %d: export it with its weights as external data", len(out), tensor, maxStructure)
	}
	return out, c.batch, nil
}

// read finds what the wanted tensor depends on.
func (c *cutter) read(graph field) error {
	maker := map[string]int{}
	err := walk(graph.value, graph.at, func(f field) error {
		if f.n != 1 || f.typ != protowire.BytesType {
			return nil
		}
		d, err := readNode(f)
		if err != nil {
			return err
		}
		for _, o := range d.out {
			if o != "" {
				maker[o] = len(c.nodes)
			}
		}
		c.nodes = append(c.nodes, d)
		return nil
	})
	if err != nil {
		return err
	}
	if _, ok := maker[c.tensor]; !ok {
		return fmt.Errorf("no operator computes the tensor %q", c.tensor)
	}
	c.names, c.keep = map[string]bool{}, make([]bool, len(c.nodes))
	stack := []string{c.tensor}
	for len(stack) > 0 {
		name := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if c.names[name] {
			continue
		}
		c.names[name] = true
		if i, ok := maker[name]; ok && !c.keep[i] {
			c.keep[i] = true
			stack = append(stack, c.nodes[i].in...)
		}
	}
	return nil
}

// readNode reads what a NodeProto reads and makes. Graphs within its attributes may read any value
// around them; the names that they make themselves do no harm among the inputs.
func readNode(f field) (node, error) {
	var d node
	err := walk(f.value, f.at, func(f field) error {
		if f.typ != protowire.BytesType {
			return nil
		}
		switch f.n {
		case 1:
			d.in = append(d.in, string(f.value))
		case 2:
			d.out = append(d.out, string(f.value))
		case 5: // attribute
			return walk(f.value, f.at, func(f field) error {
				if f.n != 6 && f.n != 11 || f.typ != protowire.BytesType { // a graph, graphs
					return nil
				}
				return walk(f.value, f.at, func(f field) error {
					if f.typ != protowire.BytesType {
						return nil
					}
					switch f.n {
					case 1:
						inner, err := readNode(f)
						d.in = append(d.in, inner.in...)
						return err
					case 12: // what it gives may be a value from around it
						name, err := nameOf(f, 1)
						d.in = append(d.in, name)
						return err
					}
					return nil
				})
			})
		}
		return nil
	})
	return d, err
}

// nameOf is the name in field n of a message.
func nameOf(f field, n protowire.Number) (name string, err error) {
	err = walk(f.value, f.at, func(f field) error {
		if f.n == n && f.typ == protowire.BytesType {
			name = string(f.value)
		}
		return nil
	})
	return name, err
}

// write writes the graph without what is not needed.
func (c *cutter) write(graph field) error {
	i := 0
	var declared []byte // the wanted tensor's ValueInfoProto, where the file has one
	err := walk(graph.value, graph.at, func(f field) error {
		if f.typ != protowire.BytesType {
			c.out = append(c.out, f.whole...)
			return nil
		}
		switch f.n {
		case 1: // node
			if i++; !c.keep[i-1] {
				return nil
			}
		case 5: // initializer
			name, err := nameOf(f, 8)
			if err != nil || !c.names[name] {
				return err
			}
			return c.weight(f)
		case 11, 12, 13, 14: // input, output, value_info, quantization_annotation
			name, err := nameOf(f, 1)
			if err != nil {
				return err
			}
			switch {
			case name == c.tensor && f.n != 14:
				declared = f.value
				return nil
			case name == c.input && f.n == 11:
				if c.batch, err = fixedBatch(f); err != nil {
					return err
				}
				if v, elem := asFloat(f); elem != 0 && elem != 1 {
					c.wanted = elem
					c.out = appendMessage(c.out, 11, v)
					return nil
				}
			case f.n == 12 || !c.names[name]:
				return nil
			}
		}
		c.out = append(c.out, f.whole...)
		return nil
	})
	if err != nil {
		return err
	}
	if c.wanted != 0 {
		c.out = appendMessage(c.out, 1, cast(images, c.input, c.wanted))
	}
	c.out = appendMessage(c.out, 1, cast(c.tensor, features, 1))
	if declared != nil {
		c.out = appendMessage(c.out, 13, declared)
	}
	c.out = appendMessage(c.out, 12, appendMessage(nil, 1, []byte(features))) // its shape is ONNX Runtime's to infer
	return nil
}

// cast is an operator that converts a value to an element type.
func cast(from, to string, elem uint64) []byte {
	a := appendMessage(nil, 1, []byte("to"))
	a = protowire.AppendVarint(protowire.AppendTag(a, 3, protowire.VarintType), elem)
	a = protowire.AppendVarint(protowire.AppendTag(a, 20, protowire.VarintType), 2)
	d := appendMessage(appendMessage(nil, 1, []byte(from)), 2, []byte(to))
	return appendMessage(appendMessage(d, 4, []byte("Cast")), 5, a)
}

// asFloat is an input's ValueInfoProto under the name images, of float32; elem is what it was.
func asFloat(v field) (info []byte, elem uint64) {
	var shape []byte
	_ = walk(v.value, v.at, func(f field) error {
		if f.n != 2 || f.typ != protowire.BytesType { // type
			return nil
		}
		return walk(f.value, f.at, func(f field) error {
			if f.n != 1 || f.typ != protowire.BytesType { // tensor_type
				return nil
			}
			return walk(f.value, f.at, func(f field) error {
				switch f.n {
				case 1:
					elem = f.num
				case 2:
					shape = f.whole
				}
				return nil
			})
		})
	})
	tensor := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	tensor = append(tensor, shape...)
	return appendMessage(appendMessage(nil, 1, []byte(images)), 2, appendMessage(nil, 1, tensor)), elem
}

func appendMessage(b []byte, n protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), m)
}

// elementSizes are those of the types that shapes and weights have, by TensorProto.DataType.
var elementSizes = map[uint64]uint64{1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 16: 2}

// weight writes a TensorProto.
func (c *cutter) weight(t field) error {
	var head []byte // without data
	var data field
	var entries map[string]string // of external data
	elem, count, pieces := uint64(0), uint64(1), 0
	err := walk(t.value, t.at, func(f field) error {
		switch f.n {
		case 9, 4: // raw_data; float_data, whose packed values are the same bytes
			data = f
			pieces++
			return nil
		case 13: // external_data
			k, err := nameOf(f, 1)
			if err != nil {
				return err
			}
			v, err := nameOf(f, 2)
			if entries == nil {
				entries = map[string]string{}
			}
			entries[k] = v
			return err
		case 14: // data_location
			return nil
		case 1:
			count *= dims(f)
		case 2:
			elem = f.num
		}
		head = append(head, f.whole...)
		return nil
	})
	switch {
	case err != nil:
		return err
	case entries != nil:
		if size := count * elementSizes[elem]; size > 0 && size < uint64(c.far) {
			b, err := c.external(entries, int(size))
			if err != nil {
				return err
			}
			c.out = appendMessage(c.out, 5, appendMessage(head, 9, b))
			return nil
		}
		c.out = append(c.out, t.whole...)
		return nil
	case c.name == "" || pieces != 1 || len(data.value) < c.far || data.n == 4 && elem != 1:
		c.out = append(c.out, t.whole...)
		return nil
	}
	for _, e := range [][2]string{{"location", c.name}, {"offset", strconv.Itoa(data.at)}, {"length", strconv.Itoa(len(data.value))}} {
		entry := appendMessage(appendMessage(nil, 1, []byte(e[0])), 2, []byte(e[1]))
		head = appendMessage(head, 13, entry)
	}
	head = protowire.AppendTag(head, 14, protowire.VarintType)
	head = protowire.AppendVarint(head, 1)
	c.out = appendMessage(c.out, 5, head)
	return nil
}

// dims is the product of the dimensions in a field, packed or not.
func dims(f field) uint64 {
	if f.typ == protowire.VarintType {
		return f.num
	}
	p := uint64(1)
	for b := f.value; len(b) > 0; {
		v, k := protowire.ConsumeVarint(b)
		if k < 0 {
			break
		}
		p *= v
		b = b[k:]
	}
	return p
}

// external reads a small tensor's data.
func (c *cutter) external(entries map[string]string, size int) ([]byte, error) {
	root, err := os.OpenRoot(c.folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(filepath.FromSlash(entries["location"]))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	offset := int64(0)
	if s := entries["offset"]; s != "" {
		if offset, err = strconv.ParseInt(s, 10, 64); err != nil {
			return nil, fmt.Errorf("the offset %q of external data is not a number", s)
		}
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(f, offset, int64(size)), b); err != nil {
		return nil, fmt.Errorf("external data of %d bytes at %d in %s: %w", size, offset, entries["location"], err)
	}
	return b, nil
}

// fixedBatch is the first dimension of a ValueInfoProto, 0 where it is open.
func fixedBatch(v field) (batch int, err error) {
	// ValueInfoProto.type, .tensor_type, .shape; then the first .dim and its .dim_value.
	path := []protowire.Number{2, 1, 2}
	var down func(f field, depth int) error
	first := true
	down = func(f field, depth int) error {
		return walk(f.value, f.at, func(f field) error {
			switch {
			case depth < len(path) && f.n == path[depth] && f.typ == protowire.BytesType:
				return down(f, depth+1)
			case depth == len(path) && f.n == 1 && f.typ == protowire.BytesType && first:
				first = false
				return walk(f.value, f.at, func(f field) error {
					if f.n == 1 && f.typ == protowire.VarintType && f.num > 0 && f.num < 1<<16 {
						batch = int(f.num)
					}
					return nil
				})
			}
			return nil
		})
	}
	return batch, down(v, 0)
}
