//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package features

import (
	"errors"
	"os"
	"syscall"
)

func lockFile(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errLocked
		case errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.ENOLCK):
			return nil // a file system without locks: go on without
		}
		return err
	}
}

// removeLock is called with the lock held; who waits for the file notices that it has gone.
func removeLock(f *os.File) { _ = os.Remove(f.Name()) }
