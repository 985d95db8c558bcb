package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transposeFile writes the transposition of strips of blocks as wide as a
// vector, by rounds of interleaving.
func transposeFile(g *gen) {
	for _, e := range []elem{f32, f64} {
		transposeKernel(g, e)
	}
}

func transposeKernel(g *gen, e elem) {
	n := g.bytes / e.bytes
	g.function(fmt.Sprintf("%stranspose%d%s", e.letter, n, g.name),
		fmt.Sprintf("func(blocks int, src *%[1]s, lds int, dst *%[1]s, ldd int)", e.name),
		fmt.Sprintf("does dst[j*ldd+i] = src[i*lds+j] for i < %d, j < %d*blocks.", n, n))
	blocks, src, lds, dst, ldd := g.gp("blocks"), g.gp("src"), g.gp("lds"), g.gp("dst"), g.gp("ldd")
	shift := uint64(2)
	if e.double {
		shift = 3
	}
	g.SHLQ(operand.Imm(shift), lds)
	g.SHLQ(operand.Imm(shift), ldd)
	p := g.GP64()
	g.Label("loop")
	g.MOVQ(src, p)
	in := make([]reg.VecPhysical, n)
	for i := range in {
		in[i] = g.reg(i)
		g.load(e, mem(p, 0), in[i])
		if i < n-1 {
			g.ADDQ(lds, p)
		}
	}
	out := make([]reg.VecPhysical, n)
	for i := range out {
		out[i] = g.reg(n + i)
	}
	for _, r := range g.interleave(e, in, out) {
		g.load(e, r, mem(dst, 0))
		g.ADDQ(ldd, dst)
	}
	g.ADDQ(operand.I32(g.bytes), src)
	g.DECQ(blocks)
	g.JNE(ref("loop"))
	g.end()
}

// interleave transposes the n x n block in the registers a, using as many of b,
// and returns where the result is.
func (g *gen) interleave(e elem, a, b []reg.VecPhysical) []reg.VecPhysical {
	n := len(a)
	// Within lanes of 128 bits: pairs of values, then (float32) pairs of pairs.
	if !e.double {
		for i := 0; i < n; i += 4 {
			g.VUNPCKLPS(a[i+1], a[i], b[i])     // a0 b0 a1 b1
			g.VUNPCKHPS(a[i+1], a[i], b[i+1])   // a2 b2 a3 b3
			g.VUNPCKLPS(a[i+3], a[i+2], b[i+2]) // c0 d0 c1 d1
			g.VUNPCKHPS(a[i+3], a[i+2], b[i+3])
		}
		for i := 0; i < n; i += 4 {
			g.VUNPCKLPD(b[i+2], b[i], a[i]) // column 0 of four rows
			g.VUNPCKHPD(b[i+2], b[i], a[i+1])
			g.VUNPCKLPD(b[i+3], b[i+1], a[i+2])
			g.VUNPCKHPD(b[i+3], b[i+1], a[i+3])
		}
	} else {
		for i := 0; i < n; i += 2 {
			g.VUNPCKLPD(a[i+1], a[i], b[i])
			g.VUNPCKHPD(a[i+1], a[i], b[i+1])
		}
		a, b = b, a
	}
	// Now lane l of register i holds, for the rows of its group, column
	// l*group + i%group. Gather the lanes: a transposition of lanes.
	group := 16 / e.bytes
	if g.bytes == 32 {
		for i := range group {
			g.VPERM2F128(operand.Imm(0x20), a[group+i], a[i], b[i])
			g.VPERM2F128(operand.Imm(0x31), a[group+i], a[i], b[group+i])
		}
		return b
	}
	shuffle := g.VSHUFF32X4
	if e.double {
		shuffle = g.VSHUFF64X2
	}
	for i := range group {
		r := func(s []reg.VecPhysical, j int) reg.VecPhysical { return s[j*group+i] }
		shuffle(operand.Imm(0x88), r(a, 1), r(a, 0), r(b, 0)) // lanes 0 and 2 of both
		shuffle(operand.Imm(0xdd), r(a, 1), r(a, 0), r(b, 1)) // lanes 1 and 3
		shuffle(operand.Imm(0x88), r(a, 3), r(a, 2), r(b, 2))
		shuffle(operand.Imm(0xdd), r(a, 3), r(a, 2), r(b, 3))
		shuffle(operand.Imm(0x88), r(b, 2), r(b, 0), r(a, 0)) // lane 0 of all four
		shuffle(operand.Imm(0x88), r(b, 3), r(b, 1), r(a, 1))
		shuffle(operand.Imm(0xdd), r(b, 2), r(b, 0), r(a, 2))
		shuffle(operand.Imm(0xdd), r(b, 3), r(b, 1), r(a, 3))
	}
	return a
}
