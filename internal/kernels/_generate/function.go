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
		g.function(name+g.name, "func(dst, src *float32, n int, alpha, beta float32)", doc, "n counts vectors.")
		dst, src, n := g.gp("dst"), g.gp("src"), g.gp("n")
		alpha, beta := g.reg(g.count-1), g.reg(g.count-2)
		g.VBROADCASTSS(g.param("alpha"), alpha)
		g.VBROADCASTSS(g.param("beta"), beta)
		g.loop(n, unroll, func(count int) {
			for u := range count {
				f := &unit{g, g.reg(5 * u), g.reg(5*u + 1), g.reg(5*u + 2), g.reg(5*u + 3), g.reg(5*u + 4), alpha, beta}
				g.VMOVUPS(mem(src, u*g.bytes), f.x)
				body(f)
				g.VMOVUPS(f.x, mem(dst, u*g.bytes))
			}
			g.ADDQ(operand.I32(count*g.bytes), src)
			g.ADDQ(operand.I32(count*g.bytes), dst)
		})
		g.end()
	}
	fn("sexp", "does dst = exp(src).", func(f *unit) {
		g.VMOVAPS(f.x, f.z)
		f.exp()
		g.VMOVAPS(f.p, f.x)
	})
	fn("ssigmoid", "does dst = 1/(1 + exp(-src)).", func(f *unit) {
		g.VXORPS(f.k(float32(math.Copysign(0, -1))), f.x, f.z)
		f.exp()
		g.VADDPS(f.k(1), f.p, f.p)
		g.VMOVUPS(f.k(1), f.t)
		g.VDIVPS(f.p, f.t, f.x)
	})
	fn("ssilu", "does dst = max(src, beta)/(1 + exp(-alpha*src)).", func(f *unit) {
		g.VMULPS(f.alpha, f.x, f.z)
		g.VXORPS(f.k(float32(math.Copysign(0, -1))), f.z, f.z)
		f.exp()
		g.VADDPS(f.k(1), f.p, f.p)
		g.VMAXPS(f.x, f.beta, f.x)
		g.VDIVPS(f.p, f.x, f.x)
	})
	fn("stanh", "does dst = 1 - 2/(1 + exp(2*src)).", func(f *unit) {
		g.VADDPS(f.x, f.x, f.z)
		f.exp()
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
		g.VMULPS(f.a, f.a, f.z)
		g.VMULPS(f.k(-0.5), f.z, f.z)
		f.exp()
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
		g.VMOVUPS(f.k(float32(-2*math.Sqrt(2/math.Pi)*0.044715)), f.t)
		g.VFMADD213PS(f.k(float32(-2*math.Sqrt(2/math.Pi))), f.t, f.z)
		g.VMULPS(f.x, f.z, f.z)
		f.exp()
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

// k is a constant, as a vector in memory.
func (g *gen) k(v float32) operand.Mem {
	name := fmt.Sprintf("k%08xx%d", math.Float32bits(v), g.bytes)
	m, ok := g.globals[name]
	if !ok {
		m = g.StaticGlobal(name)
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for o := 0; o < g.bytes; o += 4 {
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
	g.VCVTPS2DQ(f.t, f.t)
	g.VPSLLD(operand.Imm(23), f.t, f.t)
	g.VPADDD(f.t, f.p, f.p)
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
