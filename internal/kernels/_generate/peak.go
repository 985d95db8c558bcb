package main

import "github.com/mmcloughlin/avo/operand"

// peakFile writes loops of nothing but multiply-adds, by which benchmarks
// measure what the machine can do.
func peakFile(g *gen) {
	g.function("peak"+g.name, "func(n int)", "does n rounds of twelve independent multiply-adds.")
	n := g.gp("n")
	for i := range 14 {
		g.zero(g.reg(i))
	}
	g.Label("loop")
	for i := range 12 {
		g.VFMADD231PS(g.reg(12), g.reg(13), g.reg(i))
	}
	g.SUBQ(operand.Imm(1), n)
	g.JNE(ref("loop"))
	g.end()
}
