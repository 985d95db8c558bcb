package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of the package's depthRow, see depthwise.go there.
const (
	depthIn, depthOut, depthWeights, depthBias, depthTaps = 0, 24, 48, 72, 96
	depthStep, depthTo, depthN, depthVectors              = 120, 128, 136, 144
	depthLo, depthHi, depthMask, depthGroup               = 152, 156, 160, 168
	depthRow, depthRows, depthLd                          = 176, 184, 192
)

// depthwiseFile writes the convolution of each channel by itself: pixels side
// by side, a vector of channels at a time, or vectors side by side for a single
// pixel, so that sums run beside each other.
func depthwiseFile(g *gen) {
	windowKernel(g, "depthwise", "is goDepthwise", false)
	windowKernel(g, "windowMax", "is goWindowMax", true)
	for _, width := range []int{3, 5, 7} {
		for stride := 1; stride <= 2; stride++ {
			slidingKernel(g, width, stride)
		}
	}
}

// slidingGroup is the pixels of a slidingKernel: side by side they keep the multipliers busy, and rows of most networks'
// maps are multiples of it.
const slidingGroup = 7

// slidingKernel writes the convolution of each channel by itself with windows of so many columns, so far apart: a row of
// the window at a time, its weights in registers; a value of the input is loaded once for all pixels whose windows it is in.
// Each pixel's taps are added in the order of goDepthwise.
func slidingKernel(g *gen, width, stride int) {
	g.function(fmt.Sprintf("depthwise%dx%d%s", width, stride, g.name), "func(d *byte)",
		fmt.Sprintf("is goDepthwise for whole windows of %d columns, %d apart, on a multiple of %d pixels", width, stride, slidingGroup),
		fmt.Sprintf("and vectors of %d channels.", g.bytes/4))
	d := g.gp("d")
	at := func(off int) operand.Mem { return mem(d, off) }
	in, out, step, step3, to, n, c, p, q, w, rows, left, ld := g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(at(depthIn), in)
	g.MOVQ(at(depthOut), out)
	g.MOVQ(at(depthN), n)
	for _, x := range []struct {
		off, size int
		r         reg.Register
	}{{depthStep, 4 / stride, step}, {depthTo, 4, to}, {depthLd, 4, ld}} { // step is then between pixels of in
		g.MOVQ(at(x.off), x.r)
		g.SHLQ(operand.Imm(uint64(x.size/2)), x.r)
	}
	g.LEAQ(operand.Mem{Base: step, Index: step, Scale: 2}, step3)
	pixels := stride*(slidingGroup-1) + width
	weight := func(kx int) reg.Register { return g.reg(slidingGroup + kx) }
	value := func(i int) reg.Register { return g.reg(slidingGroup + width + i%(g.count-slidingGroup-width)) }
	// vector does one vector of channels, the last one with a mask where the level has that.
	vector := func(name string, masked bool) {
		load := func(m operand.Op, r reg.Register) {
			if masked {
				g.VMOVUPS_Z(m, reg.K1, r)
			} else {
				g.VMOVUPS(m, r)
			}
		}
		g.MOVQ(at(depthBias), q)
		load(operand.Mem{Base: q, Index: c, Scale: 1}, g.reg(0))
		for i := 1; i < slidingGroup; i++ {
			g.VMOVAPS(g.reg(0), g.reg(i))
		}
		g.MOVQ(at(depthWeights), w)
		g.ADDQ(c, w)
		g.LEAQ(operand.Mem{Base: in, Index: c, Scale: 1}, p)
		g.MOVQ(at(depthRows), rows)
		g.Label(name + "row")
		for kx := range width {
			load(mem(w, 0), weight(kx))
			g.ADDQ(ld, w)
		}
		g.MOVQ(p, q)
		for px := range pixels {
			if px > 0 && px%4 == 0 {
				g.LEAQ(operand.Mem{Base: q, Index: step, Scale: 4}, q)
			}
			m := mem(q, 0)
			switch px % 4 {
			case 1, 2:
				m = operand.Mem{Base: q, Index: step, Scale: uint8(px % 4)}
			case 3:
				m = operand.Mem{Base: q, Index: step3, Scale: 1}
			}
			x := value(px)
			load(m, x)
			for i := range slidingGroup {
				if kx := px - stride*i; kx >= 0 && kx < width {
					g.VFMADD231PS(weight(kx), x, g.reg(i))
				}
			}
		}
		g.MOVQ(at(depthRow), q)
		g.LEAQ(operand.Mem{Base: p, Index: q, Scale: 4}, p)
		g.DECQ(rows)
		g.JNE(ref(name + "row"))
		lo, hi := weight(0), weight(1)
		g.VBROADCASTSS(at(depthLo), lo)
		g.VBROADCASTSS(at(depthHi), hi)
		g.LEAQ(operand.Mem{Base: out, Index: c, Scale: 1}, p)
		for i := range slidingGroup {
			g.VMAXPS(g.reg(i), lo, g.reg(i))
			g.VMINPS(g.reg(i), hi, g.reg(i))
			if masked {
				g.VMOVUPS(g.reg(i), reg.K1, mem(p, 0))
			} else {
				g.VMOVUPS(g.reg(i), mem(p, 0))
			}
			if i < slidingGroup-1 {
				g.ADDQ(to, p)
			}
		}
		g.ADDQ(operand.I32(g.bytes), c)
	}
	if g.bytes == 64 {
		g.MOVL(at(depthMask), w.As32())
		g.KMOVW(w.As32(), reg.K1)
	}
	g.Label("group")
	g.XORQ(c, c)
	g.MOVQ(at(depthVectors), left)
	if g.bytes == 64 {
		g.CMPL(at(depthMask), operand.U32(0xffff))
		g.JEQ(ref("vector"))
		g.DECQ(left)
		g.JEQ(ref("last"))
	}
	g.Label("vector")
	vector("", false)
	g.DECQ(left)
	g.JNE(ref("vector"))
	if g.bytes == 64 {
		g.CMPL(at(depthMask), operand.U32(0xffff))
		g.JEQ(ref("next"))
		g.Label("last")
		vector("last", true)
	}
	g.Label("next")
	for _, x := range []struct {
		times  int
		by, to reg.Register
	}{{stride * slidingGroup, step, in}, {slidingGroup, to, out}} {
		g.IMUL3Q(operand.Imm(uint64(x.times)), x.by, q)
		g.ADDQ(q, x.to)
	}
	g.SUBQ(operand.Imm(slidingGroup), n)
	g.JNE(ref("group"))
	g.end()
}

