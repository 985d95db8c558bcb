package onnx

import (
	"errors"
	"fmt"
)

// reshaped is the shape that Reshape, Flatten, Squeeze or Unsqueeze gives a tensor of shape d with
// size elements; arg is its second argument, nil where it has none.
func reshaped(n *node, d []int, size int, arg *konst) ([]int, error) {
	switch n.op {
	case "Flatten":
		at, err := axis(int64(n.int("axis", 1)), len(d))
		if err != nil {
			return nil, err
		}
		return []int{product(d[:at]), product(d[at:])}, nil
	case "Reshape":
		shape, ok, err := integersOf(n, "shape", arg)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errors.New("it names no shape")
		}
		out := make([]int, len(shape))
		open, rest := -1, 1
		for i, s := range shape {
			switch {
			case s == -1 && open < 0:
				open = i
				continue
			case s == 0 && n.int("allowzero", 0) == 0:
				if i >= len(d) {
					return nil, fmt.Errorf("its shape %v keeps a dimension that %v does not have", shape, d)
				}
				out[i] = d[i]
			case s >= 0 && s <= maxElements:
				out[i] = int(s)
			default:
				return nil, fmt.Errorf("its shape %v is impossible", shape)
			}
			if out[i] > 0 && rest > maxElements/out[i] {
				return nil, fmt.Errorf("its shape %v is too large", shape)
			}
			rest *= out[i]
		}
		if open >= 0 {
			if rest == 0 && size == 0 {
				rest = 1
			}
			if rest == 0 || size%rest != 0 {
				return nil, fmt.Errorf("its shape %v does not fit %v: the image size may be wrong for this network", shape, d)
			}
			out[open] = size / rest
			rest = size
		}
		if rest != size {
			return nil, fmt.Errorf("its shape %v does not fit %v: the image size may be wrong for this network", shape, d)
		}
		return out, nil
	case "Squeeze":
		axes, ok, err := integersOf(n, "axes", arg)
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
			i, err := strictAxis(a, len(d))
			if err != nil {
				return nil, err
			}
			if d[i] != 1 {
				return nil, fmt.Errorf("it squeezes axis %d of shape %v", a, d)
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
	axes, ok, err := integersOf(n, "axes", arg) // Unsqueeze
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errors.New("it names no axes")
	}
	rank := len(d) + len(axes)
	out, added := make([]int, rank), make([]bool, rank)
	for _, a := range axes {
		i, err := strictAxis(a, rank)
		if err != nil {
			return nil, err
		}
		if added[i] {
			return nil, fmt.Errorf("its axes %v name one twice", axes)
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

func permutation(n *node, rank int) ([]int, error) {
	p, ok := n.attrs["perm"].([]int64)
	if !ok || len(p) == 0 {
		out := make([]int, rank)
		for i := range out {
			out[i] = rank - 1 - i
		}
		return out, nil
	}
	if len(p) != rank {
		return nil, fmt.Errorf("permutation %v of %d dimensions", p, rank)
	}
	seen := make([]bool, rank)
	out := make([]int, rank)
	for i, v := range p {
		if v < 0 || v >= int64(rank) || seen[v] {
			return nil, fmt.Errorf("permutation %v of %d dimensions", p, rank)
		}
		seen[v] = true
		out[i] = int(v)
	}
	return out, nil
}

func shapeSlice(n *node, v []int) *konst {
	start, end := n.int("start", 0), n.int("end", len(v))
	if start < 0 {
		start += len(v)
	}
	if end < 0 {
		end += len(v)
	}
	start, end = min(max(start, 0), len(v)), min(max(end, 0), len(v))
	return list(v[start:max(start, end)])
}

// integersOf reads a list that older versions of an operator have as an attribute, newer ones as an
// argument; ok says whether there is one.
func integersOf(n *node, name string, arg *konst) (list []int64, ok bool, err error) {
	if v, ok := n.attrs[name].([]int64); ok {
		return v, true, nil
	}
	if arg == nil {
		return nil, false, nil
	}
	list, err = arg.int64s()
	if len(list) > small {
		err = fmt.Errorf("a list of %d integers where axes or a shape belong", len(list))
	}
	return list, true, err
}
