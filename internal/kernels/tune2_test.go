package kernels

import (
	"fmt"
	"os"
	"testing"
)

func TestTune2(t *testing.T) {
	if os.Getenv("TUNE") == "" {
		t.Skip()
	}
	mk := current.Load().f32
	const n = 1024
	huge := os.Getenv("HUGE") != ""
	al := func(n int) []float32 {
		if huge {
			d := NewBuffer(n + (1 << 20)).Data[:n]
			return d
		}
		return aligned[float32](n)
	}
	a, b, c := al(n*n), al(n*n), al(n*n)
	for i := range a {
		a[i], b[i] = 1, 1
	}
	real := mk.kernel
	run := func(what string) {
		w, cpu := bestOf(2*n*n*n, .5, func() {
			gemm(&mk, &sgemms, false, false, n, n, n, 1, a, n, b, n, 0, c, n)
		})
		fmt.Printf("%s: best %.2f ms cpu %.2f ms\n", what, 2*n*n*n/w/1e6, 2*n*n*n/cpu/1e6)
	}
	run("all")
	mk.kernel = func(rows, k int, a []float32, lda int, b []float32, c []float32, ldc int, alpha, beta float32) {}
	run("packing only")
	ta, tb, tc := al(mk.mr*(mk.kc+16)), al(mk.kc*mk.nr), al(mk.mr*mk.nr)
	mk.kernel = func(rows, k int, a []float32, lda int, b []float32, c []float32, ldc int, alpha, beta float32) {
		real(rows, k, ta, lda, tb, tc, mk.nr, alpha, beta)
	}
	run("kernel in L1")
	mk.kernel = func(rows, k int, a []float32, lda int, b []float32, c []float32, ldc int, alpha, beta float32) {
		real(rows, k, a, lda, b, tc, mk.nr, alpha, beta)
	}
	run("C in L1")
	mk.kernel = func(rows, k int, a []float32, lda int, b []float32, c []float32, ldc int, alpha, beta float32) {
		real(rows, k, ta, lda, b, tc, mk.nr, alpha, beta)
	}
	run("C, A in L1")
	mk.kernel = func(rows, k int, a []float32, lda int, b []float32, c []float32, ldc int, alpha, beta float32) {
		real(rows, k, a, lda, tb, tc, mk.nr, alpha, beta)
	}
	run("C, B in L1")
}
