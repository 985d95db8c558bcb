package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// winogradFile writes the transforms of Winograd's F(4x4, 3x3), see winograd.go
// in the package. A vector is so many channels of one pixel. Rows of the
// half-transformed tile stay in registers, as many at a time as there are.
func winogradFile(g *gen) {
	winogradIn(g)
	winogradOut(g)
}

// constants are small numbers as operands: registers where there are 32, else
// memory.
type constants map[float32]operand.Op

func (g *gen) constants(values []float32, from int) constants {
	c := constants{}
	for i, v := range values {
		name := fmt.Sprintf("c%dx%d", int(v), g.bytes)
		m, ok := g.globals[name]
		if !ok {
			m = g.StaticGlobal(name)
			g.DataAttributes(attr.RODATA | attr.NOPTR)
			for o := 0; o < g.bytes; o += 4 {
				g.AddDatum(o, operand.U32(math.Float32bits(v)))
			}
			g.globals[name] = m
		}
		if g.count == 32 {
			g.VBROADCASTSS(m, g.reg(from+i))
			c[v] = g.reg(from + i)
		} else {
			c[v] = m
		}
	}
	return c
}

// times are p, 3p and 5p, with which six places p apart are addressed.
type times struct{ p, p3, p5 reg.Register }

func (g *gen) times(p reg.Register) times {
	p3, p5 := g.GP64(), g.GP64()
	g.LEAQ(operand.Mem{Base: p, Index: p, Scale: 2}, p3)
	g.LEAQ(operand.Mem{Base: p, Index: p, Scale: 4}, p5)
	return times{p, p3, p5}
}

func (t times) at(base reg.Register, i int) operand.Mem {
	switch i {
	case 0:
		return operand.Mem{Base: base}
	case 3:
		return operand.Mem{Base: base, Index: t.p3, Scale: 1}
	case 5:
		return operand.Mem{Base: base, Index: t.p5, Scale: 1}
	}
	return operand.Mem{Base: base, Index: t.p, Scale: uint8(i)}
}

