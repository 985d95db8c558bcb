package extract

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vzsl/datasets"
	"vzsl/features"
	"vzsl/internal/filetest"
)

// pictures is a collection that changes: the number of each image, 0 for a broken file.
type pictures struct {
	dir  string
	of   map[string]int
	last int
}

func (c *pictures) put(t *testing.T, path string, n int) {
	t.Helper()
	data := []byte("broken")
	if n > 0 {
		data = numbered(n)
	}
	full := filepath.Join(c.dir, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, data, 0o644); err != nil {
		t.Fatal(err)
	}
	c.of[path] = n
}

// dataset lists the images, sorted.
func (c *pictures) dataset() *datasets.Dataset {
	d := &datasets.Dataset{Name: "folder", Root: c.dir, ImageRoot: c.dir}
	var paths []string
	for p := range c.of {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	for _, p := range paths {
		class := filepath.Dir(p)
		if n := len(d.Classes); n == 0 || d.Classes[n-1].Name != class {
			d.Classes = append(d.Classes, datasets.Class{Name: class})
		}
		d.Images = append(d.Images, datasets.Image{Path: p, Class: len(d.Classes) - 1})
	}
	return d
}

// change adds, changes, repairs and removes some images at random.
func (c *pictures) change(t *testing.T, rng *rand.Rand) {
	t.Helper()
	d := c.dataset()
	next := func() int { c.last++; return c.last }
	for range rng.IntN(6) {
		n := next()
		c.put(t, fmt.Sprintf("class%d/%04d.jpg", rng.IntN(5), rng.IntN(9000)+1000), n)
	}
	for range rng.IntN(5) {
		p := d.Images[rng.IntN(len(d.Images))].Path
		switch rng.IntN(3) {
		case 0: // changed or repaired
			c.put(t, p, next())
		case 1:
			c.put(t, p, 0)
		default:
			delete(c.of, p)
			if err := os.Remove(filepath.Join(c.dir, p)); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
}

func grow(t testing.TB, dir string, d *datasets.Dataset, o features.Growing) *features.Growth {
	t.Helper()
	src := source(d)
	g, err := features.Grow(t.Context(), dir, src, o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// fresh extracts into an empty folder.
func fresh(t *testing.T, d *datasets.Dataset) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "fresh")
	if _, err := Run(t.Context(), options(d, &fakeEngine{}, grow(t, dir, d, Growing(d, "")))); err != nil {
		t.Fatal(err)
	}
	return shardSums(t, dir)
}

// shardSums are the checksums of a folder's files but for its cache.
func shardSums(t *testing.T, dir string) string {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, ".cache")); err != nil {
		t.Fatal(err)
	}
	return folderSums(dir)
}

// A collection that changes at random, extracted again and again, interrupted now and then, is at each time byte for byte what an
// extraction from nothing gives, and no image is computed twice.
func TestGrowsAsFromNothing(t *testing.T) {
	filetest.Slow(t)
	t.Parallel()
	for _, check := range []features.Check{features.CheckTime, features.CheckHash} {
		seed := uint64(time.Now().UnixNano())
		rng := rand.New(rand.NewPCG(seed, 1))
		t.Logf("%s: seed %d", check, seed)
		c := &pictures{dir: t.TempDir(), of: map[string]int{}}
		for i := range 50 {
			c.last++
			c.put(t, fmt.Sprintf("class%d/%04d.jpg", i%3, 1000+100*i), c.last)
		}
		c.put(t, "class1/0000.jpg", 0)
		dir := filepath.Join(t.TempDir(), "features")
		computed := map[int]bool{}
		rounds := 5
		if os.Getenv("VZSL_LONG") != "" {
			rounds = 200
		}
		for round := range rounds {
			d := c.dataset()
			for {
				ctx, cancel := context.WithCancel(t.Context())
				e := &fakeEngine{}
				if rng.IntN(2) == 0 {
					after := rng.IntN(20)
					e.hook = func([]int) error {
						if after -= 3; after < 0 {
							cancel()
						}
						return nil
					}
				}
				g := grow(t, dir, d, Growing(d, check))
				_, err := Run(ctx, options(d, e, g))
				closed(t, g)
				cancel()
				for _, n := range e.seen {
					if computed[n] {
						t.Fatalf("round %d: image %d is computed again", round, n)
					}
				}
				if err == nil {
					break
				}
				if !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
			}
			for _, n := range c.of {
				computed[n] = n > 0
			}
			v, err := features.Verify(t.Context(), dir, nil)
			if err != nil || !v.OK() {
				t.Fatalf("round %d: %v %+v", round, err, v)
			}
			times := filepath.Join(dir, ".cache", "times.parquet")
			kept, err := os.ReadFile(times)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := shardSums(t, dir), fresh(t, d); got != want {
				t.Fatalf("round %d: the files are\n%s\nfrom nothing\n%s", round, got, want)
			}
			if rng.IntN(3) > 0 { // without it files are read for their checksum
				if err := os.MkdirAll(filepath.Dir(times), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(times, kept, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			c.change(t, rng)
		}
	}
}
