package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowFile writes what attention and normalisation do to a row: see row.go in
// the package. n counts vectors; the last has mask's values where vectors have
// masks, and is whole where they do not.
func rowFile(g *gen) {
	maxRow(g)
	expSum(g)
	normRow(g)
}

// setMask puts the mask of the last vector into K1.
func (g *gen) setMask() {
	if g.bytes == 64 {
		t := g.GP64()
		g.MOVL(g.param("mask"), t.As32())
		g.KMOVW(t.As32(), reg.K1)
	}
}

// pass runs body for each of n vectors, the last of them masked.
// u is 0 to 3 in turn.
func (g *gen) pass(label string, count reg.Register, body func(u int, at func(base reg.Register) operand.Mem, last bool)) {
	at, n := g.GP64(), g.GP64()
	g.XORQ(at, at)
	g.MOVQ(count, n)
	here := func(u int) func(base reg.Register) operand.Mem {
		return func(base reg.Register) operand.Mem {
			return operand.Mem{Base: base, Index: at, Scale: 1, Disp: u * g.bytes}
		}
	}
	g.SUBQ(operand.Imm(5), n)
	g.JLT(ref(label + "rest"))
	g.Label(label + "four")
	for u := range 4 {
		body(u, here(u), false)
	}
	g.ADDQ(operand.I32(4*g.bytes), at)
	g.SUBQ(operand.Imm(4), n)
	g.JGE(ref(label + "four"))
	g.Label(label + "rest")
	g.ADDQ(operand.Imm(4), n)
	g.JEQ(ref(label + "last"))
	g.Label(label + "one")
	body(0, here(0), false)
	g.ADDQ(operand.I32(g.bytes), at)
	g.DECQ(n)
	g.JNE(ref(label + "one"))
	g.Label(label + "last")
	body(0, here(0), true)
}

// loadLast loads a vector; where it is the last, what is beyond the mask is zero.
func (g *gen) loadLast(m operand.Op, last bool, r reg.Register) {
	if last && g.bytes == 64 {
		g.VMOVUPS_Z(m, reg.K1, r)
	} else {
		g.VMOVUPS(m, r)
	}
}

func (g *gen) storeLast(r reg.Register, last bool, m operand.Op) {
	if last && g.bytes == 64 {
		g.VMOVUPS(r, reg.K1, m)
	} else {
		g.VMOVUPS(r, m)
	}
}

func maxRow(g *gen) {
	g.function("smaxRow"+g.name, "func(x *float32, n int, mask uint32) float32", "returns the largest of a row of n vectors.")
	x, n := g.gp("x"), g.gp("n")
	g.setMask()
	for u := range 4 {
		g.VMOVUPS(g.k(-math.MaxFloat32), g.reg(u))
	}
	g.pass("", n, func(u int, at func(reg.Register) operand.Mem, last bool) {
		if last && g.bytes == 64 {
			g.VMAXPS(at(x), g.reg(u), reg.K1, g.reg(u))
		} else {
			g.VMAXPS(at(x), g.reg(u), g.reg(u))
		}
	})
	g.across(func(a, b reg.Register) { g.VMAXPS(a, b, b) })
	g.Store(xmm[0], g.ReturnIndex(0))
	g.end()
}

// across combines registers 0 to 3 and their lanes into the first of register 0.
func (g *gen) across(op func(a, b reg.Register)) {
	op(g.reg(1), g.reg(0))
	op(g.reg(3), g.reg(2))
	op(g.reg(2), g.reg(0))
	if g.bytes == 64 {
		g.VEXTRACTF64X4(operand.Imm(1), zmm[0], ymm[1])
		op(ymm[1], ymm[0])
	}
	g.VEXTRACTF128(operand.Imm(1), ymm[0], xmm[1])
	op(xmm[1], xmm[0])
	g.VPERMILPD(operand.Imm(1), xmm[0], xmm[1])
	op(xmm[1], xmm[0])
	g.VMOVSHDUP(xmm[0], xmm[1])
	op(xmm[1], xmm[0])
}