func winogradIn(g *gen) {
	g.function("winogradIn"+g.name, "func(src *float32, pixel, row int, dst *float32, plane, step, n int)",
		fmt.Sprintf("transforms n*%d channels of a tile of 6x6 pixels. Distances are in bytes;", g.bytes/4),
		"the result's 36 values of a channel are plane apart, its vectors of channels step.")
	src, pixel, dst, n := g.gp("src"), g.gp("pixel"), g.gp("dst"), g.gp("n")
	row, plane := g.times(g.gp("row")), g.times(g.gp("plane"))
	plane6, s, d, ahead := g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.LEAQ(operand.Mem{Base: plane.p3, Index: plane.p3, Scale: 1}, plane6)

	groups, held := [][]int{{1, 2, 3, 4}, {5}, {0}}, 24
	if g.count == 16 {
		groups, held = [][]int{{1, 2}, {3, 4}, {5}, {0}}, 12
	}
	a, b, c := g.reg(held), g.reg(held+1), g.reg(held+2)
	k := g.constants([]float32{2, 4, 5}, held+3)
	// factor is a constant that must be in a register, since the other operand
	// is in memory.
	factor := func(v float32, at int) operand.Op {
		if _, ok := k[v].(operand.Mem); ok {
			g.VMOVUPS(k[v], g.reg(at))
			return g.reg(at)
		}
		return k[v]
	}

	g.Label("loop")
	for gi, rows := range groups {
		// Columns: t = B'd for the rows of this group.
		t := func(r, j int) reg.VecPhysical {
			for i, v := range rows {
				if v == r {
					return g.reg(6*i + j)
				}
			}
			panic("not a row of this group")
		}
		has := func(r int) bool {
			for _, v := range rows {
				if v == r {
					return true
				}
			}
			return false
		}
		var two, four, five operand.Op
		switch {
		case has(1) || has(3):
			if has(1) {
				four = factor(4, held+3)
			}
			two = k[2]
		default:
			four, five = factor(4, held+2), factor(5, held+3)
		}
		g.MOVQ(src, s)
		for j := range 6 {
			px := func(i int) operand.Mem { return row.at(s, i) }
			if gi == 0 && j >= 2 { // what the tile to the right has beyond this one
				g.LEAQ(operand.Mem{Base: s, Index: pixel, Scale: 4}, ahead)
				for i := range 6 {
					g.PREFETCHT0(row.at(ahead, i))
				}
			}
			if has(1) { // d4-4d2 +- (d3-4d1)
				g.VMOVUPS(px(4), a)
				g.VMOVUPS(px(3), b)
				g.VFNMADD231PS(px(2), four, a)
				g.VFNMADD231PS(px(1), four, b)
				g.VADDPS(b, a, t(1, j))
				g.VSUBPS(b, a, t(2, j))
			}
			if has(3) { // d4-d2 +- 2(d3-d1)
				g.VMOVUPS(px(4), t(3, j))
				g.VMOVUPS(px(3), b)
				g.VSUBPS(px(2), t(3, j), t(3, j))
				g.VSUBPS(px(1), b, b)
				g.VMOVAPS(t(3, j), t(4, j))
				g.VFMADD231PS(two, b, t(3, j))
				g.VFNMADD231PS(two, b, t(4, j))
			}
			if has(0) { // 4d0-5d2+d4
				g.VMOVUPS(px(4), t(0, j))
				g.VFMADD231PS(px(0), four, t(0, j))
				g.VFNMADD231PS(px(2), five, t(0, j))
			}
			if has(5) { // 4d1-5d3+d5
				g.VMOVUPS(px(5), t(5, j))
				g.VFMADD231PS(px(1), four, t(5, j))
				g.VFNMADD231PS(px(3), five, t(5, j))
			}
			if j < 5 {
				g.ADDQ(pixel, s)
			}
		}
		// Rows: tB, stored. The groups' rows come in order but for the last.
		for _, r := range rows {
			switch {
			case r == 0:
				g.MOVQ(dst, d)
			case gi == 0 && r == 1:
				g.LEAQ(operand.Mem{Base: dst, Index: plane6, Scale: 1}, d)
			default:
				g.ADDQ(plane6, d)
			}
			x := func(j int) reg.VecPhysical { return t(r, j) }
			put := func(v reg.Register, j int) { g.VMOVUPS(v, plane.at(d, j)) }
			g.VMOVAPS(x(4), a)
			g.VMOVAPS(x(3), b)
			g.VFNMADD231PS(k[4], x(2), a)
			g.VFNMADD231PS(k[4], x(1), b)
			g.VADDPS(b, a, c)
			g.VSUBPS(b, a, a)
			put(c, 1)
			put(a, 2)
			g.VMOVAPS(x(4), c)
			g.VFMADD231PS(k[4], x(0), c)
			g.VFNMADD231PS(k[5], x(2), c)
			put(c, 0)
			g.VFMADD231PS(k[4], x(1), x(5))
			g.VFNMADD231PS(k[5], x(3), x(5))
			put(x(5), 5)
			g.VSUBPS(x(2), x(4), a)
			g.VSUBPS(x(1), x(3), b)
			g.VMOVAPS(a, c)
			g.VFMADD231PS(k[2], b, c)
			g.VFNMADD231PS(k[2], b, a)
			put(c, 3)
			put(a, 4)
		}
	}
	g.ADDQ(operand.I32(g.bytes), src)
	g.ADDQ(g.param("step"), dst)
	g.DECQ(n)
	g.JNE(ref("loop"))
	g.end()
}

