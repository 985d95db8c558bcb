package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vectorFile writes what goes over arrays once, whole vectors only: the
// package's Go does what is left at the end.
func vectorFile(g *gen) {
	for _, e := range []elem{f32, f64} {
		g.stream(e.letter+"axpy", "(alpha %[1]s, x, y *%[1]s, n int)", e, "does y += alpha*x.", []string{"x", "y"}, func() {
			g.broadcast(e, g.param("alpha"), g.reg(15))
		}, func(u int, at func(string) operand.Mem) {
			v := g.reg(u)
			g.load(e, at("y"), v)
			g.fma(e, at("x"), g.reg(15), v)
			g.load(e, v, at("y"))
		})
		g.stream(e.letter+"scal", "(alpha %[1]s, x *%[1]s, n int)", e, "does x *= alpha.", []string{"x"}, func() {
			g.broadcast(e, g.param("alpha"), g.reg(15))
		}, func(u int, at func(string) operand.Mem) {
			v := g.reg(u)
			g.mul(e, at("x"), g.reg(15), v)
			g.load(e, v, at("x"))
		})
		dot(g, e)
	}
	sumSquares(g)
	three := []string{"dst", "a", "b"}
	g.stream("sadd", "(dst, a, b *%[1]s, n int)", f32, "does dst = a+b.", three, nil, func(u int, at func(string) operand.Mem) {
		v := g.reg(u)
		g.VMOVUPS(at("a"), v)
		g.VADDPS(at("b"), v, v)
		g.VMOVUPS(v, at("dst"))
	})
	g.stream("smul", "(dst, a, b *%[1]s, n int)", f32, "does dst = a*b.", three, nil, func(u int, at func(string) operand.Mem) {
		v := g.reg(u)
		g.VMOVUPS(at("a"), v)
		g.VMULPS(at("b"), v, v)
		g.VMOVUPS(v, at("dst"))
	})
	g.stream("saddMax", "(dst, a, b *%[1]s, floor %[1]s, n int)", f32, "does dst = max(a+b, floor).", three, func() {
		g.VBROADCASTSS(g.param("floor"), g.reg(15))
	}, func(u int, at func(string) operand.Mem) {
		v := g.reg(u)
		g.VMOVUPS(at("a"), v)
		g.VADDPS(at("b"), v, v)
		g.VMAXPS(v, g.reg(15), v)
		g.VMOVUPS(v, at("dst"))
	})
	g.stream("smax", "(dst, a, b *%[1]s, n int)", f32, "does dst = max(a, b), b where one is NaN.", three, nil, func(u int, at func(string) operand.Mem) {
		v := g.reg(u)
		g.VMOVUPS(at("a"), v)
		g.VMAXPS(at("b"), v, v)
		g.VMOVUPS(v, at("dst"))
	})
	g.stream("srelu", "(dst, src *%[1]s, n int)", f32, "does dst = max(src, 0).", []string{"dst", "src"}, func() {
		g.zero(g.reg(15))
	}, func(u int, at func(string) operand.Mem) {
		v := g.reg(u)
		g.VMAXPS(at("src"), g.reg(15), v)
		g.VMOVUPS(v, at("dst"))
	})
	g.stream("sclip", "(dst, src *%[1]s, lo, hi %[1]s, n int)", f32, "does dst = min(max(src, lo), hi).", []string{"dst", "src"}, func() {
		g.VBROADCASTSS(g.param("lo"), g.reg(15))
		g.VBROADCASTSS(g.param("hi"), g.reg(14))
	}, func(u int, at func(string) operand.Mem) {
		v := g.reg(u)
		g.VMAXPS(at("src"), g.reg(15), v)
		g.VMINPS(v, g.reg(14), v)
		g.VMOVUPS(v, at("dst"))
	})
	g.stream("sleakyRelu", "(dst, src *%[1]s, slope %[1]s, n int)", f32, "does dst = max(src, 0) + slope*min(src, 0).", []string{"dst", "src"}, func() {
		g.VBROADCASTSS(g.param("slope"), g.reg(15))
		g.zero(g.reg(14))
	}, func(u int, at func(string) operand.Mem) {
		v, negative := g.reg(u), g.reg(4+u)
		g.VMINPS(at("src"), g.reg(14), negative)
		g.VMAXPS(at("src"), g.reg(14), v)
		g.VFMADD231PS(g.reg(15), negative, v)
		g.VMOVUPS(v, at("dst"))
	})
	g.stream("sscaleShift", "(dst, src, scale, shift *%[1]s, floor %[1]s, n int)", f32, "does dst = max(src*scale + shift, floor).", []string{"dst", "src", "scale", "shift"}, func() {
		g.VBROADCASTSS(g.param("floor"), g.reg(15))
	}, func(u int, at func(string) operand.Mem) {
		v := g.reg(u)
		g.VMOVUPS(at("src"), v)
		g.VMULPS(at("scale"), v, v)
		g.VADDPS(at("shift"), v, v)
		g.VMAXPS(v, g.reg(15), v)
		g.VMOVUPS(v, at("dst"))
	})
	adam(g)
	poolMax(g)
	mulRows(g)
	sumRows(g)
	if g.bytes == 64 {
		interleave(g)
	}
}