func expSum(g *gen) {
	g.function("sexpSum"+g.name, "func(x *float32, n int, mask uint32, shift float32) float32",
		"does x = exp(x - shift) on a row of n vectors and returns the sum.")
	x, n := g.gp("x"), g.gp("n")
	g.setMask()
	shift := g.reg(15)
	g.VBROADCASTSS(g.param("shift"), shift)
	for u := range 4 {
		g.zero(g.reg(u))
	}
	g.pass("", n, func(u int, at func(reg.Register) operand.Mem, last bool) {
		b := 4 + 3*(u%3)
		if g.count == 32 {
			b = 16 + 3*u
		}
		f := &unit{gen: g, z: g.reg(b), t: g.reg(b + 1), p: g.reg(b + 2)}
		g.loadLast(at(x), last, f.t)
		g.VSUBPS(shift, f.t, f.t)
		g.VMULPS(g.k(math.Log2E), f.t, f.t)
		f.power()
		g.storeLast(f.p, last, at(x))
		if last && g.bytes == 64 {
			g.VADDPS(f.p, g.reg(u), reg.K1, g.reg(u))
		} else {
			g.VADDPS(f.p, g.reg(u), g.reg(u))
		}
	})
	g.across(func(a, b reg.Register) { g.VADDPS(a, b, b) })
	g.Store(xmm[0], g.ReturnIndex(0))
	g.end()
}

func normRow(g *gen) {
	g.function("snormRow"+g.name, "func(dst, src, scale, shift *float32, n int, mask uint32, part, epsilon float32)",
		"does dst = (src - mean)/sqrt(variance + epsilon)*scale + shift on a row of n vectors; part is one value's part of",
		"the row, 1/count.")
	dst, src, scale, shift, n := g.gp("dst"), g.gp("src"), g.gp("scale"), g.gp("shift"), g.gp("n")
	g.setMask()
	one := func(op func(a, b, c operand.Op), a reg.Register) { op(g.param("part"), a, a) }
	for u := range 4 {
		g.zero(g.reg(u))
	}
	g.pass("sum", n, func(u int, at func(reg.Register) operand.Mem, last bool) {
		g.loadLast(at(src), last, g.reg(4+u))
		g.VADDPS(g.reg(4+u), g.reg(u), g.reg(u))
	})
	add := func(a, b reg.Register) { g.VADDPS(a, b, b) }
	g.across(add)
	one(func(a, b, c operand.Op) { g.VMULSS(a, b, c) }, xmm[0])
	mean := g.reg(15)
	g.VBROADCASTSS(xmm[0], mean)
	for u := range 4 {
		g.zero(g.reg(u))
	}
	g.pass("square", n, func(u int, at func(reg.Register) operand.Mem, last bool) {
		if last && g.bytes == 64 {
			g.zero(g.reg(4 + u))
			g.VMOVUPS_Z(at(src), reg.K1, g.reg(8+u))
			g.VSUBPS(mean, g.reg(8+u), reg.K1, g.reg(4+u))
		} else {
			g.VMOVUPS(at(src), g.reg(4+u))
			g.VSUBPS(mean, g.reg(4+u), g.reg(4+u))
		}
		g.VFMADD231PS(g.reg(4+u), g.reg(4+u), g.reg(u))
	})
	g.across(add)
	one(func(a, b, c operand.Op) { g.VMULSS(a, b, c) }, xmm[0])
	g.VADDSS(g.param("epsilon"), xmm[0], xmm[0])
	g.VSQRTSS(xmm[0], xmm[0], xmm[0])
	g.VMOVSS(g.k(1), xmm[1])
	g.VDIVSS(xmm[0], xmm[1], xmm[1])
	root := g.reg(14)
	g.VBROADCASTSS(xmm[1], root)
	g.pass("norm", n, func(u int, at func(reg.Register) operand.Mem, last bool) {
		g.loadLast(at(src), last, g.reg(u))
		g.loadLast(at(scale), last, g.reg(4+u))
		g.loadLast(at(shift), last, g.reg(8+u))
		g.VSUBPS(mean, g.reg(u), g.reg(u))
		g.VMULPS(root, g.reg(u), g.reg(u))
		g.VFMADD231PS(g.reg(4+u), g.reg(u), g.reg(8+u))
		g.storeLast(g.reg(8+u), last, at(dst))
	})
	g.end()
}