func winogradOut(g *gen) {
	g.function("winogradOut"+g.name, "func(src *float32, plane int, dst *float32, pixel, row int, bias *float32, floor float32, n int)",
		fmt.Sprintf("transforms n*%d channels back to a tile of 4x4 pixels, adds bias and", g.bytes/4),
		"raises what is below floor to it. Distances are in bytes.")
	src, plane, dst, pixel, row, bias, n := g.gp("src"), g.gp("plane"), g.gp("dst"), g.gp("pixel"), g.gp("row"), g.gp("bias"), g.gp("n")
	plane6, pixel3, s, d := g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.LEAQ(operand.Mem{Base: plane, Index: plane, Scale: 2}, plane6)
	g.ADDQ(plane6, plane6)
	planes := g.times(plane6)
	g.LEAQ(operand.Mem{Base: pixel, Index: pixel, Scale: 2}, pixel3)
	pixels := times{p: pixel, p3: pixel3}

	groups, held := [][]int{{0, 1, 2, 3}}, 24
	if g.count == 16 {
		groups, held = [][]int{{0, 2}, {1, 3}}, 12
	}
	// a to h are free beside the held rows; with 16 registers the last two
	// hold the bias and the floor.
	a, b := g.reg(held), g.reg(held+1)
	biasReg, floor := g.reg(held+2), g.reg(held+3)
	var k constants
	if g.count == 32 {
		k = g.constants([]float32{2, 4, 8}, held+4)
	} else {
		k = g.constants([]float32{2, 4, 8}, 0)
	}
	g.VBROADCASTSS(g.param("floor"), floor)

	g.Label("loop")
	g.VMOVUPS(mem(bias, 0), biasReg)
	for _, rows := range groups {
		t := func(r, j int) reg.VecPhysical {
			for i, v := range rows {
				if v == r {
					return g.reg(6*i + j)
				}
			}
			return nil
		}
		g.MOVQ(src, s)
		for j := range 6 {
			m := func(i int) operand.Mem { return planes.at(s, i) }
			if t(0, j) != nil { // m0 + (m1+m2) + (m3+m4), (m1+m2) + 4(m3+m4)
				g.VMOVUPS(m(1), a)
				g.VMOVUPS(m(3), b)
				g.VADDPS(m(2), a, a)
				g.VADDPS(m(4), b, b)
				g.VADDPS(m(0), a, t(0, j))
				g.VADDPS(b, t(0, j), t(0, j))
				g.VMOVAPS(a, t(2, j))
				g.VFMADD231PS(k[4], b, t(2, j))
			}
			if t(1, j) != nil { // (m1-m2) + 2(m3-m4), (m1-m2) + 8(m3-m4) + m5
				g.VMOVUPS(m(1), a)
				g.VMOVUPS(m(3), b)
				g.VSUBPS(m(2), a, a)
				g.VSUBPS(m(4), b, b)
				g.VADDPS(m(5), a, t(3, j))
				g.VMOVAPS(a, t(1, j))
				g.VFMADD231PS(k[2], b, t(1, j))
				g.VFMADD231PS(k[8], b, t(3, j))
			}
			if j < 5 {
				g.ADDQ(plane, s)
			}
		}
		for _, r := range rows {
			switch r {
			case 0:
				g.MOVQ(dst, d)
			case 1:
				g.LEAQ(operand.Mem{Base: dst, Index: row, Scale: 1}, d)
			case 2:
				g.LEAQ(operand.Mem{Base: dst, Index: row, Scale: 2}, d)
			case 3:
				g.LEAQ(operand.Mem{Base: dst, Index: row, Scale: 2}, d)
				g.ADDQ(row, d)
			}
			x := func(j int) reg.VecPhysical { return t(r, j) }
			put := func(v reg.Register, j int) {
				g.VADDPS(biasReg, v, v)
				g.VMAXPS(v, floor, v)
				g.VMOVUPS(v, pixels.at(d, j))
			}
			g.VSUBPS(x(2), x(1), a)
			g.VADDPS(x(2), x(1), x(1))
			g.VADDPS(x(4), x(3), x(2))
			g.VSUBPS(x(4), x(3), x(3))
			g.VADDPS(x(1), x(0), x(0))
			g.VADDPS(x(2), x(0), x(0))
			put(x(0), 0)
			g.VMOVAPS(a, x(4))
			g.VFMADD231PS(k[2], x(3), x(4))
			put(x(4), 1)
			g.VFMADD231PS(k[4], x(2), x(1))
			put(x(1), 2)
			g.VADDPS(x(5), a, a)
			g.VFMADD231PS(k[8], x(3), a)
			put(a, 3)
		}
	}
	g.ADDQ(operand.I32(g.bytes), src)
	g.ADDQ(operand.I32(g.bytes), dst)
	g.ADDQ(operand.I32(g.bytes), bias)
	g.DECQ(n)
	g.JNE(ref("loop"))
	g.end()
}
