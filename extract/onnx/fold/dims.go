package fold

import (
	"errors"
	"fmt"

	"vzsl/extract/onnx/load"
)

// Reshaped is the shape that Reshape, Flatten, Squeeze or Unsqueeze gives a tensor of shape d with
// size elements; arg is its second argument, nil where it has none.
func Reshaped(n *load.Node, d []int, size int, arg *Constant) ([]int, error) {
	switch n.Op {
	case "Flatten":
		at, err := load.AxisOrEnd(int64(n.Int("axis", 1)), len(d))
		if err != nil {
			return nil, err
		}
		return []int{load.Elements(d[:at]), load.Elements(d[at:])}, nil
	case "Reshape":
		shape, ok, err := List(n, "shape", arg)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errors.New("no shape is given")
		}
		out := make([]int, len(shape))
		open, rest := -1, 1
		for i, s := range shape {
			switch {
			case s == -1 && open < 0:
				open = i
				continue
			case s == 0 && n.Int("allowzero", 0) == 0:
				if i >= len(d) {
					return nil, fmt.Errorf("shape %v copies a dimension that %v does not have", shape, d)
				}
				out[i] = d[i]
			case s >= 0 && s <= load.MaxElements:
				out[i] = int(s)
			default:
				return nil, fmt.Errorf("shape %v is invalid", shape)
			}
			if out[i] > 0 && rest > load.MaxElements/out[i] {
				return nil, fmt.Errorf("shape %v is too large", shape)
			}
			rest *= out[i]
		}
		if open >= 0 {
			if rest == 0 && size == 0 {
				rest = 1
			}
			if rest == 0 || size%rest != 0 {
				return nil, fmt.Errorf("cannot reshape %[2]v to %[1]v: the image size may be wrong for this network", shape, d)
			}
			out[open] = size / rest
			rest = size
		}
		if rest != size {
			return nil, fmt.Errorf("cannot reshape %[2]v to %[1]v: the image size may be wrong for this network", shape, d)
		}
		return out, nil
	case "Squeeze":
		axes, ok, err := List(n, "axes", arg)
		if err != nil {
			return nil, err
		}
		drop := make([]bool, len(d))
		if !ok {
			for i, s := range d {
				// With the axes left out every 1 goes, but not the batch axis of a
				// network for one image: the next operator wants it.
				drop[i] = s == 1 && i > 0
			}
		}
		for _, a := range axes {
			i, err := load.Axis(a, len(d))
			if err != nil {
				return nil, err
			}
			if d[i] != 1 {
				return nil, fmt.Errorf("cannot squeeze axis %d of shape %v", a, d)
			}
			drop[i] = true
		}
		var out []int
		for i, s := range d {
			if !drop[i] {
				out = append(out, s)
			}
		}
		return out, nil
	}
	axes, ok, err := List(n, "axes", arg) // Unsqueeze
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errors.New("no axes are given")
	}
	rank := len(d) + len(axes)
	out, added := make([]int, rank), make([]bool, rank)
	for _, a := range axes {
		i, err := load.Axis(a, rank)
		if err != nil {
			return nil, err
		}
		if added[i] {
			return nil, fmt.Errorf("duplicate axes %v", axes)
		}
		out[i], added[i] = 1, true
	}
	j := 0
	for i := range out {
		if !added[i] {
			out[i] = d[j]
			j++
		}
	}
	return out, nil
}

func Permutation(n *load.Node, rank int) ([]int, error) {
	p, ok := n.Attrs["perm"].([]int64)
	if !ok || len(p) == 0 {
		out := make([]int, rank)
		for i := range out {
			out[i] = rank - 1 - i
		}
		return out, nil
	}
	if len(p) != rank {
		return nil, fmt.Errorf("permutation %v does not match %d dimensions", p, rank)
	}
	seen := make([]bool, rank)
	out := make([]int, rank)
	for i, v := range p {
		if v < 0 || v >= int64(rank) || seen[v] {
			return nil, fmt.Errorf("permutation %v does not match %d dimensions", p, rank)
		}
		seen[v] = true
		out[i] = int(v)
	}
	return out, nil
}

func ShapeSlice(n *load.Node, v []int) *Constant {
	start, end := n.Int("start", 0), n.Int("end", len(v))
	if start < 0 {
		start += len(v)
	}
	if end < 0 {
		end += len(v)
	}
	start, end = min(max(start, 0), len(v)), min(max(end, 0), len(v))
	return ofShape(v[start:max(start, end)])
}

// List reads a list that older versions of an operator have as an attribute, newer ones as an
// argument; ok says whether there is one.
func List(n *load.Node, name string, arg *Constant) (list []int64, ok bool, err error) {
	if v, ok := n.Attrs[name].([]int64); ok {
		return v, true, nil
	}
	if arg == nil {
		return nil, false, nil
	}
	list, err = arg.Int64s()
	if len(list) > load.MaxList {
		err = fmt.Errorf("a list of %d integers is too long for axes or a shape", len(list))
	}
	return list, true, err
}
