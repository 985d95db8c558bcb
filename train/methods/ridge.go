package methods

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"vzsl/internal/kernels"
	"vzsl/train/method"
)

// useKernels makes gonum's matrices use the project's multiplication.
var useKernels = sync.OnceFunc(func() { blas64.Use(kernels.BLAS{}) })

// moments are sums over samples, a block at a time: X X' (d x d), X T' (d x r), a sample's targets being its class's row
// of targets (classes x r), and of X (d).
func moments(ctx context.Context, t *method.Data, targets *mat.Dense) (gram, cross *mat.Dense, total []float64, err error) {
	const block, panel = 512, 512
	d, n := t.Dim(), t.Len()
	_, r := targets.Dims()
	gram, cross, total = mat.NewDense(d, d, nil), mat.NewDense(d, r, nil), make([]float64, d)
	row := make([]float32, d)
	x, s := make([]float64, min(block, n)*d), make([]float64, min(block, n)*r)
	for lo := 0; lo < n; lo += block {
		if ctx.Err() != nil {
			return nil, nil, nil, context.Cause(ctx)
		}
		k := min(block, n-lo)
		for i := range k {
			t.Row(lo+i, row)
			for j, v := range row {
				x[i*d+j] = float64(v)
				total[j] += float64(v)
			}
			copy(s[i*r:(i+1)*r], targets.RawRowView(t.Label(lo+i)))
		}
		for at := 0; at < d; at += panel { // the half below the diagonal, in panels
			n := min(panel, d-at)
			kernels.Dgemm(true, false, d-at, n, k, 1, x[at:], d, x[at:], d, 1, gram.RawMatrix().Data[at*d+at:], d)
		}
		kernels.Dgemm(true, false, d, r, k, 1, x, d, s, r, 1, cross.RawMatrix().Data, r)
	}
	g := gram.RawMatrix().Data
	for i := range d {
		for j := range i {
			g[j*d+i] = g[i*d+j]
		}
	}
	return gram, cross, total, nil
}

// solve is (gram + gamma I)^-1 b, by a Cholesky factor.
func solve(gram *mat.Dense, gamma float64, b *mat.Dense) (*mat.Dense, error) {
	d, a := b.Dims()
	u := blas64.General{Rows: d, Cols: d, Stride: d, Data: slices.Clone(gram.RawMatrix().Data)}
	for i := range d {
		u.Data[i*d+i] += gamma
	}
	if cholesky(u.Data, d) != nil { // gram + gamma I = U'U
		return nil, errors.New("the matrix X X' + gamma I is not positive definite in double precision; use a larger gamma")
	}
	x := mat.DenseCopyOf(b)
	to := x.RawMatrix().Data
	// Block by block, so that nearly all of it is matrix products.
	const block = 64
	diagonal := func(at, n int, t blas.Transpose) {
		blas64.Trsm(blas.Left, t, 1, blas64.Triangular{Uplo: blas.Upper, Diag: blas.NonUnit, N: n, Stride: u.Stride, Data: u.Data[at*u.Stride+at:]},
			blas64.General{Rows: n, Cols: a, Stride: a, Data: to[at*a:]})
	}
	for at := 0; at < d; at += block { // U'y = b
		n := min(block, d-at)
		kernels.Dgemm(true, false, n, a, at, -1, u.Data[at:], u.Stride, to, a, 1, to[at*a:], a)
		diagonal(at, n, blas.Trans)
	}
	for at := (d - 1) / block * block; at >= 0; at -= block { // Ux = y
		n := min(block, d-at)
		if rest := d - at - n; rest > 0 {
			kernels.Dgemm(false, false, n, a, rest, -1, u.Data[at*u.Stride+at+n:], u.Stride, to[(at+n)*a:], a, 1, to[at*a:], a)
		}
		diagonal(at, n, blas.NoTrans)
	}
	return x, nil
}

// spectrum is S'S = Q diag(w) Q', the columns of Q for w in ascending order, none below zero.
func spectrum(s *mat.Dense) (w []float64, q *mat.Dense, err error) {
	var outer mat.SymDense
	outer.SymOuterK(1, s.T())
	var eigen mat.EigenSym
	if !eigen.Factorize(&outer, true) {
		return nil, nil, errors.New("the eigenvalues did not converge")
	}
	w, q = eigen.Values(nil), &mat.Dense{}
	for i := range w {
		w[i] = max(w[i], 0)
	}
	eigen.VectorsTo(q)
	return w, q, nil
}

