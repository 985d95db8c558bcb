package kernels

// winograd does 3x3 convolutions of stride 1 by Winograd's F(4x4, 3x3) (Lavin
// and Gray, arXiv:1509.09308): 36 multiplications in place of 144 for a tile of
// 4x4 outputs,
//
//	Y = A' [ (G g G') * (B' d B) ] A
//
// where the product * of the 6x6 values, summed over input channels, is 36
// matrix products over all tiles. G, B and A are for the points 0, 1, -1, 2,
// -2 and infinity.
type winograd struct {
	// weights[36][panel][channel][nr]
	weights *Buffer
	panels  int
}

const (
	tileOut = 4
	tileIn  = 6
	places  = tileIn * tileIn
)

// gMatrix is G.
var gMatrix = [tileIn][3]float64{
	{1. / 4, 0, 0},
	{-1. / 6, -1. / 6, -1. / 6},
	{-1. / 6, 1. / 6, -1. / 6},
	{1. / 24, 1. / 12, 1. / 6},
	{1. / 24, -1. / 12, 1. / 6},
	{0, 0, 1},
}

// suitsWinograd: below some channels the transforms cost more than they save.
func suitsWinograd(g Conv2D) bool {
	return g.KernelH == 3 && g.KernelW == 3 && g.StrideH == 1 && g.StrideW == 1 && g.DilationH == 1 && g.DilationW == 1 &&
		g.Groups == 1 && g.In >= 16 && g.Out >= 16
}

func prepareWinograd(c *Conv, w []float32) *winograd {
	nr := c.arch.f32.nr
	p := &winograd{panels: (c.Out + nr - 1) / nr}
	p.weights = NewBuffer(places * p.panels * c.In * nr)
	parallel(p.panels, &winogradWeights{p, c, w})
	return p
}

// winogradWeights transforms the kernels of one panel per part, in double
// precision.
type winogradWeights struct {
	*winograd
	c *Conv
	w []float32
}

func (r *winogradWeights) part(panel int, _ *scratch) {
	nr, ic := r.c.arch.f32.nr, r.c.In
	for i := range ic {
		for o := panel * nr; o < min((panel+1)*nr, r.c.Out); o++ {
			g := r.w[(o*ic+i)*9:][:9]
			var t [tileIn][3]float64
			for y, f := range gMatrix {
				for x := range 3 {
					t[y][x] = f[0]*float64(g[x]) + f[1]*float64(g[3+x]) + f[2]*float64(g[6+x])
				}
			}
			for y := range tileIn {
				for x, f := range gMatrix {
					place := y*tileIn + x
					r.weights.Data[((place*r.panels+panel)*ic+i)*nr+o%nr] = float32(f[0]*t[y][0] + f[1]*t[y][1] + f[2]*t[y][2])
				}
			}
		}
	}
}

func (p *winograd) buffer() *Buffer { return p.weights }

// halo: tiles overlap the map's end where its size is no multiple of four.
func (p *winograd) halo(c *Conv, h, w int) Halo {
	oh, ow := c.OutSize(h, w)
	return Halo{
		Top: c.Top, Left: c.Left,
		Bottom: max(0, roundUp(oh, tileOut)+2-c.Top-h),
		Right:  max(0, roundUp(ow, tileOut)+2-c.Left-w),
	}
}

// winogradRun is one call under way. Tiles go through in blocks. While weights
// are small, a block is one thread's from its inputs to its outputs, and fits
// the second-level cache; with many channels, where reading the weights is what
// costs, the threads share a large block and do its three phases together.
type winogradRun struct {
	*winograd
	c                *Conv
	in, add, out     *Act
	oh, ow           int // of the convolution, before pooling
	pool             bool
	across, perImage int // tiles of a row, of an image
	total            int

	block          int // tiles
	piece          int // channels of a tile that lie together, see group
	lda, ldc       int // values of one tile at one of the 36 places
	planeV, planeM int // of one place

	shared       bool
	phase        winogradPhase
	first, count int       // tiles of the shared block
	v, m         []float32 // shared
}

type winogradPhase int

const (
	phaseIn winogradPhase = iota
	phaseProduct
	phaseOut
)

// inStep is how many tiles a part transforms in the shared phases.
const inStep = 8

