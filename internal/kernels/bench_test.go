package kernels

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// peakGFLOPS measures multiply-adds alone on so many threads, where it can.
var peakGFLOPS = func(threads int) float64 { return 0 }

// cpuSeconds is the process's CPU time, where it can be had: on a busy machine
// it tells more than the clock.
var cpuSeconds = func() float64 { return 0 }

func benchLevels(b *testing.B, f func(b *testing.B)) {
	before := Level()
	for _, l := range Levels() {
		if err := setLevel(l); err != nil {
			b.Fatal(err)
		}
		b.Run(l, f)
	}
	if err := setLevel(before); err != nil {
		b.Fatal(err)
	}
}

// rate reports GFLOP/s, and the peak's that was measured just after.
func rate(b *testing.B, flops float64, threads int) {
	b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	if p := peakGFLOPS(threads); p > 0 {
		b.ReportMetric(p, "peak-GFLOP/s")
	}
}

func randoms[T float](n int) []T {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	s := aligned[T](n)
	for i := range s {
		s[i] = T(r.Float64() - 0.5)
	}
	return s
}

func benchGemm[T float](b *testing.B, transA, transB bool, m, n, k int, f func(transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int)) {
	x, y, z := randoms[T](m*k), randoms[T](k*n), randoms[T](m*n)
	lda, ldb := k, n
	if transA {
		lda = m
	}
	if transB {
		ldb = k
	}
	b.ReportAllocs()
	for b.Loop() {
		f(transA, transB, m, n, k, 1, x, lda, y, ldb, 0, z, n)
	}
	rate(b, 2*float64(m)*float64(n)*float64(k), runtime.GOMAXPROCS(0))
}

func BenchmarkSgemm(b *testing.B) {
	for _, s := range []struct {
		what           string
		m, n, k        int
		transA, transB bool
	}{
		{"square", 1024, 1024, 1024, false, false},
		{"square", 2048, 2048, 2048, false, false},
		{"forward", 64, 1000, 4096, false, false},
		{"forward", 64, 4096, 1000, false, false},
		{"backward-input", 64, 4096, 1000, false, true},
		{"backward-weights", 4096, 1000, 64, true, false},
		{"backward-weights", 1000, 4096, 64, true, false},
		{"thin", 1, 4096, 25088, false, true},
		{"thin", 8, 4096, 25088, false, true},
		{"thin", 8, 4096, 25088, false, false},
	} {
		b.Run(fmt.Sprintf("%s-%dx%dx%d", s.what, s.m, s.n, s.k), func(b *testing.B) {
			benchLevels(b, func(b *testing.B) {
				if Level() == "go" && s.m*s.n*s.k > 1<<30 {
					b.Skip("slow")
				}
				benchGemm(b, s.transA, s.transB, s.m, s.n, s.k, Sgemm)
			})
		})
	}
}

func BenchmarkDgemm(b *testing.B) {
	benchLevels(b, func(b *testing.B) { benchGemm(b, false, false, 1024, 1024, 1024, Dgemm) })
}

func BenchmarkLinear(b *testing.B) {
	for _, m := range []int{1, 8, 16} {
		b.Run(fmt.Sprintf("fc6-batch%d", m), func(b *testing.B) {
			benchLevels(b, func(b *testing.B) {
				const n, k = 4096, 25088
				l, err := PrepareLinear(true, n, k, randoms[float32](n*k), k, nil, ReLU)
				if err != nil {
					b.Fatal(err)
				}
				defer l.Free()
				x, y := randoms[float32](m*k), make([]float32, m*n)
				for b.Loop() {
					l.run(m, x, k, y, n)
				}
				rate(b, 2*float64(m)*n*k, runtime.GOMAXPROCS(0))
				b.ReportMetric(4*n*k*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
			})
		})
	}
}
