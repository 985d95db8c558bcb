package onnx

import (
	"errors"
	"fmt"
	"slices"
)

func (b *builder) reshape(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	arg, err := b.constant(n, 1, true)
	if err != nil {
		return err
	}
	dims, err := reshaped(n, d, product(d), arg)
	if err != nil {
		return err
	}
	if slices.Equal(dims, d) {
		return b.alias(n, x)
	}
	return b.emit(n, &Reshape{}, dims, x)
}

func (b *builder) transpose(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	perm, err := permutation(n, len(d))
	if err != nil {
		return err
	}
	v, err := b.permuted(n, n.outputs[0], x, perm)
	if err != nil {
		return err
	}
	return b.alias(n, v)
}

// permuted emits a permutation, unless it changes nothing.
func (b *builder) permuted(n *node, name string, x int, perm []int) (int, error) {
	d := b.dims(x)
	out := make([]int, len(d))
	identity := true
	for i, p := range perm {
		out[i] = d[p]
		identity = identity && p == i
	}
	if identity {
		return x, nil
	}
	if perm[0] != 0 {
		if err := b.along(n, x, 0); err != nil {
			return 0, unsupported(n, "moves the batch axis of %d images (permutation %v)", b.batch, perm)
		}
	}
	return b.step(n, name, &Transpose{perm}, out, x)
}

func (b *builder) shapeOf(n *node) error {
	_, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	b.consts[n.outputs[0]] = shapeSlice(n, d)
	return nil
}

func (b *builder) sizeOf(n *node) error {
	_, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	b.consts[n.outputs[0]] = integers([]int64{int64(product(d))})
	return nil
}

func (b *builder) concat(n *node) error {
	var in []int
	var d []int
	at := 0
	for i := range n.inputs {
		v, dv, err := b.image(n, i)
		if err == nil && b.batch > 1 && !b.folding && b.fixed[v] {
			v, err = b.eachImage(n, v)
		}
		if err != nil {
			return err
		}
		if d == nil {
			d = dv
			if at, err = strictAxis(int64(n.int("axis", 1)), len(d)); err != nil {
				return err
			}
		} else {
			if len(dv) != len(d) {
				return fmt.Errorf("it joins values of shapes %v and %v", d, dv)
			}
			for a := range d {
				if a != at && d[a] != dv[a] {
					return fmt.Errorf("it joins values of shapes %v and %v along axis %d", d, dv, at)
				}
			}
			d[at] += dv[at]
		}
		if product(dv) > 0 || b.folding {
			in = append(in, v)
		}
	}
	if len(in) == 0 {
		return errors.New("it joins nothing")
	}
	if b.batch > 1 {
		for _, v := range in {
			if b.fixed[v] != b.fixed[in[0]] || !b.fixed[v] && at == 0 {
				return unsupported(n, "mixes the images of a batch of %d", b.batch)
			}
		}
	}
	if len(in) == 1 {
		return b.alias(n, in[0])
	}
	return b.emit(n, &Concat{at}, d, in...)
}

// eachImage makes a constant that repeats a batch of several images' worth of values, such as a class token, a value of
// each image's own.
func (b *builder) eachImage(n *node, v int) (int, error) {
	d := b.plan.Values[v].Dims
	last := &b.plan.Steps[len(b.plan.Steps)-1]
	c, ok := last.Op.(*Constant)
	if !ok || last.Out != v || len(d) == 0 || d[0]%b.batch != 0 {
		return v, nil
	}
	nums, err := c.k.numbers()
	if err != nil {
		return 0, err
	}
	per := len(nums) / b.batch
	for i := per; i < len(nums); i += per {
		if !slices.Equal(nums[i:i+per], nums[:per]) {
			return v, nil
		}
	}
	one := slices.Clone(d)
	one[0] /= b.batch
	out, err := b.value("", d, c.k.typ(), false)
	if err != nil {
		return 0, err
	}
	b.plan.Steps = append(b.plan.Steps, Step{Node: n.String(), Op: &Constant{&konst{dims: one, kind: c.k.typ(), nums: nums[:per], kept: true}}, Out: out})
	return out, nil
}

