package catalog

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/internal/filetest"
)

// VGG-19 features of the 150 seen classes; expected numbers from numpy.
func TestImportRealNPY(t *testing.T) {
	filetest.Slow(t)
	dir := filetest.Data(t)
	if testing.Short() {
		t.Skip("reads 145 MB")
	}
	d, err := Open("cub", filepath.Join(dir, "cub"))
	if err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(dir, "cub-vgg19-fc7")
	out := t.TempDir()
	m, err := convert.Run(context.Background(), convert.Import{
		Files: []string{filepath.Join(in, "features.npy")}, Labels: []string{filepath.Join(in, "labels.npy")}, Images: []string{filepath.Join(in, "images.txt")},
		Known: convert.Known{Classes: d.Classes}, Dataset: "cub", Network: "vgg19", Layer: "fc7 after ReLU", Out: out,
	})
	if err != nil {
		t.Fatal(err)
	}
	if m.Rows != 8855 || m.Source.Dim != 4096 || len(m.Parts) != 9 {
		t.Errorf("%+v", m)
	}
	c, err := features.OpenCache(context.Background(), out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	zeros, sum := 0, 0.0
	for r := range c.Rows() {
		// The folder in an image's official path is its class.
		if class, _, _ := strings.Cut(c.Images()[r], "/"); class != c.Classes()[r] || d.Classes[c.Labels()[r]].Name != class {
			t.Fatalf("row %d: image %q, class %q, label %d", r, c.Images()[r], c.Classes()[r], c.Labels()[r])
		}
		for _, v := range c.Feature(r) {
			if v == 0 {
				zeros++
			}
			sum += float64(v)
		}
	}
	if zeros != 22410725 || math.Abs(sum-17048890.9358) > 0.01 {
		t.Errorf("%d zeros, sum %.1f", zeros, sum)
	}
}
