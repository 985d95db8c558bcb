package pipeline

import (
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
			write(t, filepath.Join(dir, f), "")
		}
		d := datasetFlags{name: c.name, data: dir}
		if d.infer(); d.layout != c.layout {
			t.Errorf("%s with %v: %s, not %s", c.name, c.files, d.layout, c.layout)
		}
	}
}
