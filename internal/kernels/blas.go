package kernels

import (
	"math"

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

// Saxpy does y += alpha*x.
func (b BLAS) Saxpy(n int, alpha float32, x []float32, incX int, y []float32, incY int) {
	if n > 0 && incX == 1 && incY == 1 && len(x) >= n && len(y) >= n {
		saxpy(alpha, x[:n], y[:n])
		return
	}
	b.Implementation.Saxpy(n, alpha, x, incX, y, incY)
}

// Daxpy does y += alpha*x.
func (b BLAS) Daxpy(n int, alpha float64, x []float64, incX int, y []float64, incY int) {
	if n > 0 && incX == 1 && incY == 1 && len(x) >= n && len(y) >= n {
		daxpy(alpha, x[:n], y[:n])
		return
	}
	b.Implementation.Daxpy(n, alpha, x, incX, y, incY)
}

// Sscal does x *= alpha.
func (b BLAS) Sscal(n int, alpha float32, x []float32, incX int) {
	if n > 0 && incX == 1 && len(x) >= n {
		sscal(alpha, x[:n])
		return
	}
	b.Implementation.Sscal(n, alpha, x, incX)
}

// Dscal does x *= alpha.
func (b BLAS) Dscal(n int, alpha float64, x []float64, incX int) {
	if n > 0 && incX == 1 && len(x) >= n {
		dscal(alpha, x[:n])
		return
	}
	b.Implementation.Dscal(n, alpha, x, incX)
}

// Sdot returns the sum of x*y.
func (b BLAS) Sdot(n int, x []float32, incX int, y []float32, incY int) float32 {
	if n > 0 && incX == 1 && incY == 1 && len(x) >= n && len(y) >= n {
		return sdot(x[:n], y[:n])
	}
	return b.Implementation.Sdot(n, x, incX, y, incY)
}

// Ddot returns the sum of x*y.
func (b BLAS) Ddot(n int, x []float64, incX int, y []float64, incY int) float64 {
	if n > 0 && incX == 1 && incY == 1 && len(x) >= n && len(y) >= n {
		return ddot(x[:n], y[:n])
	}
	return b.Implementation.Ddot(n, x, incX, y, incY)
}

// Snrm2 returns the square root of the sum of x's squares, which double
// precision holds without scaling.
func (b BLAS) Snrm2(n int, x []float32, incX int) float32 {
	if n > 0 && incX == 1 && len(x) >= n {
		return float32(math.Sqrt(sumSquares(x[:n])))
	}
	return b.Implementation.Snrm2(n, x, incX)
}

// Sgemv does y = alpha*op(A)*x + beta*y.
func (b BLAS) Sgemv(tA blas.Transpose, m, n int, alpha float32, a []float32, lda int, x []float32, incX int, beta float32, y []float32, incY int) {
	if nx, ny, ok := gemvFits(tA, m, n, lda, len(a), len(x), len(y)); ok && incX == 1 && incY == 1 && alpha != 0 {
		gemv(&sgemvs, transposed(tA), m, n, alpha, a, lda, x[:nx], beta, y[:ny])
		return
	}
	b.Implementation.Sgemv(tA, m, n, alpha, a, lda, x, incX, beta, y, incY)
}

// Dgemv does y = alpha*op(A)*x + beta*y.
func (b BLAS) Dgemv(tA blas.Transpose, m, n int, alpha float64, a []float64, lda int, x []float64, incX int, beta float64, y []float64, incY int) {
	if nx, ny, ok := gemvFits(tA, m, n, lda, len(a), len(x), len(y)); ok && incX == 1 && incY == 1 && alpha != 0 {
		gemv(&dgemvs, transposed(tA), m, n, alpha, a, lda, x[:nx], beta, y[:ny])
		return
	}
	b.Implementation.Dgemv(tA, m, n, alpha, a, lda, x, incX, beta, y, incY)
}

// gemvFits says whether the arguments are such as the fast way takes without
// further questions; gonum's asks them otherwise.
func gemvFits(tA blas.Transpose, m, n, lda, a, x, y int) (nx, ny int, ok bool) {
	if m <= 0 || n <= 0 || lda < n || a < (m-1)*lda+n {
		return 0, 0, false
	}
	switch tA {
	case blas.NoTrans:
		nx, ny = n, m
	case blas.Trans, blas.ConjTrans:
		nx, ny = m, n
	default:
		return 0, 0, false
	}
	return nx, ny, x >= nx && y >= ny
}

// Sger does A += alpha*x*y'.
func (b BLAS) Sger(m, n int, alpha float32, x []float32, incX int, y []float32, incY int, a []float32, lda int) {
	if m <= 0 || n <= 0 || incX != 1 || incY != 1 || lda < n || len(x) < m || len(y) < n || len(a) < (m-1)*lda+n {
		b.Implementation.Sger(m, n, alpha, x, incX, y, incY, a, lda)
		return
	}
	for i, v := range x[:m] {
		saxpy(alpha*v, y[:n], a[i*lda:][:n])
	}
}

// Dger does A += alpha*x*y'.
func (b BLAS) Dger(m, n int, alpha float64, x []float64, incX int, y []float64, incY int, a []float64, lda int) {
	if m <= 0 || n <= 0 || incX != 1 || incY != 1 || lda < n || len(x) < m || len(y) < n || len(a) < (m-1)*lda+n {
		b.Implementation.Dger(m, n, alpha, x, incX, y, incY, a, lda)
		return
	}
	for i, v := range x[:m] {
		daxpy(alpha*v, y[:n], a[i*lda:][:n])
	}
}

// Gemm is Sgemm or Dgemm, by the type of the values.
func Gemm[T float32 | float64](transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	switch to := any(c).(type) {
	case []float32:
		Sgemm(transA, transB, m, n, k, float32(alpha), any(a).([]float32), lda, any(b).([]float32), ldb, float32(beta), to, ldc)
	case []float64:
		Dgemm(transA, transB, m, n, k, float64(alpha), any(a).([]float64), lda, any(b).([]float64), ldb, float64(beta), to, ldc)
	}
}
