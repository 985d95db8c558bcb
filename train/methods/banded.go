package methods

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync"

	"gonum.org/v1/gonum/mat"

	"vzsl/internal/kernels"
)

// bandwidth is that of the form below: wider ones cost more for each shift, narrower ones make smaller products of the reduction.
const bandwidth = 32

// banded is a symmetric matrix as Q B Q', B of a small bandwidth, Q a product of reflections: what solves (A + shift I) x = b for
// any number of shifts at 2 n^3 operations in all, nearly all of them products of matrices, where a Cholesky factor costs 1/3 n^3
// for each and the eigenvectors several times as much. A tridiagonal form would need half of its work in products of the matrix
// with one vector, which wait for memory.
type banded struct {
	n      int
	band   []float64 // n columns of bandwidth+1: B[j+i][j] at j*(bandwidth+1)+i
	panels []panel
}

// panel is the product of some reflections, I - V T V'.
type panel struct {
	from, k int       // V has rows from..n of the matrix's coordinates
	v       []float64 // k x (n-from): V'
	t       []float64 // k x k, upper triangular
}

// reduce overwrites a (n x n, symmetric, both halves filled).
func reduce(ctx context.Context, a *mat.Dense) (*banded, error) {
	const b = bandwidth
	n, _ := a.Dims()
	A := a.RawMatrix().Data
	f := &banded{n: n, band: make([]float64, n*(b+1))}
	for j := 0; j < n; j += b {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		width := min(b, n-j)
		for c := range width {
			for i := c; i < width; i++ {
				f.band[(j+c)*(b+1)+i-c] = A[(j+i)*n+j+c]
			}
		}
		at := j + b
		m := n - at
		if m <= 0 {
			break
		}
		p, r := reflect(A, n, j, at)
		for c := range b {
			for i := range min(c+1, m) {
				f.band[(j+c)*(b+1)+b+i-c] = r[c*m+i]
			}
		}
		f.panels = append(f.panels, p)
		// With Y = A V T and W = Y - V (T'V'Y)/2 the rest of the matrix becomes A - V W' - W V'.
		k := p.k
		y, w := make([]float64, m*k), make([]float64, m*k)
		kernels.Dgemm(false, true, m, k, m, 1, A[at*n+at:], n, p.v, m, 0, y, k)
		kernels.Dgemm(false, false, m, k, k, 1, y, k, p.t, k, 0, w, k)
		s, ts := make([]float64, k*k), make([]float64, k*k)
		kernels.Dgemm(false, false, k, k, m, 1, p.v, m, w, k, 0, s, k)
		kernels.Dgemm(true, false, k, k, k, 1, p.t, k, s, k, 0, ts, k)
		kernels.Dgemm(true, false, m, k, k, -0.5, p.v, m, ts, k, 1, w, k)
		left, right := make([]float64, m*2*k), make([]float64, m*2*k) // V W and W V: one pass over the matrix
		for i := range m {
			for c := range k {
				v := p.v[c*m+i]
				left[i*2*k+c], left[i*2*k+k+c] = v, w[i*k+c]
				right[i*2*k+c], right[i*2*k+k+c] = w[i*k+c], v
			}
		}
		kernels.Dgemm(false, true, m, m, 2*k, -1, left, 2*k, right, 2*k, 1, A[at*n+at:], n)
	}
	return f, nil
}

