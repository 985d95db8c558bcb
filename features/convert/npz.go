package convert

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// openNPZ opens a NumPy archive as a table of a column per array. An array is read as it lies there where it is stored, from a
// temporary copy where it is compressed.
func openNPZ(path string, o Options) (Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t, err := npzTable(path, f, o)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	t.close = f.Close
	return t, nil
}

func npzTable(path string, f *os.File, o Options) (*npyTable, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	z, err := zip.NewReader(f, st.Size())
	if err != nil {
		return nil, fmt.Errorf("%s is not a NumPy archive (.npz): %w", path, err)
	}
	t := &npyTable{path: path}
	var entries []*zip.File
	for _, e := range z.File {
		name, ok := strings.CutSuffix(e.Name, ".npy")
		if !ok {
			if strings.HasSuffix(e.Name, "/data.pkl") || e.Name == "data.pkl" {
				return nil, fmt.Errorf("%s is a PyTorch file: save its tensor with numpy.save(file, x.numpy())", path)
			}
			continue
		}
		c, err := npzColumn(e, name, o.List)
		if err != nil {
			return nil, fmt.Errorf("%s:%s: %w", path, name, err)
		}
		t.columns, entries = append(t.columns, c), append(entries, e)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%s holds no NumPy arrays", path)
	}
	t.arrays = make([]*npyArray, len(entries))
	t.open = func(i int) (*npyArray, error) { return npzArray(path, f, st.Size(), entries[i], o.Temp) }
	return t, nil
}

// npzColumn reads the header of an array. One that cannot be read is a column that says why.
func npzColumn(e *zip.File, name string, list bool) (Column, error) {
	r, err := e.Open()
	if err != nil {
		return Column{}, err
	}
	defer r.Close()
	h, err := readNPYHeader(r)
	if err != nil {
		return Column{Name: name, Kind: Other, Type: "array", Width: 1, Why: err.Error()}, nil
	}
	c, err := (&npyArray{npyHeader: *h, path: name}).column(name, list)
	if err != nil {
		c = Column{Name: name, Kind: Other, Type: h.descr, Width: 1, Why: err.Error()}
	}
	return c, nil
}

func npzArray(path string, f *os.File, size int64, e *zip.File, temp string) (*npyArray, error) {
	at := path + ":" + strings.TrimSuffix(e.Name, ".npy")
	if e.Method != zip.Store {
		return inflated(at, e, temp)
	}
	from, err := e.DataOffset()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	n := int64(e.UncompressedSize64)
	if n < 0 || from+n > size {
		return nil, fmt.Errorf("%s: the file is truncated", at)
	}
	return npyFrom(at, io.NewSectionReader(f, from, n), n)
}

// inflated copies an entry to a temporary file.
func inflated(at string, e *zip.File, temp string) (*npyArray, error) {
	r, err := e.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	defer r.Close()
	tmp, err := temporary(temp)
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
