package ops

import (
	"errors"
	"fmt"
	"slices"

	"vzsl/extract/onnx/fold"
	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/plan"
)

func (b *Builder) reshape(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	arg, err := b.constantArg(n, 1, true)
	if err != nil {
		return err
	}
	dims, err := fold.Reshaped(n, d, load.Elements(d), arg)
	if err != nil {
		return err
	}
	if slices.Equal(dims, d) {
		return b.alias(n, x)
	}
	return b.emit(n, &plan.Reshape{}, dims, x)
}

func (b *Builder) transpose(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	perm, err := fold.Permutation(n, len(d))
	if err != nil {
		return err
	}
	v, err := b.permute(n, n.Outputs[0], x, perm)
	if err != nil {
		return err
	}
	return b.alias(n, v)
}

// permute emits a permutation, unless it changes nothing.
func (b *Builder) permute(n *load.Node, name string, x int, perm []int) (int, error) {
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
		if err := b.refuseBatchAxis(n, x, 0); err != nil {
			return 0, load.Unsupported(n, "permutation %[2]v moves the batch axis of %[1]d images", b.batch, perm)
		}
	}
	return b.addStep(n, name, &plan.Transpose{Perm: perm}, out, x)
}

func (b *Builder) shapeOf(n *load.Node) error {
	_, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	b.consts[n.Outputs[0]] = fold.ShapeSlice(n, d)
	return nil
}

func (b *Builder) sizeOf(n *load.Node) error {
	_, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	b.consts[n.Outputs[0]] = fold.OfIntegers([]int64{int64(load.Elements(d))})
	return nil
}

func (b *Builder) concat(n *load.Node) error {
	var in []int
	var d []int
	at := 0
	for i := range n.Inputs {
		v, dv, err := b.operand(n, i)
		if err == nil && b.batch > 1 && !b.folding && b.fixed[v] {
			v, err = b.unbatchConstant(n, v)
		}
		if err != nil {
			return err
		}
		if d == nil {
			d = dv
			if at, err = load.Axis(int64(n.Int("axis", 1)), len(d)); err != nil {
				return err
			}
		} else {
			if len(dv) != len(d) {
				return fmt.Errorf("cannot concatenate shapes %v and %v", d, dv)
			}
			for a := range d {
				if a != at && d[a] != dv[a] {
					return fmt.Errorf("cannot concatenate shapes %v and %v along axis %d", d, dv, at)
				}
			}
			d[at] += dv[at]
		}
		if load.Elements(dv) > 0 || b.folding {
			in = append(in, v)
		}
	}
	if len(in) == 0 {
		return errors.New("nothing to concatenate")
	}
	if b.batch > 1 {
		for _, v := range in {
			if b.fixed[v] != b.fixed[in[0]] || !b.fixed[v] && at == 0 {
				return load.Unsupported(n, "mixes the images of a batch of %d", b.batch)
			}
		}
	}
	if len(in) == 1 {
		return b.alias(n, in[0])
	}
	return b.emit(n, &plan.Concat{Axis: at}, d, in...)
}

// unbatchConstant makes a constant that repeats a batch of several images' worth of values, such as a class token, a value of
// each image's own.
func (b *Builder) unbatchConstant(n *load.Node, v int) (int, error) {
	d := b.plan.Values[v].Dims
	last := &b.plan.Steps[len(b.plan.Steps)-1]
	c, ok := last.Op.(*plan.Constant)
	if !ok || last.Out != v || len(d) == 0 || d[0]%b.batch != 0 {
		return v, nil
	}
	nums, err := c.Value.Float64s()
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
	out, err := b.addValue("", d, c.Value.Type(), false)
	if err != nil {
		return 0, err
	}
	b.plan.Steps = append(b.plan.Steps, plan.Step{Node: n.String(), Op: &plan.Constant{Value: &fold.Constant{Dims: one, Kind: c.Value.Type(), Values: nums[:per], InPlan: true}}, Out: out})
	return out, nil
}

// split takes parts one after another along an axis.
func (b *Builder) split(n *load.Node) error {
	x, d, at, err := b.operandAxis(n, 0)
	if err != nil {
		return err
	}
	sizes, ok, err := b.integersArg(n, "split", 1)
	if err != nil {
		return err
	}
	if !ok { // equal parts; the last is smaller where they do not come out even
		count := n.Int("num_outputs", len(n.Outputs))
		if count < 1 || count > load.MaxList {
			return fmt.Errorf("cannot split into %d parts", count)
		}
		part := (d[at] + count - 1) / count
		for lo := 0; len(sizes) < count; lo += part {
			sizes = append(sizes, int64(max(0, min(part, d[at]-lo))))
		}
	}
	if len(sizes) < len(n.Outputs) {
		return fmt.Errorf("%d outputs for split sizes %v", len(n.Outputs), sizes)
	}
	lo := 0
	for i, s := range sizes {
		if s < 0 || lo+int(s) > d[at] {
			return fmt.Errorf("split sizes %v do not match axis %d of shape %v", sizes, at, d)
		}
		if i < len(n.Outputs) && n.Outputs[i] != "" {
			if _, err := b.sliceAxis(n, n.Outputs[i], x, at, lo, int(s)); err != nil {
				return err
			}
		}
		lo += int(s)
	}
	if lo != d[at] {
		return fmt.Errorf("split sizes %v do not match axis %d of shape %v", sizes, at, d)
	}
	return nil
}

