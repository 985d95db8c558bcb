package baselines

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/mat"

	"vzsl/internal/kernels"
)

// tridiagonal is a symmetric matrix as Q T Q', T tridiagonal, Q a product of Householder reflections: what solves
// (A + shift I) x = b for any number of shifts at 4/3 n^3 operations in all, where a Cholesky factor costs 1/3 n^3 for
// each, and without the eigenvectors, which cost several times as much.
type tridiagonal struct {
	n         int
	diag, off []float64
	// Reflection j is I - scale[j] v v'; its v, values j+1 to n, stands in row j.
	reflections []float64
	scale       []float64
}

// tridiagonalise overwrites a (n x n, symmetric, both halves filled). As in LAPACK's dlatrd the reflections of a panel are
// gathered first, A - V W' - W V' being what they make of A, so that half of the work is matrix products.
func tridiagonalise(ctx context.Context, a *mat.Dense) (*tridiagonal, error) {
	const panel = 32
	n, _ := a.Dims()
	A := a.RawMatrix().Data
	t := &tridiagonal{n: n, diag: make([]float64, n), off: make([]float64, max(n-1, 0)), reflections: A, scale: make([]float64, n)}
	var bl kernels.BLAS
	// Rows are the reflections v and their w of the panel, zero before the row that they begin at.
	V, W := make([]float64, panel*n), make([]float64, panel*n)
	row, small := make([]float64, n), make([]float64, 2*panel)
	for lo := 0; lo < n; lo += panel {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		k := min(panel, n-lo)
		for i := range k {
			j := lo + i
			v, w := V[i*n:(i+1)*n], W[i*n:(i+1)*n]
			clear(v)
			clear(w)
			// Row j as the panel's earlier reflections leave it.
			r := row[j:]
			copy(r, A[j*n+j:(j+1)*n])
			for p := range i {
				bl.Daxpy(n-j, -V[p*n+j], W[p*n+j:], 1, r, 1)
				bl.Daxpy(n-j, -W[p*n+j], V[p*n+j:], 1, r, 1)
			}
			t.diag[j] = r[0]
			if j == n-1 {
				break
			}
			x, m := r[1:], n-j-1
			norm := math.Sqrt(bl.Ddot(m, x, 1, x, 1))
			t.off[j] = x[0]
			if rest := x[1:]; len(rest) > 0 && norm > 0 && bl.Ddot(m-1, rest, 1, rest, 1) > 0 {
				// H x = -sign(x0) |x| e1 with v = x + sign(x0) |x| e1.
				to := -math.Copysign(norm, x[0])
				x[0] -= to
				t.off[j], t.scale[j] = to, 2/bl.Ddot(m, x, 1, x, 1)
				copy(v[j+1:], x)
				// w = scale (p - scale/2 (p'v) v), p = A v.
				p := w[j+1:]
				bl.Dgemv(blas.NoTrans, m, m, 1, A[(j+1)*n+j+1:], n, x, 1, 0, p, 1)
				if i > 0 {
					bl.Dgemv(blas.NoTrans, i, m, 1, V[j+1:], n, x, 1, 0, small[:i], 1)
					bl.Dgemv(blas.NoTrans, i, m, 1, W[j+1:], n, x, 1, 0, small[panel:panel+i], 1)
					bl.Dgemv(blas.Trans, i, m, -1, W[j+1:], n, small[:i], 1, 1, p, 1)
					bl.Dgemv(blas.Trans, i, m, -1, V[j+1:], n, small[panel:panel+i], 1, 1, p, 1)
				}
				s := t.scale[j]
				bl.Dscal(m, s, p, 1)
				bl.Daxpy(m, -s/2*bl.Ddot(m, p, 1, x, 1), x, 1, p, 1)
			}
		}
		for i := range k {
			copy(A[(lo+i)*n+lo+i:(lo+i+1)*n], V[i*n+lo+i:(i+1)*n])
		}
		if at := lo + k; at < n {
			kernels.Dgemm(true, false, n-at, n-at, k, -1, V[at:], n, W[at:], n, 1, A[at*n+at:], n)
			kernels.Dgemm(true, false, n-at, n-at, k, -1, W[at:], n, V[at:], n, 1, A[at*n+at:], n)
		}
	}
	return t, nil
}

// rotate multiplies rows (r x n) by Q, or by Q' where back: x becomes x Q, the coordinates in which the matrix is T.
func (t *tridiagonal) rotate(rows *mat.Dense, back bool) {
	var bl kernels.BLAS
	r, n := rows.Dims()
	x := rows.RawMatrix().Data
	along := make([]float64, r)
	for i := range t.scale {
		j := i
		if back {
			j = n - 1 - i
		}
		if t.scale[j] == 0 {
			continue
		}
		m := n - j - 1
		v := t.reflections[j*n+j+1 : (j+1)*n]
		bl.Dgemv(blas.NoTrans, r, m, 1, x[j+1:], n, v, 1, 0, along, 1)
		bl.Dger(r, m, -t.scale[j], along, 1, v, 1, x[j+1:], n)
	}
}

// solve overwrites x with (T + shift I)^-1 x.
func (t *tridiagonal) solve(shift float64, x []float64) error {
	pivots := make([]float64, t.n) // T + shift I = L D L'
	for i := range x {
		pivots[i] = t.diag[i] + shift
		if i > 0 {
			l := t.off[i-1] / pivots[i-1]
			pivots[i] -= l * t.off[i-1]
			x[i] -= l * x[i-1]
		}
		if !(pivots[i] > 0) {
			return errors.New("the matrix X X' + shift I is not positive definite in double precision; take a larger coefficient")
		}
	}
	for i := t.n - 1; i >= 0; i-- {
		x[i] /= pivots[i]
		if i < t.n-1 {
			x[i] -= t.off[i] / pivots[i] * x[i+1]
		}
	}
	return nil
}
