package wholefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File is one of a set: its name in the folder, and its content.
type File struct {
	Name string
	Data []byte
}

// WriteAll writes every file aside in dir, which is created where it does not exist, then renames one after the other. An
// error leaves earlier files as they were and no new folder behind; only a crash between two renames could leave new and
// old files together.
func WriteAll(dir string, files []File) (err error) {
	made, err := makeDir(dir)
	if err != nil {
		return err
	}
	var asides []string
	defer func() {
		for _, a := range asides {
			_ = os.Remove(a) // gone where it was renamed
		}
		if err != nil {
			for _, d := range made {
				_ = os.Remove(d) // only if empty
			}
		}
	}()
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if fi, err := os.Lstat(path); err == nil && fi.IsDir() {
			return fmt.Errorf("%s is a folder where a file should be: remove it or give another output folder", path)
		}
		a, err := aside(filepath.Join(dir, "."+f.Name))
		if err == nil {
			asides = append(asides, a.Name())
			_, err = a.Write(f.Data)
			if err == nil {
				err = a.Sync()
			}
			err = errors.Join(err, a.Close())
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	for i, f := range files {
		path := filepath.Join(dir, f.Name)
		if err := os.Rename(asides[i], path); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	syncDir(dir)
	return nil
}

// makeDir is MkdirAll that tells which folders it made, deepest first.
func makeDir(dir string) (made []string, err error) {
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		fi, err := os.Stat(d)
		if err == nil {
			if !fi.IsDir() {
				return nil, fmt.Errorf("%s is a file: remove it or give another folder", d)
			}
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		made = append(made, d)
		if d == filepath.Dir(d) {
			break
		}
	}
	return made, os.MkdirAll(dir, 0o755)
}
