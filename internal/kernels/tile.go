package kernels

// tile is a layer's product on a tile of its result: rows of a times columns of
// b, then what the layer does to the sums. The assembly reads its fields by
// their offsets, which _generate/tile.go names.
//
// A row of a is segs pieces of k values; hops[s] is the distance from the end
// of piece s to the beginning of the next, so that a row may be a window of a
// feature map. b is segs*k rows of the tile's columns, side by side.
type tile struct {
	a, b, c, bias, add      []float32 // bias nil: the sums stay as they are; add nil: nothing is added
	hops                    []int
	k, segs, lda, ldc, ldad int
	more                    int // not 0: the sums go on from c
	lo, hi                  float32
	mask                    uint32 // of the columns wanted, the first in bit 0
	next                    []float32
	panel                   int // of a row of several panels: values from one to the next
	over                    int // the sum of hops
}

// goTile does, for i < rows and j < cols wanted of width,
//
//	x = sum_sp a[i*lda + piece s + p] * b[(s*k+p)*width+j]  (+ c[i*ldc+j])
//	c[i*ldc+j] = min(max(x + bias[j] + add[i*ldad+j], lo), hi)
func goTile(rows, width int, t *tile) {
	for i0 := 0; i0 < rows; i0 += 4 {
		var acc [4][4]float32
		a, at, b := t.a[i0*t.lda:], goRows(rows-i0, t.lda), t.b
		for s := range t.segs {
			goSums(&acc, t.k, a, at, b)
			if s == t.segs-1 {
				break
			}
			b = b[4*t.k:]
			for i := range at {
				at[i] += t.k + t.hops[s]
			}
		}
		for i := i0; i < min(i0+4, rows); i++ {
			for j := range width {
				if t.mask>>j&1 == 0 {
					continue
				}
				v := acc[i-i0][j]
				if t.more != 0 {
					v += t.c[i*t.ldc+j]
				}
				if t.bias != nil {
					v += t.bias[j]
					if t.add != nil {
						v += t.add[i*t.ldad+j]
					}
					v = clamp(v, t.lo, t.hi)
				}
				t.c[i*t.ldc+j] = v
			}
		}
	}
}

// clamp keeps NaN.
func clamp(v, lo, hi float32) float32 {
	if v < lo {
		v = lo
	}
	if v > hi {
		v = hi
	}
	return v
}

// check panics unless the tile lies inside its slices.
func (t *tile) check(rows, width, cols int) {
	_ = t.a[(rows-1)*t.lda+t.segs*t.k+t.over-1]
	_ = t.b[t.segs*t.k*width-1]
	_ = t.c[(rows-1)*t.ldc+cols-1]
	if t.bias != nil {
		_ = t.bias[width-1]
	}
	if t.add != nil {
		_ = t.add[(rows-1)*t.ldad+cols-1]
	}
	if len(t.hops) < t.segs-1 {
		panic("kernels: a tile without the places of its pieces")
	}
}

// checkRow is check for a single row of n columns in several panels.
func (t *tile) checkRow(n int) {
	_ = t.a[t.k-1]
	_ = t.b[(rowPanels-1)*t.panel+n/rowPanels*t.k-1]
	_ = t.c[n-1]
	if t.bias != nil {
		_ = t.bias[n-1]
	}
	if t.add != nil {
		_ = t.add[n-1]
	}
}

// aside runs a kernel that knows no masks on a tile of its own where columns are
// missing, and finishes it here, by the same operations.
func (t *tile) aside(rows, width, cols int, kernel func(rows int, t *tile)) {
	var room [16 * 16]float32
	u := *t
	u.c, u.ldc, u.bias, u.add = room[:], width, nil, nil
	if t.more != 0 {
		for i := range rows {
			copy(room[i*width:], t.c[i*t.ldc:][:cols])
		}
	}
	kernel(rows, &u)
	for i := range rows {
		for j := range cols {
			v := room[i*width+j]
			if t.bias != nil {
				v += t.bias[j]
				if t.add != nil {
					v += t.add[i*t.ldad+j]
				}
				v = clamp(v, t.lo, t.hi)
			}
			t.c[i*t.ldc+j] = v
		}
	}
}

