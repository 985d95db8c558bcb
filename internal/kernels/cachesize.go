//go:build amd64 || arm64

package kernels

import "github.com/klauspost/cpuid/v2"

// sizeCaches sets the sizes of the caches that the CPU tells.
func sizeCaches() {
	c := cpuid.CPU.Cache
	for _, v := range []struct {
		size *int
		have int
	}{{&cache.l1, c.L1D}, {&cache.l2, c.L2}, {&cache.l3, c.L3}} {
		if v.have > 0 {
			*v.size = v.have
		}
	}
}
