package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// directPool is one pooled value by its definition, in float64.
func directPool(g Pool2D, max bool, in *Act, n, c, oy, ox int) float64 {
	g = g.withDefaults()
	best, sum, count := -math.MaxFloat32, 0., 0
	for ky := range g.KernelH {
		for kx := range g.KernelW {
			y, x := oy*g.StrideH-g.Top+ky*g.DilationH, ox*g.StrideW-g.Left+kx*g.DilationW
			if y >= 0 && y < in.H && x >= 0 && x < in.W {
				v := float64(in.Data[in.At(n, y, x)+c])
				best, sum = math.Max(best, v), sum+v
				count++
			} else if g.CountPad && y >= -g.Top && y < in.H+g.Bottom && x >= -g.Left && x < in.W+g.Right {
				count++
			}
		}
	}
	if max {
		return best
	}
	return sum / float64(count)
}

func TestPool(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		geoms := []Pool2D{
			{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2},
			{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2, Ceil: true},
			{KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, Ceil: true},
			{KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, Top: 1, Left: 1, Bottom: 1, Right: 1},
			{KernelH: 2, KernelW: 3, StrideH: 1, StrideW: 2, Right: 1, Bottom: 1},
			{KernelH: 3, KernelW: 2, DilationH: 2, DilationW: 3, StrideH: 2},
			{KernelH: 3, KernelW: 3, StrideH: 3, StrideW: 3, Top: 1, Left: 1, Ceil: true},
		}
		for i := range 60 {
			g := geoms[i%len(geoms)]
			g.CountPad = i/len(geoms)%2 == 1
			h, w, c, n := 5+r.IntN(12), 5+r.IntN(12), 1+r.IntN(70), 1+r.IntN(3)
			in, _ := randomAct(r, n, h, w, c, randomHalo(r))
			oh, ow := g.OutSize(h, w)
			for _, max := range []bool{true, false} {
				out, guard := randomAct(r, n, oh, ow, c, randomHalo(r))
				if max {
					MaxPool(g, in, out)
				} else {
					AveragePool(g, in, out)
				}
				what := fmt.Sprintf("%+v of %dx%dx%dx%d", g, n, h, w, c)
				guard.intact(t, what)
				haloClean(t, what, out)
				for n := range n {
					for y := range oh {
						for x := range ow {
							for c := range c {
								got, want := float64(out.Data[out.At(n, y, x)+c]), directPool(g, max, in, n, c, y, x)
								if math.Abs(got-want) > 1e-6*(1+math.Abs(want)) {
									t.Fatalf("%s: %v, want %v", what, got, want)
								}
							}
						}
					}
				}
			}
		}
	})
}

// Sizes as PyTorch 1.13 gives them.
func TestPoolSizes(t *testing.T) {
	for _, c := range []struct {
		g    Pool2D
		size int
		want int
	}{
		{Pool2D{KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, Ceil: true}, 111, 55},
		{Pool2D{KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, Ceil: true}, 112, 56},
		{Pool2D{KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2}, 112, 55},
		{Pool2D{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2, Ceil: true}, 7, 4},
		{Pool2D{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2}, 7, 3},
		{Pool2D{KernelH: 1, KernelW: 1, StrideH: 3, StrideW: 3, Top: 0, Ceil: true}, 5, 2},
		{Pool2D{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2, Top: 1, Left: 1, Bottom: 1, Right: 1, Ceil: true}, 4, 3},
		{Pool2D{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2, Top: 1, Left: 1, Bottom: 1, Right: 1, Ceil: true}, 5, 3},
		{Pool2D{KernelH: 4, KernelW: 4}, 3, 0},
	} {
		h, w := c.g.OutSize(c.size, c.size)
		if h != c.want || w != c.want {
			t.Errorf("%+v of %d: %d, %d, want %d", c.g, c.size, h, w, c.want)
		}
	}
}

func TestGlobalAveragePool(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	in, _ := randomAct(r, 2, 5, 7, 19, randomHalo(r))
	out, guard := randomAct(r, 2, 1, 1, 19, randomHalo(r))
	GlobalAveragePool(in, out)
	guard.intact(t, "global pool")
	for n := range 2 {
		for c := range 19 {
			want := directPool(Pool2D{KernelH: 5, KernelW: 7}, false, in, n, c, 0, 0)
			if got := float64(out.Data[out.At(n, 0, 0)+c]); math.Abs(got-want) > 1e-6 {
				t.Fatalf("%v, want %v", got, want)
			}
		}
	}
}

// What a convolution pools on its way is what it would be pooled to afterwards.
func TestRunPooled(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 12))
		for _, g := range []Conv2D{
			{In: 37, Out: 37, Groups: 37, KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1},
			{In: 64, Out: 64, Groups: 64, KernelH: 5, KernelW: 5, StrideH: 2, StrideW: 2, Top: 2, Left: 2, Bottom: 2, Right: 2},
			{In: 5, Out: 21, KernelH: 1, KernelW: 1},
		} {
			c, err := PrepareConv(g, randoms[float32](g.Weights()), randoms[float32](g.Out), Function{Kind: Silu})
			if err != nil {
				t.Fatal(err)
			}
			in, _ := randomAct(r, 3, 13, 11, g.In, randomHalo(r))
			h, w := c.OutSize(13, 11)
			out, want := NewAct(3, h, w, g.Out, Halo{}, nil), NewAct(3, h, w, g.Out, Halo{}, nil)
			mean, guard := randomAct(r, 3, 1, 1, g.Out, randomHalo(r))
			wantMean := NewAct(3, 1, 1, g.Out, Halo{}, nil)
			c.RunPooled(in, out, mean)
			guard.intact(t, "pooled convolution")
			c.run(in, want)
			GlobalAveragePool(want, wantMean)
			for i, x := range want.Data {
				if out.Data[i] != x {
					t.Fatalf("%+v: value %d: %v, want %v", g, i, out.Data[i], x)
				}
			}
			for n := range 3 {
				for i := range g.Out {
					if got, want := mean.Data[mean.At(n, 0, 0)+i], wantMean.Data[n*g.Out+i]; got != want {
						t.Fatalf("%+v: mean %d of image %d: %v, want %v", g, i, n, got, want)
					}
				}
			}
			c.Free()
		}
	})
}
