package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestActLayouts(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(101, 102))
		for range 40 {
			n, h, w, c := 1+r.IntN(3), 1+r.IntN(20), 1+r.IntN(40), 1+r.IntN(40)
			nchw := newGuarded[float32](r, n*c*h*w, r.IntN(8))
			wide, guard := randomAct(r, n, h, w, c+3, randomHalo(r))
			a := wide.Channels(2, 2+c)
			a.FromNCHW(nchw.s)
			guard.intact(t, "FromNCHW")
			haloClean(t, "FromNCHW", wide)
			for i, v := range nchw.s {
				x, y, ch, img := i%w, i/w%h, i/w/h%c, i/w/h/c
				if a.Data[a.At(img, y, x)+ch] != v {
					t.Fatalf("%dx%dx%dx%d: value %d is elsewhere", n, h, w, c, i)
				}
			}
			back := newGuarded[float32](r, len(nchw.s), 1)
			a.ToNCHW(back.s)
			back.intact(t, "ToNCHW")
			nhwc := newGuarded[float32](r, len(nchw.s), 1)
			a.ToNHWC(nhwc.s)
			nhwc.intact(t, "ToNHWC")
			b := NewAct(n, h, w, c, randomHalo(r), nil)
			b.FromNHWC(nhwc.s)
			again := make([]float32, len(nchw.s))
			b.ToNCHW(again)
			for i, v := range nchw.s {
				if back.s[i] != v || again[i] != v {
					t.Fatalf("%dx%dx%dx%d: value %d changed on the way", n, h, w, c, i)
				}
			}
		}
	})
}

func TestActElementwise(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(111, 112))
		for i := range 20 {
			n, h, w, c := 1+r.IntN(3), 1+r.IntN(9), 1+r.IntN(9), 1+r.IntN(40)
			a, _ := randomAct(r, n, h, w, c, randomHalo(r))
			wide, _ := randomAct(r, n, h, w, c+5, randomHalo(r))
			b := wide.Channels(1, 1+c)
			scale, shift := newGuarded[float32](r, c, 0).s, newGuarded[float32](r, c, 0).s
			relu := i%2 == 0
			check := func(what string, f func(out *Act), want func(n, y, x, c int) float64) {
				t.Helper()
				out, guard := randomAct(r, n, h, w, c, randomHalo(r))
				f(out)
				guard.intact(t, what)
				haloClean(t, what, out)
				for n := range n {
					for y := range h {
						for x := range w {
							for c := range c {
								got, v := float64(out.Data[out.At(n, y, x)+c]), want(n, y, x, c)
								if math.Abs(got-v) > 1e-5*(1+math.Abs(v)) {
									t.Fatalf("%s: %v, want %v", what, got, v)
								}
							}
						}
					}
				}
			}
			va := func(n, y, x, c int) float64 { return float64(a.Data[a.At(n, y, x)+c]) }
			vb := func(n, y, x, c int) float64 { return float64(b.Data[b.At(n, y, x)+c]) }
			positive := func(v float64) float64 {
				if relu {
					return max(v, 0)
				}
				return v
			}
			check("add", func(out *Act) { AddAct(a, b, out, relu) }, func(n, y, x, c int) float64 { return positive(va(n, y, x, c) + vb(n, y, x, c)) })
			check("copy", func(out *Act) { CopyAct(b, out) }, vb)
			check("scale", func(out *Act) { ScaleShift(a, out, scale, shift, relu) }, func(n, y, x, c int) float64 {
				return positive(va(n, y, x, c)*float64(scale[c]) + float64(shift[c]))
			})
			for _, beta := range []float32{0.75, 0.6} {
				check("lrn", func(out *Act) { LRN(a, out, 5, 0.5, beta, 2) }, func(n, y, x, ch int) float64 {
					sum := 0.
					for k := max(0, ch-2); k <= min(c-1, ch+2); k++ {
						sum += va(n, y, x, k) * va(n, y, x, k)
					}
					return va(n, y, x, ch) / math.Pow(2+0.1*sum, float64(beta))
				})
			}
		}
	})
}
