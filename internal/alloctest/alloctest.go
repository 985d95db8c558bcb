// Package alloctest lets tests bound what a reader allocates: bytes in all, freed ones too, so that an allocation by a false header is found
// even if the memory is never touched.
package alloctest

import (
	"runtime"
	"testing"
)

// AtMost fails the test where do allocates more than most bytes. Other goroutines count too: use it where none run.
func AtMost(t testing.TB, most int, do func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > uint64(most) {
		t.Fatalf("%d bytes allocated, %d at most are justified", allocated, most)
	}
}
