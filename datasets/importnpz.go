package datasets

import (
	"archive/zip"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"vzsl/features"
)

// ImportNPZ makes shards of a matrix of a NumPy archive, one row per image. Variable names the array; it may be left out
// where the archive holds one matrix.
func ImportNPZ(ctx context.Context, o Import) (*features.Manifest, error) {
	a, err := openNPZ(o.Features, o.Variable)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	defer a.close()
	return o.npy(ctx, a, "import npz")
}

// openNPZ opens one array of an archive: as it lies there where it is stored, from a temporary copy
// where it is compressed. No name means the only array, or else the only matrix of floating point.
func openNPZ(path, name string) (*npyArray, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	a, err := npzArray(path, f, name)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	if a.f == nil {
		a.f = f
	} else if err := f.Close(); err != nil { // the copy is open
		return nil, err
	}
	return a, nil
}

func npzArray(path string, f *os.File, name string) (*npyArray, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return nil, fmt.Errorf("%s is a folder; a .npz file is wanted", path)
	}
	z, err := zip.NewReader(f, st.Size())
	if err != nil {
		return nil, fmt.Errorf("%s is not a NumPy archive (.npz): %w; a single array is imported with import npy, text with import csv", path, err)
	}
	entry, err := npzEntry(path, z, name)
	if err != nil {
		return nil, err
	}
	at := path + ":" + strings.TrimSuffix(entry.Name, ".npy")
	if entry.Method == zip.Store {
		from, err := entry.DataOffset()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		size := int64(entry.UncompressedSize64)
		if size < 0 || from+size > st.Size() {
			return nil, fmt.Errorf("%s: it was cut off", at)
		}
		return npyFrom(at, io.NewSectionReader(f, from, size), size)
	}
	return inflated(at, entry)
}

// npzEntry finds an array by its name, with or without .npy.
func npzEntry(path string, z *zip.Reader, name string) (*zip.File, error) {
	var names []string
	var matrices []*zip.File
	for _, e := range z.File {
		short := strings.TrimSuffix(e.Name, ".npy")
		if name != "" && (short == name || e.Name == name) {
			return e, nil
		}
		names = append(names, short)
		if name == "" && npzMatrix(e) {
			matrices = append(matrices, e)
		}
	}
	switch {
	case name != "":
		return nil, fmt.Errorf("%s: no array is called %q; there are %s", path, name, strings.Join(names, ", "))
	case len(matrices) == 1:
		return matrices[0], nil
	}
	return nil, fmt.Errorf("%s: which array is meant (--variable)? there are %s", path, strings.Join(names, ", "))
}

// npzMatrix says whether an entry is a matrix of floating point.
func npzMatrix(e *zip.File) bool {
	r, err := e.Open()
	if err != nil {
		return false
	}
	defer r.Close()
	h, err := readNPYHeader(r)
	if err != nil || h.kind != 'f' {
		return false
	}
	long := 0
	for _, n := range h.shape {
		if n > 1 {
			long++
		}
	}
	return long > 1
}

// inflated copies an entry to a temporary file.
func inflated(at string, e *zip.File) (*npyArray, error) {
	r, err := e.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	defer r.Close()
	tmp, err := temporary("")
	if err != nil {
		return nil, err
	}
	n, err := io.Copy(tmp, r)
	if err != nil {
		_ = tmp.Close()
		if c := flate.CorruptInputError(0); errors.As(err, &c) || errors.Is(err, zip.ErrChecksum) {
			return nil, fmt.Errorf("%s: damaged: %w", at, err)
		}
		return nil, fmt.Errorf("%s: unpack it: %w", at, err)
	}
	a, err := npyFrom(at, tmp, n)
	if err != nil {
		_ = tmp.Close()
		return nil, err
	}
	a.f = tmp
	return a, nil
}

// temporary makes a file in dir ("": where temporary files go) that is gone once it is closed, also by a crash where the
// system lets an open file be removed.
func temporary(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".vzsl-import-*")
	if err != nil {
		return nil, fmt.Errorf("a temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		// Windows: it stays until somebody tidies the folder.
		return f, nil //nolint:nilerr // the file can be used all the same
	}
	return f, nil
}