var winogradRuns = freeList[winogradRun]{make: func() *winogradRun { return new(winogradRun) }}

// sharedBuffers are the blocks of calls that share one; each call takes a pair.
var sharedBuffers = freeList[scratch]{make: func() *scratch { return new(scratch) }}

func (p *winograd) run(c *Conv, in, add, out *Act, _ *perChannel) { p.convolve(c, in, add, out, false) }

func (p *winograd) convolve(c *Conv, in, add, out *Act, pool bool) {
	in, done := withHalo(in, p.halo(c, in.H, in.W))
	defer done()
	r := winogradRuns.get()
	*r = winogradRun{winograd: p, c: c, in: in, add: add, out: out, pool: pool}
	r.oh, r.ow = c.OutSize(in.H, in.W)
	r.across = (r.ow + tileOut - 1) / tileOut
	r.perImage = (r.oh + tileOut - 1) / tileOut * r.across
	r.total = out.N * r.perImage
	r.lda, r.ldc = c.In, p.panels*c.arch.f32.nr+16
	r.plan()
	r.piece = c.arch.vec.piece
	if r.piece == 0 || c.In%r.piece != 0 || 4*places*r.block*c.In > cache.l2 {
		// Scattering pieces over lines that are further away costs more than it saves.
		r.piece, r.lda = c.In, c.In+16
	}
	r.planeV, r.planeM = planeStride(r.block*r.lda), planeStride(r.block*r.ldc)
	if !r.shared {
		parallel((r.total+r.block-1)/r.block, r)
	} else {
		s := sharedBuffers.get()
		r.v, r.m = s.v.grown(places*r.planeV), s.m.grown(places*r.planeM)
		for r.first = 0; r.first < r.total; r.first += r.block {
			r.count = min(r.block, r.total-r.first)
			r.phase = phaseIn
			parallel((r.count+inStep-1)/inStep, r)
			r.phase = phaseProduct
			parallel(places, r)
			r.phase = phaseOut
			parallel((r.count+inStep-1)/inStep, r)
		}
		sharedBuffers.put(s)
	}
	*r = winogradRun{}
	winogradRuns.put(r)
}

// planeStride keeps the 36 places, which are written side by side, out of each
// other's cache sets: an odd number of lines apart, modulo a page.
func planeStride(n int) int {
	n = roundUp(n, 16)
	for n*4%4096 != 5*64 {
		n += 16
	}
	return n
}

// plan chooses the block. While the weights are in a cache, two rows of register
// tiles read each of them often enough, and what passes between the phases stays
// in the second-level cache or close to it: larger blocks lose more there than
// they save in weights. Beyond, reading the weights is what costs, and the block
// is as large as there is a use for.
func (r *winogradRun) plan() {
	if 4*len(r.weights.Data) <= cache.l3/2 {
		r.block = 2 * r.c.arch.f32.mr
	} else {
		r.shared, r.block = true, 1024
	}
	blocks := (r.total + r.block - 1) / r.block
	if !r.shared {
		blocks = roundUp(blocks, threads())
	}
	r.block = (r.total + blocks - 1) / blocks
}

func (r *winogradRun) part(i int, s *scratch) {
	if !r.shared {
		first := i * r.block
		count := min(r.block, r.total-first)
		v, m := s.v.grown(places*r.planeV), s.m.grown(places*r.planeM)
		r.transformIn(first, 0, count, count, v)
		for place := range places {
			r.product(place, count, v, m, s)
		}
		r.transformOut(first, 0, count, m, s)
		return
	}
	switch r.phase {
	case phaseIn:
		r.transformIn(r.first, i*inStep, min((i+1)*inStep, r.count), r.count, r.v)
	case phaseProduct:
		r.product(i, r.count, r.v, r.m, s)
	case phaseOut:
		r.transformOut(r.first, i*inStep, min((i+1)*inStep, r.count), r.m, s)
	}
}

// group is the tiles from lo to hi-1, of count, that go through the registers together with tile t.
// They are groups of even size. A group's transformed inputs at a place lie together, too, in the
// order in which they are multiplied: a piece of the first channels of each tile, then the next
// piece. So they are one stream, and the next group's follow it.
func (r *winogradRun) group(t, count int) (lo, hi int) {
	groups := r.groups(count)
	g := t * groups / count
	if (g+1)*count/groups <= t {
		g++
	}
	return g * count / groups, (g + 1) * count / groups
}

