package features

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vzsl/internal/lock"
)

// source is a small dataset: several parts, more than one row group in a full one.
func source(dim, images, shardRows int) Source {
	return Source{
		Dataset: "toy", DatasetSHA256: "d1", Network: "net", NetworkSHA256: "n1", Layer: "fc7 after ReLU",
		Recipe: "torchvision-224", Engine: "native", Program: "vzsl test", Dim: dim, ShardRows: shardRows, Images: images,
	}
}

// rowsOf makes the rows of a part from the seed alone; every skipEvery-th image is skipped.
func rowsOf(src Source, part, skipEvery int) Part {
	lo, hi := src.partRange(part)
	var p Part
	for i := lo; i < hi; i++ {
		image := fmt.Sprintf("c%02d/üimage_%05d.jpg", i%7, i)
		if skipEvery > 0 && i%skipEvery == 0 {
			p.Skipped = append(p.Skipped, Skip{Image: image, Reason: "cannot be decoded: \"odd, text\"\nwith a line break"})
			continue
		}
		p.Images = append(p.Images, image)
		p.Classes = append(p.Classes, fmt.Sprintf("class %d", i%7))
		p.Labels = append(p.Labels, int32(i%7))
		p.Features = append(p.Features, feature(src.Dim, i)...)
	}
	return p
}

// feature is sparse and not negative, as after a ReLU.
func feature(dim, image int) []float32 {
	r := rand.New(rand.NewPCG(7, uint64(image)))
	f := make([]float32, dim)
	for k := range f {
		if r.IntN(4) == 0 {
			f[k] = float32(r.ExpFloat64())
		}
	}
	return f
}

func fill(t testing.TB, dir string, src Source, skipEvery int) *Manifest {
	t.Helper()
	w, err := Create(dir, src, false)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for part := range w.Parts() {
		if w.Done(part) {
			continue
		}
		if err := w.WritePart(part, rowsOf(src, part, skipEvery)); err != nil {
			t.Fatal(err)
		}
	}
	m, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRoundTrip(t *testing.T) {
	for _, c := range []struct{ dim, images, shardRows, skipEvery int }{
		{3, 1, 1, 0}, {1, 10, 4, 0}, {5, 2100, 1024, 0}, {64, 1500, 700, 9}, {7, 513, 1024, 0}, {2, 3000, 512, 2}, {4, 6, 2, 3},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "features")
			src := source(c.dim, c.images, c.shardRows)
			m := fill(t, dir, src, c.skipEvery)
			calls := 0
			for pass := range 2 { // built, then mapped as it is
				cache, err := OpenCache(context.Background(), dir, func(done, total int) { calls++ })
				if err != nil {
					t.Fatal(err)
				}
				if pass == 1 && calls > m.Source.parts()*8 {
					t.Error("the cache was built again")
				}
				if cache.Rows() != m.Rows || cache.Dim() != c.dim || cache.Source() != m.Source {
					t.Fatalf("cache of %d rows, %+v", cache.Rows(), cache.Source())
				}
				row := 0
				for part := range src.parts() {
					p := rowsOf(src, part, c.skipEvery)
					for i := range p.Images {
						got := cache.Feature(row)
						if !cmp.Equal(got, p.Features[i*c.dim:(i+1)*c.dim]) || cache.Images()[row] != p.Images[i] ||
							cache.Classes()[row] != p.Classes[i] || cache.Labels()[row] != p.Labels[i] {
							t.Fatalf("row %d differs", row)
						}
						row++
					}
				}
				if row != cache.Rows() {
					t.Fatalf("%d rows, expected %d", cache.Rows(), row)
				}
				if err := cache.Close(); err != nil {
					t.Fatal(err)
				}
			}
			v, err := Verify(context.Background(), dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !v.OK() || v.Rows != m.Rows || v.Skipped != m.Skipped || v.Rows+v.Skipped != c.images {
				t.Errorf("%+v", v)
			}
			again, err := ReadManifest(dir)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(m, again); d != "" {
				t.Error(d)
			}
			if _, err := os.Stat(filepath.Join(dir, lock.Name)); err == nil {
				t.Error("the lock file is left")
			}
		})
	}
}
