package wholefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Create is Write that never replaces a file: where one is there, before or by then, the error is fs.ErrExist. Of several processes
// that create one file, on disks that know hard links one alone succeeds.
func Create(path string, write func(w io.WriteSeeker) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	dir, name := filepath.Split(path)
	if err := os.MkdirAll(filepath.Clean(dir), 0o755); err != nil {
		return err
	}
	f, err := aside(filepath.Join(dir, "."+name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removed(f.Name())) }()
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) { // a disk without hard links
		if _, there := os.Lstat(path); errors.Is(there, fs.ErrNotExist) {
			err = os.Rename(f.Name(), path)
		}
	}
	if err == nil {
		syncDir(filepath.Clean(dir))
	}
	return err
}

// removed removes a file that may not be there.
func removed(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
