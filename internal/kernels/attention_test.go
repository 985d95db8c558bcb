package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestRowFunctions(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(141, 142))
		for n := 1; n < 150; n++ {
			rows := 1 + r.IntN(4)
			x := newGuarded[float32](r, rows*n, n%7)
			for i := range x.s {
				x.s[i] *= 5
			}
			y := newGuarded[float32](r, rows*n, n%5)
			Softmax(y.s, x.s, n)
			y.intact(t, "softmax")
			for i := range rows {
				var sum float64
				top := math.Inf(-1)
				for _, v := range x.s[i*n:][:n] {
					top = math.Max(top, float64(v))
				}
				for _, v := range x.s[i*n:][:n] {
					sum += math.Exp(float64(v) - top)
				}
				for j, v := range x.s[i*n:][:n] {
					want := math.Exp(float64(v)-top) / sum
					if got := float64(y.s[i*n+j]); math.Abs(got-want) > 1e-6*want+1e-9 {
						t.Fatalf("softmax of %d values: %v, want %v", n, got, want)
					}
				}
			}
			scale, shift := newGuarded[float32](r, n, 1).s, newGuarded[float32](r, n, 2).s
			z := newGuarded[float32](r, rows*n, n%3)
			LayerNorm(z.s, x.s, scale, shift, 1e-5)
			z.intact(t, "layer normalisation")
			for i := range rows {
				var sum, square float64
				for _, v := range x.s[i*n:][:n] {
					sum += float64(v)
				}
				mean := sum / float64(n)
				for _, v := range x.s[i*n:][:n] {
					square += (float64(v) - mean) * (float64(v) - mean)
				}
				for j, v := range x.s[i*n:][:n] {
					want := (float64(v)-mean)/math.Sqrt(square/float64(n)+1e-5)*float64(scale[j]) + float64(shift[j])
					if got := float64(z.s[i*n+j]); math.Abs(got-want) > 1e-5*(1+math.Abs(want)) {
						t.Fatalf("layer normalisation of %d values: %v, want %v", n, got, want)
					}
				}
			}
			nan := append([]float32(nil), x.s[:n]...)
			nan[r.IntN(n)] = float32(math.NaN())
			Softmax(nan, nan, n)
			if nan[0] == nan[0] {
				t.Fatal("a NaN is lost in a softmax")
			}
		}
	})
}

func TestAttention(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(143, 144))
		for i := range 25 {
			heads, l, s, d, e := 1+r.IntN(5), 1+r.IntN(150), 1+r.IntN(150), 1+r.IntN(70), 1+r.IntN(70)
			if i == 0 {
				heads, l, s, d, e = 3, 197, 197, 64, 64
			}
			if i == 1 {
				heads, l, s, d, e = 1, 900, 900, 64, 64 // several blocks of rows
			}
			a := Attend{L: l, S: s, D: d, E: e, Scale: 0.3, LDQ: heads*d + r.IntN(3), LDK: heads * d, LDV: heads * e, LDO: heads*e + r.IntN(3)}
			a.Q, a.K, a.V = newGuarded[float32](r, l*a.LDQ, 0).s, newGuarded[float32](r, s*a.LDK, 1).s, newGuarded[float32](r, s*a.LDV, 2).s
			out := newGuarded[float32](r, l*a.LDO, 3)
			a.Out = out.s
			mask := newGuarded[float32](r, l*s, 0).s
			if i%3 == 1 {
				a.Mask, a.MaskStride, a.MaskStep = mask, s, 1
			}
			for h := range heads {
				a.HeadQ, a.HeadK, a.HeadV, a.HeadOut = append(a.HeadQ, h*d), append(a.HeadK, h*d), append(a.HeadV, h*e), append(a.HeadOut, h*e)
				a.HeadMask = append(a.HeadMask, 0)
			}
			Attention(a)
			out.intact(t, "attention")
			for range 40 {
				h, row := r.IntN(heads), r.IntN(l)
				w, sum, top := make([]float64, s), 0., math.Inf(-1)
				for j := range s {
					for k := range d {
						w[j] += 0.3 * float64(a.Q[row*a.LDQ+h*d+k]) * float64(a.K[j*a.LDK+h*d+k])
					}
					if a.Mask != nil {
						w[j] += float64(mask[row*s+j])
					}
					top = math.Max(top, w[j])
				}
				for j := range s {
					w[j] = math.Exp(w[j] - top)
					sum += w[j]
				}
				for c := range e {
					want := 0.
					for j := range s {
						want += w[j] / sum * float64(a.V[j*a.LDV+h*e+c])
					}
					if got := float64(a.Out[row*a.LDO+h*e+c]); math.Abs(got-want) > 1e-5 {
						t.Fatalf("%d heads of %d x %d, %d, %d: %v, want %v", heads, l, s, d, e, got, want)
					}
				}
			}
			atThreads(t, "attention", func() []float32 {
				clear(a.Out)
				Attention(a)
				return append([]float32(nil), a.Out...)
			})
		}
	})
}
