package kernels

import "fmt"

// Linear is a layer y = x*op(B) + bias with its weights laid out for the
// kernels in use when it was prepared. It is the way to multiply few rows by
// the same large matrix: the weights are read once, in order, per call. Many
// goroutines may run it at once.
type Linear struct {
	N, K    int
	arch    *arch
	weights *Buffer   // for each nr columns of op(B), k rows of nr
	bias    []float32 // N values, rounded up to whole panels with zeros
	relu    bool
}

// PrepareLinear lays out op(B), which is k x n (B is stored n x k with transB);
// it is copied. bias is nil or has n values. With relu, negative results become
// zero.
func PrepareLinear(transB bool, n, k int, b []float32, ldb int, bias []float32, relu bool) (*Linear, error) {
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
	mk := &a.f32
	panels := (n + mk.nr - 1) / mk.nr
	l := &Linear{N: n, K: k, arch: a, weights: NewBuffer(panels * k * mk.nr), bias: aligned[float32](panels * mk.nr), relu: relu}
	copy(l.bias, bias)
	parallel(panels, &linearPack{l: l, p: product[float32]{micro: mk, transB: transB, n: n, k: k, b: b, ldb: ldb}})
	return l, nil
}

// linearPack lays out one panel a part.
type linearPack struct {
	l *Linear
	p product[float32]
}

func (r *linearPack) part(panel int, _ *scratch) {
	nr, k := r.p.nr, r.p.k
	r.p.packB(r.l.weights.Data[panel*k*nr:][:k*nr], 0, k, panel*nr, min(nr, r.p.n-panel*nr))
}

// Free gives the weights' memory back.
func (l *Linear) Free() { l.weights.Free() }

// WeightBytes is the size of the weights as laid out.
func (l *Linear) WeightBytes() int { return 4 * len(l.weights.Data) }

// Run computes m rows of y from m rows of x, ldx and ldy apart. A row's result
// does not depend on the others.
func (l *Linear) Run(m int, x []float32, ldx int, y []float32, ldy int) {
	checkMatrix("x", false, m, l.K, len(x), ldx)
	checkMatrix("y", false, m, l.N, len(y), ldy)
	if m == 0 {
		return
	}
	r := linearRuns.get()
	*r = linearRun{Linear: l, m: m, x: x, ldx: ldx, y: y, ldy: ldy}
	panels := len(l.bias) / l.arch.f32.nr
	r.group = max(1, min(8, panels/16))
	parallel((panels+r.group-1)/r.group, r)
	*r = linearRun{}
	linearRuns.put(r)
}

// linearRun is one call under way; a part is a group of panels.
type linearRun struct {
	*Linear
	m, ldx, ldy int
	x, y        []float32
	group       int
}

var linearRuns = freeList[linearRun]{make: func() *linearRun { return new(linearRun) }}

func (r *linearRun) part(i int, s *scratch) {
	mk := &r.arch.f32
	nr := mk.nr
	for m0 := 0; m0 < r.m; m0 += mk.mc {
		rows := min(mk.mc, r.m-m0)
		tiles := (rows + mk.mr - 1) / mk.mr
		for j := i * r.group * nr; j < min((i+1)*r.group*nr, r.N); j += nr {
			cols := min(nr, r.N-j)
			acc := grown(&s.f32.c, rows*nr)
			var beta float32
			for k0 := 0; k0 < r.K; k0 += mk.kc {
				kk := min(mk.kc, r.K-k0)
				b := r.weights.Data[j*r.K+k0*nr:][:kk*nr]
				for t := range tiles {
					lo, hi := rows*t/tiles, rows*(t+1)/tiles
					mk.kernel(hi-lo, kk, r.x[(m0+lo)*r.ldx+k0:], r.ldx, b, acc[lo*nr:], nr, 1, beta, 1, 0)
				}
				beta = 1
			}
			r.arch.vec.addRows(rows, r.y[m0*r.ldy+j:], r.ldy, acc, nr, r.bias[j:j+cols], r.relu)
		}
	}
}
