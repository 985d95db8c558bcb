package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// batchNorm is y = (x - mean) / sqrt(var + epsilon) * scale + bias, an affine map of each channel.
// The attribute spatial is ignored: exporters write 0 where they mean 1.
func (b *builder) batchNorm(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	if len(d) < 2 {
		return fmt.Errorf("it normalises a value of shape %v", d)
	}
	if n.int("training_mode", 0) != 0 {
		return unsupported(n, "is in training mode")
	}
	if len(n.inputs) > 5 {
		return fmt.Errorf("it has %d arguments", len(n.inputs))
	}
	var p [4][]float32
	for i := range p {
		if p[i], err = b.floats(n, i+1, d[1], false); err != nil {
			return err
		}
	}
	eps := float64(n.float("epsilon", 1e-5))
	op := &Affine{Axis: 1, Scale: make([]float32, d[1]), Shift: make([]float32, d[1])}
	for c := range op.Scale {
		s := float64(p[0][c]) / math.Sqrt(float64(p[3][c])+eps)
		op.Scale[c] = float32(s)
		op.Shift[c] = float32(float64(p[1][c]) - s*float64(p[2][c]))
	}
	return b.emit(n, op, d, x)
}

// layerNorm is LayerNormalization, and ONNX Runtime's with a sum before it.
func (b *builder) layerNorm(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	scaleAt, shiftAt := 1, 2
	if n.op == "SkipLayerNormalization" {
		scaleAt, shiftAt = 2, 3
		y, _, err := b.image(n, 1)
		if err != nil {
			return err
		}
		if x, err = b.combined(n, "", Add, x, y); err != nil {
			return err
		}
		if len(n.inputs) > 4 && n.inputs[4] != "" {
			y, _, err := b.image(n, 4)
			if err != nil {
				return err
			}
			if x, err = b.combined(n, "", Add, x, y); err != nil {
				return err
			}
		}
		if len(n.outputs) > 3 && n.outputs[3] != "" {
			b.vals[n.outputs[3]] = x
		}
	}
	at, err := strictAxis(int64(n.int("axis", -1)), len(d))
	if err != nil {
		return err
	}
	if err := b.along(n, x, at); err != nil {
		return err
	}
	op := &LayerNorm{Axis: at, Epsilon: n.float("epsilon", 1e-5)}
	rest := d[at:]
	spreadOut := func(i int, optional bool) ([]float32, error) {
		k, err := b.constant(n, i, optional)
		if k == nil || err != nil {
			return nil, err
		}
		f, err := k.float32s()
		if err != nil {
			return nil, err
		}
		full, err := broadcast(rest, k.dims)
		if err != nil || !slices.Equal(full, rest) {
			return nil, fmt.Errorf("its argument %d of shape %v does not fit %v", i+1, k.dims, rest)
		}
		if len(f) == product(rest) {
			return f, nil
		}
		out := make([]float32, product(rest))
		w := spread(k.dims, rest)
		for j := range out {
			out[j] = f[w.next()]
		}
		return out, nil
	}
	if op.Scale, err = spreadOut(scaleAt, false); err != nil {
		return err
	}
	if op.Shift, err = spreadOut(shiftAt, true); err != nil {
		return err
	}
	return b.emit(n, op, d, x)
}

// groupNorm is InstanceNormalization (a group for each channel) and GroupNormalization, whose scale and
// bias are by group before operator set 21, by channel since.
func (b *builder) groupNorm(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	if len(d) < 3 || b.own(x)[0] != 1 {
		return unsupported(n, "normalises a value of shape %v", d)
	}
	op := &GroupNorm{Groups: d[1], Epsilon: n.float("epsilon", 1e-5)}
	if n.op == "GroupNormalization" {
		op.Groups = n.int("num_groups", 0)
	}
	if op.Groups < 1 || d[1]%op.Groups != 0 {
		return fmt.Errorf("it makes %d groups of %d channels", op.Groups, d[1])
	}
	for i, p := range []*[]float32{&op.Scale, &op.Shift} {
		k, err := b.constant(n, i+1, false)
		if err != nil {
			return err
		}
		f, err := k.float32s()
		if err != nil {
			return err
		}
		switch len(f) {
		case d[1]:
			*p = f
		case op.Groups:
			*p = make([]float32, d[1])
			for c := range *p {
				(*p)[c] = f[c/(d[1]/op.Groups)]
			}
		default:
			return fmt.Errorf("its argument %d has %d values for %d channels in %d groups", i+2, len(f), d[1], op.Groups)
		}
	}
	return b.emit(n, op, d, x)
}

// lpNorm divides by the sum of absolute values or by the root of that of squares along an axis.
func (b *builder) lpNorm(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	at, err := strictAxis(int64(n.int("axis", -1)), len(d))
	if err != nil {
		return err
	}
	if err := b.along(n, x, at); err != nil {
		return err
	}
	kind := ReduceL2
	if p := n.int("p", 2); p == 1 {
		kind = ReduceL1
	} else if p != 2 {
		return fmt.Errorf("its p is %d", p)
	}
	small := slices.Clone(d)
	small[at] = 1
	s, err := b.step(n, "", &Reduce{Kind: kind, Axes: []int{at}}, small, x)
	if err != nil {
		return err
	}
	// What is 0 everywhere stays 0.
	if s, err = b.step(n, "", &Activation{Kind: Clip, Lo: 0x1p-126, Hi: math.MaxFloat32}, small, s); err != nil {
		return err
	}
	return b.combine(n, n.outputs[0], Div, x, s)
}

