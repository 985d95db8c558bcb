package kernels

import "fmt"

// Halo is the width of the border around a feature map, in pixels.
type Halo struct{ Top, Left, Bottom, Right int }

// Max is the border that holds both.
func (h Halo) Max(o Halo) Halo {
	return Halo{max(h.Top, o.Top), max(h.Left, o.Left), max(h.Bottom, o.Bottom), max(h.Right, o.Right)}
}

// Act is a batch of feature maps, NHWC, each map inside a halo: Data is
// N x (Top+H+Bottom) x (Left+W+Right) x C. The halo is zero, always: kernels
// read it as padding and write inside the map alone. Use ClearHalo when Data
// was something else before.
//
// An Act may be some channels of a wider one (see Channels): its pixels are
// then Stride apart. Stride 0 means C.
type Act struct {
	N, H, W, C               int
	Top, Left, Bottom, Right int
	Stride                   int
	Data                     []float32
}

// ActLen is the length of Data for such an Act.
func ActLen(n, h, w, c int, halo Halo) int {
	return n * (halo.Top + h + halo.Bottom) * (halo.Left + w + halo.Right) * c
}

// NewAct lays an Act over data, which must be zero in the halo (see ClearHalo),
// or over fresh zeros if data is nil.
func NewAct(n, h, w, c int, halo Halo, data []float32) *Act {
	size := ActLen(n, h, w, c, halo)
	if data == nil {
		data = aligned[float32](size)
	}
	if len(data) < size {
		panic(fmt.Sprintf("kernels: %d values for feature maps of %d", len(data), size))
	}
	return &Act{N: n, H: h, W: w, C: c, Top: halo.Top, Left: halo.Left, Bottom: halo.Bottom, Right: halo.Right, Data: data[:size:size]}
}

// Halo is the border of a.
func (a *Act) Halo() Halo { return Halo{a.Top, a.Left, a.Bottom, a.Right} }

// Channels is a view of channels [lo, hi): what is written to it lands in a.
func (a *Act) Channels(lo, hi int) *Act {
	if lo < 0 || hi > a.C || lo > hi {
		panic(fmt.Sprintf("kernels: channels %d to %d of %d", lo, hi, a.C))
	}
	v := *a
	v.C, v.Stride = hi-lo, a.stride()
	if len(v.Data) > 0 {
		v.Data = v.Data[lo:]
	}
	return &v
}

// Images is a view of images [lo, hi).
func (a *Act) Images(lo, hi int) *Act {
	v := *a
	v.N = hi - lo
	v.Data = v.Data[lo*a.imageStride():]
	return &v
}

func (a *Act) stride() int {
	if a.Stride == 0 {
		return a.C
	}
	return a.Stride
}

func (a *Act) rowStride() int   { return (a.Left + a.W + a.Right) * a.stride() }
func (a *Act) imageStride() int { return (a.Top + a.H + a.Bottom) * a.rowStride() }

// even reports whether all pixels of all images are equally far apart.
func (a *Act) even() bool { return a.Halo() == Halo{} }

// At is the index in Data of channel 0 at row y, column x of image n. Rows
// from -Top and columns from -Left are the halo.
func (a *Act) At(n, y, x int) int {
	return n*a.imageStride() + (y+a.Top)*a.rowStride() + (x+a.Left)*a.stride()
}

// check panics unless Data holds all of a.
func (a *Act) check() {
	if a.N < 0 || a.H < 0 || a.W < 0 || a.C < 0 || a.Top < 0 || a.Left < 0 || a.Bottom < 0 || a.Right < 0 || a.stride() < a.C {
		panic(fmt.Sprintf("kernels: impossible feature map %d x %d x %d x %d, halo %v, stride %d", a.N, a.H, a.W, a.C, a.Halo(), a.Stride))
	}
	if size := a.N * a.imageStride(); size > 0 && len(a.Data) < size-a.stride()+a.C {
		panic(fmt.Sprintf("kernels: %d values for feature maps of %d", len(a.Data), size))
	}
}

