package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pixelFile writes the kernels of 8-bit images, see pixel.go in the package. They are of integers and give the
// same bits on any vectors, so there is one set, of 256 bits.
func pixelFile(g *gen) {
	if g.bytes != 32 {
		return
	}
	weighLines(g)
	weighPixels(g)
	inverseDCT(g)
	yccPixels(g)
	doubleRow(g, "doubleRow", false)
	doubleRow(g, "doubleRows", true)
}

// ints is a constant of eight 32-bit numbers, the given ones repeated.
func (g *gen) ints(name string, v ...int32) operand.Mem {
	m, ok := g.globals[name]
	if !ok {
		m = g.StaticGlobal(name)
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range 8 {
			g.AddDatum(4*i, operand.U32(uint32(v[i%len(v)])))
		}
		g.globals[name] = m
	}
	return m
}

// bytesOf makes four vectors of eight numbers 32 bytes, held between 0 and 255, in a[0].
func (g *gen) bytesOf(a [4]reg.VecVirtual) {
	g.VPACKSSDW(a[1], a[0], a[0])
	g.VPACKSSDW(a[3], a[2], a[2])
	g.VPACKUSWB(a[2], a[0], a[0])
	order := g.YMM()
	g.VMOVDQU(g.ints("eights", 0, 4, 1, 5, 2, 6, 3, 7), order)
	g.VPERMD(a[0], order, a[0])
}

func weighLines(g *gen) {
	g.function("weighLinesAVX2", "func(dst, src *byte, stride int, weights *int32, lines, n int)",
		"is goWeighLines of 32*n values.")
	dst, src, stride, weights, lines, n := g.gp("dst"), g.gp("src"), g.gp("stride"), g.gp("weights"), g.gp("lines"), g.gp("n")
	var a [4]reg.VecVirtual
	for i := range a {
		a[i] = g.YMM()
	}
	w, x := g.YMM(), g.YMM()
	s, k, c := g.GP64(), g.GP64(), g.GP64()
	g.Label("block")
	for i := range a {
		g.VMOVDQU(g.ints("levelHalf", 1<<21), a[i])
	}
	g.MOVQ(src, s)
	g.MOVQ(weights, k)
	g.MOVQ(lines, c)
	g.Label("line")
	g.VPBROADCASTD(mem(k, 0), w)
	for i := range a {
		g.VPMOVZXBD(mem(s, 8*i), x)
		g.VPMULLD(w, x, x)
		g.VPADDD(x, a[i], a[i])
	}
	g.ADDQ(stride, s)
	g.ADDQ(operand.Imm(4), k)
	g.DECQ(c)
	g.JNE(ref("line"))
	for i := range a {
		g.VPSRAD(operand.Imm(22), a[i], a[i])
	}
	g.bytesOf(a)
	g.VMOVDQU(a[0], mem(dst, 0))
	g.ADDQ(operand.Imm(32), dst)
	g.ADDQ(operand.Imm(32), src)
	g.DECQ(n)
	g.JNE(ref("block"))
	g.end()
}

func weighPixels(g *gen) {
	g.function("weighPixelsAVX2", "func(dst, src *byte, first *int, weights *int32, size, n int)",
		"is goWeighPixels of n pixels. It reads a byte beyond each pixel and writes one beyond the last.")
	dst, src, first, weights, size, n := g.gp("dst"), g.gp("src"), g.gp("first"), g.gp("weights"), g.gp("size"), g.gp("n")
	half, sum, w, x := g.XMM(), g.XMM(), g.XMM(), g.XMM()
	s, c := g.GP64(), g.GP64()
	g.VMOVDQU(g.ints("levelHalf", 1<<21), half)
	g.Label("pixel")
	g.MOVQ(mem(first, 0), s)
	g.LEAQ(operand.Mem{Base: s, Index: s, Scale: 2}, s)
	g.ADDQ(src, s)
	g.VMOVDQA(half, sum)
	g.MOVQ(size, c)
	g.Label("tap")
	g.VPBROADCASTD(mem(weights, 0), w)
	g.VPMOVZXBD(mem(s, 0), x)
	g.VPMULLD(w, x, x)
	g.VPADDD(x, sum, sum)
	g.ADDQ(operand.Imm(3), s)
	g.ADDQ(operand.Imm(4), weights)
	g.DECQ(c)
	g.JNE(ref("tap"))
	g.VPSRAD(operand.Imm(22), sum, sum)
	g.VPACKSSDW(sum, sum, sum)
	g.VPACKUSWB(sum, sum, sum)
	g.VMOVD(sum, mem(dst, 0))
	g.ADDQ(operand.Imm(3), dst)
	g.ADDQ(operand.Imm(8), first)
	g.DECQ(n)
	g.JNE(ref("pixel"))
	g.end()
}

