package ops

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/plan"
)

// pad puts a border around a value: a constant one is a step, the others take entries of the axis once more.
func (b *Builder) pad(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	value := float64(n.Float("value", 0))
	pads, ok := n.Attrs["pads"].([]int64)
	if !ok {
		pads, ok = n.Attrs["paddings"].([]int64)
	}
	axes := make([]int64, len(d))
	for i := range axes {
		axes[i] = int64(i)
	}
	if !ok {
		k, err := b.constantArg(n, 1, false)
		if err != nil {
			return err
		}
		if pads, err = k.Int64s(); err != nil {
			return err
		}
		if k, err = b.constantArg(n, 2, true); err != nil {
			return err
		} else if k != nil && k.Len() > 0 {
			if value, err = k.Scalar(); err != nil {
				return err
			}
		}
		if k, err = b.constantArg(n, 3, true); err != nil {
			return err
		} else if k != nil {
			if axes, err = k.Int64s(); err != nil {
				return err
			}
		}
	}
	if len(pads) != 2*len(axes) {
		return fmt.Errorf("padding %v does not match shape %v", pads, d)
	}
	mode := n.Str("mode", "constant")
	op := &plan.Pad{Before: make([]int, len(d)), After: make([]int, len(d)), Value: float32(value)}
	out, any := slices.Clone(d), false
	for i, a := range axes {
		at, err := load.Axis(a, len(d))
		if err != nil {
			return err
		}
		before, after := pads[i], pads[i+len(axes)]
		if max(before, -before, after, -after) > load.MaxExtent {
			return fmt.Errorf("padding %v is out of range", pads)
		}
		if before == 0 && after == 0 {
			continue
		}
		if err := b.refuseBatchAxis(n, x, at); err != nil {
			return err
		}
		// Negative padding takes entries away.
		if lo, hi := max(0, -before), max(0, -after); lo+hi > 0 {
			if int(lo+hi) >= out[at] {
				return fmt.Errorf("padding %v leaves nothing of shape %v", pads, d)
			}
			if x, err = b.sliceAxis(n, "", x, at, int(lo), out[at]-int(lo+hi)); err != nil {
				return err
			}
			out[at] -= int(lo + hi)
		}
		lo, hi := int(max(before, 0)), int(max(after, 0))
		if lo+hi == 0 {
			continue
		}
		if mode == "constant" {
			op.Before[at], op.After[at] = lo, hi
			out[at] += lo + hi
			any = true
			continue
		}
		index, err := border(mode, lo, out[at], hi)
		if err != nil {
			return load.Unsupported(n, "%v", err)
		}
		if x, err = b.gatherEntries(n, x, at, index); err != nil {
			return err
		}
		out[at] = len(index)
	}
	if !any {
		return b.alias(n, x)
	}
	return b.emit(n, op, out, x)
}

// border are the entries of an axis with padding of a mode.
func border(mode string, before, size, after int) ([]int, error) {
	if size == 0 {
		return nil, errors.New("padding of an axis without elements")
	}
	index := make([]int, before+size+after)
	for i := range index {
		at := i - before
		switch mode {
		case "edge":
			at = min(max(at, 0), size-1)
		case "wrap":
			at = (at%size + size) % size
		case "reflect":
			if period := 2 * (size - 1); period > 0 {
				at = (at%period + period) % period
				at = min(at, period-at)
			} else {
				at = 0
			}
		default:
			return nil, fmt.Errorf("padding mode %q", mode)
		}
		index[i] = at
	}
	return index, nil
}

