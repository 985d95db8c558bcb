package kernels

import "fmt"

// Linear is a layer y = f(x*op(B) + bias) with its weights laid out for the
// kernels in use when it was prepared. It is the way to multiply rows by the
// same matrix again and again: the weights are read in order. Many goroutines
// may run it at once.
type Linear struct {
	N, K    int
	weights *Buffer
	m       packed
}

// PrepareLinear lays out op(B), which is k x n (B is stored n x k with transB);
// it is copied. bias is nil or has n values.
func PrepareLinear(transB bool, n, k int, b []float32, ldb int, bias []float32, fn Function) (*Linear, error) {
	rows, cols := k, n
	if transB {
		rows, cols = n, k
	}
	if n <= 0 || k <= 0 || ldb < cols || len(b) < (rows-1)*ldb+cols {
		return nil, fmt.Errorf("linear layer of %d into %d values with %d weights, %d a row", k, n, len(b), ldb)
	}
	if bias != nil && len(bias) != n {
		return nil, fmt.Errorf("linear layer with %d biases for %d values", len(bias), n)
	}
	a := current.Load()
	t := &a.tiles
	l := &Linear{N: n, K: k, weights: NewBuffer(t.packedLen(n, k))}
	l.m = packed{arch: a, n: n, k: k, weights: l.weights.Data, bias: aligned[float32](roundUp(n, t.nr)), fn: fn}
	copy(l.m.bias, bias)
	parallel((n+t.nr-1)/t.nr, &linearPack{m: &l.m, transB: transB, b: b, ldb: ldb})
	return l, nil
}

// linearPack lays out one panel per part.
type linearPack struct {
	m      *packed
	transB bool
	b      []float32
	ldb    int
}

func (r *linearPack) part(panel int, _ *scratch) {
	m, t := r.m, &r.m.arch.tiles
	j := panel * t.nr
	w := t.width(m.n - j)
	cols := min(w, m.n-j)
	dst := m.weights[j*m.k:][:m.k*w]
	if r.transB {
		m.arch.f32.transposed(cols, m.k, r.b[j*r.ldb:], r.ldb, dst, w)
		return
	}
	for p := range m.k {
		copy(dst[p*w:][:cols], r.b[p*r.ldb+j:])
	}
}

// Free releases the weights' memory.
func (l *Linear) Free() { l.weights.Free() }

// WeightBytes is the size of the weights as laid out.
func (l *Linear) WeightBytes() int { return 4 * len(l.weights.Data) }

// RunAdd computes m rows of y from m rows of x, ldx and ldy apart, with the rows of
// add, ldadd apart, added before the function; add may be nil and must not overlap
// y. A row's result does not depend on the others.
func (l *Linear) RunAdd(m int, x []float32, ldx int, add []float32, ldadd int, y []float32, ldy int) {
	checkMatrix("x", false, m, l.K, len(x), ldx)
	checkMatrix("y", false, m, l.N, len(y), ldy)
	if add != nil {
		checkMatrix("add", false, m, l.N, len(add), ldadd)
	}
	if m == 0 {
		return
	}
	r := linearRuns.get()
	*r = linearRun{Linear: l, m: m, x: x, ldx: ldx, add: add, ldad: ldadd, y: y, ldy: ldy}
	r.block, r.columns = l.m.arch.tiles.spread(m, l.N, l.K, l.m.arch.f32.mc, false)
	r.across = (l.N + r.columns - 1) / r.columns
	parallel((m+r.block-1)/r.block*r.across, r)
	*r = linearRun{}
	linearRuns.put(r)
}

// linearRun is one call under way; a part is a block of rows and columns.
type linearRun struct {
	*Linear
	m, ldx, ldad, ldy      int
	x, add, y              []float32
	block, columns, across int
}

var linearRuns = freeList[linearRun]{make: func() *linearRun { return new(linearRun) }}

func (r *linearRun) part(i int, s *scratch) {
	i0, j := i/r.across*r.block, i%r.across*r.columns
	count := min(r.block, r.m-i0)
	x := &s.rows
	x.segs, x.hops, x.from, x.end = 1, nil, j, min(j+r.columns, r.N)
	x.a, x.lda, x.c, x.ldc, x.add, x.ldad = r.x, r.ldx, r.y, r.ldy, r.add, r.ldad
	x.runs = append(x.runs[:0], run{i0 * r.ldx, i0 * r.ldy, i0 * r.ldad, count})
	r.Linear.m.multiply(x)
	x.a, x.c, x.add = nil, nil, nil
}
