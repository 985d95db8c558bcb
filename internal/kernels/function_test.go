package kernels

import (
	"math"
	"math/rand/v2"
	"testing"

	"vzsl/internal/filetest"
)

var functions = []Function{
	{}, ReLU, {Bounds, 0, 6}, {Bounds, -0.5, 0.5}, {Leaky, 0.25, 0}, {Kind: Sigmoid}, {Kind: Silu}, {Silu, 1.702, 0}, {Silu, 0.125, 0},
	{Kind: Tanh}, {HardSigmoid, 0.2, 0.5}, {Kind: HardSwish}, {Kind: Gelu}, {Kind: GeluTanh}, {Kind: Exp},
}

// Every function at every length around the vectors', at odd places, against its
// definition in float64; a value's result is the same wherever it stands.
func TestFunctions(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(131, 132))
		for _, f := range functions {
			for n := range 80 {
				x, y := newGuarded[float32](r, n, n%7), newGuarded[float32](r, n, n%3)
				for i := range x.s {
					x.s[i] *= []float32{0.01, 1, 4, 20}[r.IntN(4)]
				}
				f.Apply(y.s, x.s)
				y.intact(t, f.String())
				for i, v := range x.s {
					want := float64(f.of(v))
					// The definition in float32 is right to half a unit; the vectors to some more.
					if e := math.Abs(float64(y.s[i]) - want); !(e <= 3e-7*math.Abs(want)+2e-7*math.Min(1, math.Abs(float64(v)))+2e-7) {
						t.Fatalf("%v(%v) = %v, want %v", f, v, y.s[i], want)
					}
					one := [1]float32{v}
					f.Apply(one[:], one[:])
					if one[0] != y.s[i] {
						t.Fatalf("%v(%v) is %v among %d values, %v alone", f, v, y.s[i], n, one[0])
					}
				}
			}
			inf := float32(math.Inf(1))
			for _, v := range []float32{inf, -inf, 1e38, -1e38, 100, -100, 0, float32(math.NaN())} {
				x := [16]float32{}
				for i := range x {
					x[i] = v
				}
				f.Apply(x[:], x[:])
				want := float64(f.of(v))
				switch got := float64(x[3]); {
				case v != v:
					if got == got && f.Kind != Exp {
						t.Errorf("%v(NaN) = %v", f, got)
					}
				case math.IsInf(float64(v), 0) && f.Kind >= Silu: // networks have none; they must only not look like features
				case f.Kind == Exp && v > 88: // the largest finite powers stand for what is beyond
				case math.Abs(got-want) > 1e-6*math.Abs(want)+1e-7:
					t.Errorf("%v(%v) = %v, want %v", f, v, got, want)
				}
			}
		}
	})
}

