package native

import (
	"slices"

	"vzsl/extract/onnx/plan"
)

// view says where the elements of a value lie in another: exporters cut queries, keys and values out of one layer's result by
// slices and transpositions, and attention reads them there.
type view struct {
	of     int // the plan's value
	offset int
	dims   []int
	stride []int // of each axis
}

// viewOf is the view of a value of such dimensions on itself.
func viewOf(of int, dims []int) view {
	v := view{of: of, dims: dims, stride: make([]int, len(dims))}
	step := 1
	for a := len(dims) - 1; a >= 0; a-- {
		v.stride[a] = step
		step *= dims[a]
	}
	return v
}

// at is where element i, in row-major order, lies.
func (v view) at(i int) int {
	at := v.offset
	for a := len(v.dims) - 1; a >= 0; a-- {
		at += i % v.dims[a] * v.stride[a]
		i /= v.dims[a]
	}
	return at
}

// rows reports whether the last two axes make matrices of rows: entries side by side, and rows further apart than they are long.
func (v view) rows() bool {
	k := len(v.dims) - 1
	return k >= 1 && (v.stride[k] == 1 || v.dims[k] == 1) && (v.stride[k-1] >= v.dims[k] || v.dims[k-1] == 1)
}

// after is what a step that only moves elements makes of v; false: not a view.
func (v view) after(op plan.Op, dims []int) (view, bool) {
	o := view{of: v.of, offset: v.offset, dims: dims, stride: make([]int, len(dims))}
	switch op := op.(type) {
	case *plan.Transpose:
		for i, p := range op.Perm {
			o.stride[i] = v.stride[p]
		}
	case *plan.Slice:
		for a := range dims {
			o.offset += op.Start[a] * v.stride[a]
			o.stride[a] = op.Step[a] * v.stride[a]
		}
	case *plan.Gather:
		if len(op.Index) != 1 {
			return o, false
		}
		v.offset += op.Index[0] * v.stride[op.Axis]
		v.dims = slices.Delete(slices.Clone(v.dims), op.Axis, op.Axis+1)
		v.stride = slices.Delete(slices.Clone(v.stride), op.Axis, op.Axis+1)
		return v.reshaped(dims)
	case *plan.Reshape:
		return v.reshaped(dims)
	default:
		return o, false
	}
	return o, true
}

// reshaped is v with other dimensions, where each axis of the new ones crosses entries that are equally far apart.
func (v view) reshaped(dims []int) (view, bool) {
	o := view{of: v.of, offset: v.offset, dims: dims, stride: make([]int, len(dims))}
	var from, stride []int
	for a, d := range v.dims {
		if d != 1 {
			from, stride = append(from, d), append(stride, v.stride[a])
		}
	}
	i, j := 0, 0 // the next axis of either
	for j < len(dims) {
		if dims[j] == 1 {
			j++
			continue
		}
		// The fewest axes of both that hold the same number of entries.
		i1, j1 := i+1, j+1
		a, b := from[i], dims[j]
		for a != b {
			if a < b {
				a *= from[i1]
				i1++
			} else {
				b *= dims[j1]
				j1++
			}
		}
		for k := i; k < i1-1; k++ {
			if stride[k] != stride[k+1]*from[k+1] {
				return o, false
			}
		}
		step := stride[i1-1]
		for k := j1 - 1; k >= j; k-- {
			o.stride[k] = step
			step *= dims[k]
		}
		i, j = i1, j1
	}
	return o, true
}

// attended finds what attention reads by views: for steps of attention, the views of their first three arguments, where these are
// no values of their own. The steps that would have made them are marked as fused.
func (c *compiler) attended() map[int][3]view {
	// chain is the steps between a value of their own and v, last first.
	chain := func(v int, may func(step int) bool) (steps []int, x view) {
		for {
			x = viewOf(v, c.plan.Values[v].Dims)
			i := c.maker(v)
			if i < 0 || !may(i) {
				break
			}
			steps = append(steps, i)
			v = c.plan.Steps[i].In[0]
		}
		for k := len(steps) - 1; k >= 0; k-- {
			s := &c.plan.Steps[steps[k]]
			y, ok := x.after(s.Op, c.plan.Values[s.Out].Dims)
			if !ok {
				y = viewOf(s.Out, c.plan.Values[s.Out].Dims)
				steps = steps[:k]
			}
			x = y
		}
		return steps, x
	}
	moves := func(i int) bool {
		switch c.plan.Steps[i].Op.(type) {
		case *plan.Transpose, *plan.Slice, *plan.Gather, *plan.Reshape:
			return true
		}
		return false
	}
	// skipped are the steps of all chains; from it go those that another step reads, until none is left.
	skipped := map[int]bool{}
	reads := map[int]map[int]bool{} // the values that an attention reads by a view
	for i := range c.plan.Steps {
		s := &c.plan.Steps[i]
		if _, ok := s.Op.(*plan.Attention); !ok {
			continue
		}
		reads[i] = map[int]bool{}
		for _, v := range s.In[:3] {
			steps, x := chain(v, moves)
			if !x.rows() || len(s.In) > 3 && s.In[3] == v {
				continue
			}
			reads[i][v] = true
			for _, j := range steps {
				skipped[j] = true
			}
		}
	}
	for again := true; again; {
		again = false
		for i := range c.plan.Steps {
			v := c.plan.Steps[i].Out
			if skipped[i] && (v == c.plan.Output || slices.ContainsFunc(c.readers(v), func(r int) bool { return !skipped[r] && !reads[r][v] })) {
				delete(skipped, i)
				again = true
			}
		}
	}
	views := map[int][3]view{}
	for i, values := range reads {
		var list [3]view
		for k, v := range c.plan.Steps[i].In[:3] {
			list[k] = viewOf(v, c.plan.Values[v].Dims)
			if values[v] {
				_, list[k] = chain(v, func(step int) bool { return skipped[step] })
			}
		}
		views[i] = list
		if slices.ContainsFunc(list[:], func(x view) bool { return !x.rows() || skipped[c.maker(x.of)] }) {
			return nil // a shorter chain is none: all is computed, which is right, too
		}
	}
	for i := range skipped {
		c.fused[i] = true
	}
	return views
}
