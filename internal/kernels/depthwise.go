package kernels

// depthwise convolves each channel by itself (as many groups as channels).
// Pixels at the map's border leave out the taps that fall outside it and its halo.
type depthwise struct {
	weights *Buffer // of each tap, channels side by side, rounded up to 16
	ld      int
}

// suitsDepthwise: one input channel for each group.
func suitsDepthwise(g Conv2D) bool { return g.Groups > 1 && g.In == g.Groups }

func prepareDepthwise(c *Conv, w []float32) *depthwise {
	d := &depthwise{ld: roundUp(c.Out, 16)}
	taps := c.KernelH * c.KernelW
	d.weights = NewBuffer(taps * d.ld)
	for o := range c.Out {
		for t := range taps {
			d.weights.Data[t*d.ld+o] = w[o*taps+t]
		}
	}
	return d
}

func (d *depthwise) buffer() *Buffer { return d.weights }

// halo: with zeros beside a row, its ends are pixels like the others. Rows above
// and below the map are left out.
func (d *depthwise) halo(c *Conv, h, w int) Halo {
	_, ow := c.OutSize(h, w)
	return Halo{Left: c.Left, Right: max(0, (ow-1)*c.StrideW+(c.KernelW-1)*c.DilationW+1-c.Left-w)}
}

// depthRow is a row of pixels whose windows have the same taps. The assembly
// reads its fields by their offsets, which _generate/depthwise.go names.
type depthRow struct {
	in, out, weights, bias []float32
	taps                   []tap
	step, to               int // between pixels of in, of out
	n                      int // pixels
	vectors                int // of channels
	lo, hi                 float32
	mask                   uint32 // of the last vector's channels
	group                  int    // 7: pixels go seven at a time, else eight or four
	row, rows, ld          int    // for windows of neighbouring columns: between rows of in, how many, between taps' weights
	largest                bool   // of the taps, not their weighted sum
}

// slidingGroup is the pixels of which the kernels for whole windows do a multiple.
const slidingGroup = 7

// tap is where in the input a weight's value lies, from the pixel's first, and
// where the weight.
type tap struct{ in, weight int }

// goDepthwise does, for channels from lo to hi of n pixels,
//
//	out[i*to+c] = min(max(bias[c] + sum_t in[i*step+taps[t].in+c]*weights[taps[t].weight+c], lo), hi)
func goDepthwise(d *depthRow, from, end int) {
	for i := range d.n {
		for c := from; c < end; c++ {
			v := d.bias[c]
			for _, t := range d.taps {
				v += d.in[i*d.step+t.in+c] * d.weights[t.weight+c]
			}
			d.out[i*d.to+c] = clamp(v, d.lo, d.hi)
		}
	}
}

// goWindowMax is goDepthwise with the larger of sum and tap in place of their weighted sum; a tap that is NaN does
// not count.
func goWindowMax(d *depthRow, from, end int) {
	for i := range d.n {
		for c := from; c < end; c++ {
			v := d.bias[c]
			for _, t := range d.taps {
				if x := d.in[i*d.step+t.in+c]; x > v {
					v = x
				}
			}
			d.out[i*d.to+c] = clamp(v, d.lo, d.hi)
		}
	}
}

// depthRun is one call under way; a part is some rows of an image.
type depthRun struct {
	*depthwise
	c            *Conv
	in, add, out *Act
	down         int       // parts of an image
	sums         []float32 // of each row of out, for pooling, sumStride apart; nil: not wanted
	sumStride    int
	largest      bool // see depthRow
}

var depthRuns = freeList[depthRun]{make: func() *depthRun { return new(depthRun) }}

func (d *depthwise) run(c *Conv, in, add, out *Act, _ *perChannel) { d.convolve(c, in, add, out, nil) }