// ClearHalo sets the halo to zero.
func (a *Act) ClearHalo() {
	a.check()
	zero := func(n, y, x0, x1 int) {
		if x0 == x1 {
			return
		}
		if a.stride() == a.C {
			clear(a.Data[a.At(n, y, x0):][:(x1-x0)*a.C])
			return
		}
		for x := x0; x < x1; x++ {
			clear(a.Data[a.At(n, y, x):][:a.C])
		}
	}
	for n := range a.N {
		for y := -a.Top; y < a.H+a.Bottom; y++ {
			if y < 0 || y >= a.H {
				zero(n, y, -a.Left, a.W+a.Right)
				continue
			}
			zero(n, y, -a.Left, 0)
			zero(n, y, a.W, a.W+a.Right)
		}
	}
}

// FromNCHW fills a from n*c*h*w values in that order.
func (a *Act) FromNCHW(src []float32) {
	a.check()
	a.wants(len(src))
	parallel(a.N*a.H, &planar{a, src, false})
}

// ToNCHW writes a's n*c*h*w values in that order.
func (a *Act) ToNCHW(dst []float32) {
	a.check()
	a.wants(len(dst))
	parallel(a.N*a.H, &planar{a, dst, true})
}

// planar copies between an Act and the same maps channel by channel; a part is
// a row of pixels, which is a matrix to transpose.
type planar struct {
	act  *Act
	nchw []float32
	out  bool
}

func (r *planar) part(i int, _ *scratch) {
	a := r.act
	if a.C == 0 || a.W == 0 {
		return
	}
	n, y := i/a.H, i%a.H
	st, plane := a.stride(), a.H*a.W
	row := a.Data[a.At(n, y, 0):]
	nchw := r.nchw[n*a.C*plane+y*a.W:]
	if !r.out && a.C == 3 && st == 3 { // the image
		vec().interleave3(row, [3][]float32{nchw[:a.W], nchw[plane:], nchw[2*plane:]})
		return
	}
	mk := &current.Load().f32
	if r.out {
		mk.transposed(a.W, a.C, row, st, nchw, plane)
	} else {
		mk.transposed(a.C, a.W, nchw, plane, row, st)
	}
}

// FromNHWC fills a from n*h*w*c values in that order.
func (a *Act) FromNHWC(src []float32) {
	a.check()
	a.wants(len(src))
	parallel(a.N*a.H, &pixels{a, src, false})
}

// ToNHWC writes a's n*h*w*c values in that order.
func (a *Act) ToNHWC(dst []float32) {
	a.check()
	a.wants(len(dst))
	parallel(a.N*a.H, &pixels{a, dst, true})
}

// pixels copies between an Act and the same maps pixel by pixel; a part is a row.
type pixels struct {
	act  *Act
	nhwc []float32
	out  bool
}

func (r *pixels) part(i int, _ *scratch) {
	a := r.act
	if a.C == 0 || a.W == 0 {
		return
	}
	count, size := a.W, a.C
	if a.stride() == a.C { // in one piece
		count, size = 1, a.W*a.C
	}
	row, nhwc := a.Data[a.At(i/a.H, i%a.H, 0):], r.nhwc[i*a.W*a.C:]
	for x := range count {
		if r.out {
			copy(nhwc[x*size:][:size], row[x*a.stride():])
		} else {
			copy(row[x*a.stride():][:size], nhwc[x*size:])
		}
	}
}

func (a *Act) wants(have int) {
	if have < a.N*a.H*a.W*a.C {
		panic(fmt.Sprintf("kernels: %d values for %d x %d x %d x %d", have, a.N, a.H, a.W, a.C))
	}
}

// sameShape panics unless both hold maps of the same shape.
func sameShape(a, b *Act) {
	a.check()
	b.check()
	if a.N != b.N || a.H != b.H || a.W != b.W || a.C != b.C {
		panic(fmt.Sprintf("kernels: feature maps of %dx%dx%dx%d and %dx%dx%dx%d", a.N, a.H, a.W, a.C, b.N, b.H, b.W, b.C))
	}
}

// withHalo returns in, or a copy if its halo is smaller than want; done gives
// the copy back.
func withHalo(in *Act, want Halo) (padded *Act, done func()) {
	if in.Halo().Max(want) == in.Halo() {
		return in, nothing
	}
	want = want.Max(in.Halo())
	p := haloCopies.get()
	padded = NewAct(in.N, in.H, in.W, in.C, want, p.grown(ActLen(in.N, in.H, in.W, in.C, want)))
	padded.ClearHalo()
	CopyAct(in, padded)
	return padded, func() { haloCopies.put(p) }
}

func nothing() {}

var haloCopies = freeList[pages]{make: func() *pages { return new(pages) }}
