package kernels

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Pool2D is a pooling's geometry, in ONNX's terms.
type Pool2D struct {
	KernelH, KernelW         int
	StrideH, StrideW         int  // 0 means 1
	DilationH, DilationW     int  // 0 means 1
	Top, Left, Bottom, Right int  // padding
	Ceil                     bool // ceil_mode: the last window may hang over the padding
	CountPad                 bool // count_include_pad, of averages
}

func (g Pool2D) withDefaults() Pool2D {
	for _, v := range []*int{&g.StrideH, &g.StrideW, &g.DilationH, &g.DilationW} {
		if *v == 0 {
			*v = 1
		}
	}
	return g
}

// Validate says what is impossible about g.
func (g Pool2D) Validate() error {
	g = g.withDefaults()
	switch {
	case g.KernelH <= 0 || g.KernelW <= 0:
		return fmt.Errorf("pooling over %d x %d", g.KernelH, g.KernelW)
	case g.StrideH < 0 || g.StrideW < 0:
		return fmt.Errorf("pooling with strides %d, %d", g.StrideH, g.StrideW)
	case g.DilationH < 0 || g.DilationW < 0:
		return fmt.Errorf("pooling with dilations %d, %d", g.DilationH, g.DilationW)
	case g.Top < 0 || g.Left < 0 || g.Bottom < 0 || g.Right < 0:
		return errors.New("pooling with negative padding")
	}
	return nil
}

// OutSize is the size of the result for maps of h x w; 0 where the window does
// not fit. With Ceil, a last window that would start beyond the map and its
// first padding is left out, as ONNX Runtime and PyTorch do.
func (g Pool2D) OutSize(h, w int) (oh, ow int) {
	g = g.withDefaults()
	return g.count(h, g.Top, g.Bottom, g.KernelH, g.StrideH, g.DilationH), g.count(w, g.Left, g.Right, g.KernelW, g.StrideW, g.DilationW)
}

func (g Pool2D) count(size, before, after, kernel, stride, dilation int) int {
	padded := size + before + after
	n := windows(padded, kernel, stride, dilation)
	if g.Ceil && n > 0 && (n-1)*stride+(kernel-1)*dilation+1 < padded && n*stride < size+before {
		n++
	}
	return n
}

type poolKind int

const (
	maximum poolKind = iota
	average
)

// MaxPool writes the largest value of each window; padding never wins. A
// window that holds padding alone gives the smallest float.
func MaxPool(g Pool2D, in, out *Act) { pool(maximum, g, in, out) }

// AveragePool writes the mean of each window: over the values inside the map,
// or, with CountPad, over the padding's zeros too (but not over what Ceil adds).
func AveragePool(g Pool2D, in, out *Act) { pool(average, g, in, out) }

// GlobalAveragePool writes the mean of each map to out, which is 1 x 1: the
// rows' sums are added up.
func GlobalAveragePool(in, out *Act) {
	in.check()
	out.check()
	if in.N != out.N || in.C != out.C || out.H != 1 || out.W != 1 {
		panic("kernels: global pooling into maps of another shape")
	}
	parallel(in.N*((in.C+globalPart-1)/globalPart), &globalRun{in, out})
}

// globalPart is how many channels of an image a part averages.
const globalPart = 128

type globalRun struct{ in, out *Act }

func (r *globalRun) part(i int, s *scratch) {
	in, v := r.in, vec()
	across := (in.C + globalPart - 1) / globalPart
	n, lo := i/across, i%across*globalPart
	width := min(globalPart, in.C-lo)
	sums := grown(&s.f32.c, 2*globalPart)
	sum, row := sums[:width], sums[globalPart:][:width]
	clear(sum)
	for y := range in.H {
		v.sumRows(in.W, row, in.Data[in.At(n, y, 0)+lo:], in.stride())
		v.add(sum, sum, row)
	}
	dst := r.out.Data[r.out.At(n, 0, 0)+lo:][:width]
	for c, x := range sum {
		dst[c] = x / float32(in.H*in.W)
	}
}

// poolRun is one call under way; a part is a row of out.
type poolRun struct {
	Pool2D
	kind    poolKind
	in, out *Act
	plain   bool
	// As a convolution of each channel by itself, where the level has that.
	window bool
	conv   Conv
	depth  depthwise
	ones   Buffer
	run    depthRun
	bias   []float32
}

var poolRuns = freeList[poolRun]{make: func() *poolRun { return new(poolRun) }}