// split takes parts one after another along an axis.
func (b *builder) split(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	at, err := strictAxis(int64(n.int("axis", 0)), len(d))
	if err != nil {
		return err
	}
	if err := b.along(n, x, at); err != nil {
		return err
	}
	sizes, ok, err := b.integers(n, "split", 1)
	if err != nil {
		return err
	}
	if !ok { // equal parts; the last is smaller where they do not come out even
		count := n.int("num_outputs", len(n.outputs))
		if count < 1 || count > small {
			return fmt.Errorf("it makes %d parts", count)
		}
		part := (d[at] + count - 1) / count
		for lo := 0; len(sizes) < count; lo += part {
			sizes = append(sizes, int64(max(0, min(part, d[at]-lo))))
		}
	}
	if len(sizes) < len(n.outputs) {
		return fmt.Errorf("it makes %d parts of sizes %v", len(n.outputs), sizes)
	}
	lo := 0
	for i, s := range sizes {
		if s < 0 || lo+int(s) > d[at] {
			return fmt.Errorf("its parts %v do not fit axis %d of shape %v", sizes, at, d)
		}
		if i < len(n.outputs) && n.outputs[i] != "" {
			if _, err := b.cut(n, n.outputs[i], x, at, lo, int(s)); err != nil {
				return err
			}
		}
		lo += int(s)
	}
	if lo != d[at] {
		return fmt.Errorf("its parts %v do not fit axis %d of shape %v", sizes, at, d)
	}
	return nil
}

// cut emits the entries lo to lo+count-1 of an axis.
func (b *builder) cut(n *node, name string, x, axis, lo, count int) (int, error) {
	d := b.dims(x)
	op := &Slice{Start: make([]int, len(d)), Step: make([]int, len(d))}
	for i := range op.Step {
		op.Step[i] = 1
	}
	op.Start[axis] = lo
	d[axis] = count
	return b.step(n, name, op, d, x)
}

func (b *builder) slice(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	var lists [4][]int64 // starts, ends, axes, steps
	var ok [4]bool
	for i, name := range []string{"starts", "ends", "axes", "steps"} {
		if lists[i], ok[i], err = b.integers(n, name, i+1); err != nil {
			return err
		}
	}
	starts, ends := lists[0], lists[1]
	if !ok[0] || !ok[1] || len(starts) != len(ends) || ok[2] && len(lists[2]) != len(starts) || ok[3] && len(lists[3]) != len(starts) || len(starts) > len(d) {
		return fmt.Errorf("its starts %v, ends %v, axes %v and steps %v do not fit together", starts, ends, lists[2], lists[3])
	}
	op := &Slice{Start: make([]int, len(d)), Step: make([]int, len(d))}
	for i := range op.Step {
		op.Step[i] = 1
	}
	out := slices.Clone(d)
	for i := range starts {
		a := i
		if ok[2] {
			if a, err = strictAxis(lists[2][i], len(d)); err != nil {
				return err
			}
		}
		step := int64(1)
		if ok[3] {
			step = lists[3][i]
		}
		size := int64(d[a])
		clamp := func(v, lo, hi int64) int64 {
			if v < 0 {
				v = max(v+size, -1<<40) // v may be the least of all integers
			}
			return min(max(v, lo), hi)
		}
		var lo, count int64
		switch {
		case step > 0:
			lo = clamp(starts[i], 0, size)
			count = (clamp(ends[i], 0, size) - lo + step - 1) / step
			if step > size {
				count = min(max(clamp(ends[i], 0, size)-lo, 0), 1)
			}
		case step < 0:
			lo = clamp(starts[i], 0, size-1)
			step = max(step, -size-1)
			count = (lo - clamp(ends[i], -1, size-1) - step - 1) / -step
		default:
			return errors.New("it has a step of 0")
		}
		if count = max(count, 0); count == size && step == 1 {
			continue
		}
		if err := b.along(n, x, a); err != nil {
			return err
		}
		if count <= 1 {
			step = 1
		}
		op.Start[a], op.Step[a], out[a] = int(lo), int(step), int(count)
	}
	if slices.Equal(out, d) && !slices.ContainsFunc(op.Step, func(s int) bool { return s < 0 }) {
		return b.alias(n, x)
	}
	return b.emit(n, op, out, x)
}