// packed is a matrix laid out for tiles: k rows of n columns in panels of the
// level's width, the last of half of it where that is enough.
type packed struct {
	arch    *arch
	n, k    int
	weights []float32
	bias    []float32 // rounded up to whole panels with zeros
	fn      Function
}

// tiles is a level's kernel of products of layers.
type tiles struct {
	mr, nr, half int // rows; columns of a panel, and of the last where it is narrow
	kc           int // products that are added before the sum leaves the registers
	run          func(rows, width, cols int, t *tile)
	row          func(t *tile) // a single row and rowPanels whole panels; nil: none
}

const rowPanels = 4

// packedLen is the length of the weights of an n x k matrix.
func (m *tiles) packedLen(n, k int) int {
	whole := n / m.nr * m.nr
	if whole < n {
		whole += m.width(n - whole)
	}
	return whole * k
}

// width is that of a panel for the next cols columns.
func (m *tiles) width(cols int) int {
	if cols <= m.half {
		return m.half
	}
	return m.nr
}

// block is the products of a row added at once.
func (m *tiles) block(k int) int {
	if k <= 2*m.kc {
		return k
	}
	return m.kc
}

// put is where the weight of row p and column j lies.
func (m *packed) put(p, j int) *float32 {
	t := &m.arch.tiles
	panel := j / t.nr * t.nr
	w := t.width(m.n - panel)
	return &m.weights[panel*m.k+p*w+j-panel]
}

// rows are what is to be multiplied by a packed matrix. They come in runs: in a run
// they are lda apart, and their results ldc.
type rows struct {
	a         []float32
	lda       int
	segs      int   // pieces of a row, see tile
	hops      []int // segs-1
	c         []float32
	ldc       int
	add       []float32 // nil: nothing is added
	ldad      int
	runs      []run
	from, end int // columns; from is a multiple of the panel's
	t         tile
	tiles     []run
	apart     []float32 // copies of rows
	patches   patches   // where the rows come from, if not from a
}

// copyRows puts values k0 to k0+k of the rows apart.
func (r *rows) copyRows(k, k0 int) {
	count := 0
	for _, x := range r.tiles {
		count += x.rows
	}
	dst := grown(&r.apart, count*(k+16))
	if r.patches.run != nil {
		r.patches.copy(dst, k+16, k0, k)
		return
	}
	for _, x := range r.tiles {
		for i := range x.rows {
			copy(dst[:k], r.a[x.a+i*r.lda+k0:])
			dst = dst[k+16:]
		}
	}
}

// run is where so many rows begin.
type run struct{ a, c, add, rows int }