func (r *winogradRun) groups(count int) int {
	mr := r.c.arch.f32.mr
	return (count + mr - 1) / mr
}

// at is where a tile's outputs begin.
func (r *winogradRun) at(tile int) (n, y, x int) {
	t := tile % r.perImage
	return tile / r.perImage, t / r.across * tileOut, t % r.across * tileOut
}

// transformIn writes B'dB of tiles lo to hi of the count in the block that starts at first.
func (r *winogradRun) transformIn(first, lo, hi, count int, v []float32) {
	in, w := r.in, &r.c.arch.vec
	pixel, row := in.stride(), in.rowStride()
	g0, g1 := r.group(lo, count)
	for t := lo; t < hi; t++ {
		if t == g1 {
			g0, g1 = r.group(t, count)
		}
		img, y, x := r.at(first + t)
		from := in.Data[in.At(img, y-r.c.Top, x-r.c.Left):]
		at, last, step := t*r.lda, in.C-1, w.bytes/4
		if r.piece != in.C {
			at, step = g0*r.lda+(t-g0)*r.piece, (g1-g0)*r.piece
			last = (in.C/r.piece-1)*step + r.piece - 1
		}
		to := v[at:]
		n, done := w.whole(in.C, 4)
		_ = from[5*row+5*pixel+in.C-1]
		_ = to[(places-1)*r.planeV+last]
		if n > 0 {
			w.winogradIn(&from[0], pixel*4, row*4, &to[0], r.planeV*4, step*4, n)
		}
		if done < in.C {
			winogradIn(from[done:], pixel, row, to[done:], r.planeV, in.C-done)
		}
	}
}

// product multiplies count tiles at one place by its weights.
func (r *winogradRun) product(place, count int, v, m []float32, s *scratch) {
	mk, tiles := &r.c.arch.f32, &r.c.arch.tiles
	nr := tiles.nr
	panel := r.c.In * nr
	v, m = v[place*r.planeV:], m[place*r.planeM:]
	weights := r.weights.Data[place*r.panels*panel:]
	groups := r.groups(count)
	// Some groups stay in the second-level cache while the panels pass.
	step := max(1, mk.mc*mk.kc/r.lda/mk.mr)
	t := &s.rows.t
	*t = tile{lda: r.lda, ldc: r.ldc, segs: 1, mask: uint32(1<<nr - 1)}
	for g0 := 0; g0 < groups; g0 += step {
		for p := range r.panels {
			for k0 := 0; k0 < r.c.In; k0 += mk.kc {
				k := min(mk.kc, r.c.In-k0)
				t.k, t.more = k, k0
				t.b = weights[p*panel+k0*nr:][:k*nr]
				after := weights[p*panel+(k0+k)*nr:]
				for g := g0; g < min(g0+step, groups); g++ {
					lo, hi := g*count/groups, (g+1)*count/groups
					t.a, t.c = v[lo*r.lda+k0:], m[lo*r.ldc+p*nr:]
					if r.piece != r.c.In {
						t.a = v[lo*r.lda+k0*(hi-lo):]
						t.pieces(k, r.piece, (hi-lo-1)*r.piece, &s.hops)
					}
					// As in packed.multiply: what follows these weights comes from memory while they are used.
					t.next = nil
					if half := (g - g0) * k * nr / 2; g < g0+2 && groups > 1 && half < len(after) {
						t.next = after[half:]
					}
					tiles.run(hi-lo, nr, nr, t)
				}
			}
		}
	}
	*t = tile{}
}

// pieces makes a row k values in pieces of a length, each so far from the end of the one before.
func (t *tile) pieces(k, piece, hop int, hops *[]int) {
	segs := k / piece
	t.k, t.lda, t.segs = piece, piece, segs
	if t.over == (segs-1)*hop && len(t.hops) == segs-1 {
		return // as they were
	}
	h := (*hops)[:0]
	for range segs - 1 {
		h = append(h, hop)
	}
	*hops = h
	t.hops, t.over = h, (segs-1)*hop
}

