package kernels

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

func near[T float](t *testing.T, what string, got, want []T, eps float64) {
	t.Helper()
	for i, v := range want {
		if !(math.Abs(float64(got[i]-v)) <= eps*(1+math.Abs(float64(v)))) {
			t.Fatalf("%s: [%d] = %v, want %v", what, i, got[i], v)
		}
	}
}

// Against gonum's own routines, strides included.
func TestBLAS(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(31, 32))
		var ours BLAS
		var theirs gonum.Implementation
		for i := range 60 {
			n, inc := 1+r.IntN(200), 1+i%2
			m := 1 + r.IntN(80)
			if i == 7 {
				m, n = 300, 2500
			}
			lda := n + r.IntN(5)
			const eps32, eps64 = 2e-5, 1e-12
			x32, y32, a32 := newGuarded[float32](r, max(m, n)*inc, 1), newGuarded[float32](r, max(m, n)*inc, 2), newGuarded[float32](r, (m-1)*lda+n, 3)
			x64, y64, a64 := newGuarded[float64](r, max(m, n)*inc, 1), newGuarded[float64](r, max(m, n)*inc, 2), newGuarded[float64](r, (m-1)*lda+n, 3)
			want32, want64 := append([]float32(nil), y32.s...), append([]float64(nil), y64.s...)

			ours.Saxpy(n, 0.5, x32.s, inc, y32.s, inc)
			theirs.Saxpy(n, 0.5, x32.s, inc, want32, inc)
			near(t, "saxpy", y32.s, want32, eps32)
			ours.Daxpy(n, 0.5, x64.s, inc, y64.s, inc)
			theirs.Daxpy(n, 0.5, x64.s, inc, want64, inc)
			near(t, "daxpy", y64.s, want64, eps64)
			ours.Sscal(n, -1.5, y32.s, inc)
			theirs.Sscal(n, -1.5, want32, inc)
			near(t, "sscal", y32.s, want32, eps32)
			ours.Dscal(n, -1.5, y64.s, inc)
			theirs.Dscal(n, -1.5, want64, inc)
			near(t, "dscal", y64.s, want64, eps64)
			norm := float64(theirs.Snrm2(n, x32.s, inc) * theirs.Snrm2(n, y32.s, inc))
			near(t, "sdot", []float32{ours.Sdot(n, x32.s, inc, y32.s, inc)}, []float32{theirs.Sdot(n, x32.s, inc, y32.s, inc)}, eps32*(1+norm))
			near(t, "ddot", []float64{ours.Ddot(n, x64.s, inc, y64.s, inc)}, []float64{theirs.Ddot(n, x64.s, inc, y64.s, inc)}, eps64*(1+norm))
			near(t, "snrm2", []float32{ours.Snrm2(n, x32.s, inc)}, []float32{theirs.Snrm2(n, x32.s, inc)}, eps32)
			tr := []blas.Transpose{blas.NoTrans, blas.Trans}[r.IntN(2)]
			beta := []float64{0, 1, 0.5}[r.IntN(3)]
			// gonum's own writes beyond y's m or n values where it is longer.
			ny := (m-1)*inc + 1
			if tr == blas.Trans {
				ny = (n-1)*inc + 1
			}
			before := append([]float32(nil), y32.s...)
			ours.Sgemv(tr, m, n, 2, a32.s, lda, x32.s, inc, float32(beta), y32.s, inc)
			theirs.Sgemv(tr, m, n, 2, a32.s, lda, x32.s, inc, float32(beta), want32, inc)
			near(t, "sgemv", y32.s[:ny], want32[:ny], 1e-3)
			if inc == 1 {
				near(t, "sgemv beyond y", y32.s[ny:], before[ny:], 0)
			}
			ours.Dgemv(tr, m, n, 2, a64.s, lda, x64.s, inc, beta, y64.s, inc)
			theirs.Dgemv(tr, m, n, 2, a64.s, lda, x64.s, inc, beta, want64, inc)
			near(t, "dgemv", y64.s[:ny], want64[:ny], 1e-10)
			copy(want32, y32.s)
			copy(want64, y64.s)
			wantA32, wantA64 := append([]float32(nil), a32.s...), append([]float64(nil), a64.s...)
			ours.Sger(m, n, 0.1, x32.s, inc, y32.s, inc, a32.s, lda)
			theirs.Sger(m, n, 0.1, x32.s, inc, want32, inc, wantA32, lda)
			near(t, "sger", a32.s, wantA32, 1e-3)
			ours.Dger(m, n, 0.1, x64.s, inc, y64.s, inc, a64.s, lda)
			theirs.Dger(m, n, 0.1, x64.s, inc, want64, inc, wantA64, lda)
			near(t, "dger", a64.s, wantA64, 1e-10)
			for _, g := range []*guarded[float32]{x32, y32, a32} {
				g.intact(t, "float32 routines")
			}
			for _, g := range []*guarded[float64]{x64, y64, a64} {
				g.intact(t, "float64 routines")
			}
		}
		testGemm(t, 1e-7, func(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
			tr := map[bool]blas.Transpose{false: blas.NoTrans, true: blas.Trans}
			ours.Sgemm(tr[transA], tr[transB], m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		})
	})
}
