package kernels

// Chains says whether RunChain may be used: first reads its input in place, and second is depthwise.
func (c *Conv) Chains(second Conv2D) bool {
	g, ok := c.by.(*gather)
	second = second.withDefaults()
	return ok && g.inPlace(c, c.In) && suitsDepthwise(second) && second.In == c.Out && second.Out == c.Out && second.DilationH == 1
}

// RunChain computes second of first of in, a convolution of single pixels or small windows and the depthwise one that
// alone reads it, as networks for mobile devices begin their blocks: a few rows, or channels, of the map between
// them at a time are in the second-level cache and nowhere else. Values are those of the two, one after the other, to
// the bit. mean, if it is not nil, is GlobalAveragePool's of out. Chains must be true.
func RunChain(first, second *Conv, in, out, mean *Act) {
	mh, mw := first.OutSize(in.H, in.W)
	oh, ow := second.OutSize(mh, mw)
	in.check()
	out.check()
	if in.C != first.In || out.C != second.Out || in.N != out.N || out.H != oh || out.W != ow {
		panic("kernels: maps of other shapes than a chain's")
	}
	if out.N*oh*ow == 0 {
		return
	}
	r := chainRuns.get()
	*r = chainRun{first: first, second: second, in: in, out: out, mh: mh, mw: mw, halo: second.Halo(mh, mw)}
	if halo := first.Halo(in.H, in.W); !r.plan() || in.Halo().Max(halo) != in.Halo() || in.stride() != in.C {
		chainRuns.put(r)
		p, halo := haloCopies.get(), second.Halo(mh, mw)
		mid := NewAct(in.N, mh, mw, first.Out, halo, p.grown(ActLen(in.N, mh, mw, first.Out, halo)))
		mid.ClearHalo()
		first.run(in, mid)
		if mean != nil {
			second.RunPooled(mid, out, mean)
		} else {
			second.run(mid, out)
		}
		haloCopies.put(p)
		return
	}
	var p *pages
	if mean != nil {
		p = haloCopies.get()
		r.sums = p.grown(out.N * oh * out.C)
	}
	parallel(r.images*r.down*r.across, r)
	if mean != nil {
		second.means(r.sums, out, mean)
		haloCopies.put(p)
	}
	*r = chainRun{}
	chainRuns.put(r)
}

// chainRun is one call under way; a part is some rows of some channels of an image.
type chainRun struct {
	first, second        *Conv
	in, out              *Act
	mh, mw               int // of the map between
	halo                 Halo
	images, down, across int // parts
	sums                 []float32
}

var chainRuns = freeList[chainRun]{make: func() *chainRun { return new(chainRun) }}

// chain is a goroutine's views of the maps and the weights.
type chain struct {
	from, mid, to Act
	gather        gatherRun
	some          gather
	group         [1]packed
	depth         depthRun
	conv          Conv
	deep          depthwise
	weights       Buffer
	rows          pages
}

// plan chooses the parts: few images whose map between is in the second-level cache anyway are cut by channels, so that no part
// needs what another makes. Else parts are images, or rows of them, which are where the layer before left them; those at the
// parts' ends are made twice. It reports whether that is better than one convolution after the other.
func (r *chainRun) plan() bool {
	c, threads := r.first.Out, threads()
	many, size := r.out.N >= 2*threads, 4*r.mh*r.mw*c
	r.images, r.down, r.across = r.out.N, 1, 1
	switch across := min((c+r.least()-1)/r.least(), 2*threads); {
	case many:
		return size > cache.l2/4
	case size > cache.l2:
		r.down = min((threads+r.out.N-1)/r.out.N, r.out.H)
		return true
	case threads > 1 && across >= threads:
		r.across = across
		return true
	}
	return false
}

// least is a multiple of the panels that the weights lie in, which parts are not cut.
func (r *chainRun) least() int { return max(32, r.first.arch.tiles.nr) }