// windowKernel adds up weighted taps, or takes the largest.
func windowKernel(g *gen, name, doc string, largest bool) {
	g.function(name+g.name, "func(d *byte)", fmt.Sprintf("%s on vectors of %d channels.", doc, g.bytes/4))
	d := g.gp("d")
	at := func(off int) operand.Mem { return mem(d, off) }
	in, out, step, to, n := g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(at(depthIn), in)
	g.MOVQ(at(depthOut), out)
	g.MOVQ(at(depthStep), step)
	g.MOVQ(at(depthTo), to)
	g.MOVQ(at(depthN), n)
	g.SHLQ(operand.Imm(2), step)
	g.SHLQ(operand.Imm(2), to)
	step3, c, left, tap, taps, p, q, w, first := g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.LEAQ(operand.Mem{Base: step, Index: step, Scale: 2}, step3)
	lo, hi, wv := g.reg(13), g.reg(14), g.reg(15)
	g.VBROADCASTSS(at(depthLo), lo)
	g.VBROADCASTSS(at(depthHi), hi)
	var mask reg.Register
	if g.bytes == 64 {
		mask = reg.K1
	}

	// setMask allows all channels but for the last vector.
	setMask := func(name string) {
		if g.bytes != 64 {
			return
		}
		g.MOVL(operand.U32(0xffff), w.As32())
		g.CMPQ(left, operand.Imm(1))
		g.JNE(ref(name + "whole"))
		g.MOVL(at(depthMask), w.As32())
		g.Label(name + "whole")
		g.KMOVW(w.As32(), mask)
	}
	load := func(m operand.Op, r reg.Register) {
		if g.bytes == 64 {
			g.VMOVUPS_Z(m, mask, r)
		} else {
			g.VMOVUPS(m, r)
		}
	}
	fma := func(m operand.Op, r reg.Register) {
		if largest { // r where either is NaN
			load(m, g.reg(12))
			g.VMAXPS(r, g.reg(12), r)
			return
		}
		if g.bytes == 64 {
			g.VFMADD231PS(m, wv, mask, r)
		} else {
			g.VFMADD231PS(m, wv, r)
		}
	}
	store := func(r reg.Register, m operand.Op) {
		g.VMAXPS(r, lo, r)
		g.VMINPS(r, hi, r)
		if g.bytes == 64 {
			g.VMOVUPS(r, mask, m)
		} else {
			g.VMOVUPS(r, m)
		}
	}
	// pixels does so many, every vector of channels; c is the vector's place.
	pixels := func(count int) {
		name := fmt.Sprintf("p%d", count)
		g.Label(name)
		g.SUBQ(operand.Imm(uint64(count)), n)
		g.JLT(ref(name + "end"))
		g.XORQ(c, c)
		g.MOVQ(at(depthVectors), left)
		g.Label(name + "vector")
		setMask(name)
		g.MOVQ(at(depthBias), p)
		load(operand.Mem{Base: p, Index: c, Scale: 1}, g.reg(0))
		for i := 1; i < count; i++ {
			g.VMOVAPS(g.reg(0), g.reg(i))
		}
		g.MOVQ(at(depthTaps), tap)
		g.MOVQ(at(depthTaps+8), taps)
		g.MOVQ(at(depthWeights), w)
		g.ADDQ(c, w)
		g.LEAQ(operand.Mem{Base: in, Index: c, Scale: 1}, first)
		g.Label(name + "tap")
		g.MOVQ(mem(tap, 8), q)
		load(operand.Mem{Base: w, Index: q, Scale: 4}, wv)
		g.MOVQ(mem(tap, 0), q)
		g.LEAQ(operand.Mem{Base: first, Index: q, Scale: 4}, p)
		for i := range count {
			switch i % 4 {
			case 0:
				if i > 0 {
					g.LEAQ(operand.Mem{Base: p, Index: step, Scale: 4}, p)
				}
				fma(mem(p, 0), g.reg(i))
			case 1, 2:
				fma(operand.Mem{Base: p, Index: step, Scale: uint8(i % 4)}, g.reg(i))
			case 3:
				fma(operand.Mem{Base: p, Index: step3, Scale: 1}, g.reg(i))
			}
		}
		g.ADDQ(operand.Imm(16), tap)
		g.DECQ(taps)
		g.JNE(ref(name + "tap"))
		g.LEAQ(operand.Mem{Base: out, Index: c, Scale: 1}, p)
		for i := range count {
			store(g.reg(i), mem(p, 0))
			if i < count-1 {
				g.ADDQ(to, p)
			}
		}
		g.ADDQ(operand.I32(g.bytes), c)
		g.DECQ(left)
		g.JNE(ref(name + "vector"))
		for range count / 4 {
			g.LEAQ(operand.Mem{Base: in, Index: step, Scale: 4}, in)
			g.LEAQ(operand.Mem{Base: out, Index: to, Scale: 4}, out)
		}
		for range count % 4 {
			g.ADDQ(step, in)
			g.ADDQ(to, out)
		}
		g.JMP(ref(name))
		g.Label(name + "end")
		g.ADDQ(operand.Imm(uint64(count)), n)
	}
	// Seven where the row is a multiple of it, as in most networks.
	g.CMPQ(at(depthGroup), operand.Imm(7))
	g.JEQ(ref("p7"))
	pixels(8)
	pixels(4)
	g.JMP(ref("single"))
	pixels(7)

	// Single pixels: four vectors of channels side by side, then one.
	g.Label("single")
	g.SUBQ(operand.Imm(1), n)
	g.JLT(ref("end"))
	g.XORQ(c, c)
	g.MOVQ(at(depthVectors), left)
	// The masked vector is never among the four.
	g.Label("four")
	g.CMPQ(left, operand.Imm(5))
	g.JLT(ref("one"))
	g.MOVQ(at(depthBias), p)
	for i := range 4 {
		g.VMOVUPS(operand.Mem{Base: p, Index: c, Scale: 1, Disp: i * g.bytes}, g.reg(i))
	}
	g.MOVQ(at(depthTaps), tap)
	g.MOVQ(at(depthTaps+8), taps)
	g.Label("fourtap")
	g.MOVQ(at(depthWeights), w)
	g.ADDQ(c, w)
	g.MOVQ(mem(tap, 8), q)
	g.LEAQ(operand.Mem{Base: w, Index: q, Scale: 4}, w)
	g.MOVQ(mem(tap, 0), q)
	g.LEAQ(operand.Mem{Base: in, Index: q, Scale: 4}, p)
	g.ADDQ(c, p)
	for i := range 4 {
		if largest {
			g.VMOVUPS(mem(p, i*g.bytes), g.reg(4+i))
			g.VMAXPS(g.reg(i), g.reg(4+i), g.reg(i))
			continue
		}
		g.VMOVUPS(mem(w, i*g.bytes), g.reg(4+i))
		g.VFMADD231PS(mem(p, i*g.bytes), g.reg(4+i), g.reg(i))
	}
	g.ADDQ(operand.Imm(16), tap)
	g.DECQ(taps)
	g.JNE(ref("fourtap"))
	for i := range 4 {
		g.VMAXPS(g.reg(i), lo, g.reg(i))
		g.VMINPS(g.reg(i), hi, g.reg(i))
		g.VMOVUPS(g.reg(i), operand.Mem{Base: out, Index: c, Scale: 1, Disp: i * g.bytes})
	}
	g.ADDQ(operand.I32(4*g.bytes), c)
	g.SUBQ(operand.Imm(4), left)
	g.JMP(ref("four"))
	g.Label("one")
	setMask("one")
	g.MOVQ(at(depthBias), p)
	load(operand.Mem{Base: p, Index: c, Scale: 1}, g.reg(0))
	g.MOVQ(at(depthTaps), tap)
	g.MOVQ(at(depthTaps+8), taps)
	g.Label("onetap")
	g.MOVQ(at(depthWeights), w)
	g.ADDQ(c, w)
	g.MOVQ(mem(tap, 8), q)
	load(operand.Mem{Base: w, Index: q, Scale: 4}, wv)
	g.MOVQ(mem(tap, 0), q)
	g.LEAQ(operand.Mem{Base: in, Index: q, Scale: 4}, p)
	g.ADDQ(c, p)
	fma(mem(p, 0), g.reg(0))
	g.ADDQ(operand.Imm(16), tap)
	g.DECQ(taps)
	g.JNE(ref("onetap"))
	g.LEAQ(operand.Mem{Base: out, Index: c, Scale: 1}, p)
	store(g.reg(0), mem(p, 0))
	g.ADDQ(operand.I32(g.bytes), c)
	g.DECQ(left)
	g.JNE(ref("one"))
	g.ADDQ(step, in)
	g.ADDQ(to, out)
	g.JMP(ref("single"))
	g.Label("end")
	g.end()
}
