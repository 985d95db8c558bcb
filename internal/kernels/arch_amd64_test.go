package kernels

import (
	"slices"
	"testing"
)

// The choice between AVX-512 and AVX2 is far from where it would change.
func TestHalfRate(t *testing.T) {
	for gain, want := range map[float64]bool{0.9: true, 1: true, 1.25: true, 1.6: false, 2: false, 2.3: false} {
		if halfRate(gain) != want {
			t.Errorf("a gain of %v: %v", gain, !want)
		}
	}
	if !slices.Contains(Levels(), "avx512") {
		t.Skip("this CPU has no AVX-512")
	}
	first := halfRate(gains())
	for range 30 {
		if g := gains(); halfRate(g) != first {
			t.Errorf("measured %.2f, and the other answer before", g)
		}
	}
}