// Every function on its way out of every kind of convolution and of a linear
// layer, with another map added and channels scaled, against separate steps.
func TestLayerEnds(t *testing.T) {
	filetest.Slow(t)
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(133, 134))
		for i, f := range functions {
			for _, cc := range append(convCases(r)[:18:18], depthCases()...) {
				g := cc.g
				w, bias := newGuarded[float32](r, g.Weights(), 0).s, newGuarded[float32](r, g.Out, 0).s
				c, err := PrepareConv(g, w, bias, f)
				if err != nil {
					t.Fatal(err)
				}
				plain, err := PrepareConv(g, w, bias, Function{})
				if err != nil {
					t.Fatal(err)
				}
				in, _ := randomAct(r, cc.n, cc.h, cc.w, g.In, randomHalo(r))
				oh, ow := g.OutSize(cc.h, cc.w)
				var add *Act
				if i%2 == 0 {
					add, _ = randomAct(r, cc.n, oh, ow, g.Out, randomHalo(r))
				}
				out, guard := randomAct(r, cc.n, oh, ow, g.Out, randomHalo(r))
				want := NewAct(cc.n, oh, ow, g.Out, Halo{}, nil)
				if c.scales() && i%3 == 0 {
					scale := newGuarded[float32](r, cc.n*g.In, 0).s
					c.RunScaled(in, scale, add, out)
					scaled := NewAct(cc.n, cc.h, cc.w, g.In, Halo{}, nil)
					for n := range cc.n {
						for y := range cc.h {
							for x := range cc.w {
								for ch := range g.In {
									scaled.Data[scaled.At(n, y, x)+ch] = in.Data[in.At(n, y, x)+ch] * scale[n*g.In+ch]
								}
							}
						}
					}
					plain.run(scaled, want)
				} else if c.scales() && i%3 == 1 {
					scale, shift, relu := newGuarded[float32](r, g.In, 0).s, newGuarded[float32](r, g.In, 0).s, i%2 == 0
					c.RunShifted(in, scale, shift, relu, add, out)
					changed := NewAct(cc.n, cc.h, cc.w, g.In, Halo{}, nil)
					ScaleShift(in, changed, scale, shift, relu)
					plain.run(changed, want)
				} else {
					c.RunAdd(in, add, out)
					plain.run(in, want)
				}
				guard.intact(t, "convolution")
				haloClean(t, "convolution", out)
				if add != nil {
					AddAct(want, add, want, false)
				}
				ApplyAct(f, want, want)
				for n := range cc.n {
					for y := range oh {
						for x := range ow {
							for o := range g.Out {
								got, v := out.Data[out.At(n, y, x)+o], want.Data[want.At(n, y, x)+o]
								if e := math.Abs(float64(got - v)); !(e <= 2e-5*(1+math.Abs(float64(v)))) && f.Kind != Exp {
									t.Fatalf("%v after %+v, add %v: %v, want %v", f, g, add != nil, got, v)
								}
							}
						}
					}
				}
				c.Free()
				plain.Free()
			}
			m, n, k := 1+r.IntN(40), 1+r.IntN(100), 1+r.IntN(700)
			w, bias := newGuarded[float32](r, n*k, 1).s, newGuarded[float32](r, n, 1).s
			l, err := PrepareLinear(true, n, k, w, k, bias, f)
			if err != nil {
				t.Fatal(err)
			}
			plain, err := PrepareLinear(true, n, k, w, k, bias, Function{})
			if err != nil {
				t.Fatal(err)
			}
			x, add, y := newGuarded[float32](r, m*k, 3), newGuarded[float32](r, m*n, 2), newGuarded[float32](r, m*n, 1)
			l.RunAdd(m, x.s, k, add.s, n, y.s, n)
			y.intact(t, "linear")
			want := make([]float32, m*n)
			plain.run(m, x.s, k, want, n)
			Add(want, want, add.s)
			ApplyAll(f, want, want)
			for j, v := range want {
				if math.Abs(float64(y.s[j]-v)) > 1e-5*(1+math.Abs(float64(v))) {
					t.Fatalf("%v after a linear layer of %d into %d: %v, want %v", f, k, n, y.s[j], v)
				}
			}
			l.Free()
			plain.Free()
		}
	})
}

// depthCases are depthwise and grouped convolutions as networks have them, and
// odd ones.
func depthCases() []convCase {
	d := func(c, out, k, stride, dilation, pad int) Conv2D {
		return Conv2D{In: c, Out: out, KernelH: k, KernelW: k, StrideH: stride, StrideW: stride, DilationH: dilation, DilationW: dilation,
			Groups: c, Top: pad, Left: pad, Bottom: pad, Right: pad}
	}
	grouped := func(c, out, groups, stride int) Conv2D {
		return Conv2D{In: c, Out: out, KernelH: 3, KernelW: 3, StrideH: stride, StrideW: stride, Groups: groups, Top: 1, Left: 1, Bottom: 1, Right: 1}
	}
	return []convCase{
		{d(96, 96, 3, 1, 1, 1), 1, 14, 14},
		{d(144, 144, 3, 2, 1, 1), 2, 15, 14},
		{d(40, 40, 5, 2, 1, 2), 1, 13, 13},
		{d(33, 33, 7, 1, 1, 3), 1, 9, 9},
		{d(24, 24, 3, 1, 2, 2), 1, 9, 11},
		{d(20, 60, 3, 1, 1, 1), 2, 7, 7},
		{d(100, 100, 3, 2, 1, 0), 1, 7, 30},
		{d(7, 7, 5, 1, 3, 6), 1, 5, 5},
		{d(17, 17, 3, 3, 1, 2), 1, 1, 1},
		{d(16, 16, 5, 1, 1, 4), 1, 3, 2},
		{grouped(128, 128, 32, 1), 1, 9, 9},
		{grouped(64, 96, 4, 2), 2, 8, 8},
		{grouped(12, 18, 6, 1), 1, 6, 6},
		{grouped(24, 24, 8, 2), 1, 7, 7},
	}
}
