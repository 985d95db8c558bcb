package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of the package's tile, see tile.go there.
const (
	tileA, tileB, tileC, tileBias, tileAdd, tileHops       = 0, 24, 48, 72, 96, 120
	tileK, tileSegs, tileLda, tileLdc, tileLdadd, tileMore = 144, 152, 160, 168, 176, 184
	tileLo, tileHi, tileMask, tileNext, tilePanel          = 192, 196, 200, 208, 232
)

// tileFile writes the products of layers: for every number of rows up to the
// tile's, and two vectors of columns or one. What a layer does to the sums -
// bias, another map added, the bounds of ReLU and Clip - is done in registers.
func tileFile(g *gen) {
	for _, vectors := range []int{2, 1} {
		for r := 1; r <= (g.count-4)/2; r++ {
			tileKernel(g, r, vectors)
		}
	}
	rowKernel(g)
}

// rowKernel writes the product of a single row and four panels: as many sums beside each other as keep the
// multipliers busy, and as many streams of weights.
func rowKernel(g *gen) {
	const panels = 4
	width := 2 * g.bytes
	g.function(fmt.Sprintf("tileRow%d%s", panels*width/4, g.name), "func(t *byte)", fmt.Sprintf("is goTile on a row and the %d columns of %d panels, all wanted.", panels*width/4, panels))
	t := g.gp("t")
	at := func(off int) operand.Mem { return mem(t, off) }
	k, a, tmp := g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(at(tileK), k)
	g.MOVQ(at(tileA), a)
	g.MOVQ(at(tilePanel), tmp)
	g.SHLQ(operand.Imm(2), tmp)
	b := []reg.Register{g.GP64()}
	g.MOVQ(at(tileB), b[0])
	for i := 1; i < panels; i++ {
		p := g.GP64()
		g.LEAQ(operand.Mem{Base: b[i-1], Index: tmp, Scale: 1}, p)
		b = append(b, p)
	}
	for v := range 2 * panels {
		g.zero(g.reg(v))
	}
	x := []reg.VecPhysical{g.reg(2 * panels), g.reg(2*panels + 1)}
	const unroll = 4
	product := func(u int) {
		g.VBROADCASTSS(mem(a, 4*u), x[u%2])
		for v := range 2 * panels {
			g.VFMADD231PS(mem(b[v/2], width*u+v%2*g.bytes), x[u%2], g.reg(v))
		}
	}
	advance := func(n int) {
		g.ADDQ(operand.I32(4*n), a)
		for _, p := range b {
			g.ADDQ(operand.I32(width*n), p)
		}
	}
	g.SUBQ(operand.Imm(unroll), k)
	g.JLT(ref("rest"))
	g.Label("loop")
	for u := range unroll {
		for _, p := range b {
			for d := 0; d < width; d += 64 {
				g.PREFETCHT0(mem(p, 2048+width*u+d))
			}
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
	c := g.GP64()
	g.MOVQ(at(tileC), c)
	each := func(from reg.Register) {
		for v := range 2 * panels {
			g.VADDPS(mem(from, v*g.bytes), g.reg(v), g.reg(v))
		}
	}
	g.CMPQ(at(tileMore), operand.Imm(0))
	g.JEQ(ref("first"))
	each(c)
	g.Label("first")
	for _, off := range []int{tileBias, tileAdd} {
		g.MOVQ(at(off), tmp)
		g.TESTQ(tmp, tmp)
		g.JEQ(ref(map[int]string{tileBias: "store", tileAdd: "bounds"}[off]))
		each(tmp)
	}
	g.Label("bounds")
	g.VBROADCASTSS(at(tileLo), x[0])
	g.VBROADCASTSS(at(tileHi), x[1])
	for v := range 2 * panels {
		g.VMAXPS(g.reg(v), x[0], g.reg(v))
		g.VMINPS(g.reg(v), x[1], g.reg(v))
	}
	g.Label("store")
	for v := range 2 * panels {
		g.VMOVUPS(g.reg(v), mem(c, v*g.bytes))
	}
	g.end()
}

func tileKernel(g *gen, rows, vectors int) {
	width := vectors * g.bytes
	g.function(fmt.Sprintf("tile%dx%d%s", rows, width/4, g.name), "func(t *byte)", fmt.Sprintf("is goTile on %d rows and %d columns.", rows, width/4))
	t := g.gp("t")
	at := func(off int) operand.Mem { return mem(t, off) }
	k, a, lda, b, hops, segs := g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(at(tileK), k)
	g.MOVQ(at(tileA), a)
	g.MOVQ(at(tileLda), lda)
	g.MOVQ(at(tileB), b)
	g.MOVQ(at(tileHops), hops)
	g.MOVQ(at(tileSegs), segs)
	g.SHLQ(operand.Imm(2), lda)

	// Every third row has a pointer; the two after it are one and two lda on.
	base := []reg.Register{a}
	tmp := g.GP64()
	if rows > 3 {
		g.LEAQ(operand.Mem{Base: lda, Index: lda, Scale: 2}, tmp)
		for i := 3; i < rows; i += 3 {
			p := g.GP64()
			g.LEAQ(operand.Mem{Base: base[len(base)-1], Index: tmp, Scale: 1}, p)
			base = append(base, p)
		}
	}
	row := func(i, disp int) operand.Mem {
		m := operand.Mem{Base: base[i/3], Disp: disp}
		if s := i % 3; s > 0 {
			m.Index, m.Scale = lda, uint8(s)
		}
		return m
	}
	acc := func(i, v int) reg.VecPhysical { return g.reg(vectors*i + v) }
	bv := func(v int) reg.VecPhysical { return g.reg(g.count - 4 + v) }
	x := []reg.VecPhysical{g.reg(g.count - 2), g.reg(g.count - 1)}

	// c is written at the end: ask for it now.
	place := func() (c, ldc reg.GPVirtual) {
		c, ldc = g.GP64(), g.GP64()
		g.MOVQ(at(tileC), c)
		g.MOVQ(at(tileLdc), ldc)
		g.SHLQ(operand.Imm(2), ldc)
		return c, ldc
	}
	c, ldc := place()
	g.MOVQ(c, tmp)
	for i := range rows {
		for d := 0; d < width; d += 64 {
			g.PREFETCHT0(mem(tmp, d))
		}
		if i < rows-1 {
			g.ADDQ(ldc, tmp)
		}
	}
	for i := range vectors * rows {
		g.zero(g.reg(i))
	}

	const unroll = 4
	next := g.GP64()
	g.MOVQ(at(tileNext), next)
	product := func(u int) {
		for v := range vectors {
			g.VMOVUPS(mem(b, width*u+v*g.bytes), bv(v))
		}
		for i := range rows {
			if vectors == 1 && g.bytes == 64 {
				g.VFMADD231PS_BCST(row(i, 4*u), bv(0), acc(i, 0))
				continue
			}
			g.VBROADCASTSS(row(i, 4*u), x[i%2])
			for v := range vectors {
				g.VFMADD231PS(bv(v), x[i%2], acc(i, v))
			}
		}
	}
	advance := func(n int) {
		g.ADDQ(operand.I32(width*n), b)
		for _, p := range base {
			g.ADDQ(operand.I32(4*n), p)
		}
	}
	g.Label("piece")
	g.SUBQ(operand.Imm(unroll), k)
	g.JLT(ref("rest"))
	loop := func(name string, ahead bool) {
		g.Label(name)
		for u := range unroll {
			for d := 0; d < width; d += 64 {
				g.PREFETCHT0(mem(b, 16*64+width*u+d))
			}
			if ahead && u*64 < 2*width {
				g.PREFETCHT1(mem(next, u*64))
			}
			product(u)
		}
		advance(unroll)
		if ahead {
			g.ADDQ(operand.I32(2*width), next)
		}
		g.SUBQ(operand.Imm(unroll), k)
		g.JGE(ref(name))
	}
	g.TESTQ(next, next)
	g.JEQ(ref("loop"))
	loop("ahead", true)
	g.JMP(ref("rest"))
	loop("loop", false)
	g.Label("rest")
	g.ADDQ(operand.Imm(unroll), k)
	g.JEQ(ref("done"))
	g.Label("single")
	product(0)
	advance(1)
	g.DECQ(k)
	g.JNE(ref("single"))

	g.Label("done")
	g.DECQ(segs)
	g.JEQ(ref("finish"))
	g.MOVQ(mem(hops, 0), tmp)
	g.SHLQ(operand.Imm(2), tmp)
	g.ADDQ(operand.Imm(8), hops)
	for _, p := range base {
		g.ADDQ(tmp, p)
	}
	g.MOVQ(at(tileK), k)
	g.JMP(ref("piece"))

	g.Label("finish")
	c, ldc = place()
	// Columns beyond the mask are neither read nor written.
	masks := []reg.Register{}
	if g.bytes == 64 {
		g.MOVL(at(tileMask), tmp.As32())
		for v := range vectors {
			m := []reg.Register{reg.K1, reg.K2}[v]
			if v > 0 {
				g.SHRL(operand.Imm(16), tmp.As32())
			}
			g.KMOVW(tmp.As32(), m)
			masks = append(masks, m)
		}
	}
	load := func(v int, m operand.Op, r reg.Register) {
		if g.bytes == 64 {
			g.VMOVUPS_Z(m, masks[v], r)
		} else {
			g.VMOVUPS(m, r)
		}
	}
	// addAll adds the rows at from, ld apart.
	addAll := func(from, ld reg.Register) {
		for i := range rows {
			for v := range vectors {
				if g.bytes == 64 {
					g.VADDPS(mem(from, v*g.bytes), acc(i, v), masks[v], acc(i, v))
				} else {
					g.VADDPS(mem(from, v*g.bytes), acc(i, v), acc(i, v))
				}
			}
			if i < rows-1 {
				g.ADDQ(ld, from)
			}
		}
	}
	g.CMPQ(at(tileMore), operand.Imm(0))
	g.JEQ(ref("first"))
	g.MOVQ(c, tmp)
	addAll(tmp, ldc)
	g.Label("first")
	g.MOVQ(at(tileBias), tmp)
	g.TESTQ(tmp, tmp)
	g.JEQ(ref("store"))
	for v := range vectors {
		load(v, mem(tmp, v*g.bytes), bv(v))
	}
	for i := range rows {
		for v := range vectors {
			g.VADDPS(bv(v), acc(i, v), acc(i, v))
		}
	}
	g.MOVQ(at(tileAdd), tmp)
	g.TESTQ(tmp, tmp)
	g.JEQ(ref("bounds"))
	ld := lda // not needed any more
	g.MOVQ(at(tileLdadd), ld)
	g.SHLQ(operand.Imm(2), ld)
	addAll(tmp, ld)
	g.Label("bounds")
	g.VBROADCASTSS(at(tileLo), x[0])
	g.VBROADCASTSS(at(tileHi), x[1])
	for i := range vectors * rows {
		g.VMAXPS(g.reg(i), x[0], g.reg(i))
		g.VMINPS(g.reg(i), x[1], g.reg(i))
	}
	g.Label("store")
	for i := range rows {
		for v := range vectors {
			if g.bytes == 64 {
				g.VMOVUPS(acc(i, v), masks[v], mem(c, v*g.bytes))
			} else {
				g.VMOVUPS(acc(i, v), mem(c, v*g.bytes))
			}
		}
		if i < rows-1 {
			g.ADDQ(ldc, c)
		}
	}
	g.end()
}
