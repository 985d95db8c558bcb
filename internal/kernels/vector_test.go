package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The routines over arrays, at every length around the vectors' and at odd
// places, against the formulas in float64.
func TestVectors(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(41, 42))
		for n := range 150 {
			a, b := newGuarded[float32](r, n, n%7), newGuarded[float32](r, n, n%5)
			check := func(what string, f func(dst []float32), want func(i int) float64) {
				t.Helper()
				dst := newGuarded[float32](r, n, n%3)
				f(dst.s)
				dst.intact(t, what)
				for i, v := range dst.s {
					if w := want(i); math.Abs(float64(v)-w) > 1e-6*(1+math.Abs(w)) {
						t.Fatalf("%s of %d: [%d] = %v, want %v", what, n, i, v, w)
					}
				}
			}
			x := func(i int) float64 { return float64(a.s[i]) }
			y := func(i int) float64 { return float64(b.s[i]) }
			check("add", func(d []float32) { Add(d, a.s, b.s) }, func(i int) float64 { return x(i) + y(i) })
			check("mul", func(d []float32) { Mul(d, a.s, b.s) }, func(i int) float64 { return x(i) * y(i) })
			check("relu", func(d []float32) { Relu(d, a.s) }, func(i int) float64 { return max(x(i), 0) })
			check("leaky relu", func(d []float32) { leakyRelu(d, a.s, 0.25) }, func(i int) float64 { return max(x(i), 0.25*x(i)) })
			check("clip", func(d []float32) { clip(d, a.s, -0.5, 0.5) }, func(i int) float64 { return min(max(x(i), -0.5), 0.5) })
			var want float64
			for i := range n {
				want += x(i) * x(i)
			}
			if got := sumSquares(a.s); math.Abs(got-want) > 1e-12*(1+want) {
				t.Fatalf("sum of squares of %d: %v, want %v", n, got, want)
			}
		}
	})
}

// NaN must reach the features, where it is noticed, and not become zero.
func TestReluKeepsNaN(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		nan := float32(math.NaN())
		x := make([]float32, 37)
		for i := range x {
			x[i] = nan
		}
		y := make([]float32, len(x))
		Relu(y, x)
		u, v := make([]float32, len(x)), make([]float32, len(x))
		clip(u, x, 0, 6)
		leakyRelu(v, x, 0.1)
		for i := range y {
			if y[i] == y[i] || u[i] == u[i] || v[i] == v[i] {
				t.Fatalf("[%d]: %v, %v, %v", i, y[i], u[i], v[i])
			}
		}
	})
}

// Three steps against the paper's formulas in float64.
func TestAdam(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(51, 52))
		for n := range 80 {
			p, g := newGuarded[float32](r, n, n%3), newGuarded[float32](r, n, n%5)
			m, v := newGuarded[float32](r, n, n%7), newGuarded[float32](r, n, n%2)
			clear(m.s)
			clear(v.s)
			o := Adam{Rate: 0.01, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.1, Scale: 0.5}
			want, wm, wv := make([]float64, n), make([]float64, n), make([]float64, n)
			for i := range want {
				want[i] = float64(p.s[i])
			}
			for step := 1; step <= 3; step++ {
				o.Step = step
				AdamStep(o, p.s, g.s, m.s, v.s)
				for i := range want {
					gr := 0.5*float64(g.s[i]) + 0.1*want[i]
					wm[i] = 0.9*wm[i] + 0.1*gr
					wv[i] = 0.999*wv[i] + 0.001*gr*gr
					mh, vh := wm[i]/(1-math.Pow(0.9, float64(step))), wv[i]/(1-math.Pow(0.999, float64(step)))
					want[i] -= 0.01 * mh / (math.Sqrt(vh) + 1e-8)
				}
			}
			for i := range want {
				if math.Abs(float64(p.s[i])-want[i]) > 2e-5 {
					t.Fatalf("%d parameters: [%d] = %v, want %v", n, i, p.s[i], want[i])
				}
			}
			for _, s := range []*guarded[float32]{p, g, m, v} {
				s.intact(t, "adam")
			}
		}
	})
}

func TestSumRowsAndInterleave(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		v := vec()
		for _, n := range []int{1, 15, 16, 17, 64, 80, 97} {
			for _, rows := range []int{1, 2, 9} {
				step := n + 5
				src := randoms[float32](rows * step)
				got := make([]float32, n+1)
				got[n] = 7
				v.sumRows(rows, got[:n], src, step)
				for j := range n {
					want := float32(0)
					for i := range rows {
						want += src[i*step+j]
					}
					if got[j] != want {
						t.Fatalf("%d rows of %d: value %d is %v, want %v", rows, n, j, got[j], want)
					}
				}
				if got[n] != 7 {
					t.Fatalf("%d rows of %d: wrote beyond them", rows, n)
				}
			}
			src := [3][]float32{randoms[float32](n), randoms[float32](n + 1)[1:], randoms[float32](n + 2)[2:]}
			dst := make([]float32, 3*n+1)
			dst[3*n] = 7
			v.interleave3(dst, src)
			for i := range n {
				for j := range 3 {
					if dst[3*i+j] != src[j][i] {
						t.Fatalf("%d pixels: channel %d of pixel %d is %v, want %v", n, j, i, dst[3*i+j], src[j][i])
					}
				}
			}
			if dst[3*n] != 7 {
				t.Fatalf("%d pixels: wrote beyond them", n)
			}
		}
	})
}
