package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// directConv is the convolution's definition, in float64: its value, and the
// sum of the products' sizes, at one place.
func directConv(g Conv2D, w, bias []float32, in *Act, n, o, oy, ox int) (sum, size float64) {
	g = g.withDefaults()
	ic, oc := g.In/g.Groups, g.Out/g.Groups
	if bias != nil {
		sum = float64(bias[o])
	}
	for i := range ic {
		for ky := range g.KernelH {
			for kx := range g.KernelW {
				y, x := oy*g.StrideH-g.Top+ky*g.DilationH, ox*g.StrideW-g.Left+kx*g.DilationW
				if y < 0 || y >= in.H || x < 0 || x >= in.W {
					continue
				}
				v := float64(w[((o*ic+i)*g.KernelH+ky)*g.KernelW+kx]) * float64(in.Data[in.At(n, y, x)+o/oc*ic+i])
				sum += v
				size += math.Abs(v)
			}
		}
	}
	return sum, size
}

// randomAct has normal values inside, zeros in the halo, guards around.
func randomAct(r *rand.Rand, n, h, w, c int, halo Halo) (*Act, *guarded[float32]) {
	g := newGuarded[float32](r, ActLen(n, h, w, c, halo), r.IntN(16))
	a := NewAct(n, h, w, c, halo, g.s)
	a.ClearHalo()
	return a, g
}

func randomHalo(r *rand.Rand) Halo { return Halo{r.IntN(4), r.IntN(4), r.IntN(4), r.IntN(4)} }

func haloClean(t *testing.T, what string, a *Act) {
	t.Helper()
	b := *a
	b.Data = append([]float32(nil), a.Data...)
	b.ClearHalo()
	for i, v := range b.Data {
		if v != a.Data[i] {
			t.Fatalf("%s: wrote into the halo at %d", what, i)
		}
	}
}

func reluIf(yes bool) Function {
	if yes {
		return ReLU
	}
	return Function{}
}

type convCase struct {
	g    Conv2D
	n    int
	h, w int
}

func convCases(r *rand.Rand) []convCase {
	same := func(in, out int) Conv2D {
		return Conv2D{In: in, Out: out, KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1}
	}
	cases := []convCase{
		{same(3, 64), 1, 17, 19},
		{same(3, 8), 2, 8, 8},
		{same(16, 32), 2, 12, 12},
		{same(64, 64), 1, 14, 14},
		{same(40, 33), 2, 13, 7},
		{same(5, 70), 1, 9, 30},
		{same(128, 96), 1, 7, 7},
		{same(520, 20), 1, 6, 5},
		{Conv2D{In: 64, Out: 16, KernelH: 1, KernelW: 1}, 2, 13, 13},
		{Conv2D{In: 33, Out: 65, KernelH: 1, KernelW: 1}, 1, 5, 7},
		{Conv2D{In: 8, Out: 16, KernelH: 1, KernelW: 1, StrideH: 2, StrideW: 2}, 1, 7, 8},
		{Conv2D{In: 3, Out: 96, KernelH: 11, KernelW: 11, StrideH: 4, StrideW: 4}, 1, 39, 43},
		{Conv2D{In: 3, Out: 64, KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2}, 1, 31, 31},
		{Conv2D{In: 3, Out: 64, KernelH: 7, KernelW: 7, StrideH: 2, StrideW: 2, Top: 3, Left: 3, Bottom: 3, Right: 3}, 1, 30, 30},
		{Conv2D{In: 12, Out: 8, KernelH: 5, KernelW: 5, Groups: 2, Top: 2, Left: 2, Bottom: 2, Right: 2}, 2, 9, 9},
		{Conv2D{In: 6, Out: 6, KernelH: 3, KernelW: 3, Groups: 6, Top: 1, Bottom: 1}, 1, 9, 9},
		{Conv2D{In: 7, Out: 5, KernelH: 3, KernelW: 3, Top: 0, Left: 2, Bottom: 3, Right: 1}, 1, 9, 10},
		{Conv2D{In: 7, Out: 40, KernelH: 3, KernelW: 3}, 2, 9, 10},
	}
	cases = append(cases, depthCases()...)
	for range 25 {
		groups := 1 + r.IntN(3)
		g := Conv2D{In: groups * (1 + r.IntN(20)), Out: groups * (1 + r.IntN(40)), KernelH: 1 + r.IntN(4), KernelW: 1 + r.IntN(4),
			StrideH: 1 + r.IntN(3), StrideW: 1 + r.IntN(3), DilationH: 1 + r.IntN(2), DilationW: 1 + r.IntN(2), Groups: groups,
			Top: r.IntN(3), Left: r.IntN(3), Bottom: r.IntN(3), Right: r.IntN(3)}
		cases = append(cases, convCase{g, 1 + r.IntN(3), 7 + r.IntN(10), 7 + r.IntN(10)})
	}
	return cases
}

