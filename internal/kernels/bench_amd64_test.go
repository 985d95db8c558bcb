package kernels

import (
	"sync"
	"testing"
	"time"
)

func init() {
	peakGFLOPS = func(threads int) float64 {
		const rounds = 4 << 20
		var lanes int
		var f func(rounds int)
		switch Level() {
		case "avx512":
			lanes, f = 16, peakAVX512
		case "avx2":
			lanes, f = 8, peakAVX2
		default:
			return 0
		}
		best := 0.
		for range 3 {
			start := time.Now()
			var wg sync.WaitGroup
			for range threads {
				wg.Go(func() { f(rounds) })
			}
			wg.Wait()
			best = max(best, float64(threads*rounds*12*lanes*2)/time.Since(start).Seconds()/1e9)
		}
		return best
	}
}

// The micro-kernels on operands in the first-level cache.
func BenchmarkKernel(b *testing.B) {
	benchLevels(b, func(b *testing.B) {
		mk := &current.Load().f32
		const k = 256
		x, y, c := aligned[float32](mk.mr*(k+16)), aligned[float32](k*mk.nr), aligned[float32](mk.mr*mk.nr)
		for b.Loop() {
			for range 100 {
				mk.kernel(mk.mr, k, x, k+16, y, c, mk.nr, 1, 0)
			}
		}
		rate(b, 100*2*k*float64(mk.mr*mk.nr), 1)
	})
}