// sliceAxis emits the entries lo to lo+count-1 of an axis.
func (b *Builder) sliceAxis(n *load.Node, name string, x, axis, lo, count int) (int, error) {
	d := b.dims(x)
	op := &plan.Slice{Start: make([]int, len(d)), Step: make([]int, len(d))}
	for i := range op.Step {
		op.Step[i] = 1
	}
	op.Start[axis] = lo
	d[axis] = count
	return b.addStep(n, name, op, d, x)
}

func (b *Builder) slice(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	var lists [4][]int64 // starts, ends, axes, steps
	var ok [4]bool
	for i, name := range []string{"starts", "ends", "axes", "steps"} {
		if lists[i], ok[i], err = b.integersArg(n, name, i+1); err != nil {
			return err
		}
	}
	starts, ends := lists[0], lists[1]
	if !ok[0] || !ok[1] || len(starts) != len(ends) || ok[2] && len(lists[2]) != len(starts) || ok[3] && len(lists[3]) != len(starts) || len(starts) > len(d) {
		return fmt.Errorf("starts %v, ends %v, axes %v and steps %v do not match", starts, ends, lists[2], lists[3])
	}
	op := &plan.Slice{Start: make([]int, len(d)), Step: make([]int, len(d))}
	for i := range op.Step {
		op.Step[i] = 1
	}
	out := slices.Clone(d)
	for i := range starts {
		a := i
		if ok[2] {
			if a, err = load.Axis(lists[2][i], len(d)); err != nil {
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
			return errors.New("a step of 0")
		}
		if count = max(count, 0); count == size && step == 1 {
			continue
		}
		if err := b.refuseBatchAxis(n, x, a); err != nil {
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

func (b *Builder) expand(n *load.Node) error {
	x, d, k, err := b.operandConstant(n)
	if err != nil {
		return err
	}
	to, _, err := fold.Shape(k)
	if err != nil {
		return err
	}
	out, err := plan.Broadcast(d, to)
	if err != nil {
		return err
	}
	if slices.Equal(out, d) {
		return b.alias(n, x)
	}
	if len(out) != len(d) || out[0] != d[0] {
		if err := b.refuseBatchAxis(n, x, 0); err != nil {
			return err
		}
	}
	return b.emit(n, &plan.Expand{}, out, x)
}

// depth moves blocks of pixels to channels or back.
func (b *Builder) depthSpace(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	s := n.Int("blocksize", 0)
	if len(d) != 4 || s < 1 {
		return fmt.Errorf("cannot rearrange shape %v by blocks of %d", d, s)
	}
	c, h, w := d[1], d[2], d[3]
	var from, perm, to []int
	if n.Op == "SpaceToDepth" {
		if h%s != 0 || w%s != 0 {
			return fmt.Errorf("blocks of %d do not divide shape %v", s, d)
		}
		from, perm, to = []int{d[0], c, h / s, s, w / s, s}, []int{0, 3, 5, 1, 2, 4}, []int{d[0], c * s * s, h / s, w / s}
	} else {
		if c%(s*s) != 0 {
			return fmt.Errorf("blocks of %d do not divide shape %v", s, d)
		}
		from, perm, to = []int{d[0], s, s, c / s / s, h, w}, []int{0, 3, 4, 1, 5, 2}, []int{d[0], c / s / s, h * s, w * s}
		if n.Str("mode", "DCR") == "CRD" {
			from, perm = []int{d[0], c / s / s, s, s, h, w}, []int{0, 1, 4, 2, 5, 3}
		}
	}
	y, err := b.addStep(n, "", &plan.Reshape{}, from, x)
	if err != nil {
		return err
	}
	if y, err = b.permute(n, "", y, perm); err != nil {
		return err
	}
	return b.emit(n, &plan.Reshape{}, to, y)
}

// trilu keeps the upper or lower triangle of the matrices in the last two axes.
func (b *Builder) trilu(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	shift := 0.0
	if k, err := b.constantArg(n, 1, true); err != nil {
		return err
	} else if k != nil {
		if shift, err = k.Scalar(); err != nil {
			return err
		}
	}
	if len(d) < 2 {
		return fmt.Errorf("no triangle of shape %v", d)
	}
	rows, cols := d[len(d)-2], d[len(d)-1]
	upper := n.Int("upper", 1) != 0
	keep := &fold.Constant{Dims: []int{rows, cols}, Kind: load.TypeBool, Values: make([]float64, rows*cols)}
	if err := b.budget.Spend(rows * cols); err != nil {
		return err
	}
	for i := range keep.Values {
		far := float64(i%cols-i/cols) - shift
		if upper && far >= 0 || !upper && far <= 0 {
			keep.Values[i] = 1
		}
	}
	m, err := b.constantValue(n, keep)
	if err != nil {
		return err
	}
	zero, err := b.constantValue(n, &fold.Constant{Kind: b.types[x], Values: []float64{0}})
	if err != nil {
		return err
	}
	if err := b.emit(n, &plan.Where{}, d, m, x, zero); err != nil {
		return err
	}
	b.types[b.vals[n.Outputs[0]]] = b.types[x]
	return nil
}
