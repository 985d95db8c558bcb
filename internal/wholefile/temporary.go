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
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// suffix of the names of all files that are being written: .NAME.DIGITS.vzsl-tmp.
const suffix = ".vzsl-tmp"

// abandoned is the age at which such a file is considered left by a killed process where locks cannot decide it: on Windows a locked file could not
// be written by another handle.
const abandoned = 24 * time.Hour

// temporary is a file that is being written. It is locked as long as its process lives, so that other processes leave it alone until then and
// remove it afterwards.
type temporary struct {
	*os.File
	name string
	lock *flock.Flock
}

// Temporary creates a temporary file in dir whose name contains the given one. remove closes and removes it; if the process is killed,
// the next process that writes there removes it.
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

// TemporaryDir creates a temporary folder in dir whose name contains the given one. remove removes it with its content; if the process is
// killed, the next process that writes in dir removes it.
func TemporaryDir(dir, name string) (path string, remove func() error, err error) {
	_ = Sweep(dir)
	for range 1000 {
		path := temporaryName(dir, name)
		if err := os.Mkdir(path, 0o755); errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return "", nil, err
		}
		var l *flock.Flock
		if runtime.GOOS != "windows" {
			l = flock.New(filepath.Join(path, dirLock), flock.SetFlag(os.O_RDWR|os.O_CREATE))
			if ok, err := l.TryLock(); errors.Is(err, fs.ErrNotExist) || err == nil && !ok {
				continue // another process has just removed it
			}
		}
		return path, func() error {
			err := os.RemoveAll(path)
			if l != nil {
				_ = l.Unlock()
			}
			return err
		}, nil
	}
	return "", nil, tooMany(dir, name)
}

// dirLock is the file in a temporary folder that is locked while its process runs.
const dirLock = ".lock"

func temporaryName(dir, name string) string {
	return filepath.Join(dir, "."+name+"."+strconv.FormatUint(uint64(rand.Uint32()), 10)+suffix)
}

func tooMany(dir, name string) error {
	return fmt.Errorf("%s*%s: too many such files: remove those of killed processes", filepath.Join(dir, "."+name+"."), suffix)
}

// create creates a new file in the destination's own folder, never in $TMPDIR: a rename cannot cross file systems.
// os.CreateTemp would leave it readable by its owner alone.
func create(dir, name string) (*temporary, error) {
	for range 1000 {
		f, err := os.OpenFile(temporaryName(dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		t := &temporary{File: f, name: f.Name()}
		mine, err := t.claim()
		if mine {
			return t, nil
		}
		_ = f.Close() // another process has just removed it, or:
		t.release()
		if err != nil {
			return nil, errors.Join(err, t.remove())
		}
	}
	return nil, tooMany(dir, name)
}

// claim locks the file. If the file system does not support locks nobody removes it; if locking fails for another reason, such as too
// many open files, it would be removed as if its process had been killed, also by this process.
func (t *temporary) claim() (bool, error) {
	if runtime.GOOS == "windows" {
		return true, nil
	}
	t.lock = flock.New(t.name, flock.SetFlag(os.O_RDONLY))
	ok, err := t.lock.TryLock()
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && !ok:
		return false, nil
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.ENOLCK):
		t.lock = nil
		return true, nil
	case err != nil:
		t.lock = nil
		return false, err
	}
	mine, err1 := t.lock.Stat()
	there, err2 := stat(t.name)
	if errors.Is(err2, fs.ErrNotExist) {
		return false, nil
	}
	if err := errors.Join(err1, err2); err != nil {
		return false, err
	}
	return os.SameFile(mine, there), nil
}

// stat is replaced in tests.
var stat = os.Stat

func (t *temporary) release() {
	if t.lock != nil {
		_ = t.lock.Unlock()
	}
}

func (t *temporary) remove() error {
	err := os.Remove(t.name)
	t.release()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// IsTemporary reports whether a name is that of a file that is, or was, being written.
func IsTemporary(name string) bool {
	return strings.HasPrefix(name, ".") && strings.HasSuffix(name, suffix)
}

// Sweep removes what killed processes were writing in dir and leaves what running ones are writing. For the given names it also removes
// the files of earlier versions, which do not distinguish the two: no other process may be writing these.
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
			return fmt.Errorf("remove the unfinished files of an interrupted process: %w", err)
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
	st, err := e.Info()
	if err != nil {
		return nil //nolint:nilerr // removed meanwhile
	}
	age := time.Since(st.ModTime())
	if runtime.GOOS == "windows" {
		if age < abandoned {
			return nil
		}
		return os.RemoveAll(path)
	}
	locked := path
	if e.IsDir() {
		locked = filepath.Join(path, dirLock)
	}
	l := flock.New(locked, flock.SetFlag(os.O_RDONLY))
	switch ok, err := l.TryLock(); {
	case e.IsDir() && errors.Is(err, fs.ErrNotExist) && age > time.Minute: // killed before it could lock it
	case err != nil || !ok:
		return nil //nolint:nilerr // being written, or unknown
	}
	err = os.RemoveAll(path)
	_ = l.Unlock()
	return err
}