// sampleSpectrum is the spectrum of the samples' attributes: the row of each class in s counts as often as it has samples.
func sampleSpectrum(s *mat.Dense, t *method.Data) (w []float64, q *mat.Dense, err error) {
	_, a := s.Dims()
	weighted := mat.DenseCopyOf(s)
	for c, n := range counts(t) {
		kernels.BLAS{}.Dscal(a, math.Sqrt(n), weighted.RawRowView(c), 1)
	}
	return spectrum(weighted)
}

// counts are the numbers of samples of the classes.
func counts(t *method.Data) []float64 {
	n := make([]float64, len(t.Attributes))
	for i := range t.Len() {
		n[t.Label(i)]++
	}
	return n
}

// ridges are ridge regressions y = (X X' + shift I)^-1 X t from centred features X (d x n), each with targets t and a
// shift of its own, by one banded form: of X X', or of X'X where there are fewer samples than dimensions, since
// (X X' + shift I)^-1 X = X (X'X + shift I)^-1.
type ridges struct {
	mean    []float64 // of the features
	form    *banded
	rotated *mat.Dense // right-hand sides, in the rows, in the form's coordinates
	x       *mat.Dense // n x d, if samples are fewer
}

// newRidges prepares the regressions to the columns of targets (classes x r), a sample's targets being its class's row.
func newRidges(ctx context.Context, t *method.Data, targets *mat.Dense) (*ridges, error) {
	n, d := t.Len(), t.Dim()
	_, r := targets.Dims()
	rg := &ridges{mean: make([]float64, d)}
	sums := make([]float64, r) // of the samples' targets
	var form *mat.Dense
	if n < d {
		rg.x = mat.NewDense(n, d, nil)
		rg.rotated = mat.NewDense(r, n, nil)
		row := make([]float32, d)
		for i := range n {
			t.Row(i, row)
			to := rg.x.RawRowView(i)
			for j, v := range row {
				to[j] = float64(v)
				rg.mean[j] += float64(v) / float64(n)
			}
			for k, v := range targets.RawRowView(t.Label(i)) {
				rg.rotated.Set(k, i, v)
			}
		}
		for i := range n {
			blas64.Axpy(-1, vector(rg.mean), vector(rg.x.RawRowView(i)))
		}
		form = mat.NewDense(n, n, nil)
		form.Mul(rg.x, rg.x.T())
	} else {
		gram, cross, total, err := moments(ctx, t, targets)
		if err != nil {
			return nil, err
		}
		for j, v := range total {
			rg.mean[j] = v / float64(n)
		}
		for c, k := range counts(t) {
			blas64.Axpy(k, vector(targets.RawRowView(c)), vector(sums))
		}
		// Sums of (x-m)(x-m)' and t (x-m)'.
		for i, v := range rg.mean {
			blas64.Axpy(-v*float64(n), vector(rg.mean), vector(gram.RawRowView(i)))
			blas64.Axpy(-v, vector(sums), vector(cross.RawRowView(i)))
		}
		form, rg.rotated = gram, mat.DenseCopyOf(cross.T())
	}
	var err error
	if rg.form, err = reduce(ctx, form); err != nil {
		return nil, err
	}
	rg.form.rotate(rg.rotated, false)
	return rg, nil
}

// solve is r x d: the regressions, each with its shift.
func (rg *ridges) solve(shifts []float64) (*mat.Dense, error) {
	y := mat.DenseCopyOf(rg.rotated)
	if err := rg.form.solveAll(shifts, y); err != nil {
		return nil, err
	}
	rg.form.rotate(y, true)
	if rg.x == nil {
		return y, nil
	}
	var w mat.Dense
	w.Mul(y, rg.x)
	return &w, nil
}

// vector is v as BLAS has it.
func vector(v []float64) blas64.Vector { return blas64.Vector{N: len(v), Inc: 1, Data: v} }
