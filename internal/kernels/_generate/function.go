package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// functionFile writes the functions of activations that need an exponential,
// and the exponential itself. See function.go in the package.
func functionFile(g *gen) {
	unroll := 4
	if g.count == 16 {
		unroll = 2
	}
	fn := func(name, doc string, body func(f *unit)) {
		g.function(name+g.name, "func(dst *float32, to int, src *float32, from int, rows, n int, mask uint32, alpha, beta float32)", doc,
			"On rows of n vectors, to and from bytes apart; mask is of the last vector's values where vectors have one.")
		dst, src, rows := g.gp("dst"), g.gp("src"), g.gp("rows")
		d, s, n := g.GP64(), g.GP64(), g.GP64()
		alpha, beta := g.reg(g.count-1), g.reg(g.count-2)
		g.VBROADCASTSS(g.param("alpha"), alpha)
		g.VBROADCASTSS(g.param("beta"), beta)
		if g.bytes == 64 {
			g.MOVL(g.param("mask"), n.As32())
			g.KMOVW(n.As32(), reg.K1)
		}
		one := func(u int, last bool) {
			f := &unit{g, g.reg(5 * u), g.reg(5*u + 1), g.reg(5*u + 2), g.reg(5*u + 3), g.reg(5*u + 4), alpha, beta}
			masked := last && g.bytes == 64
			if masked {
				g.VMOVUPS_Z(mem(s, u*g.bytes), reg.K1, f.x)
			} else {
				g.VMOVUPS(mem(s, u*g.bytes), f.x)
			}
			body(f)
			if masked {
				g.VMOVUPS(f.x, reg.K1, mem(d, u*g.bytes))
			} else {
				g.VMOVUPS(f.x, mem(d, u*g.bytes))
			}
		}
		g.Label("row")
		g.MOVQ(dst, d)
		g.MOVQ(src, s)
		g.MOVQ(g.param("n"), n)
		g.DECQ(n)
		g.JEQ(ref("done"))
		g.loop(n, unroll, func(count int) {
			for u := range count {
				one(u, false)
			}
			g.ADDQ(operand.I32(count*g.bytes), s)
			g.ADDQ(operand.I32(count*g.bytes), d)
		})
		one(0, true)
		g.ADDQ(g.param("to"), dst)
		g.ADDQ(g.param("from"), src)
		g.DECQ(rows)
		g.JNE(ref("row"))
		g.end()
	}
	fn("sexp", "does dst = exp(src).", func(f *unit) {
		g.VMOVAPS(f.x, f.z)
		f.exp()
		g.VMOVAPS(f.p, f.x)
	})
	fn("ssigmoid", "does dst = 1/(1 + exp(-src)).", func(f *unit) {
		g.VMULPS(f.k(-math.Log2E), f.x, f.t)
		f.power()
		g.VADDPS(f.k(1), f.p, f.p)
		g.VMOVUPS(f.k(1), f.t)
		g.VDIVPS(f.p, f.t, f.x)
	})
	fn("ssilu", "does dst = max(src, beta)/(1 + 2^(alpha*src)).", func(f *unit) {
		g.VMULPS(f.alpha, f.x, f.t)
		f.power()
		g.VADDPS(f.k(1), f.p, f.p)
		g.VMAXPS(f.x, f.beta, f.x)
		g.VDIVPS(f.p, f.x, f.x)
	})
	fn("stanh", "does dst = 1 - 2/(1 + exp(2*src)).", func(f *unit) {
		g.VMULPS(f.k(2*math.Log2E), f.x, f.t)
		f.power()
		g.VADDPS(f.k(1), f.p, f.p)
		g.VMOVUPS(f.k(2), f.t)
		g.VDIVPS(f.p, f.t, f.t)
		g.VMOVUPS(f.k(1), f.x)
		g.VSUBPS(f.t, f.x, f.x)
	})
	fn("shardSigmoid", "does dst = min(max(alpha*src + beta, 0), 1).", func(f *unit) {
		f.hard()
		g.VMOVAPS(f.z, f.x)
	})
	fn("shardSwish", "does dst = src*min(max(alpha*src + beta, 0), 1).", func(f *unit) {
		f.hard()
		g.VMULPS(f.z, f.x, f.x)
	})
	// Abramowitz and Stegun, formula 7.1.26: erfc(a) = (a1 t + ... + a5 t^5) exp(-a^2) with
	// t = 1/(1 + 0.3275911 a) to 1.5e-7; GELU is max(x, 0) - |x|/2 erfc(|x|/sqrt 2).
	fn("sgelu", "does dst = src/2*(1 + erf(src/sqrt 2)).", func(f *unit) {
		g.VANDPS(f.k(math.Float32frombits(0x7fffffff)), f.x, f.a)
		g.VMINPS(f.a, f.set(14, f.t), f.a)
		g.VMULPS(f.a, f.a, f.t)
		g.VMULPS(f.k(-0.5*math.Log2E), f.t, f.t)
		f.power()
		g.VMOVUPS(f.k(0.3275911/math.Sqrt2), f.z)
		g.VFMADD213PS(f.k(1), f.a, f.z)
		g.VMOVUPS(f.k(1), f.t)
		g.VDIVPS(f.z, f.t, f.t)
		g.VMOVUPS(f.k(1.061405429), f.z)
		for _, c := range []float32{-1.453152027, 1.421413741, -0.284496736, 0.254829592} {
			g.VFMADD213PS(f.k(c), f.t, f.z)
		}
		g.VMULPS(f.t, f.z, f.z)
		g.VMULPS(f.z, f.p, f.p)
		g.VMULPS(f.k(0.5), f.a, f.a)
		g.zero(f.t)
		g.VMAXPS(f.x, f.t, f.x)
		g.VFNMADD231PS(f.a, f.p, f.x)
	})
	fn("sgeluTanh", "does dst = src/(1 + exp(-2*sqrt(2/pi)*(src + 0.044715*src^3))).", func(f *unit) {
		g.VMULPS(f.x, f.x, f.z)
		g.VMOVUPS(f.k(float32(-2*math.Log2E*math.Sqrt(2/math.Pi)*0.044715)), f.t)
		g.VFMADD213PS(f.k(float32(-2*math.Log2E*math.Sqrt(2/math.Pi))), f.z, f.t)
		g.VMULPS(f.x, f.t, f.t)
		f.power()
		g.VADDPS(f.k(1), f.p, f.p)
		g.VMAXPS(f.x, f.set(-14, f.t), f.x)
		g.VDIVPS(f.p, f.x, f.x)
	})
}

