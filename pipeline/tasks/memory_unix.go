//go:build unix

package tasks

import (
	"runtime"
	"syscall"
)

// peakMB returns the peak memory of this process in MB; 0: not known.
func peakMB() int {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int(u.Maxrss >> 20)
	}
	return int(u.Maxrss >> 10)
}
