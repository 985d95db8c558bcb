//go:build !unix

package tasks

// peakMB is the most memory that this process has had; 0: not known.
func peakMB() int { return 0 }
