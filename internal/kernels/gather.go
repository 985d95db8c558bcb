package kernels

// gather does any convolution as a matrix product: each output pixel is a row
// of the inputs under its window (im2col), in the order kernel row, kernel
// column, channel. Rows are gathered for a block of pixels at a time, so that
// they stay in the second-level cache. Where a window's rows lie in one piece
// in the input and are few, or the window is a single pixel, the product reads
// them in place.
type gather struct {
	// weights[group][panel][tap*channels+channel][nr]
	weights *Buffer
	k       int // row length: KernelH*KernelW*In/Groups
	block   int // products added before the sum leaves the registers
	panels  int // per group
}

func prepareGather(c *Conv, w []float32) *gather {
	ic, oc, taps := c.In/c.Groups, c.Out/c.Groups, c.KernelH*c.KernelW
	nr := c.arch.f32.nr
	g := &gather{k: taps * ic, block: c.arch.f32.kc, panels: (oc + nr - 1) / nr}
	if g.k <= 2*g.block {
		g.block = g.k
	}
	g.weights = NewBuffer(c.Groups * g.panels * g.k * nr)
	for o := range c.Out {
		gr, p, j := o/oc, o%oc/nr, o%oc%nr
		dst := g.weights.Data[(gr*g.panels+p)*g.k*nr:]
		for i := range ic {
			for t := range taps {
				dst[(t*ic+i)*nr+j] = w[(o*ic+i)*taps+t]
			}
		}
	}
	return g
}

func (g *gather) buffer() *Buffer { return g.weights }

// inPlace says whether rows need no gathering: with dilation the pieces would
// have gaps, and few pixels beside each other leave the register tile empty.
func (g *gather) inPlace(c *Conv, ow int) bool {
	single := c.KernelH == 1 && c.KernelW == 1
	return c.Groups == 1 && ow >= c.arch.f32.mr/2 && (single || c.DilationW == 1 && g.k == g.block && c.In < 16)
}

func (g *gather) halo(c *Conv, h, w int) Halo {
	oh, ow := c.OutSize(h, w)
	if oh == 0 || !g.inPlace(c, ow) {
		return Halo{}
	}
	return Halo{
		Top: c.Top, Left: c.Left,
		Bottom: max(0, (oh-1)*c.StrideH+(c.KernelH-1)*c.DilationH+1-c.Top-h),
		Right:  max(0, (ow-1)*c.StrideW+c.KernelW-c.Left-w),
	}
}

// gatherRun is one call under way; a part is a block of pixels, or a row where
// they are read in place.
type gatherRun struct {
	*gather
	c       *Conv
	in, out *Act
	pixels  int // of a block
	place   bool
}

var gatherRuns = freeList[gatherRun]{make: func() *gatherRun { return new(gatherRun) }}

func (g *gather) run(c *Conv, in, out *Act, pool bool) {
	if pool {
		oh, ow := c.OutSize(in.H, in.W)
		p := haloCopies.get()
		full := NewAct(in.N, oh, ow, c.Out, Halo{}, p.grown(ActLen(in.N, oh, ow, c.Out, Halo{})))
		g.run(c, in, full, false)
		MaxPool(Pool2D{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2}, full, out)
		haloCopies.put(p)
		return
	}
	place := g.inPlace(c, out.W) && (in.stride() == in.C || c.KernelW == 1)
	if place {
		var done func()
		in, done = withHalo(in, g.halo(c, in.H, in.W))
		defer done()
	}
	r := gatherRuns.get()
	*r = gatherRun{gather: g, c: c, in: in, out: out, pixels: c.arch.f32.mc, place: place}
	if place {
		parallel(out.N*out.H, r)
	} else {
		total := out.N * out.H * out.W
		parallel((total+r.pixels-1)/r.pixels*c.Groups, r)
	}
	*r = gatherRun{}
	gatherRuns.put(r)
}