// inverseDCT has a column of the block in each lane, then a row.
func inverseDCT(g *gen) {
	g.function("inverseDCTAVX2", "func(block *int32, dst *byte, stride int)", "is InverseDCT.")
	block, dst, stride := g.gp("block"), g.gp("dst"), g.gp("stride")
	var v [8]reg.VecVirtual
	for i := range v {
		v[i] = g.YMM()
		g.VMOVDQU(mem(block, 32*i), v[i])
	}
	zero := g.YMM()
	g.VPXOR(zero, zero, zero)
	for i := range v {
		g.VMOVDQU(zero, mem(block, 32*i))
	}
	v = g.idct8(v, g.ints("columnHalf", 1<<10), 11)
	v = g.transposed(v)
	v = g.idct8(v, g.ints("rowHalf", 1<<17+128<<18), 18)
	v = g.transposed(v)
	for h := range 2 {
		r := [4]reg.VecVirtual(v[4*h : 4*h+4])
		g.bytesOf(r)
		high := g.XMM()
		g.VEXTRACTI128(operand.Imm(1), r[0], high)
		for i, x := range []reg.VecVirtual{r[0].AsX().(reg.VecVirtual), high} {
			g.VMOVQ(x, mem(dst, 0))
			g.VMOVHPS(x, operand.Mem{Base: dst, Index: stride, Scale: 1})
			if h+i < 2 {
				g.LEAQ(operand.Mem{Base: dst, Index: stride, Scale: 2}, dst)
			}
		}
	}
	g.end()
}

// idct8 is the transform of the same name in extract/preprocess/jpeg, on eight vectors, rounded and shifted.
func (g *gen) idct8(i [8]reg.VecVirtual, half operand.Mem, shift uint64) (o [8]reg.VecVirtual) {
	times := func(name string, f int32, x reg.VecVirtual) reg.VecVirtual {
		y := g.YMM()
		g.VPMULLD(g.ints(name, f), x, y)
		return y
	}
	add := func(x, y operand.Op) reg.VecVirtual {
		z := g.YMM()
		g.VPADDD(y, x.(reg.VecVirtual), z)
		return z
	}
	sub := func(x, y reg.VecVirtual) reg.VecVirtual {
		z := g.YMM()
		g.VPSUBD(y, x, z)
		return z
	}
	scaled := func(x reg.VecVirtual) reg.VecVirtual {
		y := g.YMM()
		g.VPSLLD(operand.Imm(13), x, y)
		return add(y, half)
	}
	// Even part.
	z1 := times("f0541", 4433, add(i[2], i[6]))
	t2 := sub(z1, times("f1847", 15137, i[6]))
	t3 := add(z1, times("f0765", 6270, i[2]))
	t0, t1 := scaled(add(i[0], i[4])), scaled(sub(i[0], i[4]))
	e := [4]reg.VecVirtual{add(t0, t3), add(t1, t2), sub(t1, t2), sub(t0, t3)}
	// Odd part.
	z3, z4 := add(i[7], i[3]), add(i[5], i[1])
	z5 := times("f1175", 9633, add(z3, z4))
	z3 = add(times("f1961", -16069, z3), z5)
	z4 = add(times("f0390", -3196, z4), z5)
	z1 = times("f0899", -7373, add(i[7], i[1]))
	z2 := times("f2562", -20995, add(i[5], i[3]))
	a, b := add(z1, z3), add(z2, z4)
	c, d := add(z2, z3), add(z1, z4)
	odd := [4]reg.VecVirtual{
		add(times("f1501", 12299, i[1]), d),
		add(times("f3072", 25172, i[3]), c),
		add(times("f2053", 16819, i[5]), b),
		add(times("f0298", 2446, i[7]), a),
	}
	for k := range 4 {
		o[k], o[7-k] = add(e[k], odd[k]), sub(e[k], odd[k])
	}
	for k := range o {
		g.VPSRAD(operand.Imm(shift), o[k], o[k])
	}
	return o
}

// transposed turns eight vectors of eight numbers.
func (g *gen) transposed(v [8]reg.VecVirtual) (o [8]reg.VecVirtual) {
	var a, b [8]reg.VecVirtual
	for i := 0; i < 8; i += 2 {
		a[i], a[i+1] = g.YMM(), g.YMM()
		g.VPUNPCKLDQ(v[i+1], v[i], a[i])
		g.VPUNPCKHDQ(v[i+1], v[i], a[i+1])
	}
	for i := 0; i < 8; i += 4 {
		for j := range 2 {
			b[i+2*j], b[i+2*j+1] = g.YMM(), g.YMM()
			g.VPUNPCKLQDQ(a[i+2+j], a[i+j], b[i+2*j])
			g.VPUNPCKHQDQ(a[i+2+j], a[i+j], b[i+2*j+1])
		}
	}
	for i := range 4 {
		o[i], o[i+4] = g.YMM(), g.YMM()
		g.VPERM2I128(operand.Imm(0x20), b[i+4], b[i], o[i])
		g.VPERM2I128(operand.Imm(0x31), b[i+4], b[i], o[i+4])
	}
	return o
}

