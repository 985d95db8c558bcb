package convert

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vzsl/internal/alloctest"
)

// fuzzTable: no bytes make a reader panic or take memory beyond what is there, and what it opens can be read or is refused.
func fuzzTable(f *testing.F, ext string, base int, seeds ...[]byte) {
	for _, b := range seeds {
		f.Add(b, len(b)%2 == 0)
	}
	dir := fuzzDir(f)
	most := mostAtOnce
	mostAtOnce = 4 << 20
	f.Cleanup(func() { mostAtOnce = most })
	f.Fuzz(func(t *testing.T, b []byte, list bool) {
		path := filepath.Join(dir, "x"+ext)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		var tab Table
		var err error
		alloctest.AtMost(t, base+1024*len(b), func() { tab, err = Open(path, Options{List: list, Temp: dir}) })
		if err != nil {
			if !strings.Contains(err.Error(), "x"+ext) {
				t.Errorf("%q does not name the file", err)
			}
			return
		}
		readAll(t, tab)
		if err := tab.Close(); err != nil {
			t.Error(err)
		}
	})
}

// fuzzDir is a folder in memory where there is one: what is fuzzed is the reader, not the disk.
func fuzzDir(f *testing.F) string {
	if dir, err := os.MkdirTemp("/dev/shm", "vzsl-fuzz-*"); err == nil {
		f.Cleanup(func() { _ = os.RemoveAll(dir) })
		return dir
	}
	return f.TempDir()
}

// readAll reads whatever a table says it has.
func readAll(t *testing.T, tab Table) {
	t.Helper()
	for i, c := range tab.Columns() {
		if c.Rows < 1 || c.Width < 1 {
			if c.Kind != Other {
				t.Errorf("%+v", c)
			}
			continue
		}
		if c.Rows > 1<<16 || c.Rows*c.Width > 1<<18 { // what a damaged header claims of a file that compresses well
			continue
		}
		if c.Kind != Other && c.Width == 1 {
			if all, err := tab.Texts(i); err == nil && len(all[0]) != c.Rows && !c.List {
				t.Errorf("%d texts of %+v", len(all[0]), c)
			}
		}
		if c.Kind.numeric() {
			v, err := tab.Values(i)
			if err != nil {
				continue
			}
			_ = v.Read(context.Background(), 0, c.Rows, make([]float32, c.Rows*c.Width))
			_ = v.Close()
		}
	}
	if a, err := resolveFeatures(tab, Choice{}); err == nil && len(a.features) == 0 {
		t.Error("no features")
	}
	_, _, _, _ = ResolveDescriptions(tab, Choice{})
}

// seedFiles are the smallest test files of a format: small ones are mutated quickly.
func seedFiles(f *testing.F, ext string) (all [][]byte) {
	for _, pattern := range []string{"testdata/*", "testdata/kinds/*"} {
		paths, err := filepath.Glob(pattern + ext)
		if err != nil {
			f.Fatal(err)
		}
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			all = append(all, b)
		}
	}
	slices.SortStableFunc(all, func(a, b []byte) int { return len(a) - len(b) })
	return all[:min(len(all), 32)]
}

func FuzzNPY(f *testing.F) { fuzzTable(f, ".npy", 4<<20, seedFiles(f, ".npy")...) }
func FuzzNPZ(f *testing.F) { fuzzTable(f, ".npz", 4<<20, seedFiles(f, ".npz")...) }
func FuzzMAT(f *testing.F) { fuzzTable(f, ".mat", 4<<20, seedFiles(f, ".mat")...) }

func FuzzParquet(f *testing.F) { fuzzTable(f, ".parquet", 16<<20, seedFiles(f, ".parquet")...) }
func FuzzArrow(f *testing.F)   { fuzzTable(f, ".arrow", 16<<20, seedFiles(f, ".arrow")...) }

func FuzzCSV(f *testing.F) {
	fuzzTable(f, ".csv", 4<<20, append(seedFiles(f, ".csv"), []byte(csvText(",")), []byte("sep=;\r\nclass;a\r\nx;0,5\r\n"),
		[]byte(",class,a\n0,x,40%\n1,y,5 %\n"), []byte("1 2\n 3  4\n"), []byte("a,b\nTrue,no\n"))...)
}

func FuzzLines(f *testing.F) {
	fuzzTable(f, ".txt", 4<<20, append(seedFiles(f, ".txt"), []byte("ant\nbee\n"), []byte("1.000000e+00\n2\n"), []byte("1 2\n3 4\n"))...)
}

// FuzzTextFolder: no text makes the reader of AwA's features panic or take anything but numbers.
func FuzzTextFolder(f *testing.F) {
	for _, s := range []string{"1 2 3\n", " 0.5,1e-3\r\n-7\t8", "x", "1e999", "nan inf", ""} {
		f.Add(s)
	}
	dir := fuzzDir(f)
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