// multiply does rows r.runs of the result's columns r.from to r.end.
func (m *packed) multiply(r *rows) {
	k := &m.arch.tiles
	r.tiles = r.tiles[:0]
	for _, x := range r.runs {
		n := (x.rows + k.mr - 1) / k.mr
		for i := range n {
			lo, hi := x.rows*i/n, x.rows*(i+1)/n
			r.tiles = append(r.tiles, run{x.a + lo*r.lda, x.c + lo*r.ldc, x.add + lo*r.ldad, hi - lo})
		}
	}
	t := &r.t
	*t = tile{segs: r.segs, hops: r.hops, lda: r.lda, ldc: r.ldc, ldad: r.ldad}
	t.lo, t.hi = m.fn.bounds()
	for _, h := range r.hops {
		t.over += h
	}
	per := m.k / r.segs
	block := per // a row in pieces is short
	if r.segs == 1 {
		block = k.block(m.k)
	}
	// Rows whose distance is a multiple of a page fall into the same places of the first-level cache,
	// which then holds too few of them: they are copied apart.
	copies := r.patches.run != nil || 4*r.lda%4096 == 0 && r.segs == 1 && len(r.tiles) > 0 && r.tiles[0].rows > 6
	end := min(r.end, m.n)
	for k0 := 0; k0 < per; k0 += block {
		t.k, t.more = min(block, per-k0), k0
		last := k0+t.k == per
		if copies {
			r.copyRows(t.k, k0)
		}
		j := r.from
		if k.row != nil && len(r.tiles) == 1 && r.tiles[0].rows == 1 && r.segs == 1 {
			t.panel = k.nr * m.k
			x := r.tiles[0]
			t.a, t.bias, t.add = r.a[x.a+k0:], nil, nil
			for n := rowPanels * k.nr; j+n <= end; j += n {
				t.b = m.weights[j*m.k+k0*k.nr:]
				t.c = r.c[x.c+j:]
				if last {
					t.bias = m.bias[j:][:n]
					if r.add != nil {
						t.add = r.add[x.add+j:]
					}
				}
				t.checkRow(n)
				k.row(t)
			}
		}
		for ; j < end; j += k.nr {
			w := k.width(m.n - j)
			cols := min(w, m.n-j)
			t.mask = uint32(1<<cols - 1)
			t.b = m.weights[j*m.k+k0*r.segs*w:][:t.k*r.segs*w]
			t.bias, t.add = nil, nil
			if last {
				t.bias = m.bias[j:][:w]
			}
			at := 0
			ahead := m.ahead(r, j, k0, t.k, last)
			for i, x := range r.tiles {
				t.next = nil
				if i < 2 && len(r.tiles) > 1 {
					t.next = ahead[min(len(ahead)-1, i*t.k*r.segs*w/2):]
				}
				if copies {
					t.a, t.lda = r.apart[at:], t.k+16
					at += x.rows * t.lda
				} else {
					t.a = r.a[x.a+k0:]
				}
				t.c = r.c[x.c+j:]
				if last && r.add != nil {
					t.add = r.add[x.add+j:]
				}
				k.run(x.rows, w, cols, t)
			}
		}
	}
	if m.fn.outside() {
		for _, x := range r.runs {
			m.fn.rows(x.rows, end-r.from, r.c[x.c+r.from:], r.ldc)
		}
	}
	*t = tile{}
}

// ahead is what is multiplied after k products of panel j from k0 on: the kernel asks for it while the
// first two tiles of rows pass, half each, so that it comes from memory while the others do.
func (m *packed) ahead(r *rows, j, k0, k int, last bool) []float32 {
	t := &m.arch.tiles
	at := k0 * r.segs
	if j += t.nr; j >= min(r.end, m.n) {
		j = r.from
		if at += k * r.segs; last {
			at = 0
		}
	}
	return m.weights[j*m.k+at*t.width(m.n-j):]
}

// gathered is how many rows of k values stay in the second-level cache while
// the panels pass.
func (m *tiles) gathered(k int) int {
	return max(m.mr, cache.l2*7/16/(4*k)/m.mr*m.mr)
}

// spread cuts rows into even blocks of at most limit and columns into groups of
// panels, so that each thread has a few parts, where the work is worth more than
// one. Rows are cut first, so that layers find theirs where the layer before left
// them; a matrix that no second-level cache holds is, where it is larger: each part
// reads all of the other, and copies the rows if they are to be copied.
func (m *tiles) spread(rows, n, k, limit int, copied bool) (block, columns int) {
	limit = max(m.mr, limit)
	panels := (n + m.nr - 1) / m.nr
	threads := threads()
	want := 1
	if threads > 1 {
		want = max(1, min(4*threads, rows*n*k>>18)) // no part below some microseconds
		if rows < m.mr {                            // reading the weights is what costs
			want = max(want, min(threads, n*k>>15))
		}
	}
	blocks, groups := (rows+limit-1)/limit, 1
	if n > rows && 4*n*k > cache.l2 && (!copied || rows < 2*m.mr*threads) {
		groups = max(1, min((want+blocks-1)/blocks, panels/2))
	}
	if blocks*groups < want {
		blocks = max(blocks, min((want+groups-1)/groups, (rows+2*m.mr-1)/(2*m.mr)))
	}
	if blocks*groups < min(want, threads) {
		groups = min(panels, (want+blocks-1)/blocks)
	}
	if groups == 1 && blocks > 1 { // as many for each thread
		blocks = min(roundUp(blocks, threads), rows)
	}
	return (rows + blocks - 1) / blocks, (panels + groups - 1) / groups * m.nr
}