func (b *builder) expand(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	k, err := b.constant(n, 1, false)
	if err != nil {
		return err
	}
	to, _, err := shapeFrom(k)
	if err != nil {
		return err
	}
	out, err := broadcast(d, to)
	if err != nil {
		return err
	}
	if slices.Equal(out, d) {
		return b.alias(n, x)
	}
	if len(out) != len(d) || out[0] != d[0] {
		if err := b.along(n, x, 0); err != nil {
			return err
		}
	}
	return b.emit(n, &Expand{}, out, x)
}

// depth moves blocks of pixels to channels or back.
func (b *builder) depthSpace(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	s := n.int("blocksize", 0)
	if len(d) != 4 || s < 1 {
		return fmt.Errorf("it rearranges a value of shape %v by blocks of %d", d, s)
	}
	c, h, w := d[1], d[2], d[3]
	var from, perm, to []int
	if n.op == "SpaceToDepth" {
		if h%s != 0 || w%s != 0 {
			return fmt.Errorf("blocks of %d do not fit a value of shape %v", s, d)
		}
		from, perm, to = []int{d[0], c, h / s, s, w / s, s}, []int{0, 3, 5, 1, 2, 4}, []int{d[0], c * s * s, h / s, w / s}
	} else {
		if c%(s*s) != 0 {
			return fmt.Errorf("blocks of %d do not fit a value of shape %v", s, d)
		}
		from, perm, to = []int{d[0], s, s, c / s / s, h, w}, []int{0, 3, 4, 1, 5, 2}, []int{d[0], c / s / s, h * s, w * s}
		if n.str("mode", "DCR") == "CRD" {
			from, perm = []int{d[0], c / s / s, s, s, h, w}, []int{0, 1, 4, 2, 5, 3}
		}
	}
	y, err := b.step(n, "", &Reshape{}, from, x)
	if err != nil {
		return err
	}
	if y, err = b.permuted(n, "", y, perm); err != nil {
		return err
	}
	return b.emit(n, &Reshape{}, to, y)
}

// trilu keeps the upper or lower triangle of the matrices in the last two axes.
func (b *builder) trilu(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	shift := 0.0
	if k, err := b.constant(n, 1, true); err != nil {
		return err
	} else if k != nil {
		if shift, err = k.scalar(); err != nil {
			return err
		}
	}
	if len(d) < 2 {
		return fmt.Errorf("it takes a triangle of shape %v", d)
	}
	rows, cols := d[len(d)-2], d[len(d)-1]
	upper := n.int("upper", 1) != 0
	keep := &konst{dims: []int{rows, cols}, kind: typeBool, nums: make([]float64, rows*cols)}
	if err := b.room.take(rows * cols); err != nil {
		return err
	}
	for i := range keep.nums {
		far := float64(i%cols-i/cols) - shift
		if upper && far >= 0 || !upper && far <= 0 {
			keep.nums[i] = 1
		}
	}
	m, err := b.literal(n, keep)
	if err != nil {
		return err
	}
	zero, err := b.literal(n, &konst{kind: b.types[x], nums: []float64{0}})
	if err != nil {
		return err
	}
	if err := b.emit(n, &Where{}, d, m, x, zero); err != nil {
		return err
	}
	b.types[b.vals[n.outputs[0]]] = b.types[x]
	return nil
}
