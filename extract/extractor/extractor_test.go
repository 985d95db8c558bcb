package extractor

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"

	"vzsl/datasets"
	"vzsl/datasets/demo"
	"vzsl/extract/model"
	"vzsl/features"
	"vzsl/features/convert"
)

// What is extracted to a folder is what a Batcher computes of the same file.
func TestExtractor(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	network, images := filepath.Join(dir, "demo.onnx"), filepath.Join(dir, "images")
	if err := errors.Join(demo.WriteNetwork(network), demo.Write(ctx, images, demo.Options{PerClass: 1})); err != nil {
		t.Fatal(err)
	}
	d, err := datasets.OpenFolder(images, "", convert.Choice{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := Open(network, "", model.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	to := filepath.Join(dir, "features")
	for _, computed := range []int{60, 0} { // the second call finds everything there
		r, err := e.Extract(ctx, d, to, "test", nil)
		if err != nil || r.Images != 60 || r.Computed != computed {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	f, err := features.OpenCache(ctx, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if s := f.Source(); s.Dim != e.Dim() || s.Layer != e.Layer.String() || s.Recipe != e.Recipe.String() || s.NetworkSHA256 != e.Network.SHA256() {
		t.Errorf("%+v", s)
	}
	batcher, err := e.Batcher()
	if err != nil {
		t.Fatal(err)
	}
	defer batcher.Close()
	x, _, err := batcher.File(ctx, filepath.Join(images, f.Images()[7]))
	if err != nil || !slices.Equal(x, f.Feature(7)) {
		t.Errorf("%v, stored %v, %v", x, f.Feature(7), err)
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none.onnx"), "", model.Overrides{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	network := filepath.Join(t.TempDir(), "demo.onnx")
	if err := demo.WriteNetwork(network); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(network, "no such layer", model.Overrides{}); err == nil {
		t.Error("an unknown layer was taken")
	}
	if _, err := Open(network, "", model.Overrides{Recipe: "no such recipe"}); err == nil {
		t.Error("an unknown recipe was taken")
	}
}
