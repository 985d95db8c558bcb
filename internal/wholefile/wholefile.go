// Package wholefile writes files that appear whole or not at all, on every system that Go builds for.
package wholefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write writes the file at path, and creates its folder if needed: write writes to a temporary file, which is synced and renamed. If
// anything fails, the previous file stays. What killed processes left in the folder is removed. The error names path.
func Write(path string, write func(w io.WriteSeeker) error) error {
	a, err := Prepare(path, write)
	if err != nil {
		return err
	}
	if err := a.Commit(); err != nil {
		return err
	}
	SyncDir(filepath.Dir(path))
	return nil
}

// Bytes writes a file of the given bytes.
func Bytes(path string, data []byte) error {
	return Write(path, func(w io.WriteSeeker) error {
		_, err := w.Write(data)
		return err
	})
}

// Aside is a file that is complete and on the disk, but not yet in its place.
type Aside struct {
	path string
	t    *temporary
}

// Move prepares a complete, synced file elsewhere on the same file system to be moved to path.
func Move(from, path string) (*Aside, error) {
	if fi, err := os.Lstat(path); err == nil && fi.IsDir() {
		return nil, fmt.Errorf("%s is a folder where a file should be: remove it or choose another place", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return &Aside{path, &temporary{name: from}}, nil
}

// Prepare is the first half of Write: Commit or Discard must follow.
func Prepare(path string, write func(w io.WriteSeeker) error) (a *Aside, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	if fi, err := os.Lstat(path); err == nil && fi.IsDir() {
		return nil, errors.New("it is a folder where a file should be: remove it or choose another place")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	_ = Sweep(dir) // a folder that cannot be read may still be writable
	t, err := create(dir, name)
	if err != nil {
		return nil, Vanished(dir, err)
	}
	err = write(t.File)
	if err == nil {
		err = Sync(t.File)
	}
	if err = errors.Join(err, t.Close()); err != nil {
		return nil, errors.Join(err, t.remove())
	}
	return &Aside{path, t}, nil
}

// Name is the temporary file's name.
func (a *Aside) Name() string { return a.t.name }

// Placing, if set, is called for every file before it is renamed into its place: for a folder that mirrors one in a store, where the
// content of aside is then stored first. create: an existing file may not be replaced, the error is then fs.ErrExist. placed
// is called when the file is in its place.
var Placing func(path, aside string, create bool) (placed func() error, err error)

func placing(path, aside string, create bool) (func() error, error) {
	if Placing == nil {
		return func() error { return nil }, nil
	}
	return Placing(path, aside, create)
}

// Commit puts the file in its place; it is there for good after SyncDir.
func (a *Aside) Commit() error {
	placed, err := placing(a.path, a.Name(), false)
	if err != nil {
		return fmt.Errorf("write %s: %w", a.path, errors.Join(err, a.t.remove()))
	}
	if err := Rename(a.t.name, a.path); err != nil {
		return fmt.Errorf("write %s: %w", a.path, errors.Join(Vanished(a.t.name, err), a.t.remove()))
	}
	a.t.release()
	return placed()
}

// Vanished explains an error about a file that this process created and that no longer exists: nobody else removes it, so its folder
// must be gone.
func Vanished(path string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, there := os.Lstat(path); !errors.Is(there, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("its folder was removed or replaced while it was written, or its file system is no longer mounted (%w); mount it and run the same command again", err)
}

// rename is replaced in tests.
var rename = os.Rename

// Rename is os.Rename for file servers whose reply may be lost: over NFS a completed rename can be reported as failed when it is
// sent again and the old name is gone. It was completed if the new name is the file that the old one was and the old name does not exist.
func Rename(from, to string) error {
	was, unknown := os.Lstat(from)
	err := rename(from, to)
	if err == nil || unknown != nil {
		return err
	}
	if now, e := os.Lstat(to); e != nil || !os.SameFile(was, now) {
		return err
	}
	if _, e := os.Lstat(from); !errors.Is(e, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Discard removes the file; after Commit it does nothing.
func (a *Aside) Discard() { _ = a.t.remove() }