func TestConv(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for i, cc := range convCases(r) {
			g, relu := cc.g, i%2 == 0
			w := newGuarded[float32](r, g.Weights(), 0).s
			var bias []float32
			if i%3 != 0 {
				bias = newGuarded[float32](r, g.Out, 0).s
			}
			c, err := PrepareConv(g, w, bias, reluIf(relu))
			if err != nil {
				t.Fatal(err)
			}
			halo := randomHalo(r)
			if i%2 == 1 {
				halo = c.Halo(cc.h, cc.w)
			}
			in, _ := randomAct(r, cc.n, cc.h, cc.w, g.In, halo)
			oh, ow := g.OutSize(cc.h, cc.w)
			out, guard := randomAct(r, cc.n, oh, ow, g.Out, randomHalo(r))
			c.run(in, out)
			what := fmt.Sprintf("%+v on %d x %dx%d, halo %v, relu %v", g, cc.n, cc.h, cc.w, halo, relu)
			guard.intact(t, what)
			haloClean(t, what, out)
			// Winograd's transforms spread an error over the tile.
			var largest float64
			for n := range cc.n {
				for y := range oh {
					for x := range ow {
						for o := range g.Out {
							want, size := directConv(g, w, bias, in, n, o, y, x)
							largest = max(largest, size)
							if relu {
								want = max(want, 0)
							}
							got := float64(out.Data[out.At(n, y, x)+o])
							if e := math.Abs(got - want); !(e <= 1e-5*(largest+1)) {
								t.Fatalf("%s: image %d channel %d at %d,%d: %v, want %v", what, n, o, y, x, got, want)
							}
						}
					}
				}
			}
			c.Free()
		}
	})
}

// An image's result may depend neither on the batch around it nor on channels
// beside a view.
func TestConvBatch(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, cc := range convCases(r) {
			g := cc.g
			w := newGuarded[float32](r, g.Weights(), 0).s
			c, err := PrepareConv(g, w, nil, ReLU)
			if err != nil {
				t.Fatal(err)
			}
			in, _ := randomAct(r, 5, cc.h, cc.w, g.In, c.Halo(cc.h, cc.w))
			oh, ow := g.OutSize(cc.h, cc.w)
			all := NewAct(5, oh, ow, g.Out, Halo{}, nil)
			c.run(in, all)
			wide := NewAct(5, oh, ow, g.Out+7, Halo{1, 1, 1, 1}, nil)
			c.run(in, wide.Channels(3, 3+g.Out))
			for n := range 5 {
				one := NewAct(1, oh, ow, g.Out, Halo{0, 1, 0, 0}, nil)
				c.run(in.Images(n, n+1), one)
				for y := range oh {
					for x := range ow {
						for o := range g.Out {
							v := all.Data[all.At(n, y, x)+o]
							if one.Data[one.At(0, y, x)+o] != v || wide.Data[wide.At(n, y, x)+3+o] != v {
								t.Fatalf("%+v: image %d alone differs at %d,%d channel %d", g, n, y, x, o)
							}
						}
					}
				}
			}
			var outside float32
			for i, v := range wide.Data {
				if k := i % (g.Out + 7); k < 3 || k >= 3+g.Out {
					outside += v
				}
			}
			if outside != 0 {
				t.Fatalf("%+v: wrote into channels beside its own", g)
			}
			c.Free()
		}
	})
}

