package onnx

import (
	"fmt"
	"slices"
)

// indices reads places along an axis of size entries; negative ones count from the end.
func indices(k *konst, size int) ([]int, error) {
	v, err := k.int64s()
	if err != nil {
		return nil, err
	}
	out := make([]int, len(v))
	for i, a := range v {
		if a < 0 {
			a += int64(size)
		}
		if a < 0 || a >= int64(size) {
			return nil, fmt.Errorf("it takes entry %d of %d", v[i], size)
		}
		out[i] = int(a)
	}
	return out, nil
}

func (b *builder) gather(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	k, err := b.constant(n, 1, false)
	if err != nil {
		return err
	}
	at, err := strictAxis(int64(n.int("axis", 0)), len(d))
	if err != nil {
		return err
	}
	index, err := indices(k, d[at])
	if err != nil {
		return err
	}
	out := slices.Concat(d[:at], k.dims, d[at+1:])
	if err := b.along(n, x, at); err != nil {
		return err
	}
	if len(index) == 1 { // one entry is a slice
		v, err := b.cut(n, "", x, at, index[0], 1)
		if err != nil {
			return err
		}
		return b.emit(n, &Reshape{}, out, v)
	}
	return b.emit(n, &Gather{Axis: at, Index: index}, out, x)
}

// flat emits a value that takes any elements of another, in any order.
func (b *builder) flat(n *node, name string, x int, index []int, out []int) error {
	if err := b.room.take(len(index)); err != nil {
		return err
	}
	size := product(b.dims(x))
	v, err := b.step(n, "", &Reshape{}, []int{size}, x)
	if err != nil {
		return err
	}
	_, err = b.step(n, name, &Gather{Axis: 0, Index: index}, out, v)
	return err
}

// gatherElements takes, for each place of the index, the element there but with the index's entry along
// one axis.
func (b *builder) gatherElements(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	k, err := b.constant(n, 1, false)
	if err != nil {
		return err
	}
	at, err := strictAxis(int64(n.int("axis", 0)), len(d))
	if err != nil {
		return err
	}
	if len(k.dims) != len(d) {
		return fmt.Errorf("its indices of shape %v do not fit a value of shape %v", k.dims, d)
	}
	if err := b.along(n, x, 0); err != nil {
		return err
	}
	along, err := indices(k, d[at])
	if err != nil {
		return err
	}
	index, err := places(d, k.dims, at, along)
	if err != nil {
		return err
	}
	return b.flat(n, n.outputs[0], x, index, k.dims)
}

// places are those in a value of shape d of the elements of a smaller shape, but for one axis where along
// says which entry.
func places(d, small []int, axis int, along []int) ([]int, error) {
	stride := make([]int, len(d))
	step, own := 1, 0
	for a := len(d) - 1; a >= 0; a-- {
		if a != axis && small[a] > d[a] {
			return nil, fmt.Errorf("its indices of shape %v do not fit a value of shape %v", small, d)
		}
		if a == axis {
			own = step
		} else {
			stride[a] = step
		}
		step *= d[a]
	}
	w := strided(small, stride)
	out := make([]int, len(along))
	for i, a := range along {
		out[i] = w.next() + a*own
	}
	return out, nil
}

// gatherND takes slices by tuples of indices.
func (b *builder) gatherND(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	k, err := b.constant(n, 1, false)
	if err != nil {
		return err
	}
	if n.int("batch_dims", 0) != 0 {
		return unsupported(n, "has batch_dims")
	}
	if err := b.along(n, x, 0); err != nil {
		return err
	}
	starts, inner, err := tuples(k, d)
	if err != nil {
		return err
	}
	size := product(inner)
	if len(starts)*size > maxValue {
		return fmt.Errorf("it takes %d slices of shape %v", len(starts), inner)
	}
	index := make([]int, 0, len(starts)*size)
	for _, s := range starts {
		for i := range size {
			index = append(index, s+i)
		}
	}
	return b.flat(n, n.outputs[0], x, index, slices.Concat(k.dims[:len(k.dims)-1], inner))
}

// tuples are the places of the slices of a value of shape d that tuples of indices name, and the slices' shape.
func tuples(k *konst, d []int) (starts, inner []int, err error) {
	if len(k.dims) == 0 || k.dims[len(k.dims)-1] > len(d) || k.dims[len(k.dims)-1] < 1 {
		return nil, nil, fmt.Errorf("its indices of shape %v do not fit a value of shape %v", k.dims, d)
	}
	m := k.dims[len(k.dims)-1]
	v, err := k.int64s()
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
				return nil, nil, fmt.Errorf("its index %v is outside a value of shape %v", v[i:i+m], d)
			}
			at = at*d[j] + int(a)
		}
		starts = append(starts, at*product(inner))
	}
	return starts, inner, nil
}

// scatter puts updates into a value: it takes elements of both, joined.
func (b *builder) scatter(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	k, err := b.constant(n, 1, false)
	if err != nil {
		return err
	}
	u, du, err := b.image(n, 2)
	if err != nil {
		return err
	}
	if r := n.str("reduction", "none"); r != "none" {
		return unsupported(n, "adds up (reduction %q)", r)
	}
	for _, v := range []int{x, u} {
		if err := b.along(n, v, 0); err != nil {
			return err
		}
	}
	index := make([]int, product(d))
	for i := range index {
		index[i] = i
	}
	if n.op == "ScatterND" {
		starts, inner, err := tuples(k, d)
		if err != nil {
			return err
		}
		if len(starts)*product(inner) != product(du) {
			return fmt.Errorf("its updates of shape %v do not fit", du)
		}
		for i, s := range starts {
			for j := range product(inner) {
				index[s+j] = len(index) + i*product(inner) + j
			}
		}
	} else {
		at, err := strictAxis(int64(n.int("axis", 0)), len(d))
		if err != nil {
			return err
		}
		if !slices.Equal(k.dims, du) || len(du) != len(d) {
			return fmt.Errorf("its updates of shape %v do not fit indices of shape %v", du, k.dims)
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
		f, err := b.step(n, "", &Reshape{}, []int{product(b.dims(v))}, v)
		if err != nil {
			return err
		}
		joined = append(joined, f)
	}
	all, err := b.step(n, "", &Concat{0}, []int{product(d) + product(du)}, joined...)
	if err != nil {
		return err
	}
	return b.flat(n, n.outputs[0], all, index, d)
}

// tile repeats a value along each axis.
func (b *builder) tile(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	times, ok, err := b.integers(n, "repeats", 1)
	if err != nil {
		return err
	}
	if !ok || len(times) != len(d) {
		return fmt.Errorf("its repeats %v do not fit a value of shape %v", times, d)
	}
	for a, t := range times {
		if t == 1 {
			continue
		}
		if t < 0 || t > maxValue || d[a]*int(t) > maxValue {
			return fmt.Errorf("its repeats %v are out of range", times)
		}
		if err := b.along(n, x, a); err != nil {
			return err
		}
		index := make([]int, d[a]*int(t))
		for i := range index {
			index[i] = i % d[a]
		}
		if x, err = b.taken(n, x, a, index); err != nil {
			return err
		}
	}
	return b.alias(n, x)
}

// taken emits entries of one axis.
func (b *builder) taken(n *node, x, axis int, index []int) (int, error) {
	d := b.dims(x)
	d[axis] = len(index)
	return b.step(n, "", &Gather{Axis: axis, Index: index}, d, x)
}
