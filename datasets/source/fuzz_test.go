package source

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzOpen lists and reads files of any content: errors, skipped images, but no panic, and no image that is not listed.
func FuzzOpen(f *testing.F) {
	kinds := []string{".tar", ".tar.gz", ".parquet", ".csv"}
	for _, name := range []string{"cls-000.tar", "json-000.tar.gz", "broken.tar", "folder.tgz", "holes.parquet", "hf-00000-of-00002.parquet", "list.csv"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		for i, kind := range kinds {
			if strings.HasSuffix(name, kind) {
				f.Add(i, b)
				f.Add(i, b[:len(b)*2/3])
			}
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, kind int, b []byte) {
		if kind < 0 || kind >= len(kinds) || len(b) > 1<<20 {
			return
		}
		if kind == 3 && strings.Contains(string(b), "://") { // the network is not asked
			return
		}
		path := filepath.Join(dir, "x"+kinds[kind])
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := Open(context.Background(), path, Options{})
		if err != nil {
			return
		}
		var order []int
		for i, m := range d.Images {
			if d.Unusable[m.Path] == "" {
				order = append(order, i)
			}
		}
		r := d.Pictures.Read(context.Background(), order)
		for _, i := range order {
			p, err := r.Picture(context.Background(), i, nil)
			if err == nil && p.Skip != "" && p.Data != nil {
				t.Errorf("%s: skipped (%s), with %d bytes", d.Images[i].Path, p.Skip, len(p.Data))
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
