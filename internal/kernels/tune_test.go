package kernels

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func cpuTime() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// best GFLOP/s by wall time of the best run, and by cpu time overall
func bestOf(flops float64, seconds float64, f func()) (wall, cpu float64) {
	f()
	start := time.Now()
	best := 1e9
	c0 := cpuTime()
	n := 0
	for time.Since(start).Seconds() < seconds {
		t := time.Now()
		f()
		best = min(best, time.Since(t).Seconds())
		n++
	}
	return flops / best / 1e9, flops * float64(n) / (cpuTime() - c0) / 1e9
}

func TestTune(t *testing.T) {
	if os.Getenv("TUNE") == "" {
		t.Skip()
	}
	mk := &current.Load().f32
	for i, p := range []*int{&mk.kc, &mk.mc, &mk.nc} {
		if v, err := strconv.Atoi(os.Getenv([]string{"KC", "MC", "NC"}[i])); err == nil {
			*p = v
		}
	}
	fmt.Println("kc mc nc", mk.kc, mk.mc, mk.nc)
	w, c := bestOf(12*16*2*1e5, .5, func() { peakAVX512(1e5) })
	fmt.Printf("peak %.1f cpu %.1f\n", w, c)
	for _, s := range []struct {
		m, n, k        int
		transA, transB bool
	}{
		{1024, 1024, 1024, false, false}, {2048, 2048, 2048, false, false},
		{64, 1000, 4096, false, false}, {64, 4096, 1000, false, true}, {4096, 1000, 64, true, false}, {1000, 4096, 64, true, false},
		{8, 4096, 8192, false, true}, {8, 4096, 8192, false, false},
	} {
		a, b, z := randoms[float32](s.m*s.k), randoms[float32](s.k*s.n), randoms[float32](s.m*s.n)
		lda, ldb := s.k, s.n
		if s.transA {
			lda = s.m
		}
		if s.transB {
			ldb = s.k
		}
		w, c := bestOf(2*float64(s.m)*float64(s.n)*float64(s.k), .5, func() { Sgemm(s.transA, s.transB, s.m, s.n, s.k, 1, a, lda, b, ldb, 0, z, s.n) })
		fmt.Printf("%v: %.1f cpu %.1f\n", s, w, c)
	}
	if os.Getenv("TUNE") != "kernel" {
		return
	}
	for _, k := range []int{64, 128, 256, 384, 512} {
		x, y, z := aligned[float32](mk.mr*(k+16)), aligned[float32](k*mk.nr), aligned[float32](mk.mr*mk.nr)
		for _, r := range []int{mk.mr, 8} {
			w, c := bestOf(100*2*float64(k*r*mk.nr), .3, func() {
				for range 100 {
					mk.kernel(r, k, x, k+16, y, z, mk.nr, 1, 0, 1, 0)
				}
			})
			fmt.Printf("kernel rows %d k %d: %.1f cpu %.1f\n", r, k, w, c)
		}
	}
}
