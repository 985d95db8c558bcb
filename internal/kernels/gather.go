package kernels

// gather does a convolution as a matrix product: each output pixel is a row of
// the inputs under its window (im2col), in the order kernel row, kernel column,
// channel. Where the window is a single pixel, or its rows lie in one piece in
// the input and are few, the product reads them in place; else rows are gathered
// for a block of pixels at a time, which stays in the second-level cache: whole
// rows where they are short, else as many values of each as are added at once.
//
// Narrow groups are joined to one matrix with zeros between them, as wide as
// the kernels' narrowest panel.
type gather struct {
	weights *Buffer
	groups  []packed
	ic, oc  int // channels of a group of groups
	k       int // row length: KernelH*KernelW*ic
}

func prepareGather(c *Conv, w []float32) *gather {
	t := &c.arch.tiles
	ic, oc, taps := c.In/c.Groups, c.Out/c.Groups, c.KernelH*c.KernelW
	join := 1
	for j := 2; j <= c.Groups && j*oc <= t.half; j++ {
		if c.Groups%j == 0 {
			join = j
		}
	}
	g := &gather{ic: join * ic, oc: join * oc, k: taps * join * ic}
	size := t.packedLen(g.oc, g.k)
	g.weights = NewBuffer(c.Groups / join * size)
	for i := range c.Groups / join {
		g.groups = append(g.groups, packed{arch: c.arch, n: g.oc, k: g.k, weights: g.weights.Data[i*size:][:size], bias: aligned[float32](roundUp(g.oc, t.nr)), fn: c.fn})
		copy(g.groups[i].bias, c.bias[i*g.oc:][:g.oc])
	}
	for o := range c.Out {
		m := &g.groups[o/g.oc]
		first := o / oc % join * ic // channel within the joined groups
		for i := range ic {
			for tap := range taps {
				*m.put(tap*g.ic+first+i, o%g.oc) = w[(o*ic+i)*taps+tap]
			}
		}
	}
	return g
}

func (g *gather) buffer() *Buffer { return g.weights }

// inPlace says whether rows need no gathering. With dilation, the pieces of a
// row would have gaps.
func (g *gather) inPlace(c *Conv, stride int) bool {
	if len(g.groups) > 1 {
		return false
	}
	if c.KernelH == 1 && c.KernelW == 1 {
		return true
	}
	return c.DilationW == 1 && g.k <= 2*c.arch.tiles.kc && c.In < 16 && stride == c.In
}

func (g *gather) halo(c *Conv, h, w int) Halo {
	oh, ow := c.OutSize(h, w)
	if oh == 0 || !g.inPlace(c, c.In) {
		return Halo{}
	}
	return Halo{
		Top: c.Top, Left: c.Left,
		Bottom: max(0, (oh-1)*c.StrideH+(c.KernelH-1)*c.DilationH+1-c.Top-h),
		Right:  max(0, (ow-1)*c.StrideW+c.KernelW-c.Left-w),
	}
}

// gatherRun is one call under way; a part is a block of pixels of some columns
// of a group.
type gatherRun struct {
	*gather
	c       *Conv
	in, out *Act
	add     *Act        // added to the result; nil: nothing
	pre     *perChannel // what is done to the input; nil: nothing
	place   bool
	even    bool // all input pixels of all images are equally far apart
	flat    bool // so are those of out and add
	total   int  // pixels
	pixels  int  // of a block
	columns int  // of a part
	across  int  // parts beside each other
}

var gatherRuns = freeList[gatherRun]{make: func() *gatherRun { return new(gatherRun) }}

func (g *gather) run(c *Conv, in, add, out *Act, pre *perChannel) {
	place := pre == nil && g.inPlace(c, in.stride())
	if place {
		var done func()
		in, done = withHalo(in, g.halo(c, in.H, in.W))
		defer done()
	}
	r := gatherRuns.get()
	*r = gatherRun{gather: g, c: c, in: in, out: out, add: add, pre: pre, place: place, total: out.N * out.H * out.W}
	r.even = c.KernelH == 1 && c.KernelW == 1 && c.StrideH == 1 && c.StrideW == 1 && c.noPadding() && in.even()
	r.flat = out.even() && (add == nil || add.even()) && (!place || r.even)
	limit := c.arch.f32.mc
	if pre != nil {
		limit = c.arch.tiles.gathered(g.k)
	}
	r.pixels, r.columns = c.arch.tiles.spread(r.total, len(g.groups)*g.oc, g.k, limit, !place)
	if len(g.groups) > 1 {
		r.columns = roundUp(g.oc, c.arch.tiles.nr)
	}
	r.across = (g.oc + r.columns - 1) / r.columns
	parallel((r.total+r.pixels-1)/r.pixels*len(g.groups)*r.across, r)
	*r = gatherRun{}
	gatherRuns.put(r)
}

// here does all of a convolution that reads its input in place, on this goroutine.
func (r *gatherRun) here(s *scratch) {
	c := r.c
	r.place, r.total, r.across = true, r.out.N*r.out.H*r.out.W, 1
	r.even = c.KernelH == 1 && c.KernelW == 1 && c.StrideH == 1 && c.StrideW == 1 && c.noPadding() && r.in.even()
	r.flat = r.out.even() && r.even
	r.pixels, r.columns = min(r.total, c.arch.f32.mc), roundUp(r.oc, c.arch.tiles.nr)
	for i := range (r.total + r.pixels - 1) / r.pixels {
		r.part(i, s)
	}
}