// row does a row of output pixels in place.
func (r *gatherRun) row(n, y int, s *scratch) {
	c, in, out := r.c, r.in, r.out
	mk := &c.arch.f32
	width := r.panels * mk.nr
	acc := grown(&s.f32.c, out.W*width)
	src := in.Data[in.At(n, y*c.StrideH-c.Top, -c.Left):]
	lda := c.StrideW * in.stride()
	tiles := (out.W + mk.mr - 1) / mk.mr
	segs, seg, k := c.KernelH, c.DilationH*in.rowStride(), r.k/c.KernelH
	for p := range r.panels {
		for k0 := 0; k0 < k; k0 += r.block {
			kk := min(r.block, k-k0)
			b := r.weights.Data[(p*r.k+k0)*mk.nr:][:segs*kk*mk.nr]
			var beta float32
			if k0 > 0 {
				beta = 1
			}
			for t := range tiles {
				lo, hi := out.W*t/tiles, out.W*(t+1)/tiles
				mk.kernel(hi-lo, kk, src[lo*lda+k0:], lda, b, acc[lo*width+p*mk.nr:], width, 1, beta, segs, seg)
			}
		}
	}
	c.arch.vec.addRows(out.W, out.Data[out.At(n, y, 0):], out.stride(), acc, width, c.bias[:c.Out], c.relu)
}

func (r *gatherRun) part(i int, s *scratch) {
	if r.place {
		r.row(i/r.out.H, i%r.out.H, s)
		return
	}
	group, p0 := i%r.c.Groups, i/r.c.Groups*r.pixels
	rows := min(r.pixels, r.out.N*r.out.H*r.out.W-p0)
	mk := &r.c.arch.f32
	buf := &s.f32
	width := r.panels * mk.nr
	acc := grown(&buf.c, rows*width)
	tiles := (rows + mk.mr - 1) / mk.mr
	panel := r.k * mk.nr
	weights := r.weights.Data[group*r.panels*panel:]
	var beta float32
	for k0 := 0; k0 < r.k; k0 += r.block {
		kk := min(r.block, r.k-k0)
		lda := kk + 16
		a := grown(&buf.a, rows*lda)
		r.rows(a, lda, group, p0, rows, k0, kk)
		for p := range r.panels {
			b := weights[p*panel+k0*mk.nr:][:kk*mk.nr]
			for t := range tiles {
				lo, hi := rows*t/tiles, rows*(t+1)/tiles
				mk.kernel(hi-lo, kk, a[lo*lda:], lda, b, acc[lo*width+p*mk.nr:], width, 1, beta, 1, 0)
			}
		}
		beta = 1
	}
	oc := r.c.Out / r.c.Groups
	bias := r.c.bias[group*oc:][:oc]
	ow, oh := r.out.W, r.out.H
	for i := 0; i < rows; {
		p := p0 + i
		n := min(rows-i, ow-p%ow)
		r.c.arch.vec.addRows(n, r.out.Data[r.out.At(p/ow/oh, p/ow%oh, p%ow)+group*oc:], r.out.stride(), acc[i*width:], width, bias, r.c.relu)
		i += n
	}
}

// rows gathers values k0 to k0+kk of the rows of pixels p0 to p0+rows.
func (r *gatherRun) rows(dst []float32, ldd, group, p0, rows, k0, kk int) {
	c, in := r.c, r.in
	ic := c.In / c.Groups
	ow, oh := r.out.W, r.out.H
	// A window's row lies in one piece if its pixels do.
	joined := c.Groups == 1 && c.DilationW == 1 && in.stride() == in.C
	for i := range rows {
		p := p0 + i
		n, y0, x0 := p/ow/oh, p/ow%oh*c.StrideH-c.Top, p%ow*c.StrideW-c.Left
		row := dst[i*ldd : i*ldd+kk]
		for k := k0; k < k0+kk; {
			tap, from := k/ic, k%ic
			kx := tap % c.KernelW
			y, x := y0+tap/c.KernelW*c.DilationH, x0+kx*c.DilationW
			taps := 1
			if joined && x >= 0 {
				taps = max(1, min(c.KernelW-kx, in.W-x))
			}
			part := row[k-k0 : min(kk, k-k0+taps*ic-from)]
			if y < 0 || y >= in.H || x < 0 || x >= in.W {
				clear(part)
			} else {
				copy(part, in.Data[in.At(n, y, x)+group*ic+from:])
			}
			k += len(part)
		}
	}
}
