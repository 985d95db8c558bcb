package kernels

import (
	"fmt"
)

type float interface{ float32 | float64 }

// micro is a level's multiplication kernel for one element type.
type micro[T float] struct {
	mr, nr int // rows and columns of the tile of C kept in registers
	// kc products of one value are added before the sum goes to C. The other
	// two cut C into blocks of mc x nc; they do not change results.
	kc, mc, nc int
	// kernel computes a tile of at most mr rows and exactly nr columns, see
	// goKernel. b holds k rows of nr.
	kernel func(rows, k int, a []T, lda int, b []T, c []T, ldc int, alpha, beta T)
	// transpose, if not nil, does dst[j*ldd+i] = src[i*lds+j] for whole blocks
	// of block x block; rows and cols are multiples of it.
	block     int
	transpose func(rows, cols int, src []T, lds int, dst []T, ldd int)
	// pack, if not nil, copies whole panels of nr columns and k rows, lds
	// apart, one panel after another.
	pack func(k, panels int, src []T, lds int, dst []T)
}

// Sgemm computes C = alpha*op(A)*op(B) + beta*C on row-major matrices: op(A) is
// m x k, op(B) k x n, C m x n; lda, ldb and ldc are the distances between rows
// as stored. C is not read if beta is zero. Row i of C depends on row i of
// op(A) alone, whatever m is and on however many threads.
func Sgemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	gemm(&current.Load().f32, &sgemms, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// Dgemm is Sgemm in double precision.
func Dgemm(transA, transB bool, m, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	gemm(&current.Load().f64, &dgemms, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

var (
	sgemms = freeList[product[float32]]{make: func() *product[float32] {
		return &product[float32]{bufs: func(s *scratch) *buffers[float32] { return &s.f32 }}
	}}
	dgemms = freeList[product[float64]]{make: func() *product[float64] {
		return &product[float64]{bufs: func(s *scratch) *buffers[float64] { return &s.f64 }}
	}}
)

// product is one multiplication under way. C is cut into blocks of rows times
// cols, each a part of its own that packs what it needs: nobody waits for
// anybody.
type product[T float] struct {
	*micro[T]
	transA, transB bool
	m, n, k        int
	alpha, beta    T
	a, b, c        []T
	lda, ldb, ldc  int

	rows, cols int // of a block
	across     int // blocks beside each other
	bufs       func(*scratch) *buffers[T]
}

func gemm[T float](mk *micro[T], free *freeList[product[T]], transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	checkMatrix("A", transA, m, k, len(a), lda)
	checkMatrix("B", transB, k, n, len(b), ldb)
	checkMatrix("C", false, m, n, len(c), ldc)
	if m == 0 || n == 0 {
		return
	}
	if k == 0 || alpha == 0 {
		scale(m, n, beta, c, ldc)
		return
	}
	p := free.get()
	p.micro = mk
	p.transA, p.transB, p.m, p.n, p.k, p.alpha, p.beta = transA, transB, m, n, k, alpha, beta
	p.a, p.lda, p.b, p.ldb, p.c, p.ldc = a, lda, b, ldb, c, ldc
	p.run()
	p.micro, p.a, p.b, p.c = nil, nil, nil, nil
	free.put(p)
}

func checkMatrix(name string, trans bool, rows, cols, have, ld int) {
	if trans {
		rows, cols = cols, rows
	}
	switch {
	case rows < 0 || cols < 0:
		panic(fmt.Sprintf("kernels: matrix %s of negative size %d x %d", name, rows, cols))
	case ld < max(1, cols):
		panic(fmt.Sprintf("kernels: matrix %s: rows are %d apart but %d long", name, ld, cols))
	case rows > 0 && cols > 0 && have < (rows-1)*ld+cols:
		panic(fmt.Sprintf("kernels: matrix %s: %d values for %d rows of %d, %d apart", name, have, rows, cols, ld))
	}
}

func scale[T float](m, n int, beta T, c []T, ldc int) {
	for i := range m {
		row := c[i*ldc : i*ldc+n]
		if beta == 0 {
			clear(row)
			continue
		}
		for j := range row {
			row[j] *= beta
		}
	}
}

// group is how many panels of B are packed together.
const group = 8

// run cuts C into blocks of even size, no larger than the caches want them, a
// few for each thread so that none waits long for the last.
func (p *product[T]) run() {
	threads := threads()
	if p.m*p.n*p.k < 1<<18 {
		threads = 1 // waking another costs more
	}
	down := (p.m + p.mc - 1) / p.mc
	p.across = (p.n + p.nc - 1) / p.nc
	if want := 4 * threads; threads > 1 && down*p.across < want {
		narrow := group * p.nr
		p.across = max(p.across, min((want+down-1)/down, (p.n+narrow-1)/narrow))
	}
	if threads > 1 && down*p.across < threads {
		down = min((threads+p.across-1)/p.across, (p.m+p.mr-1)/p.mr)
	}
	p.rows = roundUp((p.m+down-1)/down, p.mr)
	p.cols = roundUp((p.n+p.across-1)/p.across, p.nr)
	down = (p.m + p.rows - 1) / p.rows
	p.across = (p.n + p.cols - 1) / p.cols
	if threads == 1 {
		s := scratches.get()
		for i := range down * p.across {
			p.part(i, s)
		}
		scratches.put(s)
		return
	}
	parallel(down*p.across, p)
}

// part computes one block of C, kc products at a time.
func (p *product[T]) part(block int, s *scratch) {
	i0, j0 := block/p.across*p.rows, block%p.across*p.cols
	i1, j1 := min(i0+p.rows, p.m), min(j0+p.cols, p.n)
	buf := p.bufs(s)
	rows := i1 - i0
	tiles := (rows + p.mr - 1) / p.mr
	beta := p.beta
	for k0 := 0; k0 < p.k; k0 += p.kc {
		kk := min(p.kc, p.k-k0)
		lda := kk + 16 // keeps rows off each other's cache sets
		a := grown(&buf.a, rows*lda)
		p.packA(a, lda, i0, rows, k0, kk)
		// Several panels at once, since memory likes longer rows.
		for jg := j0; jg < j1; jg += group * p.nr {
			end := min(jg+group*p.nr, j1)
			b := grown(&buf.b, group*kk*p.nr)
			p.packB(b, k0, kk, jg, end-jg)
			for j := jg; j < end; j += p.nr {
				for t := range tiles {
					lo, hi := rows*t/tiles, rows*(t+1)/tiles
					p.tile(hi-lo, min(p.nr, end-j), kk, a[lo*lda:], lda, b[(j-jg)*kk:], p.c[(i0+lo)*p.ldc+j:], p.ldc, p.alpha, beta, buf)
				}
			}
		}
		beta = 1
	}
}

// tile runs the kernel on a tile of cols <= nr columns; a narrow one is
// computed aside, on the same operations, so as to touch nothing beyond it.
func (p *micro[T]) tile(rows, cols, k int, a []T, lda int, b []T, c []T, ldc int, alpha, beta T, buf *buffers[T]) {
	if cols == p.nr {
		p.kernel(rows, k, a, lda, b, c, ldc, alpha, beta)
		return
	}
	t := grown(&buf.tile, p.mr*p.nr)
	if beta != 0 {
		for i := range rows {
			copy(t[i*p.nr:], c[i*ldc:i*ldc+cols])
		}
	}
	p.kernel(rows, k, a, lda, b, t, p.nr, alpha, beta)
	for i := range rows {
		copy(c[i*ldc:i*ldc+cols], t[i*p.nr:])
	}
}

// packA copies a block of op(A) into rows of its own.
func (p *product[T]) packA(dst []T, ldd, i0, rows, k0, kk int) {
	if !p.transA {
		for i := range rows {
			copy(dst[i*ldd:i*ldd+kk], p.a[(i0+i)*p.lda+k0:])
		}
		return
	}
	p.transposed(kk, rows, p.a[k0*p.lda+i0:], p.lda, dst, ldd)
}

// packB copies cols columns of op(B) into panels of kk rows of nr, filling up
// the last with zeros.
func (p *product[T]) packB(dst []T, k0, kk, j, cols int) {
	nr := p.nr
	if whole := cols / nr; whole > 0 && !p.transB && p.pack != nil {
		p.pack(kk, whole, p.b[k0*p.ldb+j:], p.ldb, dst)
		j, cols, dst = j+whole*nr, cols-whole*nr, dst[whole*nr*kk:]
	}
	for ; cols > 0; j, cols, dst = j+nr, cols-nr, dst[nr*kk:] {
		n := min(nr, cols)
		if n < nr {
			clear(dst[:kk*nr])
		}
		if p.transB {
			p.transposed(n, kk, p.b[j*p.ldb+k0:], p.ldb, dst, nr)
			continue
		}
		for q := range kk {
			copy(dst[q*nr:q*nr+n], p.b[(k0+q)*p.ldb+j:])
		}
	}
}

// transposed does dst[j*ldd+i] = src[i*lds+j] for i < rows, j < cols.
func (p *micro[T]) transposed(rows, cols int, src []T, lds int, dst []T, ldd int) {
	r, c := 0, 0
	if p.transpose != nil {
		if r, c = rows/p.block*p.block, cols/p.block*p.block; r > 0 && c > 0 {
			p.transpose(r, c, src, lds, dst, ldd)
		} else {
			r, c = 0, 0
		}
	}
	for i := range r {
		for j := c; j < cols; j++ {
			dst[j*ldd+i] = src[i*lds+j]
		}
	}
	for i := r; i < rows; i++ {
		for j, v := range src[i*lds : i*lds+cols] {
			dst[j*ldd+i] = v
		}
	}
}
