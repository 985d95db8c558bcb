package kernels

import (
	"fmt"
	"os"
	"slices"
	"sync/atomic"
)

// arch is one level's kernels and the sizes they work in.
type arch struct {
	name   string
	f32    micro[float32]
	f64    micro[float64]
	tiles  tiles
	vec    vectors
	raster raster
}

// cache is the size of a core's caches in bytes, as a small machine has them
// where the CPU does not say.
var cache = struct{ l1, l2, l3 int }{32 << 10, 256 << 10, 8 << 20}

// LastLevelCache is the size in bytes of the cache that the cores share.
func LastLevelCache() int { return cache.l3 }

var current atomic.Pointer[arch]

func init() {
	a := archs()[0]
	if name := os.Getenv("VZSL_KERNELS"); name != "" {
		// A name this machine does not have leaves the best one it has: a
		// process that cannot report an error this early must still start.
		// LevelError tells callers.
		if b := archNamed(name); b != nil {
			a = b
		}
	}
	current.Store(a)
}

func archNamed(name string) *arch {
	for _, a := range archs() {
		if a.name == name {
			return a
		}
	}
	return nil
}

// Level is the set of kernels in use: "avx512", "avx2", "neon" or "go".
func Level() string { return current.Load().name }

// Levels lists what this machine can run, best first.
func Levels() []string {
	var names []string
	for _, a := range archs() {
		names = append(names, a.name)
	}
	return names
}

// LevelError is not nil if VZSL_KERNELS asks for something this machine cannot
// run, in which case Level is the best it can.
func LevelError() error {
	name := os.Getenv("VZSL_KERNELS")
	if name == "" || archNamed(name) != nil {
		return nil
	}
	return fmt.Errorf("VZSL_KERNELS: %w", levelError(name))
}

func levelError(name string) error {
	if !slices.Contains([]string{"avx512", "avx2", "neon", "go"}, name) {
		return fmt.Errorf("unknown kernels %q: give avx512, avx2, neon or go", name)
	}
	return fmt.Errorf("this CPU does not support the %s kernels; it supports %v", name, Levels())
}
