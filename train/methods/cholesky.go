package methods

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"vzsl/internal/kernels"
)

// cholesky overwrites the upper half of a (n x n, row by row) with U, a = U'U, nearly all of it by products of matrices: gonum's own
// factor of 4096 x 4096 takes ten times as long.
func cholesky(a []float64, n int) error {
	const block, wide = 64, 512
	for at := 0; at < n; at += block {
		k := min(block, n-at)
		for i := at; i < at+k; i++ { // within the block
			row := a[i*n : (i+1)*n]
			for p := at; p < i; p++ {
				above := a[p*n : (p+1)*n]
				for j := i; j < at+k; j++ {
					row[j] -= above[i] * above[j]
				}
			}
			d := row[i]
			if !(d > 0) || math.IsInf(d, 0) {
				return errors.New("not positive definite")
			}
			d = math.Sqrt(d)
			row[i] = d
			for j := i + 1; j < at+k; j++ {
				row[j] /= d
			}
		}
		from := at + k
		if from == n {
			break
		}
		blas64.Trsm(blas.Left, blas.Trans, 1, blas64.Triangular{Uplo: blas.Upper, Diag: blas.NonUnit, N: k, Stride: n, Data: a[at*n+at:]},
			blas64.General{Rows: k, Cols: n - from, Stride: n, Data: a[at*n+from:]})
		for j := from; j < n; j += wide {
			rows := min(wide, n-j)
			kernels.Dgemm(true, false, rows, n-j, k, -1, a[at*n+j:], n, a[at*n+j:], n, 1, a[j*n+j:], n)
		}
	}
	return nil
}