// stream writes a loop over n vectors of the arrays named, four at a time.
func (g *gen) stream(name, signature string, e elem, doc string, arrays []string, setup func(), body func(u int, at func(string) operand.Mem)) {
	g.function(name+g.name, "func"+fmt.Sprintf(signature, e.name), doc+" n counts vectors.")
	ptr := map[string]reg.GPVirtual{}
	for _, a := range arrays {
		ptr[a] = g.gp(a)
	}
	n := g.gp("n")
	if setup != nil {
		setup()
	}
	g.loop(n, 4, func(unroll int) {
		for u := range unroll {
			body(u, func(a string) operand.Mem { return mem(ptr[a], u*g.bytes) })
		}
		for _, a := range arrays {
			g.ADDQ(operand.I32(unroll*g.bytes), ptr[a])
		}
	})
	g.end()
}

// loop runs body for n vectors, unroll at a time and then one by one.
func (g *gen) loop(n reg.Register, unroll int, body func(unroll int)) {
	g.SUBQ(operand.Imm(uint64(unroll)), n)
	g.JLT(ref("rest"))
	g.Label("loop")
	body(unroll)
	g.SUBQ(operand.Imm(uint64(unroll)), n)
	g.JGE(ref("loop"))
	g.Label("rest")
	g.ADDQ(operand.Imm(uint64(unroll)), n)
	g.JEQ(ref("done"))
	g.Label("single")
	body(1)
	g.DECQ(n)
	g.JNE(ref("single"))
	g.Label("done")
}

func dot(g *gen, e elem) {
	g.function(e.letter+"dot"+g.name, fmt.Sprintf("func(x, y *%[1]s, n int) %[1]s", e.name), "returns x*y. n counts vectors.")
	x, y, n := g.gp("x"), g.gp("y"), g.gp("n")
	for i := range 4 {
		g.zero(g.reg(i))
	}
	g.loop(n, 4, func(unroll int) {
		for u := range unroll {
			g.load(e, mem(x, u*g.bytes), g.reg(4+u))
			g.fma(e, mem(y, u*g.bytes), g.reg(4+u), g.reg(u))
		}
		g.ADDQ(operand.I32(unroll*g.bytes), x)
		g.ADDQ(operand.I32(unroll*g.bytes), y)
	})
	g.sum(e)
	g.Store(xmm[0], g.ReturnIndex(0))
	g.end()
}

