package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// The kernels for whole windows do what the plain Go level does, beside the edges' windows and rows of any length, and to the
// bit what the level's general kernel does.
func TestSlidingWindows(t *testing.T) {
	r := rand.New(rand.NewPCG(81, 82))
	for _, width := range []int{3, 5, 7} {
		for stride := 1; stride <= 3; stride++ {
			for _, size := range []int{5, 7, 13, 14, 20, 30} {
				channels := []int{16, 24, 40, 41, 96}[r.IntN(5)]
				g := Conv2D{In: channels, Out: channels, Groups: channels, KernelH: width, KernelW: width, StrideH: stride, StrideW: stride,
					Top: width / 2, Left: width / 2, Bottom: r.IntN(width), Right: r.IntN(width)}
				weights, bias := randoms[float32](g.Weights()), randoms[float32](channels)
				in, _ := randomAct(r, 2, size, size, channels, Halo{Left: r.IntN(4), Right: r.IntN(8)})
				oh, ow := g.OutSize(size, size)
				run := func(a *arch, sliding bool) *Act {
					level := *a
					if !sliding {
						level.vec.sliding = [3][2]func(d *depthRow){}
					}
					c, err := PrepareConv(g, weights, bias, Function{Kind: Bounds, Alpha: -1, Beta: 1})
					if err != nil {
						t.Fatal(err)
					}
					defer c.Free()
					c.arch = &level
					out, guard := randomAct(r, 2, oh, ow, channels, randomHalo(r))
					c.run(in, out)
					guard.intact(t, a.name)
					got := NewAct(2, oh, ow, channels, Halo{}, nil)
					CopyAct(out, got)
					return got
				}
				want := run(goArch, true)
				for _, a := range archs() {
					name := fmt.Sprintf("%s, windows of %d, %d apart, %d x %d x %d", a.name, width, stride, size, size, channels)
					got, general := run(a, true), run(a, false)
					for i, x := range want.Data {
						if got.Data[i] != general.Data[i] {
							t.Fatalf("%s: value %d: %v, by the general kernel %v", name, i, got.Data[i], general.Data[i])
						}
						if math.Abs(float64(got.Data[i]-x)) > 1e-5 {
							t.Fatalf("%s: value %d: %v, want %v", name, i, got.Data[i], x)
						}
					}
				}
			}
		}
	}
}