// meanVariance normalises over axes to mean 0 and variance 1.
func (b *builder) meanVariance(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	axes := []int{0, 2, 3}
	if v, ok := n.attrs["axes"].([]int64); ok {
		axes = nil
		for _, a := range v {
			i, err := strictAxis(a, len(d))
			if err != nil {
				return err
			}
			axes = append(axes, i)
		}
		slices.Sort(axes)
	}
	if len(axes) == 0 || axes[len(axes)-1] >= len(d) {
		return fmt.Errorf("it normalises axes %v of shape %v", axes, d)
	}
	if err := b.along(n, x, axes...); err != nil {
		return err
	}
	small := slices.Clone(d)
	for _, a := range axes {
		small[a] = 1
	}
	m, err := b.step(n, "", &Reduce{Kind: ReduceMean, Axes: axes}, small, x)
	if err != nil {
		return err
	}
	c, err := b.combined(n, "", Sub, x, m)
	if err != nil {
		return err
	}
	sq, err := b.combined(n, "", Mul, c, c)
	if err != nil {
		return err
	}
	v, err := b.step(n, "", &Reduce{Kind: ReduceMean, Axes: axes}, small, sq)
	if err != nil {
		return err
	}
	if v, err = b.step(n, "", &Activation{Kind: Sqrt}, small, v); err != nil {
		return err
	}
	if v, err = b.step(n, "", &Affine{Axis: len(d) - 1, Shift: slices.Repeat([]float32{1e-9}, small[len(d)-1])}, small, v); err != nil {
		return err
	}
	return b.combine(n, n.outputs[0], Div, c, v)
}

// softmax works over all axes from the named one on before opset 13, over that one since.
func (b *builder) softmax(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	def := 1
	if b.file.model.opset >= 13 {
		def = -1
	}
	at, err := strictAxis(int64(n.int("axis", def)), len(d))
	if err != nil {
		return err
	}
	if err := b.along(n, x, at); err != nil {
		return err
	}
	op := &Softmax{From: at, To: len(d), Log: n.op == "LogSoftmax"}
	if b.file.model.opset >= 13 {
		op.To = at + 1
	}
	return b.emit(n, op, d, x)
}

var reductions = map[string]ReduceKind{
	"ReduceSum": ReduceSum, "ReduceMean": ReduceMean, "ReduceMax": ReduceMax, "ReduceMin": ReduceMin, "ReduceProd": ReduceProd,
	"ReduceL1": ReduceL1, "ReduceL2": ReduceL2, "ReduceSumSquare": ReduceSumSquare, "ReduceLogSum": ReduceLogSum, "ReduceLogSumExp": ReduceLogSumExp,
}

// reduce combines the entries of axes; the mean over the height and width of feature maps is the global pooling.
func (b *builder) reduce(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	axes, _, err := b.integers(n, "axes", 1)
	if err != nil {
		return err
	}
	if len(axes) == 0 {
		if n.int("noop_with_empty_axes", 0) != 0 {
			return b.alias(n, x)
		}
		for a := range d {
			axes = append(axes, int64(a))
		}
	}
	over := make([]bool, len(d))
	for _, a := range axes {
		i, err := strictAxis(a, len(d))
		if err != nil {
			return err
		}
		over[i] = true
	}
	keep := n.int("keepdims", 1) != 0
	op := &Reduce{Kind: reductions[n.op]}
	out := []int{}
	for i, s := range d {
		if over[i] {
			op.Axes = append(op.Axes, i)
			if err := b.along(n, x, i); err != nil {
				return err
			}
			if keep {
				out = append(out, 1)
			}
			continue
		}
		out = append(out, s)
	}
	if op.Kind == ReduceMean && len(d) == 4 && len(op.Axes) == 2 && over[2] && over[3] && b.own(x)[0] == 1 && !b.fixed[x] {
		if keep {
			return b.emit(n, &GlobalPool{}, out, x)
		}
		y, err := b.step(n, "", &GlobalPool{}, []int{d[0], d[1], 1, 1}, x)
		if err != nil {
			return err
		}
		return b.emit(n, &Reshape{}, out, y)
	}
	if (op.Kind == ReduceMean || op.Kind == ReduceMax || op.Kind == ReduceMin) && product(d) == 0 {
		return errors.New("it combines nothing")
	}
	return b.emit(n, op, out, x)
}

func (b *builder) cumSum(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	k, err := b.constant(n, 1, false)
	if err != nil {
		return err
	}
	a, err := k.scalar()
	if err != nil {
		return err
	}
	at, err := strictAxis(int64(a), len(d))
	if err != nil {
		return err
	}
	if err := b.along(n, x, at); err != nil {
		return err
	}
	return b.emit(n, &CumSum{Axis: at, Reverse: n.int("reverse", 0) != 0, Exclusive: n.int("exclusive", 0) != 0}, d, x)
}
