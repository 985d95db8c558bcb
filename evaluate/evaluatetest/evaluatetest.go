// Package evaluatetest makes up splits, and the results of a made-up model on them, for the tests of the packages that store
// and show results.
package evaluatetest

import (
	"context"
	"fmt"
	"math"
	"math/rand"
	"testing"

	"vzsl/evaluate"
	"vzsl/evaluate/analysis"
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

// Split describes a made-up split.
type Split struct {
	Dataset, Name string
	Unseen        []string
	Images        [][]string // of each unseen class
	Seen          int        // classes; with HeldOut images each
	HeldOut       int
	Noise         float64
	Whole         bool // with maps and what decided the mistakes
}

// Result is that of the model on the split, calibrated and with a temperature.
func (u Split) Result(t testing.TB) *evaluate.Result {
	t.Helper()
	r := rand.New(rand.NewSource(5))
	m := &made{}
	table := &features.ClassTable{Dataset: u.Dataset, Attributes: []string{"has_place::x", "has_place::y"}}
	roles := &features.Split{Name: u.Name, Dataset: u.Dataset, Provenance: "class lists", Unseen: u.Unseen}
	add := func(class, image string, role features.Role, place []float32, noise float64) {
		m.images = append(m.images, image)
		m.classes = append(m.classes, class)
		m.at = append(m.at, []float32{place[0] + float32(noise*r.NormFloat64()), place[1] + float32(noise*r.NormFloat64())})
		roles.Images = append(roles.Images, image)
		roles.Roles = append(roles.Roles, role)
	}
	side := int(math.Ceil(math.Sqrt(float64(len(u.Unseen) + u.Seen))))
	for i := range len(u.Unseen) + u.Seen {
		place := []float32{float32(i/side) + 0.3*float32(r.NormFloat64()), float32(i%side) + 0.3*float32(r.NormFloat64())}
		table.Values = append(table.Values, place)
		noise := u.Noise * (0.5 + r.Float64())
		if i < len(u.Unseen) {
			table.Classes = append(table.Classes, u.Unseen[i])
			for _, image := range u.Images[i] {
				add(u.Unseen[i], image, features.RoleTestUnseen, place, noise)
			}
			continue
		}
		name := fmt.Sprintf("seen %d", i)
		table.Classes = append(table.Classes, name)
		roles.Seen = append(roles.Seen, name)
		for k := range u.HeldOut {
			add(name, fmt.Sprintf("%s/%d.jpg", name, k), features.RoleTestSeen, place, noise/2)
		}
	}
	calibration := 0.2
	opts := evaluate.Options{Resamples: 300, Calibration: &calibration, Temperature: 0.8}
	res, err := evaluate.ZeroShot(context.Background(), m, m, table, roles, opts)
	if err != nil {
		t.Fatal(err)
	}
	if u.Whole {
		if res.Maps, err = analysis.Maps(context.Background(), res, m, m, table, 1); err != nil {
			t.Fatal(err)
		}
		if res.Described, err = analysis.Described(context.Background(), res, m, m, table); err != nil {
			t.Fatal(err)
		}
		parity := evaluate.Grouping{Name: "parity"}
		for c := range u.Unseen {
			parity.Of = append(parity.Of, []string{"even", "odd"}[c%2])
		}
		res.Groups = []evaluate.Grouping{parity}
		if res.Mistakes, err = analysis.Mistakes(context.Background(), res, m, m, table); err != nil {
			t.Fatal(err)
		}
	}
	return res
}

// Numbered returns names class 0.. and n images of each.
func Numbered(classes, n int) (names []string, images [][]string) {
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

// Small is a split of 8 unseen classes with 12 images each, and 6 seen ones with 5.
func Small() Split {
	names, images := Numbered(8, 12)
	return Split{Dataset: "made up", Name: "half", Unseen: names, Images: images, Seen: 6, HeldOut: 5, Noise: 0.5}
}