func pool(kind poolKind, g Pool2D, in, out *Act) {
	in.check()
	out.check()
	g = g.withDefaults()
	oh, ow := g.OutSize(in.H, in.W)
	if in.N != out.N || in.C != out.C || oh != out.H || ow != out.W {
		panic(fmt.Sprintf("kernels: pooling gives %dx%dx%dx%d, not %dx%dx%dx%d", in.N, oh, ow, in.C, out.N, out.H, out.W, out.C))
	}
	r := poolRuns.get()
	*r = poolRun{Pool2D: g, kind: kind, in: in, out: out, ones: r.ones, bias: r.bias}
	// A 2x2 window, two apart and inside the map, has a kernel of its own.
	r.plain = kind == maximum && g == Pool2D{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2, DilationH: 1, DilationW: 1, Ceil: g.Ceil, CountPad: g.CountPad} &&
		2*oh <= in.H && 2*ow <= in.W
	if a := current.Load(); !r.plain && a.vec.depthwise != nil && (kind == average || a.vec.windowMax != nil) {
		r.window = true
		r.asConv(a)
	}
	parallel(out.N*out.H, r)
	*r = poolRun{ones: r.ones, bias: r.bias}
	poolRuns.put(r)
}

// inside clips the window positions first, first+step, ... (count of them) to
// [0, size): taps lo to hi are inside.
func inside(first, step, count, size int) (lo, hi int) {
	if first < 0 {
		lo = (-first + step - 1) / step
	}
	hi = count
	if last := first + (count-1)*step; last >= size {
		hi = max(lo, (size-first+step-1)/step)
	}
	return min(lo, hi), hi
}

// asConv sets the pooling up as a depthwise convolution.
func (r *poolRun) asConv(a *arch) {
	c := r.in.C
	first := float32(0)
	if r.kind == maximum {
		first = -math.MaxFloat32
	}
	for i := range grown(&r.bias, c) {
		r.bias[i] = first
	}
	if len(r.ones.Data) < c {
		r.ones.Data = slices.Repeat([]float32{1}, len(r.bias))
	}
	r.conv = Conv{arch: a, bias: r.bias, Conv2D: Conv2D{
		In: c, Out: c, Groups: c, KernelH: r.KernelH, KernelW: r.KernelW, StrideH: r.StrideH, StrideW: r.StrideW,
		DilationH: r.DilationH, DilationW: r.DilationW, Top: r.Top, Left: r.Left, Bottom: r.Bottom, Right: r.Right,
	}}
	r.depth = depthwise{weights: &r.ones}
	r.run = depthRun{depthwise: &r.depth, c: &r.conv, in: r.in, out: r.out, largest: r.kind == maximum}
}

// count is how many values a window's mean is over: those inside the map, or inside the padding.
func (r *poolRun) count(oy, ox int) int {
	y0, x0, h, w := oy*r.StrideH-r.Top, ox*r.StrideW-r.Left, r.in.H, r.in.W
	if r.CountPad {
		y0, x0, h, w = oy*r.StrideH, ox*r.StrideW, h+r.Top+r.Bottom, w+r.Left+r.Right
	}
	ylo, yhi := inside(y0, r.DilationH, r.KernelH, h)
	xlo, xhi := inside(x0, r.DilationW, r.KernelW, w)
	return max(1, (yhi-ylo)*(xhi-xlo))
}

// means divides a row of sums.
func (r *poolRun) means(n, oy int) {
	out := r.out
	for x := 0; x < out.W; {
		count, k := r.count(oy, x), 1
		for x+k < out.W && r.count(oy, x+k) == count {
			k++
		}
		if out.stride() == out.C {
			sscal(1/float32(count), out.Data[out.At(n, oy, x):][:k*out.C])
		} else {
			for i := range k {
				sscal(1/float32(count), out.Data[out.At(n, oy, x+i):][:out.C])
			}
		}
		x += k
	}
}

func (r *poolRun) part(i int, s *scratch) {
	n, oy := i/r.out.H, i%r.out.H
	in := r.in
	if r.window {
		r.run.row(n, oy, s)
		if r.kind == average {
			r.means(n, oy)
		}
		return
	}
	if r.plain {
		vec().pool2x2(in.Data[in.At(n, 2*oy, 0):], in.stride(), in.rowStride(), r.out.Data[r.out.At(n, oy, 0):], r.out.stride(), r.out.W, in.C)
		return
	}
	w := vec()
	y0 := oy*r.StrideH - r.Top
	ylo, yhi := inside(y0, r.DilationH, r.KernelH, in.H)
	for ox := range r.out.W {
		dst := r.out.Data[r.out.At(n, oy, ox):][:in.C]
		x0 := ox*r.StrideW - r.Left
		xlo, xhi := inside(x0, r.DilationW, r.KernelW, in.W)
		if r.kind == maximum {
			for c := range dst {
				dst[c] = -math.MaxFloat32
			}
		} else {
			clear(dst)
		}
		for ky := ylo; ky < yhi; ky++ {
			for kx := xlo; kx < xhi; kx++ {
				src := in.Data[in.At(n, y0+ky*r.DilationH, x0+kx*r.DilationW):][:len(dst)]
				if r.kind == maximum {
					w.max(dst, src)
				} else {
					w.add(dst, dst, src)
				}
			}
		}
		if r.kind == average {
			f := 1 / float32(r.count(oy, ox))
			for c := range dst {
				dst[c] *= f
			}
		}
	}
}
