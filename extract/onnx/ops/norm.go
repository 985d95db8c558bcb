package ops

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/plan"
)

// batchNorm is y = (x - mean) / sqrt(var + epsilon) * scale + bias, an affine map of each channel.
// The attribute spatial is ignored: exporters write 0 where they mean 1.
func (b *Builder) batchNorm(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	if len(d) < 2 {
		return fmt.Errorf("its input has shape %v", d)
	}
	if n.Int("training_mode", 0) != 0 {
		return load.Unsupported(n, "training mode")
	}
	if len(n.Inputs) > 5 {
		return fmt.Errorf("unexpected number of inputs: %d", len(n.Inputs))
	}
	var p [4][]float32
	for i := range p {
		if p[i], err = b.floatsArg(n, i+1, d[1], false); err != nil {
			return err
		}
	}
	eps := float64(n.Float("epsilon", 1e-5))
	op := &plan.Affine{Axis: 1, Scale: make([]float32, d[1]), Shift: make([]float32, d[1])}
	for c := range op.Scale {
		s := float64(p[0][c]) / math.Sqrt(float64(p[3][c])+eps)
		op.Scale[c] = float32(s)
		op.Shift[c] = float32(float64(p[1][c]) - s*float64(p[2][c]))
	}
	return b.emit(n, op, d, x)
}

