package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"vzsl/internal/kernels"
)

// kernels runs the benchmarks of internal/kernels and tables them.
func (b *bench) kernels(ctx context.Context) error {
	binary := filepath.Join(b.work, "kernels.test")
	note("building the kernels' benchmarks")
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "./internal/kernels").CombinedOutput(); err != nil {
		return fmt.Errorf("go test -c: %w\n%s", err, out)
	}
	level := kernels.Level()
	rounds, convs, gemms := "12x", "5x", "10x"
	if b.small {
		rounds, convs, gemms = "1x", "1x", "1x"
	}
	square, err := b.goBench(ctx, binary, "^BenchmarkSgemm$/^square-2048x2048x2048$/^(avx512|avx2)$", gemms)
	if err != nil {
		return err
	}
	b.printf("SGEMM, 2048 x 2048 x 2048, and the peak: multiply-adds in registers alone, measured beside it.\n\n")
	b.printf("| kernels | GFLOP/s | peak | of the peak |\n|---|---|---|---|\n")
	for _, r := range square {
		b.printf("| %s | %.0f | %.0f | %.0f %% |\n", r.last(), r.value["GFLOP/s"], r.value["peak-GFLOP/s"], 100*r.value["GFLOP/s"]/r.value["peak-GFLOP/s"])
	}
	b.printf("\n")
	if libs, _ := filepath.Glob(openBLAS); len(libs) == 0 {
		b.printf("OpenBLAS is not installed here (Debian: libopenblas0-pthread), so it is left out.\n\n")
	} else {
		list, err := b.goBench(ctx, binary, "^BenchmarkOpenBLAS$/^2048x2048x2048$", rounds)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			b.printf("OpenBLAS could not be run here (Debian: libopenblas0-pthread, python3-numpy), so it is left out.\n\n")
		}
		for _, r := range list {
			b.printf("By turns with OpenBLAS (Debian's, OPENBLAS_CORETYPE=SkylakeX): %.0f GFLOP/s to its %.0f, **%.2f times** its speed\n(by CPU time %.2f times).\n\n",
				r.value["GFLOP/s"], r.value["OpenBLAS-GFLOP/s"], r.value["ratio"], r.value["ratio-of-cpu"])
		}
	}
	layers, err := b.goBench(ctx, binary, "^BenchmarkConv$/^vgg-/^(avx512|avx2)$", convs)
	if err != nil {
		return err
	}
	b.printf("VGG-19's convolutions, eight images at a time, bias and ReLU included, by the multiplications of a direct\n")
	b.printf("convolution: Winograd's F(4x4, 3x3) needs a quarter of them, so that figures may lie above the peak.\n\n")
	b.printf("| layer | kernels | GFLOP/s |\n|---|---|---|\n")
	for _, r := range layers {
		b.printf("| conv%s | %s | %.0f |\n", strings.TrimPrefix(r.parts[1], "vgg-"), r.last(), r.value["GFLOP/s"])
	}
	if level == "go" {
		b.printf("\nThis machine has neither AVX-512 nor AVX2: the kernels are plain Go.\n")
	}
	return nil
}

// goResult is a line of a Go benchmark.
type goResult struct {
	parts []string // of the name
	value map[string]float64
}

func (r *goResult) last() string { return r.parts[len(r.parts)-1] }

// goBench runs benchmarks of the kernels.
func (b *bench) goBench(ctx context.Context, binary, pattern, times string) ([]goResult, error) {
	note("%s", pattern)
	c := exec.CommandContext(ctx, binary, "-test.run", "^$", "-test.bench", pattern, "-test.benchtime", times)
	c.Dir = filepath.Join("internal", "kernels")
	c.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", b.threads))
	out, err := c.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", pattern, err, out)
	}
	return parseGoBench(string(out)), nil
}

func parseGoBench(out string) []goResult {
	var list []goResult
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		name := f[0]
		if i := strings.LastIndexByte(name, '-'); i > 0 { // the number of threads
			if _, err := strconv.Atoi(name[i+1:]); err == nil {
				name = name[:i]
			}
		}
		r := goResult{parts: strings.Split(name, "/"), value: map[string]float64{}}
		for i := 2; i+1 < len(f); i += 2 {
			if v, err := strconv.ParseFloat(f[i], 64); err == nil {
				r.value[f[i+1]] = v
			}
		}
		list = append(list, r)
	}
	return list
}
