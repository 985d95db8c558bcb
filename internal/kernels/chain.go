package kernels

// Chains says whether RunChain may be used on an input of h x w, and is worth it: first reads its input in place,
// second is depthwise, and the map between is large.
func (c *Conv) Chains(second Conv2D, h, w int) bool {
	g, ok := c.by.(*gather)
	second = second.withDefaults()
	mh, mw := c.OutSize(h, w)
	return ok && g.inPlace(c, c.In) && suitsDepthwise(second) && second.In == c.Out && second.Out == c.Out && second.DilationH == 1 &&
		4*mh*mw*c.Out > cache.l2/4
}

// RunChain computes second of first of in, a convolution of single pixels or small windows and the depthwise one that
// alone reads it, as networks for mobile devices begin their blocks: a few rows of the map between them at a time are
// in the second-level cache and nowhere else. Values are those of the two, one after the other, to the bit. mean, if
// it is not nil, is GlobalAveragePool's of out. Chains must be true.
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
	// A map that the second-level cache holds stays there anyway, and is better cut for the threads by each, unless
	// there are images for all of them.
	threads := threads()
	small := 4*mh*mw*first.Out <= cache.l2 && out.N < 2*threads
	if halo := first.Halo(in.H, in.W); small || in.Halo().Max(halo) != in.Halo() || in.stride() != in.C {
		p, halo := haloCopies.get(), second.Halo(mh, mw)
		mid := NewAct(in.N, mh, mw, first.Out, halo, p.grown(ActLen(in.N, mh, mw, first.Out, halo)))
		mid.ClearHalo()
		first.Run(in, mid)
		if mean != nil {
			second.RunPooled(mid, out, mean)
		} else {
			second.Run(mid, out)
		}
		haloCopies.put(p)
		return
	}
	r := chainRuns.get()
	*r = chainRun{first: first, second: second, in: in, out: out, mh: mh, mw: mw, halo: second.Halo(mh, mw)}
	r.down = 1
	if threads > 1 && out.N < 2*threads {
		// Rows at the parts' ends are made twice.
		r.down = min((2*threads+out.N-1)/out.N, max(threads, oh/(4*second.KernelH)), oh)
	}
	r.rowLen = (r.halo.Left + mw + r.halo.Right) * first.Out
	overlap := max(0, second.KernelH-second.StrideH)
	// New rows of the map between at a time: with those kept a third of the second-level cache.
	r.step = max(1, cache.l2/3/(4*r.rowLen)-overlap)
	r.step = min(max(r.step/second.StrideH, 1), (oh+r.down-1)/r.down) * second.StrideH
	var p *pages
	if mean != nil {
		p = haloCopies.get()
		r.sums = p.grown(out.N * oh * out.C)
	}
	parallel(out.N*r.down, r)
	if mean != nil {
		second.means(r.sums, out, mean)
		haloCopies.put(p)
	}
	*r = chainRun{}
	chainRuns.put(r)
}

// chainRun is one call under way; a part is some rows of an image.
type chainRun struct {
	first, second *Conv
	in, out       *Act
	mh, mw        int // of the map between
	halo          Halo
	rowLen        int // of its rows
	step, down    int // its rows made at a time; parts of an image
	sums          []float32
}

var chainRuns = freeList[chainRun]{make: func() *chainRun { return new(chainRun) }}

// chain is a goroutine's views of the maps.
type chain struct {
	from, mid, to Act
	gather        gatherRun
	depth         depthRun
	rows          pages
}

func (r *chainRun) part(i int, s *scratch) {
	n, d := i/r.down, i%r.down
	oh := r.out.H
	y0, y1 := d*oh/r.down, (d+1)*oh/r.down
	first, second := r.first, r.second
	top := func(oy int) int { return oy*second.StrideH - second.Top } // the first row of a window
	k := &s.chain
	held := r.step + second.KernelH
	rows := k.rows.grown(held * r.rowLen)
	c, left, right := first.Out, r.halo.Left, r.halo.Right
	for y := range held {
		clear(rows[y*r.rowLen:][:left*c])
		clear(rows[(y+1)*r.rowLen-right*c:][:right*c])
	}
	k.to = *r.out
	k.to.N, k.to.Data = 1, r.out.Data[n*r.out.imageStride():]
	k.depth = depthRun{depthwise: second.by.(*depthwise), c: second, in: &k.mid, out: &k.to}
	if r.sums != nil {
		k.depth.sums = r.sums[n*oh*r.out.C:]
	}
	lo, hi := max(0, top(y0)), max(0, top(y0)) // rows of the map between that are there, from rows' beginning
	for y := y0; y < y1; {
		end := min(y1, y+max(1, r.step/second.StrideH))
		from := max(lo, min(hi, top(y)))
		copy(rows, rows[(from-lo)*r.rowLen:][:(hi-from)*r.rowLen])
		lo = max(from, min(max(0, top(y)), r.mh))
		hi = max(hi, lo)
		last := min(r.mh, max(hi, top(end-1)+second.KernelH))
		if last > hi {
			k.mid = Act{N: 1, H: last - hi, W: r.mw, C: c, Left: left, Right: right, Data: rows[(hi-lo)*r.rowLen:]}
			at := n*r.in.imageStride() + hi*first.StrideH*r.in.rowStride()
			k.from = *r.in
			k.from.N, k.from.Data = 1, r.in.Data[at:]
			k.from.H = r.in.H - hi*first.StrideH
			k.gather = gatherRun{gather: first.by.(*gather), c: first, in: &k.from, out: &k.mid}
			k.gather.here(s)
			hi = last
		}
		k.mid = Act{N: 1, H: r.mh, W: r.mw, C: c, Top: -lo, Left: left, Right: right, Data: rows}
		for ; y < end; y++ {
			k.depth.pooledRow(0, y, s)
		}
	}
	k.from, k.mid, k.to, k.gather, k.depth = Act{}, Act{}, Act{}, gatherRun{}, depthRun{}
}
