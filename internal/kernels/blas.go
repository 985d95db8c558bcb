package kernels

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// BLAS is gonum's blas.Float32 and blas.Float64 with the hot routines replaced
// by this package's; the others are gonum's own. Give it to blas32.Use,
// blas64.Use, or Gorgonia's and its tensors' Use.
type BLAS struct{ gonum.Implementation }

var (
	_ blas.Float32 = BLAS{}
	_ blas.Float64 = BLAS{}
)

// Sgemm computes C = alpha*op(A)*op(B) + beta*C.
func (BLAS) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	Sgemm(transposed(tA), transposed(tB), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// Dgemm computes C = alpha*op(A)*op(B) + beta*C.
func (BLAS) Dgemm(tA, tB blas.Transpose, m, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	Dgemm(transposed(tA), transposed(tB), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

func transposed(t blas.Transpose) bool {
	switch t {
	case blas.NoTrans:
		return false
	case blas.Trans, blas.ConjTrans:
		return true
	}
	panic("kernels: bad transposition " + string(rune(t)))
}
