package native

import (
	"vzsl/extract/onnx/plan"
	"vzsl/internal/kernels"
)

// combine does dst = a kind b, or b kind a where swapped is set.
func combine(kind plan.BinaryKind, swapped bool, dst, a, b []float32) {
	if swapped {
		a, b = b, a
	}
	switch kind {
	case plan.Add:
		kernels.Add(dst, a, b)
	case plan.Mul:
		kernels.Mul(dst, a, b)
	case plan.Sub:
		for i, v := range a {
			dst[i] = v - b[i]
		}
	case plan.Div:
		for i, v := range a {
			dst[i] = v / b[i]
		}
	default:
		for i, v := range a {
			dst[i] = float32(kind.Apply(float64(v), float64(b[i])))
		}
	}
}

// perChannel combines each pixel of a with the one pixel of b.
func perChannel(op *plan.Binary, a, b, out *kernels.Act) {
	one := b.Data[b.At(0, 0, 0):][:b.C]
	for y := range a.H {
		for x := range a.W {
			dst := out.Data[out.At(0, y, x):][:a.C]
			combine(op.Kind, false, dst, a.Data[a.At(0, y, x):][:a.C], one)
			if op.Relu {
				kernels.Relu(dst, dst)
			}
		}
	}
}

// pad writes one image's maps inside a border of value.
func pad(top, left int, value float32, in, out *kernels.Act) {
	for y := range out.H {
		for x := range out.W {
			dst := out.Data[out.At(0, y, x):][:out.C]
			sy, sx := y-top, x-left
			if sy >= 0 && sy < in.H && sx >= 0 && sx < in.W {
				copy(dst, in.Data[in.At(0, sy, sx):])
				continue
			}
			for c := range dst {
				dst[c] = value
			}
		}
	}
}