func TestConvErrors(t *testing.T) {
	bad := []Conv2D{{}, {In: 1, Out: 1}, {In: 3, Out: 2, KernelH: 1, KernelW: 1, Groups: 2}, {In: 1, Out: 1, KernelH: 1, KernelW: 1, Top: -1},
		{In: 1, Out: 1, KernelH: 1, KernelW: 1, StrideH: -1}, {In: 1, Out: 1, KernelH: 1, KernelW: 1, DilationW: -1}}
	for _, g := range bad {
		if g.Validate() == nil {
			t.Errorf("%+v is valid", g)
		}
	}
	if _, err := PrepareConv(Conv2D{In: 1, Out: 1, KernelH: 1, KernelW: 1}, make([]float32, 2), nil, Function{}); err == nil {
		t.Error("took too many weights")
	}
}

// Pooling on the way gives what pooling afterwards does.
func TestConvMaxPool(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(21, 22))
		for i, cc := range convCases(r) {
			g := cc.g
			w := newGuarded[float32](r, g.Weights(), 0).s
			c, err := PrepareConv(g, w, newGuarded[float32](r, g.Out, 0).s, reluIf(i%2 == 0))
			if err != nil {
				t.Fatal(err)
			}
			in, _ := randomAct(r, cc.n, cc.h, cc.w, g.In, c.Halo(cc.h, cc.w))
			oh, ow := g.OutSize(cc.h, cc.w)
			full := NewAct(cc.n, oh, ow, g.Out, Halo{}, nil)
			c.run(in, full)
			want := NewAct(cc.n, oh/2, ow/2, g.Out, Halo{}, nil)
			MaxPool(Pool2D{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2}, full, want)
			out, guard := randomAct(r, cc.n, oh/2, ow/2, g.Out, randomHalo(r))
			c.RunMaxPool2(in, out)
			guard.intact(t, fmt.Sprintf("%+v", g))
			haloClean(t, fmt.Sprintf("%+v", g), out)
			for n := range cc.n {
				for y := range oh / 2 {
					for x := range ow / 2 {
						for o := range g.Out {
							if a, b := out.Data[out.At(n, y, x)+o], want.Data[want.At(n, y, x)+o]; a != b {
								t.Fatalf("%+v: %v at %d,%d channel %d, want %v", g, a, y, x, o, b)
							}
						}
					}
				}
			}
			c.Free()
		}
	})
}

// What Winograd costs in precision, on sums as long and inputs as positive as
// a network's: against the definition in float64.
func TestConvPrecision(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(23, 24))
		for _, channels := range []int{64, 256, 512} {
			g := Conv2D{In: channels, Out: 32, KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1}
			w := make([]float32, g.Weights())
			sd := math.Sqrt(2 / float64(9*channels))
			for i := range w {
				w[i] = float32(r.NormFloat64() * sd)
			}
			c, err := PrepareConv(g, w, nil, ReLU)
			if err != nil {
				t.Fatal(err)
			}
			in, _ := randomAct(r, 1, 14, 14, channels, c.Halo(14, 14))
			for i, v := range in.Data {
				in.Data[i] = max(v, 0)
			}
			out := NewAct(1, 14, 14, 32, Halo{}, nil)
			c.run(in, out)
			c.Free()
			var worst, largest, errors, squares float64
			for range 1000 {
				y, x, o := r.IntN(14), r.IntN(14), r.IntN(32)
				want, _ := directConv(g, w, nil, in, 0, o, y, x)
				want = max(want, 0)
				e := math.Abs(float64(out.Data[out.At(0, y, x)+o]) - want)
				worst, largest = max(worst, e), max(largest, want)
				errors, squares = errors+e*e, squares+want*want
			}
			t.Logf("%d channels: largest error %.2g of the largest value, rms %.2g", channels, worst/largest, math.Sqrt(errors/squares))
			if worst > 1e-5*largest || errors > 2.5e-11*squares {
				t.Errorf("%d channels: error %v of %v, rms %v", channels, worst, largest, math.Sqrt(errors/squares))
			}
		}
	})
}
