package pipeline

import (
	"bytes"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/features"
	"vzsl/internal/filetest"
)

// TestModelFolder: the features of a model's folder are made by its config and called like it; predict takes the recipe from the
// run, and gives images the answers that their features get.
func TestModelFolder(t *testing.T) {
	data, file := demoData(t)
	out := t.TempDir()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(out, "models", "small-dino")
	filetest.Write(t, filepath.Join(folder, "onnx", "model.onnx"), string(b))
	filetest.Write(t, filepath.Join(folder, "preprocessor_config.json"), `{"crop_size": {"height": 56, "width": 56}, "do_center_crop": true, "image_processor_type": "BitImageProcessor",
		"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.3], "resample": 3, "size": {"shortest_edge": 61}}`)
	in := func(args ...string) []string { return append(args, "--dataset", "demo", "--out", out) }
	const recipe = "size=56x56 resize=shorter:61 interpolation=bicubic crop=floor channels=rgb rescale=1/255 mean=0.4,0.5,0.6 std=0.2,0.25,0.3 exif=ignore"
	r := done(t, in("extract", "--data", data, "--model", folder)...)
	if r["recipe"] != recipe {
		t.Errorf("recipe %v", r["recipe"])
	}
	dir := filepath.Join(out, "features", "demo", "small-dino")
	if m, err := features.ReadManifest(dir); err != nil || m.Source.Recipe != recipe || m.Source.Network != "small-dino" {
		t.Fatalf("%+v, %v", m, err)
	}
	// Neither the file's nor the folder's name says anything.
	nameless := filepath.Join(out, "models", "model.onnx")
	filetest.Write(t, nameless, string(b))
	refused(t, exitUsage, []string{"--network NAME is required"}, in("extract", "--data", data, "--model", nameless)...)
	done(t, in("extract", "--data", data, "--model", nameless, "--network", "given", "--recipe", "torchvision")...)
	if _, err := features.ReadManifest(filepath.Join(out, "features", "demo", "given")); err != nil {
		t.Error(err)
	}

	done(t, in("attributes", "--data", data)...)
	done(t, in("split", "--split", "demo", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt"))...)
	done(t, in("train", "--split", "demo", "--method", "eszsl", "--network", "small-dino")...)
	unseen := lines(t, filepath.Join(data, "unseen.txt"))
	run := []string{"--run", "demo-demo-eszsl", "--out", out}
	pictures := predictJSON(t, exitDone, append([]string{filepath.Join(data, unseen[0])}, run...)...) // the model is found by its name
	stored := map[string]float64{}
	for _, x := range predictJSON(t, exitDone, append([]string{dir}, run...)...).Images {
		stored[x.Image] = x.Probability
	}
	if len(pictures.Images) == 0 {
		t.Fatal("no images")
	}
	for _, x := range pictures.Images {
		name := unseen[0] + "/" + filepath.Base(x.Image)
		if want, ok := stored[name]; !ok || math.Abs(want-x.Probability) > 1e-6 {
			t.Errorf("%s: probability %g, by its stored features %g", name, x.Probability, want)
		}
	}
}

// TestEXIF: a turn that a file notes is made only where it is asked for, and its being there is said.
func TestEXIF(t *testing.T) {
	_, model := demoData(t)
	photos := t.TempDir()
	for _, name := range []string{"exif-1.jpg", "exif-6.jpg"} {
		b, err := os.ReadFile(filepath.Join("..", "extract", "preprocess", "testdata", "files", name))
		if err != nil {
			t.Fatal(err)
		}
		filetest.Write(t, filepath.Join(photos, "class", name), string(b))
	}
	values := func(how string) (first []float32, o outcome) {
		out := t.TempDir()
		o = vzsl(t, "extract", "--dataset", "photos", "--layout", "folder", "--data", photos, "--model", model, "--out", out, "--exif", how)
		if o.code != exitDone {
			t.Fatal(o.stderr)
		}
		c, err := features.OpenCache(t.Context(), filepath.Join(out, "features", "photos", "demo"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return append(append(first, c.Feature(0)...), c.Feature(1)...), o
	}
	same := func(x []float32) bool {
		for i := range len(x) / 2 {
			if x[i] != x[i+len(x)/2] {
				return false
			}
		}
		return true
	}
	ignored, o := values("ignore")
	if !same(ignored) || !strings.Contains(o.stderr, "1 images have an EXIF orientation, which was ignored") {
		t.Errorf("ignored: the same values %v; %s", same(ignored), o.stderr)
	}
	applied, o := values("apply")
	if same(applied) || !strings.Contains(o.stderr, "1 images have an EXIF orientation and were rotated accordingly") {
		t.Errorf("applied: the same values %v; %s", same(applied), o.stderr)
	}
}

// TestMaxPixels: the limit on an image's size can be moved.
func TestMaxPixels(t *testing.T) {
	_, model := demoData(t)
	photos := t.TempDir()
	for name, side := range map[string]int{"small.png": 60, "large.png": 1001} {
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
			t.Fatal(err)
		}
		filetest.Write(t, filepath.Join(photos, "class", name), b.String())
	}
	in := func(args ...string) []string {
		return append([]string{"extract", "--dataset", "photos", "--layout", "folder", "--data", photos, "--model", model, "--out", t.TempDir()}, args...)
	}
	refused(t, exitUsage, []string{"--max-pixels 0"}, in("--max-pixels", "0")...)
	if o := vzsl(t, in("--max-pixels", "1")...); o.code != exitSkipped || !strings.Contains(o.stderr, "1001 x 1001 pixels, the limit is 1 million (--max-pixels)") {
		t.Errorf("%d: %s", o.code, o.stderr)
	}
	done(t, in("--max-pixels", "2")...)
}
