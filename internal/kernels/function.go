package kernels

import (
	"fmt"
	"math"
)

// FunctionKind names a function of one value.
type FunctionKind int

// The functions. Alpha and Beta are the fields of Function.
const (
	Identity    FunctionKind = iota
	Bounds                   // min(max(x, Alpha), Beta): ReLU, ReLU6, Clip
	Leaky                    // x, times Alpha where negative
	Sigmoid                  // 1/(1 + exp(-x))
	Silu                     // x/(1 + exp(-Alpha*x)); Alpha 0 means 1
	Tanh                     //
	HardSigmoid              // min(max(Alpha*x + Beta, 0), 1)
	HardSwish                // x*min(max(x/6 + 1/2, 0), 1)
	Gelu                     // x/2*(1 + erf(x/sqrt 2))
	GeluTanh                 // Gelu by tanh, x/(1 + exp(-2*sqrt(2/pi)*(x + 0.044715*x^3)))
	Exp                      //
)

// Function is what a layer does to each value at its end. The zero value does
// nothing.
type Function struct {
	Kind        FunctionKind
	Alpha, Beta float32
}

// ReLU is max(x, 0).
var ReLU = Function{Bounds, 0, float32(math.Inf(1))}

// String names the function.
func (f Function) String() string {
	name := [...]string{"identity", "bounds", "leaky", "sigmoid", "silu", "tanh", "hard sigmoid", "hard swish", "gelu", "gelu by tanh", "exp"}[f.Kind]
	switch f.Kind {
	case Bounds, Leaky, HardSigmoid:
		return fmt.Sprintf("%s %v %v", name, f.Alpha, f.Beta)
	}
	return name
}

// bounds are what the kernels hold results between on their way to memory.
func (f Function) bounds() (lo, hi float32) {
	if f.Kind == Bounds {
		return f.Alpha, f.Beta
	}
	return float32(math.Inf(-1)), float32(math.Inf(1))
}

// outside reports whether values must go through Apply after the kernel's bounds.
func (f Function) outside() bool { return f.Kind > Bounds }

// rows applies what the bounds do not do to rows of n values, ld apart, which
// the kernel has just written.
func (f Function) rows(rows, n int, x []float32, ld int) {
	if f.outside() && rows > 0 && n > 0 {
		f.apply(rows, n, x, ld, x, ld)
	}
}

// Apply does dst[i] = f(src[i]); dst may be src. NaN stays NaN. A value's result
// does not depend on its place.
func (f Function) Apply(dst, src []float32) {
	sameLen(len(dst), len(src))
	if n := len(src); n > 0 {
		f.apply(1, n, dst, n, src, n)
	}
}

// apply is Apply on rows of n values, to and from apart.
func (f Function) apply(rows, n int, dst []float32, to int, src []float32, from int) {
	_ = dst[(rows-1)*to+n-1]
	_ = src[(rows-1)*from+n-1]
	if n == to && n == from {
		n, to, from, rows = rows*n, rows*n, rows*n, 1
	}
	v := vec()
	alpha, beta := f.Alpha, f.Beta
	var fn rowFunction
	switch f.Kind {
	case Identity, Bounds, Leaky:
		for i := range rows {
			d, s := dst[i*to:][:n], src[i*from:][:n]
			switch f.Kind {
			case Identity:
				copy(d, s)
			case Bounds:
				clip(d, s, alpha, beta)
			default:
				leakyRelu(d, s, alpha)
			}
		}
		return
	case Sigmoid:
		fn = v.ssigmoid
	case Silu:
		if alpha == 0 {
			alpha = 1
		}
		// Below beta the result is nothing, but would not be the quotient.
		fn, beta, alpha = v.ssilu, -87/alpha, -alpha*math.Log2E
	case Tanh:
		fn = v.stanh
	case HardSigmoid:
		fn = v.shardSigmoid
	case HardSwish:
		fn, alpha, beta = v.shardSwish, 1./6, 0.5
	case Gelu:
		fn = v.sgelu
	case GeluTanh:
		fn = v.sgeluTanh
	case Exp:
		fn = v.sexp
	}
	if fn == nil || f.Kind == Silu && f.Alpha != 0 && f.Alpha < 0.25 {
		for i := range rows {
			for j, x := range src[i*from:][:n] {
				dst[i*to+j] = f.of(x)
			}
		}
		return
	}
	lanes := v.bytes / 4
	if v.masks {
		count := (n + lanes - 1) / lanes
		fn(&dst[0], 4*to, &src[0], 4*from, rows, count, uint32(1<<lanes-1)>>(count*lanes-n), alpha, beta)
		return
	}
	count := n / lanes
	if count > 0 {
		fn(&dst[0], 4*to, &src[0], 4*from, rows, count, 0, alpha, beta)
	}
	if done := count * lanes; done < n { // by the same operations
		for i := range rows {
			var last [16]float32
			copy(last[:], src[i*from:][done:n])
			fn(&last[0], 0, &last[0], 0, 1, 1, 0, alpha, beta)
			copy(dst[i*to:][done:n], last[:])
		}
	}
}

// of is the function of one value, by its definition.
func (f Function) of(v float32) float32 {
	x, alpha, beta := float64(v), float64(f.Alpha), float64(f.Beta)
	hard := func(alpha, beta float64) float64 { return math.Min(math.Max(alpha*x+beta, 0), 1) }
	switch f.Kind {
	case Bounds:
		return clamp(v, f.Alpha, f.Beta)
	case Leaky:
		if v < 0 {
			v *= f.Alpha
		}
		return v
	case Sigmoid:
		x = 1 / (1 + math.Exp(-x))
	case Silu:
		if alpha == 0 {
			alpha = 1
		}
		if alpha*x < -700 { // exp grows beyond all bounds
			return 0
		}
		x /= 1 + math.Exp(-alpha*x)
	case Tanh:
		x = math.Tanh(x)
	case HardSigmoid:
		x = hard(alpha, beta)
	case HardSwish:
		x *= hard(1./6, 0.5)
	case Gelu:
		x = 0.5 * x * math.Erfc(-x/math.Sqrt2)
	case GeluTanh:
		x *= 0.5 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	case Exp:
		x = math.Exp(x)
	}
	return float32(x)
}

// ApplyAct writes f of each value of in to out, which may be in.
func ApplyAct(f Function, in, out *Act) {
	sameShape(in, out)
	rowsOf(out, func(n, y, x, width int) {
		f.Apply(out.Data[out.At(n, y, x):][:width], in.Data[in.At(n, y, x):][:width])
	}, in)
}

// ApplyAll is Apply on all threads.
func ApplyAll(f Function, dst, src []float32) {
	sameLen(len(dst), len(src))
	parallel((len(src)+applyPart-1)/applyPart, &applyRun{f, dst, src})
}

const applyPart = 1 << 14

// applyRun does applyPart values a part.
type applyRun struct {
	fn       Function
	dst, src []float32
}

func (r *applyRun) part(i int, _ *scratch) {
	lo, hi := i*applyPart, min((i+1)*applyPart, len(r.src))
	r.fn.Apply(r.dst[lo:hi], r.src[lo:hi])
}