// sum adds up registers 0 to 3 and their lanes into the first of register 0.
func (g *gen) sum(e elem) {
	add, half := g.VADDPS, func(r reg.Register) { g.VEXTRACTF128(operand.Imm(1), ymm[0], r) }
	if e.double {
		add = g.VADDPD
	}
	add(g.reg(1), g.reg(0), g.reg(0))
	add(g.reg(3), g.reg(2), g.reg(2))
	add(g.reg(2), g.reg(0), g.reg(0))
	if g.bytes == 64 {
		g.VEXTRACTF64X4(operand.Imm(1), zmm[0], ymm[1])
		add(ymm[1], ymm[0], ymm[0])
	}
	half(xmm[1])
	add(xmm[1], xmm[0], xmm[0])
	g.VPERMILPD(operand.Imm(1), xmm[0], xmm[1])
	add(xmm[1], xmm[0], xmm[0])
	if !e.double {
		g.VMOVSHDUP(xmm[0], xmm[1])
		add(xmm[1], xmm[0], xmm[0])
	}
}

func sumSquares(g *gen) {
	g.function("sumSquares"+g.name, "func(x *float32, n int) float64",
		fmt.Sprintf("returns the sum of squares of n*%d values, in double precision.", g.bytes/8))
	x, n := g.gp("x"), g.gp("n")
	for i := range 4 {
		g.zero(g.reg(i))
	}
	g.loop(n, 4, func(unroll int) {
		for u := range unroll {
			g.VCVTPS2PD(mem(x, u*g.bytes/2), g.reg(4+u))
			g.VFMADD231PD(g.reg(4+u), g.reg(4+u), g.reg(u))
		}
		g.ADDQ(operand.I32(unroll*g.bytes/2), x)
	})
	g.sum(f64)
	g.Store(xmm[0], g.ReturnIndex(0))
	g.end()
}

func adam(g *gen) {
	// k's fields in order.
	const scale, decay, beta1, rest1, beta2, rest2, rate, root, epsilon = 0, 4, 8, 12, 16, 20, 24, 28, 32
	g.function("adam"+g.name, "func(k, param, grad, m, v *float32, n int)", "is goAdam on n vectors; k holds adamCoefficients.")
	k, param, grad, m, v, n := g.gp("k"), g.gp("param"), g.gp("grad"), g.gp("m"), g.gp("v"), g.gp("n")
	value := func(at, r int) { g.VBROADCASTSS(mem(k, at), g.reg(r)) }
	for i, at := range []int{scale, decay, beta1, rest1, beta2, rest2, rate, root, epsilon} {
		value(at, 7+i)
	}
	f := func(i int) reg.VecPhysical { return g.reg(7 + i/4) }
	g.Label("loop")
	p, gr, mm, vv, t := g.reg(0), g.reg(1), g.reg(2), g.reg(3), g.reg(4)
	g.VMOVUPS(mem(param, 0), p)
	g.VMULPS(mem(grad, 0), f(scale), gr)
	g.VFMADD231PS(f(decay), p, gr)
	g.VMULPS(mem(m, 0), f(beta1), mm)
	g.VFMADD231PS(f(rest1), gr, mm)
	g.VMULPS(gr, gr, t)
	g.VMULPS(mem(v, 0), f(beta2), vv)
	g.VFMADD231PS(f(rest2), t, vv)
	g.VMOVUPS(mm, mem(m, 0))
	g.VMOVUPS(vv, mem(v, 0))
	g.VSQRTPS(vv, vv)
	g.VMOVAPS(f(epsilon), t)
	g.VFMADD231PS(f(root), vv, t)
	g.VMULPS(f(rate), mm, mm)
	g.VDIVPS(t, mm, mm)
	g.VSUBPS(mm, p, p)
	g.VMOVUPS(p, mem(param, 0))
	for _, q := range []reg.Register{param, grad, m, v} {
		g.ADDQ(operand.I32(g.bytes), q)
	}
	g.DECQ(n)
	g.JNE(ref("loop"))
	g.end()
}

