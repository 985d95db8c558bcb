// Package lookup finds files and distinguishes missing ones from those that cannot be accessed. os.Stat returns an error for both,
// and filepath.Glob silently leaves out what it may not read, so that "permission denied" and "too many open files" look
// like an empty folder.
package lookup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Absent reports whether an error means that a file does not exist, or that its parent is not a folder.
func Absent(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }

// Exists reports whether a file or folder exists; the error says why that is unknown.
func Exists(path string) (bool, error) {
	switch _, err := os.Stat(path); {
	case err == nil:
		return true, nil
	case Absent(err):
		return false, nil
	default:
		return false, err
	}
}

// Open opens a file and gives its size. A folder is refused; what, such as "a CSV file", says what was expected.
func Open(path, what string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = fmt.Errorf("%s is a folder; expected %s", path, what)
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, st.Size(), nil
}

// Below lists what matches a pattern below a folder, sorted by name; the parts between slashes are patterns of
// filepath.Match. A missing folder is empty; one that cannot be read is an error.
func Below(dir, pattern string) ([]string, error) {
	found := []string{dir}
	for part := range strings.SplitSeq(pattern, "/") {
		var next []string
		for _, d := range found {
			names, err := matching(d, part)
			if err != nil {
				return nil, err
			}
			next = append(next, names...)
		}
		found = next
	}
	return found, nil
}

func matching(dir, pattern string) ([]string, error) {
	if !strings.ContainsAny(pattern, `*?[\`) {
		path := filepath.Join(dir, pattern)
		if ok, err := Exists(path); err != nil || !ok {
			return nil, err
		}
		return []string{path}, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !Absent(err) {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		ok, err := filepath.Match(pattern, e.Name())
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, filepath.Join(dir, e.Name()))
		}
	}
	return found, nil
}
