package load

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// function is one that the model defines itself. Its calls are replaced by its nodes, so that what comes
// after knows operators alone.
type function struct {
	inputs, outputs []string
	nodes           [][]byte
	defaults        map[string][]byte // AttributeProtos
	opset           int64             // of ONNX's own operators; 0: none
}

// maxInlined bounds the nodes that calls of functions may become.
const maxInlined = 1 << 17

func functionKey(domain, name, overload string) string {
	return domain + "\x00" + name + "\x00" + overload
}

// scanFunction reads a FunctionProto.
func (s *Model) scanFunction(b []byte) error {
	f := &function{defaults: map[string][]byte{}}
	var name, domain, overload string
	err := walk(b, "function", func(fd field) error {
		if fd.typ != protowire.BytesType {
			return nil
		}
		switch fd.n {
		case 1:
			name = string(fd.b)
		case 4:
			f.inputs = append(f.inputs, string(fd.b))
		case 5:
			f.outputs = append(f.outputs, string(fd.b))
		case 7:
			f.nodes = append(f.nodes, fd.b)
		case 9:
			d, v, err := operatorSet(fd.b)
			if d == "" || d == "ai.onnx" {
				f.opset = v
			}
			return err
		case 10:
			domain = string(fd.b)
		case 11:
			n, err := nameIn(fd.b)
			f.defaults[n] = fd.b
			return err
		case 13:
			overload = string(fd.b)
		}
		return nil
	})
	s.functions[functionKey(domain, name, overload)] = f
	return err
}

func operatorSet(b []byte) (domain string, version int64, err error) {
	err = walk(b, "operator set", func(f field) error {
		switch f.n {
		case 1:
			domain = string(f.b)
		case 2:
			version = int64(f.num)
		}
		return nil
	})
	return domain, version, err
}

// nameIn is the first field of a message.
func nameIn(b []byte) (name string, err error) {
	err = walk(b, "name", func(f field) error {
		if f.n == 1 {
			name = string(f.b)
		}
		return nil
	})
	return name, err
}

// call is a NodeProto taken apart.
type call struct {
	inputs, outputs, attrNames []string
	attrs                      [][]byte
	name, op, domain, overload string
}

func parseCall(b []byte) (*call, error) {
	c := &call{}
	err := walk(b, "node", func(f field) error {
		if f.typ != protowire.BytesType {
			return nil
		}
		switch f.n {
		case 1:
			c.inputs = append(c.inputs, string(f.b))
		case 2:
			c.outputs = append(c.outputs, string(f.b))
		case 3:
			c.name = string(f.b)
		case 4:
			c.op = string(f.b)
		case 5:
			n, err := nameIn(f.b)
			c.attrs, c.attrNames = append(c.attrs, f.b), append(c.attrNames, n)
			return err
		case 7:
			c.domain = string(f.b)
		case 8:
			c.overload = string(f.b)
		}
		return nil
	})
	return c, err
}

// inline returns the nodes that a call of one of the model's functions stands for; nil where the node calls none.
func (s *Model) inline(b []byte) ([][]byte, error) {
	if len(s.functions) == 0 {
		return nil, nil
	}
	c, err := parseCall(b)
	if err != nil {
		return nil, err
	}
	f := s.functions[functionKey(c.domain, c.op, c.overload)]
	if f == nil {
		return nil, nil
	}
	if f.opset != 0 && s.Opset != 0 && f.opset != s.Opset {
		return nil, fmt.Errorf("the function %s uses opset %d in a model of opset %d: export it with its functions inlined", c.op, f.opset, s.Opset)
	}
	if s.calls++; s.calls > maxInlined {
		return nil, errors.New("too many function calls")
	}
	names := map[string]string{"": ""}
	for i, in := range f.inputs {
		names[in] = ""
		if i < len(c.inputs) {
			names[in] = c.inputs[i]
		}
	}
	for i, out := range f.outputs {
		if i < len(c.outputs) && c.outputs[i] != "" {
			names[out] = c.outputs[i]
		}
	}
	prefix := fmt.Sprintf("%s#%d/", c.op, s.calls)
	rename := func(n string) string {
		if to, ok := names[n]; ok {
			return to
		}
		return prefix + n
	}
	attr := func(name string) []byte {
		for i, n := range c.attrNames {
			if n == name {
				return c.attrs[i]
			}
		}
		return f.defaults[name]
	}
	out := make([][]byte, 0, len(f.nodes))
	for _, n := range f.nodes {
		m, err := renamed(n, rename, attr, 0)
		if err != nil {
			return nil, fmt.Errorf("function %s: %w", c.op, err)
		}
		if out = append(out, m); len(s.nodes)+len(out) > maxInlined {
			return nil, errors.New("too many nodes after inlining functions")
		}
	}
	return out, nil
}

