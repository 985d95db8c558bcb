package kernels

// gather does any convolution as a matrix product: each output pixel is a row
// of the inputs under its window (im2col), gathered for a block of pixels at a
// time so that the rows stay in the second-level cache.
type gather struct {
	// weights[group][panel][tap*channels+channel][nr]
	weights *Buffer
	k       int // row length: KernelH*KernelW*In/Groups
	panels  int // per group
}

func prepareGather(c *Conv, w []float32) *gather {
	ic, oc, taps := c.In/c.Groups, c.Out/c.Groups, c.KernelH*c.KernelW
	nr := c.arch.f32.nr
	g := &gather{k: taps * ic, panels: (oc + nr - 1) / nr}
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

func (g *gather) free() { g.weights.Free() }

func (g *gather) halo(c *Conv, h, w int) Halo { return Halo{} }

// gatherRun is one call under way.
type gatherRun struct {
	*gather
	c       *Conv
	in, out *Act
	pixels  int // of a block
}

var gatherRuns = freeList[gatherRun]{make: func() *gatherRun { return new(gatherRun) }}

func (g *gather) run(c *Conv, in, out *Act) {
	r := gatherRuns.get()
	*r = gatherRun{gather: g, c: c, in: in, out: out, pixels: c.arch.f32.mc}
	total := out.N * out.H * out.W
	blocks := (total + r.pixels - 1) / r.pixels
	parallel(blocks*c.Groups, r)
	*r = gatherRun{}
	gatherRuns.put(r)
}

func (r *gatherRun) part(i int, s *scratch) {
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
	for k0 := 0; k0 < r.k; k0 += mk.kc {
		kk := min(mk.kc, r.k-k0)
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
	for i := range rows {
		p := p0 + i
		dst := r.out.Data[r.out.At(p/ow/oh, p/ow%oh, p%ow)+group*oc:][:oc]
		r.c.arch.vec.addMax(dst, acc[i*width:][:oc], bias, r.c.relu)
	}
}

// rows gathers values k0 to k0+kk of the rows of pixels p0 to p0+rows.
func (r *gatherRun) rows(dst []float32, ldd, group, p0, rows, k0, kk int) {
	c, in := r.c, r.in
	ic := c.In / c.Groups
	ow, oh := r.out.W, r.out.H
	for i := range rows {
		p := p0 + i
		n, y0, x0 := p/ow/oh, p/ow%oh*c.StrideH-c.Top, p%ow*c.StrideW-c.Left
		row := dst[i*ldd : i*ldd+kk]
		for k := k0; k < k0+kk; {
			tap, from := k/ic, k%ic
			part := row[k-k0 : min(kk, k-k0+ic-from)]
			y, x := y0+tap/c.KernelW*c.DilationH, x0+tap%c.KernelW*c.DilationW
			if y < 0 || y >= in.H || x < 0 || x >= in.W {
				clear(part)
			} else {
				copy(part, in.Data[in.At(n, y, x)+group*ic+from:])
			}
			k += len(part)
		}
	}
}
