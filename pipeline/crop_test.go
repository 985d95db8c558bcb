package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/features"
	"vzsl/internal/filetest"
)

// TestCrop extracts from a miniature of CUB whole and by its bounding boxes: other features, under another recipe.
func TestCrop(t *testing.T) {
	data, model := demoData(t)
	pictures, err := filepath.Glob(filepath.Join(data, "*", "00?.png"))
	if err != nil || len(pictures) < 4 {
		t.Fatal(err)
	}
	root, out := t.TempDir(), t.TempDir()
	var images, labels, boxes strings.Builder
	for i, p := range pictures[:4] {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("001.A/%d.png", i)
		filetest.Write(t, filepath.Join(root, "images", filepath.FromSlash(name)), string(b))
		fmt.Fprintf(&images, "%d %s\n", i+1, name)
		fmt.Fprintf(&labels, "%d 1\n", i+1)
		fmt.Fprintf(&boxes, "%d 10.0 10.0 20.0 20.0\n", i+1)
	}
	filetest.Write(t, filepath.Join(root, "classes.txt"), "1 001.A\n2 002.B\n")
	filetest.Write(t, filepath.Join(root, "images.txt"), images.String())
	filetest.Write(t, filepath.Join(root, "image_class_labels.txt"), labels.String())
	in := func(args ...string) []string {
		return append([]string{"extract", "--dataset", "cub", "--data", root, "--model", model, "--out", out}, args...)
	}
	done(t, in()...)
	refused(t, exitFailed, []string{"bounding_boxes.txt"}, in("--crop", "bbox")...)
	refused(t, exitUsage, []string{"--crop", "bbox"}, in("--crop", "centre")...)
	refused(t, exitUsage, []string{"only cub has"}, "extract", "--dataset", "demo", "--data", data, "--model", model, "--out", out, "--crop", "bbox")
	filetest.Write(t, filepath.Join(root, "bounding_boxes.txt"), boxes.String())
	refused(t, exitFailed, []string{"recipe", "+bbox-", "--force"}, in("--crop", "bbox")...)
	whole := feature(t, filepath.Join(out, "features", "cub", "demo"))
	done(t, in("--crop", "bbox", "--force")...)
	dir := filepath.Join(out, "features", "cub", "demo")
	m, err := features.ReadManifest(dir)
	if err != nil || !strings.Contains(m.Source.Recipe, "+bbox-") {
		t.Errorf("%v %v", m, err)
	}
	if cropped := feature(t, dir); cropped == whole {
		t.Error("the features of the boxes are those of the whole images")
	}
}

// feature is the first feature of a folder, as text.
func feature(t *testing.T, dir string) string {
	t.Helper()
	c, err := features.OpenCache(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return fmt.Sprint(c.Feature(0))
}
