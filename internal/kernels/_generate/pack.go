package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
)

// packFile writes the copying of B's columns into panels of two vectors.
func packFile(g *gen) {
	g.function("pack"+g.name, "func(k, panels int, src *byte, lds int, dst *byte)",
		fmt.Sprintf("copies panels*%d bytes of each of k rows, lds bytes apart: the", 2*g.bytes),
		fmt.Sprintf("first %d of all rows one after another, then the next, and so on.", 2*g.bytes))
	k, panels, src, lds, dst := g.gp("k"), g.gp("panels"), g.gp("src"), g.gp("lds"), g.gp("dst")
	step, ahead := g.GP64(), g.GP64()
	g.MOVQ(k, step)
	g.SHLQ(operand.Imm(map[int]uint64{64: 7, 32: 6}[g.bytes]), step)
	// A few rows ahead the memory is asked for what the hardware, which
	// follows addresses and not columns, does not see coming.
	g.LEAQ(operand.Mem{Base: lds, Index: lds, Scale: 2}, ahead)
	g.ADDQ(ahead, ahead)
	g.Label("row")
	s, d, n := g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(src, s)
	g.MOVQ(dst, d)
	g.MOVQ(panels, n)
	g.Label("panel")
	for o := 0; o < 2*g.bytes; o += 64 {
		g.PREFETCHT0(operand.Mem{Base: s, Index: ahead, Scale: 1, Disp: o})
	}
	g.VMOVUPS(mem(s, 0), g.reg(0))
	g.VMOVUPS(mem(s, g.bytes), g.reg(1))
	g.VMOVUPS(g.reg(0), mem(d, 0))
	g.VMOVUPS(g.reg(1), mem(d, g.bytes))
	g.ADDQ(operand.I32(2*g.bytes), s)
	g.ADDQ(step, d)
	g.DECQ(n)
	g.JNE(ref("panel"))
	g.ADDQ(lds, src)
	g.ADDQ(operand.I32(2*g.bytes), dst)
	g.DECQ(k)
	g.JNE(ref("row"))
	g.end()
}