// layerNorm is LayerNormalization, and ONNX Runtime's with a sum before it.
func (b *Builder) layerNorm(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	scaleAt, shiftAt := 1, 2
	if n.Op == "SkipLayerNormalization" {
		scaleAt, shiftAt = 2, 3
		y, _, err := b.operand(n, 1)
		if err != nil {
			return err
		}
		if x, err = b.combined(n, "", plan.Add, x, y); err != nil {
			return err
		}
		if len(n.Inputs) > 4 && n.Inputs[4] != "" {
			y, _, err := b.operand(n, 4)
			if err != nil {
				return err
			}
			if x, err = b.combined(n, "", plan.Add, x, y); err != nil {
				return err
			}
		}
		if len(n.Outputs) > 3 && n.Outputs[3] != "" {
			b.vals[n.Outputs[3]] = x
		}
	}
	at, err := load.Axis(int64(n.Int("axis", -1)), len(d))
	if err != nil {
		return err
	}
	if err := b.refuseBatchAxis(n, x, at); err != nil {
		return err
	}
	op := &plan.LayerNorm{Axis: at, Epsilon: n.Float("epsilon", 1e-5)}
	rest := d[at:]
	spreadOut := func(i int, optional bool) ([]float32, error) {
		k, err := b.constantArg(n, i, optional)
		if k == nil || err != nil {
			return nil, err
		}
		f, err := k.Float32s()
		if err != nil {
			return nil, err
		}
		full, err := plan.Broadcast(rest, k.Dims)
		if err != nil || !slices.Equal(full, rest) {
			return nil, fmt.Errorf("its input %d of shape %v does not match %v", i+1, k.Dims, rest)
		}
		if len(f) == load.Elements(rest) {
			return f, nil
		}
		out := make([]float32, load.Elements(rest))
		w := plan.Spread(k.Dims, rest)
		for j := range out {
			out[j] = f[w.Next()]
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
func (b *Builder) groupNorm(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	if len(d) < 3 || b.imageDims(x)[0] != 1 {
		return load.Unsupported(n, "its input has shape %v", d)
	}
	op := &plan.GroupNorm{Groups: d[1], Epsilon: n.Float("epsilon", 1e-5)}
	if n.Op == "GroupNormalization" {
		op.Groups = n.Int("num_groups", 0)
	}
	if op.Groups < 1 || d[1]%op.Groups != 0 {
		return fmt.Errorf("%d groups do not divide %d channels", op.Groups, d[1])
	}
	for i, p := range []*[]float32{&op.Scale, &op.Shift} {
		k, err := b.constantArg(n, i+1, false)
		if err != nil {
			return err
		}
		f, err := k.Float32s()
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
			return fmt.Errorf("its input %d has %d values for %d channels in %d groups", i+2, len(f), d[1], op.Groups)
		}
	}
	return b.emit(n, op, d, x)
}

// lpNorm divides by the sum of absolute values or by the root of that of squares along an axis.
func (b *Builder) lpNorm(n *load.Node) error {
	x, d, at, err := b.operandAxis(n, -1)
	if err != nil {
		return err
	}
	kind := plan.ReduceL2
	if p := n.Int("p", 2); p == 1 {
		kind = plan.ReduceL1
	} else if p != 2 {
		return fmt.Errorf("norm p=%d is not 1 or 2", p)
	}
	small := slices.Clone(d)
	small[at] = 1
	s, err := b.addStep(n, "", &plan.Reduce{Kind: kind, Axes: []int{at}}, small, x)
	if err != nil {
		return err
	}
	// What is 0 everywhere stays 0.
	if s, err = b.addStep(n, "", &plan.Activation{Kind: plan.Clip, Lo: 0x1p-126, Hi: math.MaxFloat32}, small, s); err != nil {
		return err
	}
	return b.combine(n, n.Outputs[0], plan.Div, x, s)
}

// meanVariance normalises over axes to mean 0 and variance 1.
func (b *Builder) meanVariance(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	axes := []int{0, 2, 3}
	if v, ok := n.Attrs["axes"].([]int64); ok {
		axes = nil
		for _, a := range v {
			i, err := load.Axis(a, len(d))
			if err != nil {
				return err
			}
			axes = append(axes, i)
		}
		slices.Sort(axes)
	}
	if len(axes) == 0 || axes[len(axes)-1] >= len(d) {
		return fmt.Errorf("cannot normalise axes %v of shape %v", axes, d)
	}
	if err := b.refuseBatchAxis(n, x, axes...); err != nil {
		return err
	}
	small := slices.Clone(d)
	for _, a := range axes {
		small[a] = 1
	}
	m, err := b.addStep(n, "", &plan.Reduce{Kind: plan.ReduceMean, Axes: axes}, small, x)
	if err != nil {
		return err
	}
	c, err := b.combined(n, "", plan.Sub, x, m)
	if err != nil {
		return err
	}
	sq, err := b.combined(n, "", plan.Mul, c, c)
	if err != nil {
		return err
	}
	v, err := b.addStep(n, "", &plan.Reduce{Kind: plan.ReduceMean, Axes: axes}, small, sq)
	if err != nil {
		return err
	}
	if v, err = b.addStep(n, "", &plan.Activation{Kind: plan.Sqrt}, small, v); err != nil {
		return err
	}
	if v, err = b.addStep(n, "", &plan.Affine{Axis: len(d) - 1, Shift: slices.Repeat([]float32{1e-9}, small[len(d)-1])}, small, v); err != nil {
		return err
	}
	return b.combine(n, n.Outputs[0], plan.Div, c, v)
}

// softmax works over all axes from the named one on before opset 13, over that one since.
func (b *Builder) softmax(n *load.Node) error {
	def := 1
	if b.file.Model.Opset >= 13 {
		def = -1
	}
	x, d, at, err := b.operandAxis(n, def)
	if err != nil {
		return err
	}
	op := &plan.Softmax{From: at, To: len(d), Log: n.Op == "LogSoftmax"}
	if b.file.Model.Opset >= 13 {
		op.To = at + 1
	}
	return b.emit(n, op, d, x)
}

var reductions = map[string]plan.ReduceKind{
	"ReduceSum": plan.ReduceSum, "ReduceMean": plan.ReduceMean, "ReduceMax": plan.ReduceMax, "ReduceMin": plan.ReduceMin, "ReduceProd": plan.ReduceProd,
	"ReduceL1": plan.ReduceL1, "ReduceL2": plan.ReduceL2, "ReduceSumSquare": plan.ReduceSumSquare, "ReduceLogSum": plan.ReduceLogSum, "ReduceLogSumExp": plan.ReduceLogSumExp,
}

// reduce combines the entries of axes; the mean over the height and width of feature maps is the global pooling.
func (b *Builder) reduce(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	axes, _, err := b.integersArg(n, "axes", 1)
	if err != nil {
		return err
	}
	if len(axes) == 0 {
		if n.Int("noop_with_empty_axes", 0) != 0 {
			return b.alias(n, x)
		}
		for a := range d {
			axes = append(axes, int64(a))
		}
	}
	over := make([]bool, len(d))
	for _, a := range axes {
		i, err := load.Axis(a, len(d))
		if err != nil {
			return err
		}
		over[i] = true
	}
	keep := n.Int("keepdims", 1) != 0
	op := &plan.Reduce{Kind: reductions[n.Op]}
	out := []int{}
	for i, s := range d {
		if over[i] {
			op.Axes = append(op.Axes, i)
			if err := b.refuseBatchAxis(n, x, i); err != nil {
				return err
			}
			if keep {
				out = append(out, 1)
			}
			continue
		}
		out = append(out, s)
	}
	if op.Kind == plan.ReduceMean && len(d) == 4 && len(op.Axes) == 2 && over[2] && over[3] && b.imageDims(x)[0] == 1 && !b.fixed[x] {
		if keep {
			return b.emit(n, &plan.GlobalPool{}, out, x)
		}
		y, err := b.addStep(n, "", &plan.GlobalPool{}, []int{d[0], d[1], 1, 1}, x)
		if err != nil {
			return err
		}
		return b.emit(n, &plan.Reshape{}, out, y)
	}
	if (op.Kind == plan.ReduceMean || op.Kind == plan.ReduceMax || op.Kind == plan.ReduceMin) && load.Elements(d) == 0 {
		return errors.New("reduction over no elements")
	}
	return b.emit(n, op, out, x)
}

func (b *Builder) cumSum(n *load.Node) error {
	x, d, k, err := b.operandConstant(n)
	if err != nil {
		return err
	}
	a, err := k.Scalar()
	if err != nil {
		return err
	}
	at, err := load.Axis(int64(a), len(d))
	if err != nil {
		return err
	}
	if err := b.refuseBatchAxis(n, x, at); err != nil {
		return err
	}
	return b.emit(n, &plan.CumSum{Axis: at, Reverse: n.Int("reverse", 0) != 0, Exclusive: n.Int("exclusive", 0) != 0}, d, x)
}
