package workspace

import (
	"os"
	"path/filepath"
	"testing"
)

// TestInferLayout: files of xlsa17 say their layout, whatever else lies there, but for a dataset that is called like a layout.
func TestInferLayout(t *testing.T) {
	for _, c := range []struct {
		name, layout string
		files        []string
	}{
		{"mine", "folder", nil},
		{"mine", "xlsa17", []string{"att_splits.mat"}},
		{"mine", "xlsa17", []string{"att_splits.mat", "classes.txt"}},
		{"mine", "xlsa17", []string{"att_splits.mat", "images.mat"}},
		{"cub", "cub", nil},
		{"cub", "xlsa17", []string{"att_splits.mat"}},
		{"cub", "cub", []string{"att_splits.mat", "classes.txt"}},
		{"flo", "flo", []string{"att_splits.mat", "imagelabels.mat"}},
	} {
		dir := t.TempDir()
		for _, f := range c.files {
			if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		d := Dataset{Name: c.name, Folder: dir}
		if d.Infer(); d.Layout != c.layout {
			t.Errorf("%s with %v: %s, not %s", c.name, c.files, d.Layout, c.layout)
		}
	}
}
