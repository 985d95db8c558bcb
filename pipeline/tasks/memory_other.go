//go:build !unix

package tasks

// peakMB returns the peak memory of this process in MB; 0: not known.
func peakMB() int { return 0 }
