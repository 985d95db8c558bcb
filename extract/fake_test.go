package extract

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vzsl/datasets"
	"vzsl/extract/preprocess"
	"vzsl/features"
)

// The test images are squares of one colour that tells the image's number, so that an
// engine can tell which image it is given.
const side = 4

var fakeRecipe = func() preprocess.Recipe {
	r, err := preprocess.Preset("caffe", side, side)
	if err != nil {
		panic(err)
	}
	return r
}()

func numbered(n int) []byte {
	m := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		m.Set(i%side, i/side, color.NRGBA{uint8(n >> 8), uint8(n), 77, 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// makeImages writes a dataset of n images in 3 classes; some are broken.
func makeImages(t testing.TB, dir string, n int, broken func(i int) []byte) *datasets.Dataset {
	t.Helper()
	d := &datasets.Dataset{Name: "folder", Root: dir, ImageRoot: dir}
	for c := range 3 {
		name := fmt.Sprintf("class%d", c)
		d.Classes = append(d.Classes, datasets.Class{Name: name})
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		im := datasets.Image{Path: fmt.Sprintf("class%d/%04d.jpg", i%3, i), Class: i % 3}
		d.Images = append(d.Images, im)
		data := numbered(i)
		if broken != nil {
			if b := broken(i); b != nil {
				data = b
			}
		}
		if string(data) == "missing" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, im.Path), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func someBroken(i int) []byte {
	switch {
	case i%17 == 3:
		return []byte("just a text")
	case i%23 == 5:
		return []byte("missing")
	case i%29 == 7:
		return numbered(i)[:40]
	}
	return nil
}

// fakeEngine computes features that tell the image, and notes what it was given.
type fakeEngine struct {
	hook func(numbers []int) error // before each call; may be nil
	nan  map[int]bool              // images whose feature is not finite
	mu   sync.Mutex
	seen []int
	size []int // of the batches
}

const fakeDim = 5

func (e *fakeEngine) Dim() int     { return fakeDim }
func (e *fakeEngine) Close() error { return nil }

func (e *fakeEngine) Run(images []float32, n int, features []float32) error {
	if len(images) != n*fakeRecipe.Values() || len(features) != n*fakeDim {
		return fmt.Errorf("%d values and %d features for %d images", len(images), len(features), n)
	}
	numbers := make([]int, n)
	for i := range n {
		in := images[i*fakeRecipe.Values():]
		numbers[i] = int(in[side*side]+116.779+0.5) + int(in[2*side*side]+123.68+0.5)<<8
		f := fakeFeature(numbers[i])
		copy(features[i*fakeDim:], f[:])
		if e.nan[numbers[i]] {
			var zero float32
			features[i*fakeDim+2] = 1 / zero
		}
	}
	e.mu.Lock()
	e.seen = append(e.seen, numbers...)
	e.size = append(e.size, n)
	e.mu.Unlock()
	if e.hook != nil {
		return e.hook(numbers)
	}
	return nil
}

func fakeFeature(n int) [fakeDim]float32 {
	return [fakeDim]float32{float32(n), float32(n) / 3, 0, float32(n % 7), -1}
}

const fakeRows = 7 // images per part

func source(d *datasets.Dataset) features.Source {
	return features.Source{Dataset: d.Name, DatasetSHA256: d.SHA256(), Network: "fake", NetworkSHA256: "00", Layer: "l",
		Recipe: fakeRecipe.String(), Engine: "fake", Program: "test", Dim: fakeDim, ShardRows: fakeRows, Images: len(d.Images)}
}

func create(t testing.TB, dir string, d *datasets.Dataset) *features.Writer {
	t.Helper()
	w, err := features.Create(dir, source(d), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, w) })
	return w
}

func options(d *datasets.Dataset, e Engine, w Writer) Options {
	return Options{Dataset: d, Engine: e, Recipe: fakeRecipe, Writer: w, Batch: 3, Workers: 3}
}

// folderSums are the sha256 of all files in a folder.
func folderSums(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err.Error()
		}
		fmt.Fprintf(&b, "%s %x\n", e.Name(), sha256.Sum256(data))
	}
	return b.String()
}

// undisturbed runs once without interruption and checks the result.
func undisturbed(t testing.TB, d *datasets.Dataset) (dir, sum string, res *Result) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "features")
	e := &fakeEngine{}
	res, err := Run(t.Context(), options(d, e, create(t, dir, d)))
	if err != nil {
		t.Fatal(err)
	}
	checkFolder(t, dir, d, nil)
	return dir, folderSums(dir), res
}

// checkFolder verifies a finished folder and compares its rows with the images.
func checkFolder(t testing.TB, dir string, d *datasets.Dataset, skip func(i int) bool) {
	t.Helper()
	v, err := features.Verify(context.Background(), dir, nil)
	if err != nil || !v.OK() {
		t.Fatalf("verify: %v %+v", err, v)
	}
	m, err := features.ReadManifest(dir)
	if err != nil || !m.Complete || m.Rows+m.Skipped != len(d.Images) {
		t.Fatalf("manifest: %+v, %v", m, err)
	}
	c, err := features.OpenCache(context.Background(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		path := filepath.Dir(c.Path())
		closed(t, c)
		if path != dir { // so that folders can be compared
			if err := os.RemoveAll(path); err != nil {
				t.Error(err)
			}
		}
	}()
	row := 0
	for i, im := range d.Images {
		data, err := os.ReadFile(filepath.Join(d.ImageRoot, im.Path))
		if err != nil || !bytes.Equal(data, numbered(i)) || skip != nil && skip(i) {
			continue
		}
		want := fakeFeature(i)
		if c.Images()[row] != im.Path || c.Labels()[row] != int32(im.Class) || !slices.Equal(c.Feature(row), want[:]) {
			t.Fatalf("row %d is %s, label %d, %v; want image %d, %v", row, c.Images()[row], c.Labels()[row], c.Feature(row), i, want)
		}
		row++
	}
	if row != c.Rows() {
		t.Fatalf("%d rows, want %d", c.Rows(), row)
	}
}

func closed(t testing.TB, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("never happened: %s", what)
			return
		}
	}
}
