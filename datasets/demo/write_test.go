package demo

import (
	"bytes"
	"context"
	"encoding/csv"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"vzsl/internal/filetest"
)

// files reads a folder: path to bytes.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func write(t *testing.T, dir string, perClass int) {
	t.Helper()
	if err := Write(context.Background(), dir, Options{PerClass: perClass}); err != nil {
		t.Fatal(err)
	}
}

func TestWriteLayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "demo")
	var calls, last atomic.Int64
	err := Write(context.Background(), dir, Options{PerClass: 2, Progress: func(done, total int) {
		calls.Add(1)
		if total != 120 {
			t.Errorf("total %d, want 120", total)
		}
		if done == total {
			last.Add(1)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if calls.Load() != 120 || last.Load() != 1 {
		t.Errorf("%d calls of progress, %d with all done; want 120 and 1", calls.Load(), last.Load())
	}
	all := files(t, dir)
	if len(all) != 120+4 {
		t.Errorf("%d files, want 120 images, classes.csv, seen.txt, unseen.txt and %s", len(all), mark)
	}

	var seen, unseen []string
	for i, c := range classes {
		if c.Seen {
			seen = append(seen, c.Name)
		} else {
			unseen = append(unseen, c.Name)
		}
		for n, name := range []string{"000.png", "001.png"} {
			img, err := png.Decode(strings.NewReader(all[c.Name+"/"+name]))
			if err != nil {
				t.Fatalf("%s/%s: %v", c.Name, name, err)
			}
			want := RGB(c.Render(seedOf(i, n)))
			if got := rgbOf(img); !bytes.Equal(got, want) {
				t.Errorf("%s/%s is not the image of its seed", c.Name, name)
			}
		}
	}
	if got := strings.Fields(all["seen.txt"]); !slices.Equal(got, seen) {
		t.Errorf("seen.txt: %v", got)
	}
	if got := strings.Fields(all["unseen.txt"]); !slices.Equal(got, unseen) {
		t.Errorf("unseen.txt: %v", got)
	}
	rows, err := csv.NewReader(strings.NewReader(all["classes.csv"])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 61 || rows[0][0] != "class" || len(rows[0]) != 23 {
		t.Errorf("classes.csv: %d rows, header %v", len(rows), rows[0])
	}
}

func rgbOf(img image.Image) []byte {
	b := img.Bounds()
	var rgb []byte
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			rgb = append(rgb, uint8(r>>8), uint8(g>>8), uint8(b>>8))
		}
	}
	return rgb
}

func TestWriteAgain(t *testing.T) {
	filetest.Slow(t)
	dir := filepath.Join(t.TempDir(), "demo")
	write(t, dir, 1)
	want := files(t, dir)
	picture := filepath.Join(dir, classes[3].Name, "000.png")
	before, err := os.Stat(picture)
	if err != nil {
		t.Fatal(err)
	}

	write(t, dir, 1)
	if after, err := os.Stat(picture); err != nil || !os.SameFile(before, after) {
		t.Error("a whole data set was written again")
	}
	for what, harm := range map[string]func() error{
		"a truncated image": func() error { return os.Truncate(picture, 100) },
		"a removed image":   func() error { return os.Remove(picture) },
		"a removed class":   func() error { return os.RemoveAll(filepath.Dir(picture)) },
		"a changed class list": func() error {
			return os.WriteFile(filepath.Join(dir, "unseen.txt"), []byte(classes[0].Name+"\n"), 0o644)
		},
	} {
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		write(t, dir, 1)
		got := files(t, dir)
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("after %s: %s is not restored", what, name)
			}
		}
	}
	write(t, dir, 2) // another number of images: made again
	if got := len(files(t, dir)); got != 124 {
		t.Errorf("%d files with two images a class, want 124", got)
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 1 {
		t.Errorf("left beside the data set: %v %v", left, err)
	}
}

func TestWriteRefuses(t *testing.T) {
	own := func(t *testing.T, dir string) { write(t, dir, 1) }
	put := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		what  string
		steps []func(t *testing.T, dir string)
		want  string
	}{
		{"a file in the way", []func(*testing.T, string){put("")}, "is a file where"},
		{"somebody's folder", []func(*testing.T, string){put("photo.png")}, "not a demo dataset"},
		{"a broken mark", []func(*testing.T, string){put(mark)}, "not a demo dataset"},
		{"a file of the user's among ours", []func(*testing.T, string){own, put("notes.txt")}, "notes.txt was not written by the demo"},
		{"a class of the user's among ours", []func(*testing.T, string){own, put("pink/1.png")}, "pink"},
	} {
		dir := filepath.Join(t.TempDir(), "demo")
		for _, step := range test.steps {
			step(t, dir)
		}
		var before map[string]string
		if len(test.steps) > 0 {
			before = files(t, dir)
		}
		err := Write(context.Background(), dir, Options{PerClass: 1})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", test.what, err, test.want)
		}
		after := files(t, dir)
		for name, data := range before {
			if after[name] != data {
				t.Errorf("%s: %s was touched", test.what, name)
			}
		}
	}
	for _, n := range []int{-1, SeedsEnd} {
		if err := Write(context.Background(), filepath.Join(t.TempDir(), "demo"), Options{PerClass: n}); err == nil {
			t.Errorf("%d images a class are accepted", n)
		}
	}
}

func TestWriteInterrupted(t *testing.T) {
	parent := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	err := Write(ctx, filepath.Join(parent, "demo"), Options{PerClass: 5, Progress: func(done, total int) {
		if done == 20 {
			cancel()
		}
	}})
	if err == nil || ctx.Err() == nil {
		t.Fatalf("error %v after being interrupted", err)
	}
	if left, _ := os.ReadDir(parent); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
