package kernels

import (
	"fmt"
	"math"
)

// Relu does dst[i] = max(src[i], 0); dst may be src. NaN stays NaN.
func Relu(dst, src []float32) {
	sameLen(len(dst), len(src))
	v := vec()
	n, i := v.whole(len(src), 4)
	if n > 0 {
		v.srelu(&dst[0], &src[0], n)
	}
	for ; i < len(src); i++ {
		x := src[i]
		if x < 0 {
			x = 0
		}
		dst[i] = x
	}
}

// leakyRelu does dst[i] = src[i], times slope where negative.
func leakyRelu(dst, src []float32, slope float32) {
	sameLen(len(dst), len(src))
	w := vec()
	n, done := w.whole(len(src), 4)
	if n > 0 {
		w.sleakyRelu(&dst[0], &src[0], slope, n)
	}
	for i := done; i < len(src); i++ {
		v := src[i]
		if v < 0 {
			v *= slope
		}
		dst[i] = v
	}
}

// clip does dst[i] = src[i] held between lo and hi; NaN stays NaN.
func clip(dst, src []float32, lo, hi float32) {
	sameLen(len(dst), len(src))
	w := vec()
	n, done := w.whole(len(src), 4)
	if n > 0 {
		w.sclip(&dst[0], &src[0], lo, hi, n)
	}
	for i := done; i < len(src); i++ {
		v := src[i]
		if v < lo {
			v = lo
		}
		if v > hi {
			v = hi
		}
		dst[i] = v
	}
}

// Add does dst[i] = a[i] + b[i].
func Add(dst, a, b []float32) {
	sameLen(len(dst), len(a))
	sameLen(len(dst), len(b))
	vec().add(dst, a, b)
}

// Mul does dst[i] = a[i] * b[i].
func Mul(dst, a, b []float32) {
	sameLen(len(dst), len(a))
	sameLen(len(dst), len(b))
	vec().mul(dst, a, b)
}

// AddAct writes the sum of two feature maps, or its positive part, to out,
// which may be one of them.
func AddAct(a, b, out *Act, relu bool) {
	sameShape(a, b)
	sameShape(a, out)
	v := vec()
	rowsOf(out, func(n, y, x, width int) {
		dst := out.Data[out.At(n, y, x):][:width]
		v.addMax(dst, a.Data[a.At(n, y, x):], b.Data[b.At(n, y, x):], relu)
	}, a, b)
}

// CopyAct copies in to out: into another halo, or into some channels.
func CopyAct(in, out *Act) {
	sameShape(in, out)
	rowsOf(out, func(n, y, x, width int) {
		copy(out.Data[out.At(n, y, x):][:width], in.Data[in.At(n, y, x):])
	}, in)
}

// ScaleShift writes in*scale + shift, both per channel, or its positive part,
// to out, which may be in.
func ScaleShift(in, out *Act, scale, shift []float32, relu bool) {
	sameShape(in, out)
	sameLen(in.C, len(scale))
	sameLen(in.C, len(shift))
	w := vec()
	parallel(in.N*in.H, &rowsRun{out, false, func(n, y, x, _ int) {
		w.scaleShift(out.Data[out.At(n, y, x):][:in.C], in.Data[in.At(n, y, x):][:in.C], scale, shift, relu)
	}})
}

// scaleShift does dst = src*scale + shift, or its positive part, on one row.
func (v *vectors) scaleShift(dst, src, scale, shift []float32, relu bool) {
	count, done := v.whole(len(src), 4)
	if count > 0 {
		v.sscaleShift(&dst[0], &src[0], &scale[0], &shift[0], floor(relu), count)
	}
	for c := done; c < len(src); c++ {
		x := src[c]*scale[c] + shift[c]
		if relu && x < 0 {
			x = 0
		}
		dst[c] = x
	}
}

// LRN is ONNX's local response normalisation across channels: each value is
// divided by (bias + alpha/size * sum of squares)^beta, the sum being over the
// size channels around its own. out must not overlap in.
func LRN(in, out *Act, size int, alpha, beta, bias float32) {
	sameShape(in, out)
	if size <= 0 {
		panic(fmt.Sprintf("kernels: normalisation over %d channels", size))
	}
	before, after := (size-1)/2, size/2
	power := func(v float64) float64 { return math.Pow(v, float64(beta)) }
	if beta == 0.75 { // as in every network that has it; many times faster
		power = func(v float64) float64 {
			root := math.Sqrt(v)
			return root * math.Sqrt(root)
		}
	}
	parallel(in.N*in.H, &rowsRun{out, false, func(n, y, x, _ int) {
		src, dst := in.Data[in.At(n, y, x):][:in.C], out.Data[out.At(n, y, x):][:in.C]
		for c, v := range src {
			var sum float64
			for _, w := range src[max(0, c-before):min(in.C, c+after+1)] {
				sum += float64(w) * float64(w)
			}
			dst[c] = float32(float64(v) / power(float64(bias)+float64(alpha)/float64(size)*sum))
		}
	}})
}

// rowsOf calls do for each stretch of values that is contiguous in out and in
// the others: whole rows, or pixels where some Act is a view of channels.
func rowsOf(out *Act, do func(n, y, x, width int), others ...*Act) {
	whole := out.stride() == out.C
	for _, a := range others {
		whole = whole && a.stride() == a.C
	}
	parallel(out.N*out.H, &rowsRun{out, whole, do})
}

// rowsRun does one row per part.
type rowsRun struct {
	out   *Act
	whole bool
	do    func(n, y, x, width int)
}

func (r *rowsRun) part(i int, _ *scratch) {
	n, y := i/r.out.H, i%r.out.H
	if r.whole {
		r.do(n, y, 0, r.out.W*r.out.C)
		return
	}
	for x := range r.out.W {
		r.do(n, y, x, r.out.C)
	}
}

func sameLen(a, b int) {
	if a != b {
		panic(fmt.Sprintf("kernels: lengths %d and %d", a, b))
	}
}
