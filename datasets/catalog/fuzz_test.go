package catalog

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vzsl/internal/filetest"
)

// FuzzLayouts puts other bytes in the place of one file of a dataset's folder: the dataset and its class attributes are read or refused,
// and no image lies outside its folder or has a class that there is not.
func FuzzLayouts(f *testing.F) {
	dir := f.TempDir()
	top := filepath.Join("testdata", "layouts")
	type file struct{ dataset, path string }
	var files []file
	for dataset, folder := range map[string]string{"sun": "sun", "awa1": "awa", "awa2": "awa", "flo": "flo", "imagenet": "imagenet"} {
		root := filepath.Join(dir, dataset)
		if err := os.CopyFS(root, os.DirFS(filepath.Join(top, folder))); err != nil {
			f.Fatal(err)
		}
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				files = append(files, file{dataset, path})
			}
			return err
		})
		if err != nil {
			f.Fatal(err)
		}
	}
	slices.SortFunc(files, func(a, b file) int { // the same numbers in every process
		if a.path < b.path {
			return -1
		}
		return 1
	})
	was := make([][]byte, len(files))
	for i := range files {
		var err error
		if was[i], err = os.ReadFile(files[i].path); err != nil {
			f.Fatal(err)
		}
		f.Add(uint(i), was[i])
	}
	f.Fuzz(func(t *testing.T, which uint, b []byte) {
		i := which % uint(len(files))
		filetest.Write(t, files[i].path, string(b))
		defer filetest.Write(t, files[i].path, string(was[i]))
		d, err := Open(files[i].dataset, filepath.Join(dir, files[i].dataset))
		if err != nil {
			return
		}
		for _, m := range d.Images {
			if m.Class < 0 || m.Class >= len(d.Classes) || !filepath.IsLocal(filepath.FromSlash(m.Path)) {
				t.Errorf("%s: %+v of %d classes", files[i].path, m, len(d.Classes))
			}
		}
		describe := Lookup(files[i].dataset).Describe
		if describe == nil {
			return
		}
		if table, err := describe(d.Root, d.ClassNames(), ""); err == nil && len(table.Values) != len(table.Classes) {
			t.Errorf("%s: %d rows of %d classes", files[i].path, len(table.Values), len(table.Classes))
		}
	})
}