func poolMax(g *gen) {
	g.function("poolMax"+g.name, "func(src *float32, pixel, row, step int, dst *float32, to, pixels, n int)",
		"writes, for so many pixels, n vectors of the maximum of 2x2 pixels of src. Distances, in bytes:",
		"between pixels and rows of a window, between windows, between pixels of dst.")
	src, pixel, row, dst, pixels := g.gp("src"), g.gp("pixel"), g.gp("row"), g.gp("dst"), g.gp("pixels")
	step, to, vectors := g.gp("step"), g.gp("to"), g.gp("n")
	n, s0, s1, d := g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.Label("pixel")
	g.MOVQ(src, s0)
	g.LEAQ(operand.Mem{Base: src, Index: row, Scale: 1}, s1)
	g.MOVQ(dst, d)
	g.MOVQ(vectors, n)
	g.Label("vector")
	g.VMOVUPS(mem(s0, 0), g.reg(0))
	g.VMOVUPS(mem(s1, 0), g.reg(1))
	g.VMAXPS(operand.Mem{Base: s0, Index: pixel, Scale: 1}, g.reg(0), g.reg(0))
	g.VMAXPS(operand.Mem{Base: s1, Index: pixel, Scale: 1}, g.reg(1), g.reg(1))
	g.VMAXPS(g.reg(1), g.reg(0), g.reg(0))
	g.VMOVUPS(g.reg(0), mem(d, 0))
	g.ADDQ(operand.I32(g.bytes), s0)
	g.ADDQ(operand.I32(g.bytes), s1)
	g.ADDQ(operand.I32(g.bytes), d)
	g.DECQ(n)
	g.JNE(ref("vector"))
	g.ADDQ(step, src)
	g.ADDQ(to, dst)
	g.DECQ(pixels)
	g.JNE(ref("pixel"))
	g.end()
}

func mulRows(g *gen) {
	g.function("smulRows"+g.name, "func(dst *float32, to int, src *float32, from int, factors *float32, rows, n int, mask uint32)",
		"does dst = src*factors on rows of n vectors, to and from bytes apart; mask is of the last vector's values where",
		"vectors have one.")
	dst, to, src, from, factors, rows, vectors := g.gp("dst"), g.gp("to"), g.gp("src"), g.gp("from"), g.gp("factors"), g.gp("rows"), g.gp("n")
	at, end := g.GP64(), g.GP64()
	if g.bytes == 64 {
		g.MOVL(g.param("mask"), at.As32())
		g.KMOVW(at.As32(), reg.K1)
	}
	g.DECQ(vectors)
	g.IMUL3Q(operand.U8(g.bytes), vectors, end)
	here := func(base reg.Register) operand.Mem { return operand.Mem{Base: base, Index: at, Scale: 1} }
	g.Label("row")
	g.XORQ(at, at)
	g.JMP(ref("check"))
	g.Label("vector")
	g.VMOVUPS(here(src), g.reg(0))
	g.VMULPS(here(factors), g.reg(0), g.reg(0))
	g.VMOVUPS(g.reg(0), here(dst))
	g.ADDQ(operand.I32(g.bytes), at)
	g.Label("check")
	g.CMPQ(at, end)
	g.JLT(ref("vector"))
	if g.bytes == 64 {
		g.VMOVUPS_Z(here(src), reg.K1, g.reg(0))
		g.VMOVUPS_Z(here(factors), reg.K1, g.reg(1))
		g.VMULPS(g.reg(1), g.reg(0), g.reg(0))
		g.VMOVUPS(g.reg(0), reg.K1, here(dst))
	} else {
		g.VMOVUPS(here(src), g.reg(0))
		g.VMULPS(here(factors), g.reg(0), g.reg(0))
		g.VMOVUPS(g.reg(0), here(dst))
	}
	g.ADDQ(to, dst)
	g.ADDQ(from, src)
	g.DECQ(rows)
	g.JNE(ref("row"))
	g.end()
}

