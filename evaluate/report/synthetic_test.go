package report

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"vzsl/evaluate"
	"vzsl/features"
)

// made is features and model of a made-up dataset whose classes lie on a plane, neighbours being alike.
type made struct {
	images, classes []string
	at              [][]float32 // features: where the image lies
}

func (m *made) Rows() int                 { return len(m.images) }
func (m *made) Dim() int                  { return 2 }
func (m *made) Images() []string          { return m.images }
func (m *made) Classes() []string         { return m.classes }
func (m *made) Feature(row int) []float32 { return m.at[row] }

// Score is minus the squared distance between image and class.
func (m *made) Score(features []float32, n int, classes [][]float32) ([]float32, error) {
	var out []float32
	for i := range n {
		for _, c := range classes {
			dx, dy := features[2*i]-c[0], features[2*i+1]-c[1]
			out = append(out, -(dx*dx+dy*dy)/2)
		}
	}
	return out, nil
}

// The latent space is that of the features, and so is that of the attributes.
func (m *made) Encode(features []float32, n int) ([]float32, error)      { return features, nil }
func (m *made) Reconstruct(features []float32, n int) ([]float32, error) { return features, nil }
func (m *made) Describe(features []float32, n int) ([]float32, error)    { return features, nil }
func (m *made) DescribedClass(raw []float32) ([]float32, error)          { return raw, nil }
func (m *made) Prior(class []float32) (mean, std []float32, err error) {
	return class, []float32{0.3, 0.2}, nil
}

// makeUp describes a made-up split.
type makeUp struct {
	dataset, split string
	unseen         []string
	images         [][]string // of each unseen class
	seen           int        // classes; with heldOut images each
	heldOut        int
	noise          float64
	whole          bool // with maps and what decided the mistakes
}

func (u makeUp) result(t testing.TB) *evaluate.Result {
	t.Helper()
	r := rand.New(rand.NewSource(5))
	m := &made{}
	table := &features.ClassTable{Dataset: u.dataset, Attributes: []string{"has_place::x", "has_place::y"}}
	roles := &features.Split{Name: u.split, Dataset: u.dataset, Provenance: "class lists", Unseen: u.unseen}
	add := func(class, image string, role features.Role, place []float32, noise float64) {
		m.images = append(m.images, image)
		m.classes = append(m.classes, class)
		m.at = append(m.at, []float32{place[0] + float32(noise*r.NormFloat64()), place[1] + float32(noise*r.NormFloat64())})
		roles.Images = append(roles.Images, image)
		roles.Roles = append(roles.Roles, role)
	}
	side := int(math.Ceil(math.Sqrt(float64(len(u.unseen) + u.seen))))
	for i := range len(u.unseen) + u.seen {
		place := []float32{float32(i/side) + 0.3*float32(r.NormFloat64()), float32(i%side) + 0.3*float32(r.NormFloat64())}
		table.Values = append(table.Values, place)
		noise := u.noise * (0.5 + r.Float64())
		if i < len(u.unseen) {
			table.Classes = append(table.Classes, u.unseen[i])
			for _, image := range u.images[i] {
				add(u.unseen[i], image, features.RoleTestUnseen, place, noise)
			}
			continue
		}
		name := fmt.Sprintf("seen %d", i)
		table.Classes = append(table.Classes, name)
		roles.Seen = append(roles.Seen, name)
		for k := range u.heldOut {
			add(name, fmt.Sprintf("%s/%d.jpg", name, k), features.RoleTestSeen, place, noise/2)
		}
	}
	calibration := 0.2
	opts := evaluate.Options{Resamples: 300, Calibration: &calibration, Temperature: 0.8}
	res, err := evaluate.ZeroShot(context.Background(), m, m, table, roles, opts)
	if err != nil {
		t.Fatal(err)
	}
	if u.whole {
		if res.Maps, err = evaluate.NewMaps(context.Background(), m, m, table, roles, 1); err != nil {
			t.Fatal(err)
		}
		if res.Mistakes, err = evaluate.NewMistakes(context.Background(), res, m, m, table, roles); err != nil {
			t.Fatal(err)
		}
	}
	return res
}

// numbered gives names class 0.. and n images of each.
func numbered(classes, n int) (names []string, images [][]string) {
	for c := range classes {
		names = append(names, fmt.Sprintf("class %d", c))
		var own []string
		for i := range n {
			own = append(own, fmt.Sprintf("class %d/%03d.jpg", c, i))
		}
		images = append(images, own)
	}
	return names, images
}

// draw makes a picture for every image of every class.
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

func anyAbout() About {
	return About{
		Name: "vzsl-1", Method: "VZSL", Program: "vzsl 0.1.0", Command: "vzsl evaluate --run runs/vzsl-1",
		Features: features.Source{Dataset: "CUB", Network: "squeezenet1.1", NetworkSHA256: "0123abcd", Layer: "gap", Recipe: "caffe-227", Engine: "native", Program: "vzsl 0.1.0", Dim: 512},
		Config:   map[string]any{"latent": 100, "hidden": []int{1000}, "lambda": 1.0, "features": map[string]any{"normalise": "sqrt-l2"}},
		Seeds:    []Entry{{"training", "1"}},
		Hashes:   []Entry{{"model", "89abcdef"}},
		Metrics:  trained(30),
	}
}
