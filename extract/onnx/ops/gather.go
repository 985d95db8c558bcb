package ops

import (
	"fmt"
	"slices"

	"vzsl/extract/onnx/fold"
	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/plan"
)

// indices reads places along an axis of size entries; negative ones count from the end.
func indices(k *fold.Constant, size int) ([]int, error) {
	v, err := k.Int64s()
	if err != nil {
		return nil, err
	}
	out := make([]int, len(v))
	for i, a := range v {
		if a < 0 {
			a += int64(size)
		}
		if a < 0 || a >= int64(size) {
			return nil, fmt.Errorf("index %d is out of range for size %d", v[i], size)
		}
		out[i] = int(a)
	}
	return out, nil
}

func (b *Builder) gather(n *load.Node) error {
	if b.varies(n, 1) {
		return b.gatherRows(n)
	}
	x, d, k, err := b.operandConstant(n)
	if err != nil {
		return err
	}
	at, err := load.Axis(int64(n.Int("axis", 0)), len(d))
	if err != nil {
		return err
	}
	index, err := indices(k, d[at])
	if err != nil {
		return err
	}
	out := slices.Concat(d[:at], k.Dims, d[at+1:])
	if err := b.refuseBatchAxis(n, x, at); err != nil {
		return err
	}
	if len(index) == 1 { // one entry is a slice
		v, err := b.sliceAxis(n, "", x, at, index[0], 1)
		if err != nil {
			return err
		}
		return b.emit(n, &plan.Reshape{}, out, v)
	}
	return b.emit(n, &plan.Gather{Axis: at, Index: index}, out, x)
}

// gatherFlat emits a value that takes any elements of another, in any order.
func (b *Builder) gatherFlat(n *load.Node, name string, x int, index []int, out []int) error {
	if err := b.budget.Spend(len(index)); err != nil {
		return err
	}
	size := load.Elements(b.dims(x))
	v, err := b.addStep(n, "", &plan.Reshape{}, []int{size}, x)
	if err != nil {
		return err
	}
	_, err = b.addStep(n, name, &plan.Gather{Axis: 0, Index: index}, out, v)
	return err
}

// gatherElements takes, for each place of the index, the element there but with the index's entry along
// one axis.
func (b *Builder) gatherElements(n *load.Node) error {
	x, d, k, err := b.operandConstant(n)
	if err != nil {
		return err
	}
	at, err := load.Axis(int64(n.Int("axis", 0)), len(d))
	if err != nil {
		return err
	}
	if len(k.Dims) != len(d) {
		return fmt.Errorf("indices of shape %v do not match shape %v", k.Dims, d)
	}
	if err := b.refuseBatchAxis(n, x, 0); err != nil {
		return err
	}
	along, err := indices(k, d[at])
	if err != nil {
		return err
	}
	index, err := places(d, k.Dims, at, along)
	if err != nil {
		return err
	}
	return b.gatherFlat(n, n.Outputs[0], x, index, k.Dims)
}

// places are those in a value of shape d of the elements of a smaller shape, but for one axis where along
// says which entry.
func places(d, small []int, axis int, along []int) ([]int, error) {
	stride := make([]int, len(d))
	step, own := 1, 0
	for a := len(d) - 1; a >= 0; a-- {
		if a != axis && small[a] > d[a] {
			return nil, fmt.Errorf("indices of shape %v do not match shape %v", small, d)
		}
		if a == axis {
			own = step
		} else {
			stride[a] = step
		}
		step *= d[a]
	}
	w := plan.Strided(small, stride)
	out := make([]int, len(along))
	for i, a := range along {
		out[i] = w.Next() + a*own
	}
	return out, nil
}

// gatherND takes slices by tuples of indices.
func (b *Builder) gatherND(n *load.Node) error {
	if b.varies(n, 1) {
		return b.gatherRowsND(n)
	}
	x, d, k, err := b.operandConstant(n)
	if err != nil {
		return err
	}
	if n.Int("batch_dims", 0) != 0 {
		return load.Unsupported(n, "attribute batch_dims")
	}
	if err := b.refuseBatchAxis(n, x, 0); err != nil {
		return err
	}
	starts, inner, err := tuples(k, d)
	if err != nil {
		return err
	}
	size := load.Elements(inner)
	if len(starts)*size > load.MaxValue {
		return fmt.Errorf("%d slices of shape %v are too large", len(starts), inner)
	}
	index := make([]int, 0, len(starts)*size)
	for _, s := range starts {
		for i := range size {
			index = append(index, s+i)
		}
	}
	return b.gatherFlat(n, n.Outputs[0], x, index, slices.Concat(k.Dims[:len(k.Dims)-1], inner))
}