// transformOut writes A'mA, with bias and activation, to the output map. Tiles
// that hang over its end, or are pooled on the way, are made aside.
func (r *winogradRun) transformOut(first, lo, hi int, m []float32, s *scratch) {
	out, w := r.out, &r.c.arch.vec
	n, done := w.whole(out.C, 4)
	fn := r.c.fn
	relu := fn == ReLU && r.add == nil
	// What the transform itself does not do is done to the tile aside.
	late := r.add != nil || !relu && fn.Kind != Identity
	for t := lo; t < hi; t++ {
		img, y, x := r.at(first + t)
		rows, cols := min(tileOut, r.oh-y), min(tileOut, r.ow-x)
		pixel, row := out.stride(), out.rowStride()
		aside := late || r.pool || rows < tileOut || cols < tileOut
		var to []float32
		if aside {
			pixel, row = out.C, tileOut*out.C
			to = grown(&s.f32.tile, tileOut*row)
		} else {
			to = out.Data[out.At(img, y, x):]
		}
		from := m[t*r.ldc:]
		_ = from[(places-1)*r.planeM+out.C-1]
		_ = to[3*row+3*pixel+out.C-1]
		if n > 0 {
			w.winogradOut(&from[0], r.planeM*4, &to[0], pixel*4, row*4, &r.c.bias[0], floor(relu), n)
		}
		if done < out.C {
			winogradOut(from[done:], r.planeM, to[done:], pixel, row, r.c.bias[done:], relu, out.C-done)
		}
		if late {
			if r.add != nil {
				for i := range rows {
					for j := range cols {
						px := to[i*row+j*pixel:][:out.C]
						w.addMax(px, px, r.add.Data[r.add.At(img, y+i, x+j):], fn == ReLU)
					}
				}
			}
			if r.add == nil || fn != ReLU {
				fn.Apply(to[:tileOut*row], to[:tileOut*row])
			}
		}
		switch {
		case r.pool:
			for i := 0; i+1 < rows; i += 2 {
				w.pool2x2(to[i*row:], pixel, row, out.Data[out.At(img, (y+i)/2, x/2):], out.stride(), cols/2, out.C)
			}
		case aside:
			for i := range rows {
				for j := range cols {
					copy(out.Data[out.At(img, y+i, x+j):][:out.C], to[i*row+j*pixel:])
				}
			}
		}
	}
}

// winogradIn writes B'dB for so many channels of a tile whose pixels and rows
// are so far apart; the 36 results of a channel are plane apart.
func winogradIn(src []float32, pixel, row int, dst []float32, plane, channels int) {
	for c := range channels {
		var t [tileIn][tileIn]float32
		for j := range tileIn {
			var d [tileIn]float32
			for i := range d {
				d[i] = src[i*row+j*pixel+c]
			}
			for i, v := range timesB(d) {
				t[i][j] = v
			}
		}
		for i := range t {
			for j, v := range timesB(t[i]) {
				dst[(i*tileIn+j)*plane+c] = v
			}
		}
	}
}

// timesB is B'd.
func timesB(d [tileIn]float32) [tileIn]float32 {
	a, b := d[4]-4*d[2], d[3]-4*d[1]
	c, e := d[4]-d[2], 2*(d[3]-d[1])
	return [tileIn]float32{4*d[0] - 5*d[2] + d[4], a + b, a - b, c + e, c - e, 4*d[1] - 5*d[3] + d[5]}
}

// winogradOut writes A'mA plus bias for so many channels.
func winogradOut(src []float32, plane int, dst []float32, pixel, row int, bias []float32, relu bool, channels int) {
	for c := range channels {
		var t [tileOut][tileIn]float32
		for j := range tileIn {
			var m [tileIn]float32
			for i := range m {
				m[i] = src[(i*tileIn+j)*plane+c]
			}
			for i, v := range timesA(m) {
				t[i][j] = v
			}
		}
		for i := range t {
			for j, v := range timesA(t[i]) {
				v += bias[c]
				if relu && v < 0 {
					v = 0
				}
				dst[i*row+j*pixel+c] = v
			}
		}
	}
}

// timesA is A'm.
func timesA(m [tileIn]float32) [tileOut]float32 {
	a, b, c, d := m[1]+m[2], m[1]-m[2], m[3]+m[4], m[3]-m[4]
	return [tileOut]float32{m[0] + a + c, b + 2*d, a + 4*c, b + m[5] + 8*d}
}
