package wholefile

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// suffix of the names of all files that are being written: .NAME.DIGITS.vzsl-tmp.
const suffix = ".vzsl-tmp"

// abandoned is the age at which such a file counts as a killed process's where locks do not tell: on Windows a locked file could not
// be written by another handle.
const abandoned = 24 * time.Hour

// temporary is a file that is being written. It is locked as long as its process lives, so that others leave it alone then and
// remove it afterwards.
type temporary struct {
	*os.File
	lock *flock.Flock
}

// Temporary opens a file for what need not outlive the process, in dir, of a name with the given one in it. remove closes and removes
// it; of a killed process it is removed by the next that writes there.
func Temporary(dir, name string) (f *os.File, remove func() error, err error) {
	_ = Sweep(dir)
	t, err := create(dir, name)
	if err != nil {
		return nil, nil, err
	}
	return t.File, func() error {
		err := t.Close()
		if errors.Is(err, os.ErrClosed) {
			err = nil
		}
		return errors.Join(err, t.remove())
	}, nil
}

// create makes a file that is not there yet, in the destination's own folder, never in $TMPDIR: a rename does not cross disks.
// os.CreateTemp would leave it readable by its owner alone.
func create(dir, name string) (*temporary, error) {
	prefix := filepath.Join(dir, "."+name+".")
	for range 1000 {
		f, err := os.OpenFile(prefix+strconv.FormatUint(uint64(rand.Uint32()), 10)+suffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		t := &temporary{File: f}
		if t.claim() {
			return t, nil
		}
		_ = f.Close() // another process has just swept it
	}
	return nil, fmt.Errorf("%s*%s: there are too many of them: remove what killed processes have left behind", prefix, suffix)
}

// claim locks the file. Where that is not possible it is nobody's to sweep.
func (t *temporary) claim() bool {
	if runtime.GOOS == "windows" {
		return true
	}
	t.lock = flock.New(t.Name(), flock.SetFlag(os.O_RDONLY))
	ok, err := t.lock.TryLock()
	if errors.Is(err, fs.ErrNotExist) || err == nil && !ok {
		return false
	}
	if err != nil {
		t.lock = nil
		return true
	}
	mine, err1 := t.lock.Stat()
	there, err2 := os.Stat(t.Name())
	return err1 == nil && err2 == nil && os.SameFile(mine, there)
}

func (t *temporary) release() {
	if t.lock != nil {
		_ = t.lock.Unlock()
	}
}

func (t *temporary) remove() error {
	err := os.Remove(t.Name())
	t.release()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// IsTemporary tells whether a name is that of a file that is, or was, being written.
func IsTemporary(name string) bool {
	return strings.HasPrefix(name, ".") && strings.HasSuffix(name, suffix)
}

// Sweep removes what killed processes were writing in dir, and leaves what living ones are. Of the names that are given it removes the
// files of earlier versions too, which tell neither from the other: nobody else may be writing these.
func Sweep(dir string, names ...string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if IsTemporary(e.Name()) {
			err = sweep(filepath.Join(dir, e.Name()), e)
		} else if old(e.Name(), names) {
			err = os.Remove(filepath.Join(dir, e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what an interrupted process left behind: %w", err)
		}
	}
	return nil
}

func old(file string, names []string) bool {
	for _, name := range names {
		if digits, ok := strings.CutPrefix(file, "."+name); ok {
			if _, err := strconv.ParseUint(digits, 10, 64); err == nil {
				return true
			}
		}
	}
	return false
}

func sweep(path string, e fs.DirEntry) error {
	if runtime.GOOS == "windows" {
		if st, err := e.Info(); err != nil || time.Since(st.ModTime()) < abandoned {
			return nil
		}
		return os.Remove(path)
	}
	l := flock.New(path, flock.SetFlag(os.O_RDONLY))
	if ok, err := l.TryLock(); err != nil || !ok {
		return nil // being written, or not to be known
	}
	err := os.Remove(path)
	_ = l.Unlock()
	return err
}
