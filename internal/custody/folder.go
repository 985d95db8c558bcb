package custody

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/internal/lock"
	"vzsl/internal/wholefile"
)

// Folder is a folder that this process alone writes into, until Close.
type Folder struct {
	dir  string
	lock *lock.Lock
	of   list
	disk []byte // the list as it is on the disk; nil: there is none
}

// Open locks a folder for writing, making it where it does not exist, and reads its list. What killed processes were writing in it, and
// in the folders sub below it, is removed. The files of a folder without a list, of version 0.1.0, are listed as they are. With anew a
// damaged list is not an error; the files that it listed are then not listed.
func Open(ctx context.Context, dir string, anew bool, sub ...string) (*Folder, error) {
	l, err := lock.Take(ctx, dir)
	if err != nil {
		return nil, err
	}
	f := &Folder{dir: dir, lock: l}
	if err := f.open(anew, sub); err != nil {
		return nil, errors.Join(err, l.Release())
	}
	return f, nil
}

func (f *Folder) open(anew bool, sub []string) error {
	folders := append([]string{"."}, sub...)
	for _, s := range folders {
		if err := wholefile.Sweep(filepath.Join(f.dir, s)); err != nil {
			return err
		}
	}
	var err error
	f.of, err = read(f.dir)
	switch {
	case anew && IsDamaged(err):
		f.of = list{}
		return nil
	case err != nil:
		return err
	case f.of == nil:
		f.of = list{}
		return f.adopt(folders)
	}
	f.disk = f.of.encode()
	return f.resolve()
}

// adopt adds the files of a folder of version 0.1.0 to the list.
func (f *Folder) adopt(folders []string) error {
	for _, s := range folders {
		entries, err := os.ReadDir(filepath.Join(f.dir, s))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			sum, err := SHA256(filepath.Join(f.dir, s, e.Name()))
			if err != nil {
				return err
			}
			f.of[filepath.ToSlash(filepath.Join(s, e.Name()))] = []string{sum}
		}
	}
	return nil
}

// resolve decides for each file that a killed process was replacing which checksum holds.
func (f *Folder) resolve() error {
	for name, sums := range f.of {
		there, err := os.Lstat(f.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			delete(f.of, name)
			continue
		}
		if err != nil {
			return err
		}
		if len(sums) < 2 || !there.Mode().IsRegular() {
			continue
		}
		have, err := SHA256(f.path(name))
		if err != nil {
			return err
		}
		if slices.Contains(sums, have) {
			f.of[name] = []string{have}
		}
	}
	return nil
}

func (f *Folder) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

// Dir is the folder's path.
func (f *Folder) Dir() string { return f.dir }

// save writes the list if it differs from the one on the disk. It is durable when save returns: files are changed only after that.
func (f *Folder) save(l list, durable bool) error {
	b := l.encode()
	if bytes.Equal(b, f.disk) {
		return nil
	}
	if err := f.lock.Check(); err != nil {
		return err
	}
	a, err := wholefile.Prepare(filepath.Join(f.dir, Name), Bytes(Name, b).Write)
	if err == nil {
		err = a.Commit()
	}
	if err != nil {
		return err
	}
	if durable {
		wholefile.SyncDir(f.dir)
	}
	f.disk = b
	return nil
}

// File is one to be written: its name in the folder, with slashes, and what writes it, or the path of a file on the same disk that is
// complete, synced and to be moved there.
type File struct {
	Name  string
	Write func(w io.WriteSeeker) error
	From  string
}

// Bytes is a file of the given bytes.
func Bytes(name string, data []byte) File {
	return File{Name: name, Write: func(w io.WriteSeeker) error {
		_, err := w.Write(data)
		return err
	}}
}

func (f *Folder) prepare(file *File) (*wholefile.Aside, error) {
	if file.From != "" {
		return wholefile.Move(file.From, f.path(file.Name))
	}
	return wholefile.Prepare(f.path(file.Name), file.Write)
}

// Write writes files, all of them before any is renamed into its place: an error until then leaves what was there as it was.
func (f *Folder) Write(files ...File) (err error) {
	if err := f.lock.Check(); err != nil {
		return err
	}
	var asides []*wholefile.Aside
	defer func() {
		for _, a := range asides {
			a.Discard() // does nothing if it was renamed
		}
	}()
	now := list{}
	for name, sums := range f.of {
		now[name] = slices.Clone(sums)
	}
	sums := make([]string, len(files))
	for i, file := range files {
		a, err := f.prepare(&file)
		if err != nil {
			return err
		}
		asides = append(asides, a)
		if sums[i], err = SHA256(a.Name()); err != nil {
			return fmt.Errorf("write %s: %w", f.path(file.Name), wholefile.Vanished(a.Name(), err))
		}
		if !slices.Contains(now[file.Name], sums[i]) {
			now[file.Name] = append(now[file.Name], sums[i])
		}
	}
	if err := f.save(now, true); err != nil {
		return err
	}
	folders := map[string]bool{}
	f.of = now // what is not committed below keeps both sums
	for i, a := range asides {
		if err := a.Commit(); err != nil {
			return err
		}
		f.of[files[i].Name] = []string{sums[i]}
		folders[filepath.Dir(f.path(files[i].Name))] = true
	}
	for dir := range folders {
		wholefile.SyncDir(dir)
	}
	return nil
}

// List adds a file that was written line by line to the list, as it is now.
func (f *Folder) List(name string) error {
	sum, err := SHA256(f.path(name))
	if err != nil {
		return err
	}
	f.of[name] = []string{sum}
	return nil
}

// Listed reports whether a file is on the list.
func (f *Folder) Listed(name string) bool { return len(f.of[name]) > 0 }

// Check checks a file against the list, if it is listed.
func (f *Folder) Check(name string) error {
	if !f.Listed(name) {
		return nil
	}
	have, err := SHA256(f.path(name))
	if err == nil && !slices.Contains(f.of[name], have) {
		err = &DamagedError{Path: f.path(name), Why: why(f.of[name], have)}
	}
	return err
}

// Forget removes files from the list, before they are changed in place.
func (f *Folder) Forget(names ...string) error {
	for _, name := range names {
		delete(f.of, name)
	}
	return f.save(f.of, true)
}

// Remove removes files; those that do not exist are ignored.
func (f *Folder) Remove(names ...string) error {
	for _, name := range names {
		if err := os.Remove(f.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		delete(f.of, name)
	}
	if len(f.of) == 0 { // no files, no list
		if err := os.Remove(filepath.Join(f.dir, Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		f.disk = nil
		return nil
	}
	return f.save(f.of, true)
}

// Close writes the list as the files are now and lets others write. A folder into which nothing was written gets no list.
func (f *Folder) Close() error {
	if f.lock == nil {
		return nil
	}
	var err error
	if f.disk != nil {
		err = f.save(f.of, false)
	}
	err = errors.Join(err, f.lock.Release())
	f.lock = nil
	return err
}

// WriteAll writes files into a folder: Open, Write and Close in one call. Damaged files there are replaced.
func WriteAll(ctx context.Context, dir string, files ...File) error {
	f, err := Open(ctx, dir, true)
	if err != nil {
		return err
	}
	err = f.Write(files...)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}