func (r *chainRun) part(i int, s *scratch) {
	least := r.least()
	panels := (r.first.Out + least - 1) / least
	across, down, image := i%r.across, i/r.across%r.down, i/r.across/r.down
	c0, c1 := across*panels/r.across*least, min((across+1)*panels/r.across*least, r.first.Out)
	y0, y1 := down*r.out.H/r.down, (down+1)*r.out.H/r.down
	r.channels(c0, c1, s)
	r.run(image, c0, y0, y1, s)
	k := &s.chain
	*k = chain{rows: k.rows}
}

// channels makes the views of the weights for channels c0 to c1.
func (r *chainRun) channels(c0, c1 int, s *scratch) {
	k, g, d := &s.chain, r.first.by.(*gather), r.second.by.(*depthwise)
	k.group[0] = g.groups[0]
	m := &k.group[0]
	m.n, m.weights, m.bias = c1-c0, m.weights[c0*m.k:], m.bias[c0:]
	k.some = gather{groups: k.group[:], ic: g.ic, oc: c1 - c0, k: g.k}
	k.conv = *r.second
	k.conv.In, k.conv.Out, k.conv.Groups, k.conv.bias = c1-c0, c1-c0, c1-c0, r.second.bias[c0:]
	k.weights.Data = d.weights.Data[c0:]
	k.deep = depthwise{weights: &k.weights, ld: d.ld}
}

// run does rows y0 to y1 of an image's channels from c0 on, for which the views are made.
func (r *chainRun) run(n, c0, y0, y1 int, s *scratch) {
	k, first, second := &s.chain, r.first, &s.chain.conv
	c, left, right := second.Out, r.halo.Left, r.halo.Right
	rowLen := (left + r.mw + right) * c
	top := func(oy int) int { return oy*second.StrideH - second.Top } // the first row of a window
	// New rows of the map between at a time: with those kept a third of the second-level cache.
	step := max(1, cache.l2/3/(4*rowLen)-max(0, second.KernelH-second.StrideH))
	step = min(max(step/second.StrideH, 1), y1-y0) * second.StrideH
	held := step + second.KernelH
	rows := k.rows.grown(held * rowLen)
	for y := range held {
		clear(rows[y*rowLen:][:left*c])
		clear(rows[(y+1)*rowLen-right*c:][:right*c])
	}
	k.to = *r.out
	k.to.N, k.to.C, k.to.Stride, k.to.Data = 1, c, r.out.stride(), r.out.Data[n*r.out.imageStride()+c0:]
	k.depth = depthRun{depthwise: &k.deep, c: second, in: &k.mid, out: &k.to}
	if r.sums != nil {
		k.depth.sums, k.depth.sumStride = r.sums[n*r.out.H*r.out.C+c0:], r.out.C
	}
	lo, hi := max(0, top(y0)), max(0, top(y0)) // rows of the map between that are there, from rows' beginning
	for y := y0; y < y1; {
		end := min(y1, y+step/second.StrideH)
		from := max(lo, min(hi, top(y)))
		copy(rows, rows[(from-lo)*rowLen:][:(hi-from)*rowLen])
		lo = max(from, min(max(0, top(y)), r.mh))
		hi = max(hi, lo)
		last := min(r.mh, max(hi, top(end-1)+second.KernelH))
		if last > hi {
			k.mid = Act{N: 1, H: last - hi, W: r.mw, C: c, Left: left, Right: right, Data: rows[(hi-lo)*rowLen:]}
			at := n*r.in.imageStride() + hi*first.StrideH*r.in.rowStride()
			k.from = *r.in
			k.from.N, k.from.Data = 1, r.in.Data[at:]
			k.from.H = r.in.H - hi*first.StrideH
			k.gather = gatherRun{gather: &k.some, c: first, in: &k.from, out: &k.mid}
			k.gather.here(s)
			hi = last
		}
		k.mid = Act{N: 1, H: r.mh, W: r.mw, C: c, Top: -lo, Left: left, Right: right, Data: rows}
		for ; y < end; y++ {
			k.depth.pooledRow(0, y, s)
		}
	}
}
