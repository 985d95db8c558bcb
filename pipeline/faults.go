package pipeline

import (
	"errors"
	"runtime"
	"strings"
	"syscall"
)

// advice is what to do about a fault of the system under an error: of a disk, a mount, a limit. "" where there is none, or where the
// error says it already.
func advice(err error) string {
	var fault syscall.Errno
	if !errors.As(err, &fault) || strings.Contains(err.Error(), "make room") {
		return ""
	}
	const again = "run the same command again: it resumes where it stopped"
	if runtime.GOOS == "windows" {
		switch fault {
		case 39, 112: // ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL
			return "the disk is full: make room and " + again
		case 1117, 23: // ERROR_IO_DEVICE, ERROR_CRC
			return "the disk could not be read or written: check it, then " + again
		}
		return ""
	}
	switch fault {
	case syscall.ENOSPC:
		return "the disk is full: make room and " + again
	case syscall.EDQUOT:
		return "the quota is used up: make room and " + again
	case syscall.EIO:
		return "the disk could not be read or written: see the system's log (dmesg); repair it, then " + again
	case syscall.EROFS:
		return "the file system is read-only, perhaps after a disk fault: make it writable, then " + again
	case syscall.ESTALE, syscall.ENOTCONN, syscall.ENODEV, syscall.ENXIO, syscall.ESHUTDOWN, syscall.EHOSTDOWN, syscall.ETIMEDOUT:
		return "the file system is gone: mount it, then " + again
	case syscall.EMFILE:
		return "the limit of open files is too low: raise it (ulimit -n 1024), then " + again
	case syscall.ENFILE:
		return "the system has too many open files: close other programs, then " + again
	case syscall.ENOMEM:
		return "there is not enough memory: give a smaller --batch or fewer --workers, if the command has these flags"
	}
	return ""
}
