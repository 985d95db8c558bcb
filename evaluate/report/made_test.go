package report

import (
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"vzsl/evaluate/result"
	"vzsl/features"
)

// draw makes an image for every image of every class.
func drawPictures(t testing.TB, images [][]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for c, own := range images {
		for _, name := range own {
			img := image.NewRGBA(image.Rect(0, 0, 60, 40))
			for y := range 40 {
				for x := range 60 {
					img.Set(x, y, color.RGBA{uint8(40 * c), uint8(4 * x), uint8(6 * y), 255})
				}
			}
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := jpeg.Encode(f, img, nil); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

// trained makes records as a training would write them.
func trained(epochs int) []map[string]any {
	r := rand.New(rand.NewSource(2))
	var records []map[string]any
	for e := 1; e <= epochs; e++ {
		x := float64(e)
		records = append(records, map[string]any{
			"epoch": x, "seconds": 2 * x, "note": "text is left out", "lambda": 1.0,
			"train_loss":      3.9*math.Exp(-x/6) + 0.4 + 0.03*r.NormFloat64(),
			"validation_loss": 3.9*math.Exp(-x/5) + 0.9 + 0.01*x + 0.05*r.NormFloat64(),
			"validation_top1": 0.6 - 0.5*math.Exp(-x/4) + 0.01*r.NormFloat64(),
			"reconstruction":  -1800 - 900*math.Exp(-x/9),
			"kl":              40 * (1 - math.Exp(-x/3)),
		})
	}
	return records
}

func anyRun() *result.Run {
	return &result.Run{
		Name: "vzsl-1", Method: "VZSL", Program: "vzsl 0.1.0", Command: "vzsl evaluate --run runs/vzsl-1",
		Features: features.Source{Dataset: "CUB", Network: "squeezenet1.1", NetworkSHA256: "0123abcd", Layer: "gap", Recipe: "caffe-227", Engine: "native", Program: "vzsl 0.1.0", Dim: 512},
		Config:   map[string]any{"latent": 100, "hidden": []int{1000}, "lambda": 1.0, "features": map[string]any{"normalise": "sqrt-l2"}},
		Seeds:    []result.Field{{Name: "training", Value: "1"}},
		Hashes:   []result.Field{{Name: result.HashedModel, Value: "89abcdef"}},
	}
}
