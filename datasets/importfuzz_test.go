package datasets

import (
	"os"
	"path/filepath"
	"testing"

	"vzsl/internal/alloctest"
)

// FuzzNPZ: no bytes make the archive reader panic, and what it opens can be read.
func FuzzNPZ(f *testing.F) {
	for _, name := range []string{"features.npz", "features_compressed.npz", "c_f4.npy"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, "x")
		f.Add(b, "")
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte, name string) {
		path := filepath.Join(dir, "x.npz")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		var a *npyArray
		var err error
		// An entry is inflated into a file; what each is, its own header says.
		alloctest.AtMost(t, (1<<17+maxNPYHeader)*(2+len(b)/64)+64*len(b), func() { a, err = openNPZ(path, name) })
		if err != nil {
			return
		}
		defer a.close()
		there := a.elements() * a.item
		alloctest.AtMost(t, 1<<20+64*there, func() {
			_, _ = a.integers()
			_, _ = a.texts()
			if rows, dim, err := a.rowsAndColumns(); err == nil && a.kind == 'f' {
				if err := a.readRows(rows, dim, 0, rows, make([]float32, rows*dim)); err != nil {
					t.Error(err)
				}
			}
		})
	})
}

// FuzzText: no text makes the reader of AwA's features panic or take anything but numbers.
func FuzzText(f *testing.F) {
	for _, s := range []string{"1 2 3\n", " 0.5,1e-3\r\n-7\t8", "x", "1e999", "nan inf", ""} {
		f.Add(s)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, s string) {
		if err := os.WriteFile(filepath.Join(dir, "x.txt"), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		folder := &textFolder{dir: dir, files: []string{"x.txt"}}
		if v, err := folder.values(0, nil); err == nil && (len(v) == 0 || len(v) > len(s)) {
			t.Errorf("%d values of %q", len(v), s)
		}
	})
}
