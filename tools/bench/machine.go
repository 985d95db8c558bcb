package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/cpuid/v2"

	"vzsl/internal/kernels"
)

// head begins the page: what was run on what.
func (b *bench) head() {
	b.printf("# Benchmarks\n\n")
	b.printf("Written by `make bench`, which repeats all measurements. Every ratio is the median over pairs of\n")
	b.printf("alternating runs of two processes; in brackets the interquartile range of the pairs. Above 1\n")
	b.printf("vzsl is faster. Absolute times vary by a third on a shared machine, ratios much less.\n\n")
	if b.small {
		b.printf("TRIAL RUN with a small network: the numbers on this page are meaningless.\n\n")
	}
	c := cpuid.CPU
	b.printf("| machine | |\n|---|---|\n")
	b.printf("| CPU | %s, %d logical cores |\n", c.BrandName, runtime.NumCPU())
	b.printf("| vectors | %s |\n", vectors())
	b.printf("| caches | L1d %s, L2 %s a core, L3 %s |\n", bytesText(c.Cache.L1D), bytesText(c.Cache.L2), bytesText(c.Cache.L3))
	if m := memTotal(); m != "" {
		b.printf("| memory | %s |\n", m)
	}
	b.printf("| system | %s/%s, %s |\n", runtime.GOOS, runtime.GOARCH, runtime.Version())
	b.printf("| kernels | %s, %d threads for each program |\n", kernels.Level(), b.threads)
	if text := busy(); text != "" {
		b.printf("\n%s\n", text)
	}
}

// busy says how busy the machine is with other work; empty where it is not. It looks for two seconds in which this program, and
// the peers that it has started, do nothing: averages of the load would still have what they did before.
func busy() string {
	total, idle, err := ticks()
	if err != nil {
		return ""
	}
	time.Sleep(2 * time.Second)
	total1, idle1, err := ticks()
	if err != nil || total1 == total {
		return ""
	}
	cores := float64(runtime.NumCPU()) * (1 - (idle1-idle)/(total1-total))
	if cores < 0.1 {
		return ""
	}
	note("the machine is busy (%.1f processors)", cores)
	return fmt.Sprintf("Other work took %.1f of the processors at the start: absolute speeds are too low, and the ratios favour the program\nwhose threads wait for each other least.", cores)
}

// ticks are the time that all processors have had, and that they had nothing to do.
func ticks() (total, idle float64, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, f := range strings.Fields(strings.TrimPrefix(line, "cpu")) {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("/proc/stat: %w", err)
		}
		if total += v; i == 3 || i == 4 { // idle, and waiting for a disk
			idle += v
		}
	}
	return total, idle, nil
}

func vectors() string {
	var has []string
	for _, f := range []cpuid.FeatureID{cpuid.AVX2, cpuid.FMA3, cpuid.AVX512F, cpuid.AMXTILE, cpuid.ASIMD} {
		if cpuid.CPU.Supports(f) {
			has = append(has, f.String())
		}
	}
	return strings.Join(has, ", ")
}

func bytesText(n int) string {
	switch {
	case n <= 0:
		return "unknown"
	case n < 1<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%.3g MiB", float64(n)/(1<<20))
}

func memTotal() string {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		var kib float64
		if _, err := fmt.Sscanf(line, "MemTotal: %f kB", &kib); err == nil {
			return fmt.Sprintf("%.0f GiB", kib/(1<<20))
		}
	}
	return ""
}