func yccPixels(g *gen) {
	g.function("yccPixelsAVX2", "func(dst, y, cb, cr *byte, n int)", "is goYCCPixels of 8*n pixels. It writes four bytes beyond the last.")
	dst, py, pb, pr, n := g.gp("dst"), g.gp("y"), g.gp("cb"), g.gp("cr"), g.gp("n")
	l, u, v, x, c, zero, top := g.YMM(), g.YMM(), g.YMM(), g.YMM(), g.YMM(), g.YMM(), g.YMM()
	high := g.XMM()
	g.VPXOR(zero, zero, zero)
	g.VMOVDQU(g.ints("white", 255), top)
	held := func(x reg.VecVirtual) {
		g.VPSRAD(operand.Imm(16), x, x)
		g.VPADDD(l, x, x)
		g.VPMAXSD(zero, x, x)
		g.VPMINSD(top, x, x)
	}
	g.Label("pixels")
	g.VPMOVZXBD(mem(py, 0), l)
	g.VPMOVZXBD(mem(pb, 0), u)
	g.VPMOVZXBD(mem(pr, 0), v)
	for _, m := range []reg.VecVirtual{u, v} {
		g.VPSUBD(g.ints("grey", 128), m, m)
	}
	half := g.ints("roundHalf", 1<<15)
	g.VPMULLD(g.ints("crR", 91881), v, c)
	g.VPADDD(half, c, c)
	held(c)
	g.VPMULLD(g.ints("crG", -46802), v, v)
	g.VPMULLD(g.ints("cbG", -22554), u, x)
	g.VPADDD(half, v, v)
	g.VPADDD(x, v, v)
	held(v)
	g.VPSLLD(operand.Imm(8), v, v)
	g.VPOR(v, c, c)
	g.VPMULLD(g.ints("cbB", 116130), u, u)
	g.VPADDD(half, u, u)
	held(u)
	g.VPSLLD(operand.Imm(16), u, u)
	g.VPOR(u, c, c)
	g.VPSHUFB(g.ints("threes", 0x04020100, 0x09080605, 0x0e0d0c0a, -1), c, c)
	g.VEXTRACTI128(operand.Imm(1), c, high)
	g.VMOVDQU(c.AsX(), mem(dst, 0))
	g.VMOVDQU(high, mem(dst, 12))
	for _, p := range []reg.Register{py, pb, pr} {
		g.ADDQ(operand.Imm(8), p)
	}
	g.ADDQ(operand.Imm(24), dst)
	g.DECQ(n)
	g.JNE(ref("pixels"))
	g.end()
}

// doubleRow writes the triangle filter along a row, or along one that two rows make.
func doubleRow(g *gen, name string, two bool) {
	args, doc := "dst, src *byte, n int", "is the inner part of DoubleRow, after the first byte, for 16*n samples."
	if two {
		args, doc = "dst, src, far *byte, n int", "is the inner part of DoubleRows, after the first byte, for 16*n samples."
	}
	g.function(name+"AVX2", "func("+args+")", doc)
	dst, src := g.gp("dst"), g.gp("src")
	var far reg.Register
	if two {
		far = g.gp("far")
	}
	n := g.gp("n")
	three := func(x, by reg.VecVirtual) { // by = 3x + by
		g.VPADDW(x, by, by)
		g.VPADDW(x, by, by)
		g.VPADDW(x, by, by)
	}
	sample := func(at int) reg.VecVirtual {
		x := g.YMM()
		g.VPMOVZXBW(mem(src, at), x)
		if !two {
			return x
		}
		y := g.YMM()
		g.VPMOVZXBW(mem(far, at), y)
		three(x, y)
		return y
	}
	words := func(name string, v int32) operand.Mem { return g.ints(name, v|v<<16) }
	odd, even, shift := words("double2", 2), words("double1", 1), uint64(2)
	if two {
		odd, even, shift = words("double7", 7), words("double8", 8), 4
	}
	g.Label("samples")
	a, b := sample(0), sample(1)
	x, y := g.YMM(), g.YMM()
	g.VPADDW(odd, b, x)
	three(a, x)
	g.VPADDW(even, a, y)
	three(b, y)
	g.VPSRLW(operand.Imm(shift), x, x)
	g.VPSRLW(operand.Imm(shift), y, y)
	g.VPSLLW(operand.Imm(8), y, y)
	g.VPOR(y, x, x)
	g.VMOVDQU(x, mem(dst, 0))
	g.ADDQ(operand.Imm(32), dst)
	g.ADDQ(operand.Imm(16), src)
	if two {
		g.ADDQ(operand.Imm(16), far)
	}
	g.DECQ(n)
	g.JNE(ref("samples"))
	g.end()
}
