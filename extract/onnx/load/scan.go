package load

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// valueInfo is a graph input or output as declared: dims hold -1 where they are dynamic.
type valueInfo struct {
	Name     string
	Type     int32
	Dims     []int
	hasShape bool
}

// Model is what one walk over the file finds: everything but the operators, which lean carries
// to onnx-go.
type Model struct {
	irVersion       int64
	Producer, Doc   string
	GraphDoc        string
	Metadata        string // all values of metadata_props, joined
	Opset           int64
	domains         []string // operator set domains other than ONNX's own
	hasGraph        bool
	inputs, Outputs []valueInfo
	tensors         map[string]*Tensor
	nodes           []nodeInfo
	functions       map[string]*function
	calls           int    // of functions, that were inlined
	lean            []byte // the model without initializers and Constant nodes
}

// nodeInfo is what onnx-go's Operation does not carry.
type nodeInfo struct {
	name, Op, Domain string
	Outputs          []string
	Tensors          map[string]*Tensor // attributes that are tensors
	Nested           bool               // has an attribute that is a graph
	graphs           map[string][]byte  // those attributes, for the operator If
	captures         []string           // values that these graphs may take from around them
	arity            int                // inputs listed
}

const maxDoc = 4096

// scan walks a ModelProto.
func scan(b []byte) (*Model, error) {
	s := &Model{tensors: map[string]*Tensor{}, functions: map[string]*function{}}
	var graph []byte // read last, when functions and operator sets are known
	err := walk(b, "model", func(f field) error {
		switch f.n {
		case 1:
			s.irVersion = int64(f.num)
		case 2:
			s.Producer = truncated(f.b)
		case 6:
			s.Doc = truncated(f.b)
		case 7:
			if err := f.expect(protowire.BytesType, "model"); err != nil {
				return err
			}
			if s.hasGraph {
				return errors.New("the model holds two graphs")
			}
			s.hasGraph, graph = true, f.b
		case 8:
			domain, version, err := operatorSet(f.b)
			if err != nil {
				return err
			}
			if domain == "" || domain == "ai.onnx" {
				s.Opset = version
			} else {
				s.domains = append(s.domains, domain)
			}
		case 14:
			_ = walk(f.b, "metadata", func(f field) error {
				if f.n == 2 && len(s.Metadata) < maxDoc {
					s.Metadata += truncated(f.b) + "\n"
				}
				return nil
			})
		case 25:
			if err := f.expect(protowire.BytesType, "model"); err != nil {
				return err
			}
			return s.scanFunction(f.b)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if s.hasGraph {
		lean, err := s.scanGraph(graph)
		if err != nil {
			return nil, err
		}
		s.lean = leanModel(s.irVersion, lean)
	}
	return s, nil
}

// leanModel wraps a lean graph.
func leanModel(irVersion int64, graph []byte) []byte {
	head := protowire.AppendTag(nil, 1, protowire.VarintType)
	head = protowire.AppendVarint(head, uint64(irVersion))
	head = protowire.AppendTag(head, 7, protowire.BytesType)
	return protowire.AppendBytes(head, graph)
}

// captured lists what the nodes of a graph within an operator read, and what it gives: names from around
// it may be among them.
func captured(list []string, graph []byte, depth int) ([]string, error) {
	if depth > 16 {
		return nil, errors.New("graphs are nested too deeply")
	}
	err := walk(graph, "graph", func(f field) error {
		if f.typ != protowire.BytesType {
			return nil
		}
		switch f.n {
		case 1:
			return walk(f.b, "node", func(f field) error {
				switch {
				case f.typ != protowire.BytesType:
				case f.n == 1 && len(f.b) > 0:
					list = append(list, string(f.b))
				case f.n == 5:
					return walk(f.b, "attribute", func(f field) (err error) {
						if (f.n == 6 || f.n == 11) && f.typ == protowire.BytesType {
							list, err = captured(list, f.b, depth+1)
						}
						return err
					})
				}
				return nil
			})
		case 12:
			return walk(f.b, "value", func(f field) error {
				if f.n == 1 && f.typ == protowire.BytesType {
					list = append(list, string(f.b))
				}
				return nil
			})
		}
		return nil
	})
	return list, err
}

func truncated(b []byte) string { return string(b[:min(len(b), maxDoc)]) }

// scanGraph walks a GraphProto, keeps its tensors and values, and returns the lean graph: nodes
// without documentation, tensors and nested graphs; inputs and outputs by name alone.
func (s *Model) scanGraph(b []byte) ([]byte, error) {
	var lean []byte
	err := walk(b, "graph", func(f field) error {
		switch f.n {
		case 1, 5, 11, 12:
			if err := f.expect(protowire.BytesType, "graph"); err != nil {
				return err
			}
		}
		switch f.n {
		case 1:
			var err error
			lean, err = s.scanCall(lean, f.b, 0)
			return err
		case 5:
			t, err := parseTensor(f.b)
			if err != nil {
				return err
			}
			return s.addTensor(t)
		case 10:
			s.GraphDoc = truncated(f.b)
		case 11, 12:
			v, err := parseValueInfo(f.b)
			if err != nil {
				return err
			}
			if f.n == 11 {
				s.inputs = append(s.inputs, v)
			} else {
				s.Outputs = append(s.Outputs, v)
			}
		case 15:
			return errors.New("the graph holds sparse weights, which are unsupported; export it with dense ones")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	named := func(n protowire.Number, name string) {
		v := protowire.AppendTag(nil, 1, protowire.BytesType)
		v = protowire.AppendString(v, name)
		lean = protowire.AppendTag(lean, n, protowire.BytesType)
		lean = protowire.AppendBytes(lean, v)
	}
	for _, v := range s.inputs {
		if s.tensors[v.Name] == nil { // before IR 4 weights are listed among the inputs
			named(11, v.Name)
		}
	}
	for _, v := range s.Outputs {
		named(12, v.Name)
	}
	return lean, nil
}

func (s *Model) addTensor(t *Tensor) error {
	if t.Name == "" {
		return errors.New("the graph holds a weight without a name")
	}
	if s.tensors[t.Name] != nil {
		return fmt.Errorf("the graph holds duplicate weights named %q", t.Name)
	}
	s.tensors[t.Name] = t
	return nil
}

// scanCall appends the lean NodeProto of a node, or those of the function that it calls.
func (s *Model) scanCall(lean, b []byte, depth int) ([]byte, error) {
	inner, err := s.inline(b)
	if err != nil {
		return nil, err
	}
	if inner != nil {
		if depth > 32 {
			return nil, errors.New("its functions call each other recursively")
		}
		for _, n := range inner {
			if lean, err = s.scanCall(lean, n, depth+1); err != nil {
				return nil, err
			}
		}
		return lean, nil
	}
	node, err := s.scanNode(b)
	if node != nil {
		lean = protowire.AppendTag(lean, 1, protowire.BytesType)
		lean = protowire.AppendBytes(lean, node)
	}
	return lean, err
}

// scanNode returns the lean NodeProto, or nil for a Constant, which becomes a tensor.
func (s *Model) scanNode(b []byte) ([]byte, error) {
	var lean []byte
	var info nodeInfo
	var constant *Tensor
	err := walk(b, "node", func(f field) error {
		if f.n <= 5 || f.n == 7 {
			if err := f.expect(protowire.BytesType, "node"); err != nil {
				return err
			}
		}
		switch f.n {
		case 1, 2, 3, 4, 7:
			switch f.n {
			case 1:
				info.arity++
			case 2:
				info.Outputs = append(info.Outputs, string(f.b))
			case 3:
				info.name = string(f.b)
			case 4:
				info.Op = string(f.b)
			case 7:
				info.Domain = string(f.b)
			}
			lean = protowire.AppendTag(lean, f.n, protowire.BytesType)
			lean = protowire.AppendBytes(lean, f.b)
		case 5:
			a, err := parseAttribute(f.b)
			if err != nil {
				return fmt.Errorf("node %q: %w", info.name, err)
			}
			switch {
			case a.tensor != nil:
				if info.Tensors == nil {
					info.Tensors = map[string]*Tensor{}
				}
				info.Tensors[a.name] = a.tensor
				constant = a.tensor
			case a.nested:
				info.Nested = true
				if info.graphs == nil {
					info.graphs = map[string][]byte{}
				}
				info.graphs[a.name] = a.graph
				if info.captures, err = captured(info.captures, a.graph, 0); err != nil {
					return err
				}
			case a.lean != nil:
				if a.constant != nil {
					constant = a.constant
				}
				lean = protowire.AppendTag(lean, 5, protowire.BytesType)
				lean = protowire.AppendBytes(lean, a.lean)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if info.Op == "Constant" && info.arity == 0 && len(info.Outputs) == 1 && constant != nil {
		t := *constant
		t.Name = info.Outputs[0]
		return nil, s.addTensor(&t)
	}
	s.nodes = append(s.nodes, info)
	return lean, nil
}

// attribute is an AttributeProto: a tensor, or lean bytes for onnx-go with the type stated (very
// old files leave it out). constant is the value as a tensor, for Constant's value_float and the like.
type attribute struct {
	name     string
	tensor   *Tensor
	nested   bool
	graph    []byte // where it is one
	lean     []byte
	constant *Tensor
}

func parseAttribute(b []byte) (attribute, error) {
	var a attribute
	var typ, guess uint64
	var ints []int64
	var floats []byte
	var lean []byte
	keep := func(f field) { lean = f.appendTo(lean) }
	isReference := false
	err := walk(b, "attribute", func(f field) (err error) {
		switch f.n {
		case 1:
			if err = f.expect(protowire.BytesType, "attribute"); err == nil {
				a.name = string(f.b)
				keep(f)
			}
		case 2: // f
			if err = f.expect(protowire.Fixed32Type, "attribute"); err == nil {
				guess = 1
				floats = protowire.AppendFixed32(nil, uint32(f.num))
				keep(f)
			}
		case 3: // i
			if err = f.expect(protowire.VarintType, "attribute"); err == nil {
				guess = 2
				ints = []int64{int64(f.num)}
				keep(f)
			}
		case 4: // s
			if err = f.expect(protowire.BytesType, "attribute"); err == nil {
				guess = 3
				keep(f)
			}
		case 5: // t
			if err = f.expect(protowire.BytesType, "attribute"); err == nil {
				guess = 4
				a.tensor, err = parseTensor(f.b)
			}
		case 6, 11: // g, graphs
			a.nested = true
			if f.typ == protowire.BytesType {
				a.graph = f.b
			}
		case 7: // floats
			guess = 6
			switch f.typ {
			case protowire.Fixed32Type:
				floats = protowire.AppendFixed32(floats, uint32(f.num))
			case protowire.BytesType:
				if len(f.b)%4 != 0 {
					return errors.New("a list of floats is truncated")
				}
				floats = append(floats, f.b...)
			default:
				return errors.New("a list of floats is corrupt")
			}
			keep(f)
		case 8: // ints
			guess = 7
			if ints, err = f.varints(ints, "attribute"); err == nil {
				keep(f)
			}
		case 9: // strings
			if err = f.expect(protowire.BytesType, "attribute"); err == nil {
				guess = 8
				keep(f)
			}
		case 20:
			typ = f.num
		case 21:
			isReference = len(f.b) > 0
		}
		return err
	})
	if err != nil {
		return a, fmt.Errorf("attribute %q: %w", a.name, err)
	}
	if isReference {
		return a, fmt.Errorf("attribute %q refers to a function's attribute", a.name)
	}
	if a.tensor != nil || a.nested {
		return a, nil
	}
	if typ == 0 {
		typ = guess
	}
	switch typ { // an empty list has a type and no entries
	case 1, 6:
		a.constant = &Tensor{Type: TypeFloat, data: floats}
		if typ == 6 {
			a.constant.Dims = []int{len(floats) / 4}
		}
	case 2, 7:
		a.constant = &Tensor{Type: TypeInt64, packed: ints, ints: true}
		if typ == 7 {
			a.constant.Dims = []int{len(ints)}
		}
	case 3, 8:
	default:
		return a, nil // dropped: no operator read here has such an attribute
	}
	if a.constant != nil && a.constant.checkSize() != nil {
		a.constant = nil
	}
	lean = protowire.AppendTag(lean, 20, protowire.VarintType)
	a.lean = protowire.AppendVarint(lean, typ)
	return a, nil
}

// parseValueInfo reads the name, element type and shape of a ValueInfoProto.
func parseValueInfo(b []byte) (valueInfo, error) {
	var v valueInfo
	err := walk(b, "value", func(f field) error {
		switch f.n {
		case 1:
			v.Name = string(f.b)
		case 2: // TypeProto
			return walk(f.b, "value's type", func(f field) error {
				if f.n != 1 { // tensor_type
					return nil
				}
				return walk(f.b, "value's type", func(f field) error {
					switch f.n {
					case 1:
						v.Type = int32(f.num)
					case 2:
						v.hasShape = true
						return walk(f.b, "value's shape", func(f field) error {
							if f.n != 1 {
								return nil
							}
							d := -1
							err := walk(f.b, "value's dimension", func(f field) error {
								if f.n == 1 && f.typ == protowire.VarintType && int64(f.num) > 0 && f.num < MaxElements {
									d = int(f.num)
								}
								return nil
							})
							v.Dims = append(v.Dims, d)
							return err
						})
					}
					return nil
				})
			})
		}
		return nil
	})
	return v, err
}
