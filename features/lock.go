package features

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const lockName = ".lock"

var errLocked = errors.New("locked")

// dirLock keeps a second run out of a folder. The operating system drops it when the process ends, however it ends, so a
// lock file left behind by a killed run means nothing.
type dirLock struct{ f *os.File }

func lockDir(dir string) (*dirLock, error) {
	path := filepath.Join(dir, lockName)
	for range 10 {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, fmt.Errorf("cannot write in %s: %w", dir, err)
		}
		if err := lockFile(f); err != nil {
			_ = f.Close()
			if errors.Is(err, errLocked) {
				return nil, fmt.Errorf("another run is writing into %s: wait for it to end or stop it", dir)
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		// The run before us may have removed the file between our open and our lock.
		mine, err1 := f.Stat()
		there, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			return &dirLock{f}, nil
		}
		_ = f.Close()
	}
	return nil, fmt.Errorf("lock %s: the file keeps changing", path)
}

func (l *dirLock) release() error {
	if l == nil || l.f == nil {
		return nil
	}
	removeLock(l.f)
	err := l.f.Close()
	l.f = nil
	return err
}
