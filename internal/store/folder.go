package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Folder is a local folder as a store; "" takes keys for paths.
type Folder string

func (d Folder) path(key string) string { return filepath.Join(string(d), filepath.FromSlash(key)) }

// URL is the path of a file.
func (d Folder) URL(key string) string { return d.path(key) }

// Stat describes a file; of a folder it is an error.
func (d Folder) Stat(_ context.Context, key string) (Info, error) {
	st, err := os.Stat(d.path(key)) // before opening: opening a named pipe may block forever
	switch {
	case err != nil:
		return Info{}, err
	case !st.Mode().IsRegular():
		return Info{}, fmt.Errorf("%s: not a regular file", d.path(key))
	}
	return folderInfo(key, st), nil
}

func folderInfo(key string, st fs.FileInfo) Info {
	return Info{Key: key, Size: st.Size(), Version: fmt.Sprintf("%d-%d", st.Size(), st.ModTime().UnixNano()), Modified: st.ModTime(), Ranges: true}
}

// Read opens a file.
func (d Folder) Read(_ context.Context, key, version string, offset, length int64) (io.ReadCloser, error) {
	f, err := os.Open(d.path(key))
	if err != nil {
		return nil, err
	}
	if version != "" {
		if st, err := f.Stat(); err != nil || folderInfo(key, st).Version != version {
			_ = f.Close()
			return nil, errors.Join(err, &ChangedError{d.path(key)})
		}
	}
	if offset > 0 {
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			_ = f.Close()
			return nil, err
		}
	}
	if length < 0 {
		return f, nil
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(f, length), f}, nil
}

// List walks the folder. Names that begin with a dot are left out.
func (d Folder) List(ctx context.Context, prefix string) ([]Info, error) {
	from := d.path(prefix)
	if !strings.HasSuffix(prefix, "/") && prefix != "" {
		from = filepath.Dir(from)
	}
	var all []Info
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			if path == from && errors.Is(err, fs.ErrNotExist) {
				return fs.SkipAll
			}
			return err
		}
		if path != from && strings.HasPrefix(e.Name(), ".") {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		rel := path
		if d != "" {
			if rel, err = filepath.Rel(string(d), path); err != nil {
				return err
			}
		}
		key := filepath.ToSlash(rel)
		if e.IsDir() {
			return nil
		}
		st, err := e.Info()
		if err == nil && strings.HasPrefix(key, prefix) && st.Mode().IsRegular() {
			all = append(all, folderInfo(key, st))
		}
		return err
	})
	slices.SortFunc(all, func(a, b Info) int { return strings.Compare(a.Key, b.Key) })
	return all, err
}
