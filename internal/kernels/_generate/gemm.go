package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gemmFile writes the multiplication micro-kernels: for every number of rows up
// to the tile's, and two vectors of columns. The tile stays in registers; per
// product two vectors of b are loaded and one value of a per row broadcast.
func gemmFile(g *gen) {
	rows := (g.count - 4) / 2
	for _, e := range []elem{f32, f64} {
		for r := 1; r <= rows; r++ {
			gemmKernel(g, e, r)
		}
	}
}

func gemmKernel(g *gen, e elem, rows int) {
	cols := 2 * g.bytes / e.bytes
	g.function(fmt.Sprintf("%sgemm%dx%d%s", e.letter, rows, cols, g.name),
		fmt.Sprintf("func(k int, a *%[1]s, lda int, b *%[1]s, c *%[1]s, ldc int, alpha, beta %[1]s)", e.name),
		fmt.Sprintf("does c = alpha*a*b + beta*c on %d rows of a and c, lda and ldc apart,", rows),
		fmt.Sprintf("and %[1]d columns. b is k rows of %[1]d. c is not read if beta is zero.", cols))

	k, a, lda, b, c, ldc := g.gp("k"), g.gp("a"), g.gp("lda"), g.gp("b"), g.gp("c"), g.gp("ldc")
	shift := uint64(2)
	if e.double {
		shift = 3
	}
	g.SHLQ(operand.Imm(shift), lda)
	g.SHLQ(operand.Imm(shift), ldc)

	// Every third row has a pointer; the two after it are one and two lda on.
	base := []reg.Register{a}
	if rows > 3 {
		step := g.GP64()
		g.LEAQ(operand.Mem{Base: lda, Index: lda, Scale: 2}, step)
		for i := 3; i < rows; i += 3 {
			p := g.GP64()
			g.LEAQ(operand.Mem{Base: base[len(base)-1], Index: step, Scale: 1}, p)
			base = append(base, p)
		}
	}
	at := func(row, disp int) operand.Mem {
		m := operand.Mem{Base: base[row/3], Disp: disp}
		if s := row % 3; s > 0 {
			m.Index, m.Scale = lda, uint8(s)
		}
		return m
	}

	acc := func(row, half int) reg.VecPhysical { return g.reg(2*row + half) }
	b0, b1 := g.reg(g.count-4), g.reg(g.count-3)
	bcast := []reg.VecPhysical{g.reg(g.count - 2), g.reg(g.count - 1)}

	// The tile of c is needed at the end: ask for it now.
	p := g.GP64()
	g.MOVQ(c, p)
	for i := range rows {
		for d := 0; d < 2*g.bytes; d += 64 {
			g.PREFETCHT0(mem(p, d))
		}
		if i < rows-1 {
			g.ADDQ(ldc, p)
		}
	}
	for i := range 2 * rows {
		g.zero(g.reg(i))
	}

	// Few rows are done sooner than memory answers.
	ahead := 16 * 64
	if rows <= 8 {
		ahead = 64 * 64
	}
	const unroll = 4
	product := func(u int) {
		g.load(e, mem(b, 2*g.bytes*u), b0)
		g.load(e, mem(b, 2*g.bytes*u+g.bytes), b1)
		for i := range rows {
			x := bcast[i%2]
			g.broadcast(e, at(i, e.bytes*u), x)
			g.fma(e, b0, x, acc(i, 0))
			g.fma(e, b1, x, acc(i, 1))
		}
	}
	advance := func(n int) {
		g.ADDQ(operand.I32(2*g.bytes*n), b)
		for _, p := range base {
			g.ADDQ(operand.I32(e.bytes*n), p)
		}
	}
	g.SUBQ(operand.Imm(unroll), k)
	g.JLT(ref("rest"))
	g.Label("loop")
	for u := range unroll {
		for d := 0; d < 2*g.bytes; d += 64 {
			g.PREFETCHT0(mem(b, ahead+2*g.bytes*u+d))
		}
		product(u)
	}
	advance(unroll)
	g.SUBQ(operand.Imm(unroll), k)
	g.JGE(ref("loop"))
	g.Label("rest")
	g.ADDQ(operand.Imm(unroll), k)
	g.JEQ(ref("finish"))
	g.Label("single")
	product(0)
	advance(1)
	g.DECQ(k)
	g.JNE(ref("single"))

	g.Label("finish")
	alpha, beta := bcast[0], bcast[1]
	g.broadcast(e, g.param("alpha"), alpha)
	g.broadcast(e, g.param("beta"), beta)
	for i := range 2 * rows {
		g.mul(e, alpha, g.reg(i), g.reg(i))
	}
	bits := g.GP64()
	if e.double {
		g.MOVQ(g.param("beta"), bits)
		g.SHLQ(operand.Imm(1), bits) // drops the sign: -0 is zero too
	} else {
		g.MOVL(g.param("beta"), bits.As32())
		g.SHLL(operand.Imm(1), bits.As32())
	}
	g.JEQ(ref("store"))
	g.MOVQ(c, p)
	for i := range rows {
		g.fma(e, mem(p, 0), beta, acc(i, 0))
		g.fma(e, mem(p, g.bytes), beta, acc(i, 1))
		if i < rows-1 {
			g.ADDQ(ldc, p)
		}
	}
	g.Label("store")
	for i := range rows {
		g.load(e, acc(i, 0), mem(c, 0))
		g.load(e, acc(i, 1), mem(c, g.bytes))
		if i < rows-1 {
			g.ADDQ(ldc, c)
		}
	}
	g.end()
}
