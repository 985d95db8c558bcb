package wholefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// link is replaced in tests.
var link = os.Link

// same reports whether two names are of one file.
func same(a, b string) bool {
	x, err1 := os.Lstat(a)
	y, err2 := os.Lstat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// Create is Write that never replaces a file: if the file exists, or appears meanwhile, the error is fs.ErrExist. If several processes
// create the same file on a file system with hard links, exactly one succeeds.
func Create(path string, write func(w io.WriteSeeker) error) error {
	a, err := Prepare(path, write)
	if err != nil {
		return err
	}
	defer a.Discard()
	placed, err := placing(path, a.Name(), true)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err = link(a.Name(), path)
	if err != nil && same(a.Name(), path) { // it was done, and the server's answer lost: see Rename
		err = nil
	}
	if err != nil && !errors.Is(err, fs.ErrExist) { // a disk without hard links
		if _, there := os.Lstat(path); errors.Is(there, fs.ErrNotExist) {
			err = Rename(a.Name(), path)
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, Vanished(a.Name(), err))
	}
	SyncDir(filepath.Dir(path))
	return placed()
}
