package filetest

import (
	"os"
	"testing"
)

// Slow skips a test of many seconds, of commands that are killed or run side by side, say, unless VZSL_SLOW=1 or VZSL_LONG=1:
// 'make test' is for every change, 'make test-slow' for a change that is to be merged.
func Slow(t testing.TB) {
	t.Helper()
	if os.Getenv("VZSL_SLOW") == "" && os.Getenv("VZSL_LONG") == "" {
		t.Skip("make test-slow runs it")
	}
}
