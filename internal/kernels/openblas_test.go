package kernels

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// openBLAS is the peer library in a process of its own.
type openBLAS struct {
	in  io.Writer
	out *bufio.Reader
}

func startOpenBLAS(b *testing.B) *openBLAS {
	libs, _ := filepath.Glob("/usr/lib/*/openblas-pthread/libopenblas.so.0")
	python := "/usr/bin/python3"
	if len(libs) == 0 || exec.Command(python, "-c", "import numpy").Run() != nil {
		b.Skip("no OpenBLAS here (Debian: libopenblas0-pthread, python3-numpy)")
	}
	cmd := exec.Command(python, "testdata/openblas.py", libs[0], fmt.Sprint(runtime.GOMAXPROCS(0)))
	cmd.Env = append(os.Environ(), "OPENBLAS_CORETYPE=SkylakeX")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	return &openBLAS{in, bufio.NewReader(out)}
}

func (o *openBLAS) run(b *testing.B, kind string, transA, transB bool, m, n, k, times int) (seconds []float64, cpu float64) {
	bit := map[bool]int{true: 1}
	fmt.Fprintln(o.in, kind, bit[transA], bit[transB], m, n, k, times)
	line, err := o.out.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range strings.Fields(line) {
		var s float64
		if _, err := fmt.Sscan(f, &s); err != nil {
			b.Fatal(err)
		}
		seconds = append(seconds, s)
	}
	last := len(seconds) - 1
	return seconds[:last], seconds[last]
}

// Sgemm and OpenBLAS by turns, so that both meet the machine in the same mood.
func BenchmarkOpenBLAS(b *testing.B) {
	for _, s := range []struct {
		m, n, k        int
		transA, transB bool
	}{
		{2048, 2048, 2048, false, false},
		{64, 1000, 4096, false, false},
		{64, 4096, 1000, false, true},
		{4096, 1000, 64, true, false},
		{8, 4096, 8192, false, true},
	} {
		b.Run(fmt.Sprintf("%dx%dx%d", s.m, s.n, s.k), func(b *testing.B) {
			o := startOpenBLAS(b)
			x, y, z := randoms[float32](s.m*s.k), randoms[float32](s.k*s.n), randoms[float32](s.m*s.n)
			lda, ldb := s.k, s.n
			if s.transA {
				lda = s.m
			}
			if s.transB {
				ldb = s.k
			}
			flops := 2 * float64(s.m) * float64(s.n) * float64(s.k)
			times := max(1, int(2e9/flops))
			var ours, theirs []float64
			var ourCPU, theirCPU float64
			o.run(b, "s", s.transA, s.transB, s.m, s.n, s.k, times)
			for b.Loop() {
				t, cpu := o.run(b, "s", s.transA, s.transB, s.m, s.n, s.k, times)
				theirs, theirCPU = append(theirs, t...), theirCPU+cpu
				// OpenBLAS's threads spin on for a while after a product and would take a core from ours.
				time.Sleep(200 * time.Millisecond)
				before := cpuSeconds()
				for range times {
					start := time.Now()
					Sgemm(s.transA, s.transB, s.m, s.n, s.k, 1, x, lda, y, ldb, 0, z, s.n)
					ours = append(ours, time.Since(start).Seconds())
				}
				ourCPU += cpuSeconds() - before
			}
			if ourCPU > 0 {
				b.ReportMetric(theirCPU/ourCPU, "ratio-of-cpu")
			}
			b.ReportMetric(flops/median(ours)/1e9, "GFLOP/s")
			b.ReportMetric(flops/median(theirs)/1e9, "OpenBLAS-GFLOP/s")
			b.ReportMetric(median(theirs)/median(ours), "ratio")
			b.ReportMetric(slices.Min(theirs)/slices.Min(ours), "ratio-of-best")
		})
	}
}

func median(s []float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	s = slices.Clone(s)
	slices.Sort(s)
	return s[len(s)/2]
}