func (g Conv2D) noPadding() bool { return g.Top == 0 && g.Left == 0 && g.Bottom == 0 && g.Right == 0 }

func (r *gatherRun) part(i int, s *scratch) {
	group, j := i/r.across%len(r.groups), i%r.across*r.columns
	p0 := i / r.across / len(r.groups) * r.pixels
	count := min(r.pixels, r.total-p0)
	c, in, out := r.c, r.in, r.out
	x := &s.rows
	x.segs, x.hops, x.from, x.end = 1, nil, j, min(j+r.columns, r.oc)
	x.c, x.ldc = out.Data[group*r.oc:], out.stride()
	x.add, x.ldad = nil, 0
	if r.add != nil {
		x.add, x.ldad = r.add.Data[group*r.oc:], r.add.stride()
	}
	if r.place {
		x.a, x.lda = in.Data, c.StrideW*in.stride()
		if c.KernelH > 1 {
			x.segs = c.KernelH
			x.hops = s.hops[:0]
			for range c.KernelH - 1 {
				x.hops = append(x.hops, c.DilationH*in.rowStride()-r.k/c.KernelH)
			}
			s.hops = x.hops
		}
	} else if p := (patches{r, group, p0, count}); r.pre == nil && count > c.arch.tiles.gathered(r.k) {
		x.lda, x.patches = 0, p // some products at a time
	} else {
		x.lda = r.k + 16 // keeps rows off each other's cache sets
		x.a = grown(&s.f32.a, count*x.lda)
		if r.pre != nil {
			r.changeRows(x.a, x.lda, group, p0, count)
		} else {
			p.copy(x.a, x.lda, 0, r.k)
		}
	}
	x.runs = x.runs[:0]
	for done := 0; done < count; {
		p := p0 + done
		n, y, col := p/out.W/out.H, p/out.W%out.H, p%out.W
		k := count - done
		if !r.flat {
			k = min(k, out.W-col)
		}
		q := run{a: done * x.lda, c: out.At(n, y, col), rows: k}
		if r.place {
			q.a = in.At(n, y*c.StrideH-c.Top, col*c.StrideW-c.Left)
		}
		if r.add != nil {
			q.add = r.add.At(n, y, col)
		}
		x.runs = append(x.runs, q)
		done += k
	}
	r.groups[group].multiply(x)
	x.a, x.c, x.add, x.patches = nil, nil, nil, patches{}
}

// changeRows gathers the rows of pixels p0 to p0+rows, their channels changed by pre.
func (r *gatherRun) changeRows(dst []float32, ldd, group, p0, rows int) {
	c, in, ic, vec := r.c, r.in, r.ic, &r.c.arch.vec
	ow, oh, from := r.out.W, r.out.H, c.StrideW*in.stride()
	for i := 0; i < rows; {
		p := p0 + i
		n, y, x := p/ow/oh, p/ow%oh*c.StrideH-c.Top, p%ow*c.StrideW-c.Left
		k := min(rows-i, ow-p%ow)
		if r.even {
			k = min(rows-i, ow*oh-p%(ow*oh))
		}
		src := in.Data[in.At(n, y, x)+group*ic:]
		if r.pre.shift == nil {
			vec.mulRows(k, dst[i*ldd:], ldd, src, from, r.pre.scale[n*in.C+group*ic:][:ic])
		} else {
			scale, shift := r.pre.scale[group*ic:][:ic], r.pre.shift[group*ic:][:ic]
			for j := range k {
				vec.scaleShift(dst[(i+j)*ldd:][:ic], src[j*from:][:ic], scale, shift, r.pre.relu)
			}
		}
		i += k
	}
}

// patches are rows of a product that are gathered as it goes: pixels p0 to p0+rows of a convolution.
type patches struct {
	run             *gatherRun
	group, p0, rows int
}

// copy puts values k0 to k0+k of the rows apart, ldd from each other.
func (w *patches) copy(dst []float32, ldd, k0, k int) {
	r := w.run
	c, in, ic := r.c, r.in, r.ic
	ow, oh := r.out.W, r.out.H
	// A window's row lies in one piece if its pixels do.
	joined := len(r.groups) == 1 && c.DilationW == 1 && in.stride() == in.C
	for i := range w.rows {
		p := w.p0 + i
		n, y0, x0 := p/ow/oh, p/ow%oh*c.StrideH-c.Top, p%ow*c.StrideW-c.Left
		row := dst[i*ldd : i*ldd+k]
		tap, from := k0/ic, k0%ic
		for len(row) > 0 {
			ky, kx := tap/c.KernelW, tap%c.KernelW
			y, x := y0+ky*c.DilationH, x0+kx*c.DilationW
			taps := 1
			switch {
			case y < 0 || y >= in.H:
				taps = c.KernelW - kx
			case joined && x >= 0:
				taps = max(1, min(c.KernelW-kx, in.W-x))
			}
			m := min(taps*ic-from, len(row))
			if y < 0 || y >= in.H || x < 0 || x >= in.W {
				clear(row[:m])
			} else {
				copy(row[:m], in.Data[in.At(n, y, x)+w.group*ic+from:])
			}
			row = row[m:]
			tap, from = tap+(from+m)/ic, (from+m)%ic
		}
	}
}