// unit is the registers of one vector on its way through a function: its
// value x and four more.
type unit struct {
	*gen
	x, a, z, t, p reg.VecPhysical
	alpha, beta   reg.VecPhysical
}

// k is a constant, as a vector in memory; for AVX-512 as one value, which spread repeats: Go's linker aligns data to 32 bytes at
// most, and vectors of 64 that lie across two cache lines made networks with such functions 7 % slower, or not, by what else was
// linked.
func (g *gen) k(v float32) operand.Mem {
	bytes := g.bytes
	if bytes == 64 {
		bytes = 4
	}
	name := fmt.Sprintf("k%08xx%d", math.Float32bits(v), bytes)
	m, ok := g.globals[name]
	if !ok {
		m = g.StaticGlobal(name)
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for o := 0; o < bytes; o += 4 {
			g.AddDatum(o, operand.U32(math.Float32bits(v)))
		}
		g.globals[name] = m
	}
	return m
}

// set puts a constant into r.
func (f *unit) set(v float32, r reg.VecPhysical) reg.VecPhysical {
	f.VMOVUPS(f.k(v), r)
	return r
}

// exp makes p = exp(z), z held between -87.3 and 88.3: 2^n exp(r), with Cephes'
// polynomial for |r| <= ln(2)/2. z and t are lost.
func (f *unit) exp() {
	g := f.gen
	g.VMAXPS(f.z, f.set(-87.3, f.t), f.z)
	g.VMINPS(f.z, f.set(88.3, f.t), f.z)
	g.VMULPS(g.k(math.Log2E), f.z, f.t)
	if g.bytes == 64 {
		g.VRNDSCALEPS(operand.Imm(8), f.t, f.t)
	} else {
		g.VROUNDPS(operand.Imm(8), f.t, f.t)
	}
	g.VFNMADD231PS(g.k(0.693359375), f.t, f.z)
	g.VFNMADD231PS(g.k(-2.12194440e-4), f.t, f.z)
	g.VMOVUPS(g.k(1.9875691500e-4), f.p)
	for _, c := range []float32{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		g.VFMADD213PS(g.k(c), f.z, f.p)
	}
	g.VMULPS(f.z, f.p, f.p)
	g.VFMADD213PS(f.z, f.z, f.p)
	g.VADDPS(g.k(1), f.p, f.p)
	f.scale(f.t)
}

// power makes p = 2^t to 1.1e-7: 2^n times a polynomial of the rest, |t-n| <= 1/2, for the least relative error. Beyond -126 and
// 127 it is at least as small or as large as there. z and t are lost.
func (f *unit) power() {
	g := f.gen
	rest, whole := f.t, f.z
	if g.bytes == 64 {
		rest, whole = f.z, f.t
		g.VREDUCEPS(operand.Imm(8), f.t, rest) // of an infinite value it is 0
		g.VSUBPS(rest, f.t, whole)
	} else {
		g.VMAXPS(f.t, f.set(-126, f.z), f.t)
		g.VMINPS(f.t, f.set(127, f.z), f.t)
		g.VROUNDPS(operand.Imm(8), f.t, whole)
		g.VSUBPS(whole, f.t, rest)
	}
	g.VMOVUPS(g.k(0.0013218672), f.p)
	for _, c := range []float32{0.0096716983, 0.055508930, 0.24022238, 0.69314688, 1} {
		g.VFMADD213PS(g.k(c), rest, f.p)
	}
	f.scale(whole)
}

// scale makes p = p*2^n, n being a whole number.
func (f *unit) scale(n reg.VecPhysical) {
	if f.bytes == 64 {
		f.VSCALEFPS(n, f.p, f.p)
		return
	}
	f.VCVTPS2DQ(n, n)
	f.VPSLLD(operand.Imm(23), n, n)
	f.VPADDD(n, f.p, f.p)
}

// hard makes z = min(max(alpha*x + beta, 0), 1).
func (f *unit) hard() {
	g := f.gen
	g.VMOVAPS(f.beta, f.z)
	g.VFMADD231PS(f.alpha, f.x, f.z)
	g.zero(f.t)
	g.VMAXPS(f.z, f.t, f.z)
	g.VMINPS(f.z, f.set(1, f.t), f.z)
}