// convolve also writes the mean of each map to mean, if that is not nil: rows are added up while they are in
// the caches, by the same operations as GlobalAveragePool.
func (d *depthwise) convolve(c *Conv, in, add, out, mean *Act) {
	if m := c.Out / c.In; m > 1 {
		p := haloCopies.get()
		wide := NewAct(in.N, in.H, in.W, c.Out, Halo{}, p.grown(ActLen(in.N, in.H, in.W, c.Out, Halo{})))
		parallel(in.N*in.H, &rowsRun{wide, false, func(n, y, x, _ int) {
			src, dst := in.Data[in.At(n, y, x):][:c.In], wide.Data[wide.At(n, y, x):][:c.Out]
			for i := range dst {
				dst[i] = src[i/m]
			}
		}})
		defer haloCopies.put(p)
		in = wide
	}
	r := depthRuns.get()
	*r = depthRun{depthwise: d, c: c, in: in, add: add, out: out}
	// All channels of a pixel, one after another, are a stream that the CPU sees coming; some channels of
	// many pixels are not, although they would stay in the first-level cache.
	r.down = 1
	if threads := threads(); threads > 1 && out.N < 4*threads {
		work := out.H * out.W * c.Out * c.KernelH * c.KernelW
		r.down = max(1, min((4*threads+out.N-1)/out.N, out.H/2, work>>15))
		if r.down > threads { // as many for each thread
			r.down = r.down / threads * threads
		}
	}
	if mean != nil {
		p := haloCopies.get()
		defer haloCopies.put(p)
		r.sums, r.sumStride = p.grown(out.N*out.H*out.C), out.C
	}
	parallel(out.N*r.down, r)
	if mean != nil {
		c.means(r.sums, out, mean)
	}
	*r = depthRun{}
	depthRuns.put(r)
}

func (r *depthRun) part(i int, s *scratch) {
	for y := i % r.down * r.out.H / r.down; y < (i%r.down+1)*r.out.H/r.down; y++ {
		r.pooledRow(i/r.down, y, s)
	}
}

// pooledRow does a row and adds it up where that is wanted.
func (r *depthRun) pooledRow(n, y int, s *scratch) {
	r.row(n, y, s)
	if out := r.out; r.sums != nil {
		r.c.arch.vec.sumRows(out.W, r.sums[(n*out.H+y)*r.sumStride:][:out.C], out.Data[out.At(n, y, 0):], out.stride())
	}
}

// means writes the means of maps from the sums of their rows.
func (c *Conv) means(sums []float32, out, mean *Act) {
	for n := range out.N {
		dst := mean.Data[mean.At(n, 0, 0):][:out.C]
		c.arch.vec.sumRows(out.H, dst, sums[n*out.H*out.C:], out.C)
		for i := range dst {
			dst[i] /= float32(out.H * out.W)
		}
	}
}