// resize is Resize and Upsample. Each axis is a matter of its own: nearest takes entries, linear and cubic
// add up a few with weights.
func (b *Builder) resize(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	r := resizing{mode: n.Str("mode", "nearest"), coordinates: n.Str("coordinate_transformation_mode", "half_pixel"),
		rounding: n.Str("nearest_mode", "round_prefer_floor"), cubic: float64(n.Float("cubic_coeff_a", -0.75)),
		exclude: n.Int("exclude_outside", 0) != 0, antialias: n.Int("antialias", 0) != 0}
	if n.Op == "Upsample" || b.file.Model.Opset < 11 {
		r.coordinates, r.rounding = "asymmetric", "floor"
	}
	scalesAt, sizesAt := 2, 3
	if n.Op == "Upsample" || b.file.Model.Opset < 11 {
		scalesAt, sizesAt = 1, -1
	}
	axes := make([]int, len(d))
	for i := range axes {
		axes[i] = i
	}
	if v, ok := n.Attrs["axes"].([]int64); ok {
		axes = nil
		for _, a := range v {
			at, err := load.Axis(a, len(d))
			if err != nil {
				return err
			}
			axes = append(axes, at)
		}
	}
	scales, ok := n.Attrs["scales"].([]float32)
	if !ok {
		k, err := b.constantArg(n, scalesAt, true)
		if err != nil {
			return err
		}
		if k != nil && k.Len() > 0 {
			if scales, err = k.Float32s(); err != nil {
				return err
			}
		}
	}
	var sizes []int64
	if sizesAt > 0 && scales == nil {
		k, err := b.constantArg(n, sizesAt, true)
		if err != nil {
			return err
		}
		if k != nil {
			if sizes, err = k.Int64s(); err != nil {
				return err
			}
		}
	}
	if len(scales) != len(axes) && len(sizes) != len(axes) {
		return fmt.Errorf("scales %v and sizes %v do not match shape %v", scales, sizes, d)
	}
	policy := n.Str("keep_aspect_ratio_policy", "stretch")
	if sizes != nil && policy != "stretch" {
		best := 0.0
		for i, a := range axes {
			f := float64(sizes[i]) / float64(d[a])
			if i == 0 || policy == "not_larger" && f < best || policy == "not_smaller" && f > best {
				best = f
			}
		}
		sizes = slices.Clone(sizes)
		scales = make([]float32, len(sizes))
		for i, a := range axes {
			sizes[i] = int64(math.Floor(best*float64(d[a]) + 0.5))
			scales[i] = float32(best)
		}
	}
	for i, a := range axes {
		size, scale := d[a], 1.0
		if scales != nil {
			scale = float64(scales[i])
			size = int(scale * float64(d[a]))
		}
		if sizes != nil {
			size = int(min(sizes[i], load.MaxValue))
			if scales == nil {
				scale = float64(size) / float64(d[a])
			}
		}
		if r.coordinates == "align_corners" && scales != nil && sizes == nil && math.Abs(scale*float64(d[a])-float64(size)) > 1e-3 {
			return load.Unsupported(n, "align_corners of an axis of size %d scaled by %v, on which implementations disagree", d[a], scale)
		}
		if size < 1 || size > load.MaxValue || !(scale > 0) || d[a] == 0 {
			return fmt.Errorf("cannot resize an axis of size %[2]d to %[1]d", size, d[a])
		}
		if size == d[a] && scale == 1 {
			continue
		}
		if err := b.refuseBatchAxis(n, x, a); err != nil {
			return err
		}
		if x, err = b.resized(n, x, a, size, scale, &r); err != nil {
			return err
		}
	}
	return b.alias(n, x)
}

// resizing is how an axis is resized.
type resizing struct {
	mode, coordinates, rounding string
	cubic                       float64
	exclude, antialias          bool
}

