package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// A chain is its two convolutions one after the other, to the bit.
func TestChain(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(13, 14))
		point := Conv2D{In: 11, Out: 40, KernelH: 1, KernelW: 1}
		stem := Conv2D{In: 3, Out: 40, KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, Top: 1, Left: 1, Bottom: 1, Right: 1}
		deep := func(k, stride, pad int) Conv2D {
			return Conv2D{In: 40, Out: 40, Groups: 40, KernelH: k, KernelW: k, StrideH: stride, StrideW: stride, Top: pad, Left: pad, Bottom: pad, Right: pad}
		}
		before := cache.l2
		defer func() { cache.l2 = before }()
		for _, l2 := range []int{before, 1 << 14, 1} { // a few rows at a time, one
			cache.l2 = l2
			for _, c := range []struct {
				first, second Conv2D
				n, h, w       int
			}{
				{point, deep(3, 1, 1), 1, 23, 17},
				{point, deep(3, 2, 1), 3, 24, 19},
				{point, deep(5, 2, 2), 2, 21, 8},
				{point, deep(5, 1, 2), 9, 7, 7},
				{point, deep(1, 3, 0), 1, 20, 5},
				{point, deep(3, 1, 0), 1, 3, 3},
				{stem, deep(3, 1, 1), 2, 37, 29},
				{stem, deep(3, 2, 1), 1, 64, 20},
			} {
				for _, pooled := range []bool{false, true} {
					name := fmt.Sprintf("cache %d, %+v, pooled %v", l2, c, pooled)
					first, err := PrepareConv(c.first, randoms[float32](c.first.Weights()), randoms[float32](40), Function{Kind: Silu})
					if err != nil {
						t.Fatal(err)
					}
					second, err := PrepareConv(c.second, randoms[float32](c.second.Weights()), randoms[float32](40), ReLU)
					if err != nil {
						t.Fatal(err)
					}
					in, _ := randomAct(r, c.n, c.h, c.w, c.first.In, first.Halo(c.h, c.w).Max(Halo{Top: 1, Right: 2}))
					mh, mw := first.OutSize(c.h, c.w)
					oh, ow := second.OutSize(mh, mw)
					mid := NewAct(c.n, mh, mw, 40, Halo{}, nil)
					want, wantMean := NewAct(c.n, oh, ow, 40, Halo{}, nil), NewAct(c.n, 1, 1, 40, Halo{}, nil)
					first.run(in, mid)
					second.RunPooled(mid, want, wantMean)
					out, guard := randomAct(r, c.n, oh, ow, 40, randomHalo(r))
					var mean *Act
					if pooled {
						mean = NewAct(c.n, 1, 1, 40, Halo{}, nil)
					}
					RunChain(first, second, in, out, mean)
					guard.intact(t, name)
					got := make([]float32, len(want.Data))
					out.ToNHWC(got)
					for i, x := range want.Data {
						if got[i] != x {
							t.Fatalf("%s: value %d: %v, want %v", name, i, got[i], x)
						}
					}
					for i, x := range wantMean.Data {
						if pooled && mean.Data[i] != x {
							t.Fatalf("%s: mean %d: %v, want %v", name, i, mean.Data[i], x)
						}
					}
					first.Free()
					second.Free()
				}
			}
		}
	})
}