// reflect is the QR factorisation of columns j..at of the matrix below row at, taken from its rows by symmetry; r has a column a
// row of n-at values.
func reflect(A []float64, n, j, at int) (p panel, r []float64) {
	var bl kernels.BLAS
	width, m := at-j, n-at
	k := min(width, m)
	p = panel{from: at, k: k, v: make([]float64, k*m), t: make([]float64, k*k)}
	r = make([]float64, width*m)
	for c := range width {
		copy(r[c*m:(c+1)*m], A[(j+c)*n+at:(j+c+1)*n])
	}
	for c := range k {
		x := r[c*m+c : (c+1)*m]
		v, scale := p.v[c*m+c:(c+1)*m], 0.0
		if rest := x[1:]; len(rest) > 0 && bl.Ddot(len(rest), rest, 1, rest, 1) > 0 {
			// H x = -sign(x0) |x| e1 with v = x + sign(x0) |x| e1.
			to := -math.Copysign(math.Sqrt(bl.Ddot(len(x), x, 1, x, 1)), x[0])
			copy(v, x)
			v[0] -= to
			scale = 2 / bl.Ddot(len(v), v, 1, v, 1)
			clear(x)
			x[0] = to
		}
		for d := c + 1; scale > 0 && d < width; d++ {
			y := r[d*m+c : (d+1)*m]
			bl.Daxpy(len(v), -scale*bl.Ddot(len(v), v, 1, y, 1), v, 1, y, 1)
		}
		// T grows by the column -scale T V'v.
		p.t[c*k+c] = scale
		for i := range c {
			sum := 0.0
			for q := i; q < c; q++ {
				sum += p.t[i*k+q] * bl.Ddot(len(v), p.v[q*m+c:(q+1)*m], 1, v, 1)
			}
			p.t[i*k+c] = -scale * sum
		}
	}
	return p, r
}

// rotate multiplies rows (r x n) by Q, or by Q' where back: x becomes x Q, the coordinates in which the matrix is B.
func (f *banded) rotate(rows *mat.Dense, back bool) {
	r, n := rows.Dims()
	x := rows.RawMatrix().Data
	for i := range f.panels {
		if back {
			i = len(f.panels) - 1 - i
		}
		p := &f.panels[i]
		k, m := p.k, n-p.from
		z, zt := make([]float64, r*k), make([]float64, r*k)
		kernels.Dgemm(false, true, r, k, m, 1, x[p.from:], n, p.v, m, 0, z, k)
		kernels.Dgemm(false, back, r, k, k, 1, z, k, p.t, k, 0, zt, k)
		kernels.Dgemm(false, false, r, m, k, -1, zt, k, p.v, m, 1, x[p.from:], n)
	}
}

// solveAll overwrites each row x with (B + its shift I)^-1 x.
func (f *banded) solveAll(shifts []float64, rows *mat.Dense) error {
	var crew sync.WaitGroup
	errs := make([]error, len(shifts))
	next := make(chan int)
	for range min(runtime.GOMAXPROCS(0), len(shifts)) {
		crew.Go(func() {
			work := make([]float64, len(f.band))
			for i := range next {
				errs[i] = f.solve(shifts[i], rows.RawRowView(i), work)
			}
		})
	}
	for i := range shifts {
		next <- i
	}
	close(next)
	crew.Wait()
	return errors.Join(errs...)
}

// solve overwrites x with (B + shift I)^-1 x, by B + shift I = L D L'.
func (f *banded) solve(shift float64, x, work []float64) error {
	const b = bandwidth
	var bl kernels.BLAS
	copy(work, f.band)
	n := f.n
	for j := range n {
		column := work[j*(b+1) : (j+1)*(b+1)]
		column[0] += shift
		d := column[0]
		if !(d > 0) {
			return errors.New("the matrix X X' + shift I is not positive definite in double precision; use a larger ridge")
		}
		for i := 1; i < min(b+1, n-j); i++ {
			l := column[i] / d
			if l == 0 {
				continue
			}
			bl.Daxpy(b+1-i, -l, column[i:], 1, work[(j+i)*(b+1):], 1)
			x[j+i] -= l * x[j]
		}
	}
	for j := n - 1; j >= 0; j-- {
		column := work[j*(b+1) : (j+1)*(b+1)]
		sum := x[j]
		for i := 1; i < min(b+1, n-j); i++ {
			sum -= column[i] * x[j+i]
		}
		x[j] = sum / column[0]
	}
	return nil
}