// tuples are the places of the slices of a value of shape d that tuples of indices name, and the slices' shape.
func tuples(k *fold.Constant, d []int) (starts, inner []int, err error) {
	if len(k.Dims) == 0 || k.Dims[len(k.Dims)-1] > len(d) || k.Dims[len(k.Dims)-1] < 1 {
		return nil, nil, fmt.Errorf("indices of shape %v do not match shape %v", k.Dims, d)
	}
	m := k.Dims[len(k.Dims)-1]
	v, err := k.Int64s()
	if err != nil {
		return nil, nil, err
	}
	inner = d[m:]
	for i := 0; i < len(v); i += m {
		at := 0
		for j, a := range v[i : i+m] {
			if a < 0 {
				a += int64(d[j])
			}
			if a < 0 || a >= int64(d[j]) {
				return nil, nil, fmt.Errorf("index %v is out of range for shape %v", v[i:i+m], d)
			}
			at = at*d[j] + int(a)
		}
		starts = append(starts, at*load.Elements(inner))
	}
	return starts, inner, nil
}

// scatter puts updates into a value: it takes elements of both, joined.
func (b *Builder) scatter(n *load.Node) error {
	x, d, k, err := b.operandConstant(n)
	if err != nil {
		return err
	}
	u, du, err := b.operand(n, 2)
	if err != nil {
		return err
	}
	if r := n.Str("reduction", "none"); r != "none" {
		return load.Unsupported(n, "reduction %q", r)
	}
	for _, v := range []int{x, u} {
		if err := b.refuseBatchAxis(n, v, 0); err != nil {
			return err
		}
	}
	index := make([]int, load.Elements(d))
	for i := range index {
		index[i] = i
	}
	if n.Op == "ScatterND" {
		starts, inner, err := tuples(k, d)
		if err != nil {
			return err
		}
		if len(starts)*load.Elements(inner) != load.Elements(du) {
			return fmt.Errorf("updates of shape %v do not match", du)
		}
		for i, s := range starts {
			for j := range load.Elements(inner) {
				index[s+j] = len(index) + i*load.Elements(inner) + j
			}
		}
	} else {
		at, err := load.Axis(int64(n.Int("axis", 0)), len(d))
		if err != nil {
			return err
		}
		if !slices.Equal(k.Dims, du) || len(du) != len(d) {
			return fmt.Errorf("updates of shape %v do not match indices of shape %v", du, k.Dims)
		}
		along, err := indices(k, d[at])
		if err != nil {
			return err
		}
		to, err := places(d, du, at, along)
		if err != nil {
			return err
		}
		for i, p := range to {
			index[p] = len(index) + i
		}
	}
	joined := make([]int, 0, 2)
	for _, v := range []int{x, u} {
		f, err := b.addStep(n, "", &plan.Reshape{}, []int{load.Elements(b.dims(v))}, v)
		if err != nil {
			return err
		}
		joined = append(joined, f)
	}
	all, err := b.addStep(n, "", &plan.Concat{Axis: 0}, []int{load.Elements(d) + load.Elements(du)}, joined...)
	if err != nil {
		return err
	}
	return b.gatherFlat(n, n.Outputs[0], all, index, d)
}

// tile repeats a value along each axis.
func (b *Builder) tile(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	times, ok, err := b.integersArg(n, "repeats", 1)
	if err != nil {
		return err
	}
	if !ok || len(times) != len(d) {
		return fmt.Errorf("repeats %v do not match shape %v", times, d)
	}
	for a, t := range times {
		if t == 1 {
			continue
		}
		if t < 0 || t > load.MaxValue || d[a]*int(t) > load.MaxValue {
			return fmt.Errorf("repeats %v are out of range", times)
		}
		if err := b.refuseBatchAxis(n, x, a); err != nil {
			return err
		}
		index := make([]int, d[a]*int(t))
		for i := range index {
			index[i] = i % d[a]
		}
		if x, err = b.gatherEntries(n, x, a, index); err != nil {
			return err
		}
	}
	return b.alias(n, x)
}

// gatherEntries emits entries of one axis.
func (b *Builder) gatherEntries(n *load.Node, x, axis int, index []int) (int, error) {
	d := b.dims(x)
	d[axis] = len(index)
	return b.addStep(n, "", &plan.Gather{Axis: axis, Index: index}, d, x)
}