// renamed is a node with other names for its values, and the caller's attributes where it refers to such.
func renamed(b []byte, rename func(string) string, attr func(string) []byte, depth int) ([]byte, error) {
	if depth > 16 {
		return nil, errors.New("graphs are nested too deeply")
	}
	var out []byte
	err := walk(b, "node", func(f field) error {
		if f.typ != protowire.BytesType {
			return nil
		}
		v := f.b
		switch f.n {
		case 1, 2, 3:
			v = []byte(rename(string(f.b)))
		case 5:
			var err error
			if v, err = renamedAttribute(f.b, rename, attr, depth); err != nil || v == nil {
				return err
			}
		}
		out = protowire.AppendTag(out, f.n, protowire.BytesType)
		out = protowire.AppendBytes(out, v)
		return nil
	})
	return out, err
}

// renamedAttribute is nil where the attribute refers to one that the call leaves out.
func renamedAttribute(b []byte, rename func(string) string, attr func(string) []byte, depth int) ([]byte, error) {
	var name, reference string
	nested := false
	err := walk(b, "attribute", func(f field) error {
		switch f.n {
		case 1:
			name = string(f.b)
		case 6, 11:
			nested = true
		case 21:
			reference = string(f.b)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	from := b
	if reference != "" {
		if from = attr(reference); from == nil {
			return nil, nil
		}
	} else if !nested {
		return b, nil
	}
	out := protowire.AppendTag(nil, 1, protowire.BytesType)
	out = protowire.AppendString(out, name)
	err = walk(from, "attribute", func(f field) error {
		if f.n == 1 || f.n == 21 {
			return nil
		}
		if f.typ == protowire.BytesType && (f.n == 6 || f.n == 11) && reference == "" {
			var err error
			if f.b, err = renamedGraph(f.b, rename, attr, depth+1); err != nil {
				return err
			}
		}
		out = f.appendTo(out)
		return nil
	})
	return out, err
}

// renamedGraph renames all values of a graph within a function: those around it and its own.
func renamedGraph(b []byte, rename func(string) string, attr func(string) []byte, depth int) ([]byte, error) {
	var out []byte
	err := walk(b, "graph", func(f field) error {
		if f.typ != protowire.BytesType {
			return nil
		}
		var v []byte
		var err error
		switch f.n {
		case 1:
			v, err = renamed(f.b, rename, attr, depth)
		case 5:
			v, err = withName(f.b, 8, rename)
		case 11, 12:
			v, err = withName(f.b, 1, rename)
		default:
			return nil
		}
		out = protowire.AppendTag(out, f.n, protowire.BytesType)
		out = protowire.AppendBytes(out, v)
		return err
	})
	return out, err
}

// withName renames what a message is called in field n.
func withName(b []byte, n protowire.Number, rename func(string) string) ([]byte, error) {
	var out []byte
	err := walk(b, "value", func(f field) error {
		if f.typ == protowire.BytesType && f.n == n {
			f.b = []byte(rename(string(f.b)))
		}
		out = f.appendTo(out)
		return nil
	})
	return out, err
}
