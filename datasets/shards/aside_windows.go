package shards

import (
	"fmt"
	"os"
	"path/filepath"
)

// aside is a file being written beside its destination, in the same folder, under a hidden name.
type aside struct {
	*os.File
	path string
	done bool
}

func createAside(path string) (*aside, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"*")
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	return &aside{File: f, path: path}, nil
}

// commit syncs the file and renames it to its destination.
func (a *aside) commit() error {
	if err := a.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", a.path, err)
	}
	if err := a.Close(); err != nil {
		return fmt.Errorf("write %s: %w", a.path, err)
	}
	if err := os.Rename(a.Name(), a.path); err != nil {
		return fmt.Errorf("write %s: %w", a.path, err)
	}
	a.done = true
	return nil
}

// drop removes the file unless it was committed.
func (a *aside) drop() {
	if !a.done {
		_ = a.Close()
		_ = os.Remove(a.Name())
	}
}
