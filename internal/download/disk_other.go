//go:build !unix

package download

import (
	"errors"
	"syscall"
)

func freeSpace(string) (free int64, known bool) { return 0, false }

// errnoDiskFull is ERROR_DISK_FULL.
const errnoDiskFull = syscall.Errno(112)

func isFull(err error) bool { return errors.Is(err, errnoDiskFull) }

func syncFolder(string) error { return nil }