func sumRows(g *gen) {
	g.function("ssumRows"+g.name, "func(dst, src *float32, step, rows, n int, mask uint32)",
		"does dst = the sum of rows of n vectors, step bytes apart, one after another; mask is of the last vector's values",
		"where vectors have one.")
	dst, src, step, rows, n := g.gp("dst"), g.gp("src"), g.gp("step"), g.gp("rows"), g.gp("n")
	at, left := g.GP64(), g.GP64()
	if g.bytes == 64 {
		g.MOVL(g.param("mask"), at.As32())
		g.KMOVW(at.As32(), reg.K1)
	}
	columns := func(name string, count int, masked bool) {
		for v := range count {
			g.zero(g.reg(v))
		}
		g.MOVQ(src, at)
		g.MOVQ(rows, left)
		g.Label(name + "row")
		for v := range count {
			if masked {
				g.VADDPS_Z(mem(at, 0), g.reg(0), reg.K1, g.reg(0))
			} else {
				g.VADDPS(mem(at, v*g.bytes), g.reg(v), g.reg(v))
			}
		}
		g.ADDQ(step, at)
		g.DECQ(left)
		g.JNE(ref(name + "row"))
		for v := range count {
			if masked {
				g.VMOVUPS(g.reg(0), reg.K1, mem(dst, 0))
			} else {
				g.VMOVUPS(g.reg(v), mem(dst, v*g.bytes))
			}
		}
		g.ADDQ(operand.I32(count*g.bytes), src)
		g.ADDQ(operand.I32(count*g.bytes), dst)
	}
	// The last vector goes by itself.
	g.Label("four")
	g.CMPQ(n, operand.Imm(5))
	g.JLT(ref("one"))
	columns("four", 4, false)
	g.SUBQ(operand.Imm(4), n)
	g.JMP(ref("four"))
	g.Label("one")
	g.CMPQ(n, operand.Imm(1))
	g.JEQ(ref("last"))
	columns("one", 1, false)
	g.DECQ(n)
	g.JMP(ref("one"))
	g.Label("last")
	columns("last", 1, g.bytes == 64)
	g.end()
}

// interleave writes the three channels of pixels side by side.
func interleave(g *gen) {
	g.function("sinterleave3"+g.name, "func(dst, a, b, c *float32, n int)", "does dst[3*i], dst[3*i+1], dst[3*i+2] = a[i], b[i], c[i] for n vectors.")
	dst, n := g.gp("dst"), g.gp("n")
	from := []reg.Register{g.gp("a"), g.gp("b"), g.gp("c")}
	// Of 48 values 16*v+i is value (16*v+i)/3 of channel (16*v+i)%3. The first permutation takes the first two
	// channels, the second puts the third between.
	for v := range 3 {
		for step := range 2 {
			m := g.StaticGlobal(fmt.Sprintf("interleave%d%d", v, step))
			g.DataAttributes(attr.RODATA | attr.NOPTR)
			for i := range 16 {
				at := 16*v + i
				index := at / 3
				switch {
				case step == 0 && at%3 == 1, step == 1 && at%3 == 2:
					index += 16
				case step == 1:
					index = i
				}
				g.AddDatum(4*i, operand.U32(index))
			}
			g.VMOVUPS(m, g.reg(8+2*v+step))
		}
	}
	g.Label("loop")
	for i := range 3 {
		g.VMOVUPS(mem(from[i], 0), g.reg(i))
		g.ADDQ(operand.Imm(64), from[i])
	}
	for v := range 3 {
		x := g.reg(3 + v)
		g.VMOVAPS(g.reg(8+2*v), x)
		g.VPERMI2PS(g.reg(1), g.reg(0), x)
		g.VPERMT2PS(g.reg(2), g.reg(9+2*v), x)
		g.VMOVUPS(x, mem(dst, 64*v))
	}
	g.ADDQ(operand.I32(192), dst)
	g.DECQ(n)
	g.JNE(ref("loop"))
	g.end()
}