// row does a row of output pixels: those at its ends one by one, with the taps
// that they have.
func (r *depthRun) row(n, oy int, s *scratch) {
	c, in, out := r.c, r.in, r.out
	y0 := oy*c.StrideH - c.Top
	ylo, yhi := inside(y0, c.DilationH, c.KernelH, in.H)
	d := &s.depth
	d.bias, d.largest = c.bias, r.largest
	d.step, d.to = c.StrideW*in.stride(), out.stride()
	d.lo, d.hi = c.fn.bounds()
	if r.add != nil { // comes before the function
		d.lo, d.hi = Function{}.bounds()
	}
	sliding := c.arch.vec.slides(c, r.largest) // for whole windows
	run := func(from, count, xlo, xhi int, kernel func(d *depthRow)) {
		x0 := from*c.StrideW - c.Left
		d.weights, d.taps = r.weights.Data, d.taps[:0]
		// From the first tap inside, so that no slice begins before its map.
		first := in.At(n, y0+ylo*c.DilationH, x0+xlo*c.DilationW)
		if d.rows = yhi - ylo; kernel != nil && d.rows > 0 {
			d.row, d.ld = c.DilationH*in.rowStride(), r.ld
			d.weights = d.weights[ylo*c.KernelW*r.ld:]
			d.taps = append(d.taps, tap{(d.rows-1)*d.row + (c.KernelW-1)*in.stride(), (d.rows*c.KernelW - 1) * r.ld}) // the last
		} else {
			for ky := ylo; ky < yhi; ky++ {
				for kx := xlo; kx < xhi; kx++ {
					d.taps = append(d.taps, tap{((ky-ylo)*c.DilationH*in.rowStride() + (kx-xlo)*c.DilationW*in.stride()), (ky*c.KernelW + kx) * r.ld})
				}
			}
		}
		d.out, d.n = out.Data[out.At(n, oy, from):], count
		if len(d.taps) == 0 { // a window of padding alone
			for i := range count {
				for ch, v := range c.bias[:c.Out] {
					d.out[i*d.to+ch] = clamp(v, d.lo, d.hi)
				}
			}
			return
		}
		d.in = in.Data[first:]
		c.arch.vec.depth(d, c.Out, kernel)
	}
	whole := func(from, count int) { run(from, count, 0, c.KernelW, nil) }
	pixels := func(from, count int) {
		xlo, xhi := inside(from*c.StrideW-c.Left, c.DilationW, c.KernelW, in.W)
		run(from, count, xlo, xhi, nil)
	}
	// Columns from lo to hi have all taps of the row, in the map or its halo.
	left, right := in.Left, in.Right
	if r.largest { // where the halo's zeros do not count
		left, right = 0, 0
	}
	lo := min(out.W, (max(0, c.Left-left)+c.StrideW-1)/c.StrideW)
	hi := lo
	if last := in.W + right + c.Left - (c.KernelW-1)*c.DilationW - 1; last >= 0 {
		hi = max(lo, min(out.W, last/c.StrideW+1))
	}
	for x := range lo {
		pixels(x, 1)
	}
	// Some pixels again are faster than some one by one.
	d.group = 0
	switch count := hi - lo; {
	case count == 0:
	case sliding != nil && count >= slidingGroup:
		run(lo, count/slidingGroup*slidingGroup, 0, c.KernelW, sliding)
		if count%slidingGroup > 0 {
			run(hi-slidingGroup, slidingGroup, 0, c.KernelW, sliding)
		}
	case count%7 == 0:
		d.group = 7
		whole(lo, count)
	case count > 8 && count%8 != 0:
		whole(lo, count/8*8)
		whole(hi-8, 8)
	case count > 4 && count < 8:
		whole(lo, 4)
		whole(hi-4, 4)
	default:
		whole(lo, count)
	}
	for x := hi; x < out.W; x++ {
		pixels(x, 1)
	}
	*d = depthRow{taps: d.taps}
	switch {
	case r.add != nil:
		for x := range out.W {
			px := out.Data[out.At(n, oy, x):][:out.C]
			c.arch.vec.add(px, px, r.add.Data[r.add.At(n, oy, x):])
			c.fn.Apply(px, px)
		}
	case c.fn.outside():
		c.fn.rows(out.W, out.C, out.Data[out.At(n, oy, 0):], out.stride())
	}
}

// slides is the level's kernel for a convolution's whole windows; nil where there is none.
func (v *vectors) slides(c *Conv, largest bool) func(d *depthRow) {
	at := (c.KernelW - 3) / 2
	if v.sliding[0][0] == nil || largest || c.KernelW < 3 || c.KernelW%2 == 0 || at >= len(v.sliding) || c.StrideW > 2 || c.DilationW > 1 || !v.masks && c.Out%(v.bytes/4) != 0 {
		return nil
	}
	return v.sliding[at][c.StrideW-1]
}

// depth runs a kernel, the level's general one where it is nil; channels beyond its vectors are done in Go.
func (v *vectors) depth(d *depthRow, channels int, kernel func(d *depthRow)) {
	last := d.taps[len(d.taps)-1]
	_ = d.in[(d.n-1)*d.step+last.in+channels-1]
	_ = d.out[(d.n-1)*d.to+channels-1]
	_ = d.weights[last.weight+channels-1]
	_ = d.bias[channels-1]
	done := 0
	rest := goDepthwise
	switch {
	case d.largest:
		kernel, rest = v.windowMax, goWindowMax
	case kernel == nil:
		kernel = v.depthwise
	}
	if kernel != nil {
		lanes := v.bytes / 4
		d.mask = uint32(1<<lanes - 1)
		if v.masks {
			d.vectors = (channels + lanes - 1) / lanes
			d.mask >>= uint32(d.vectors*lanes - channels)
			done = channels
		} else {
			d.vectors = channels / lanes
			done = d.vectors * lanes
		}
		if d.vectors > 0 {
			kernel(d)
		}
	}
	rest(d, done, channels)
}