// resized emits one axis at another size.
func (b *Builder) resized(n *load.Node, x, axis, size int, scale float64, r *resizing) (int, error) {
	d := b.dims(x)
	from := d[axis]
	index := make([]int, 0, size)
	if r.mode == "nearest" {
		for o := range size {
			at, err := r.place(o, from, size, scale)
			if err != nil {
				return 0, load.Unsupported(n, "%v", err)
			}
			var i float64
			switch r.rounding {
			case "round_prefer_floor":
				i = math.Ceil(at - 0.5)
			case "round_prefer_ceil":
				i = math.Floor(at + 0.5)
			case "floor":
				i = math.Floor(at)
			case "ceil":
				i = math.Ceil(at)
			default:
				return 0, fmt.Errorf("unknown nearest_mode %q", r.rounding)
			}
			index = append(index, min(max(int(i), 0), from-1))
		}
		return b.gatherEntries(n, x, axis, index)
	}
	reach, weigh := 1.0, func(t float64) float64 { return max(0, 1-math.Abs(t)) }
	if r.mode == "cubic" {
		reach, weigh = 2, func(t float64) float64 {
			t, a := math.Abs(t), r.cubic
			switch {
			case t <= 1:
				return ((a+2)*t-(a+3))*t*t + 1
			case t < 2:
				return ((a*t-5*a)*t+8*a)*t - 4*a
			}
			return 0
		}
	} else if r.mode != "linear" && r.mode != "bilinear" {
		return 0, load.Unsupported(n, "mode %q", r.mode)
	}
	wide := 1.0 // antialiasing widens the filter where the image shrinks
	if r.antialias && scale < 1 {
		wide = scale
	}
	op := &plan.Interpolate{Axis: axis, Taps: int(math.Ceil(2*reach/wide)) + 1}
	if size > load.MaxValue/op.Taps {
		return 0, errors.New("the resized value is too large")
	}
	if err := b.budget.Spend(size * op.Taps); err != nil {
		return 0, err
	}
	for o := range size {
		at, err := r.place(o, from, size, scale)
		if err != nil {
			return 0, load.Unsupported(n, "%v", err)
		}
		lo := int(math.Floor(at - reach/wide))
		weights, sum := make([]float64, op.Taps), 0.0
		for k := range weights {
			i := lo + k
			if r.exclude && (i < 0 || i >= from) {
				continue
			}
			weights[k] = weigh((float64(i) - at) * wide)
			sum += weights[k]
		}
		for k, w := range weights {
			op.Index = append(op.Index, min(max(lo+k, 0), from-1))
			op.Weight = append(op.Weight, float32(w/sum))
		}
	}
	trim(op)
	d[axis] = size
	return b.addStep(n, "", op, d, x)
}

// place is where entry o of the result lies among the entries of the argument.
func (r *resizing) place(o, from, size int, scale float64) (float64, error) {
	x := float64(o)
	switch r.coordinates {
	case "half_pixel":
		return (x+0.5)/scale - 0.5, nil
	case "pytorch_half_pixel":
		if size == 1 {
			return 0, nil
		}
		return (x+0.5)/scale - 0.5, nil
	case "half_pixel_symmetric":
		adjusted := float64(size) / (scale * float64(from))
		return float64(from)/2*(1-adjusted) + (x+0.5)/scale - 0.5, nil
	case "asymmetric":
		return x / scale, nil
	case "align_corners":
		if size == 1 {
			return 0, nil
		}
		return x * float64(from-1) / float64(size-1), nil
	case "tf_half_pixel_for_nn":
		return (x + 0.5) / scale, nil
	}
	return 0, fmt.Errorf("coordinate_transformation_mode %q", r.coordinates)
}

// trim drops taps that weigh nothing everywhere.
func trim(op *plan.Interpolate) {
	count := len(op.Index) / op.Taps
	lo, hi := op.Taps, 0
	for i, w := range op.Weight {
		if w != 0 {
			lo, hi = min(lo, i%op.Taps), max(hi, i%op.Taps+1)
		}
	}
	if lo >= hi || lo == 0 && hi == op.Taps {
		return
	}
	var index []int
	var weight []float32
	for o := range count {
		index = append(index, op.Index[o*op.Taps+lo:o*op.Taps+hi]...)
		weight = append(weight, op.Weight[o*op.Taps+lo:o*op.Taps+hi]...)
	}
	op.Index, op.Weight, op.Taps = index, weight, hi-lo
}
