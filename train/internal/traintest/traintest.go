// Package traintest is a small drawn dataset for the tests of training.
package traintest

import (
	"fmt"
	"math/rand/v2"

	"vzsl/features"
	"vzsl/train/methods/vzsl"
	"vzsl/train/settings"
)

// Features are those of a small drawn dataset: 40 seen classes, 8 of them for validation, 10 unseen.
type Features struct {
	NetworkSHA256 string // "" unless a test sets it
	ImageNames    []string
	ClassNames    []string
	LabelOf       []int32 // of each image
	X             [][]float32
}

func (m *Features) Rows() int        { return len(m.X) }
func (m *Features) Dim() int         { return len(m.X[0]) }
func (m *Features) Images() []string { return m.ImageNames }
func (m *Features) Classes() []string {
	rows := make([]string, len(m.LabelOf))
	for i, l := range m.LabelOf {
		rows[i] = m.ClassNames[l]
	}
	return rows
}
func (m *Features) Labels() []int32           { return m.LabelOf }
func (m *Features) Feature(row int) []float32 { return m.X[row] }
func (m *Features) Source() features.Source {
	return features.Source{Dataset: "drawn", Network: "none", NetworkSHA256: m.NetworkSHA256, Layer: "x", Dim: m.Dim()}
}

// Drawn has so many images of each class.
func Drawn(perClass int) (*Features, *features.ClassTable, *features.Split) {
	r := rand.New(rand.NewPCG(7, 7))
	const attributes, dim, classes = 8, 24, 50
	mix := make([]float64, attributes*dim)
	for i := range mix {
		mix[i] = r.NormFloat64()
	}
	f, t := &Features{}, &features.ClassTable{Dataset: "drawn"}
	roles := &features.Split{Name: "drawn", Dataset: "drawn"}
	for i := range attributes {
		t.Attributes = append(t.Attributes, fmt.Sprintf("a%d", i))
	}
	for c := range classes {
		name := fmt.Sprintf("class%02d", c)
		f.ClassNames, t.Classes = append(f.ClassNames, name), append(t.Classes, name)
		a := make([]float32, attributes)
		for i := range a {
			a[i] = 50 + 50*float32(r.IntN(2)*2-1)
		}
		t.Values = append(t.Values, a)
		role := features.RoleTrain
		switch {
		case c%5 == 4:
			role = features.RoleTestUnseen
			roles.Unseen = append(roles.Unseen, name)
		case c%5 == 3 && c < 40:
			role = features.RoleValidation
			roles.Validation = append(roles.Validation, name)
		}
		if role != features.RoleTestUnseen {
			roles.Seen = append(roles.Seen, name)
		}
		for k := range perClass {
			x := make([]float32, dim)
			for j := range x {
				sum := 0.0
				for i, v := range a {
					sum += (float64(v)/50 - 1) * mix[i*dim+j]
				}
				x[j] = float32(max(0, sum+r.NormFloat64()))
			}
			image := fmt.Sprintf("%s/%d.jpg", name, k)
			f.ImageNames, f.LabelOf, f.X = append(f.ImageNames, image), append(f.LabelOf, int32(c)), append(f.X, x)
			roles.Images, roles.Roles = append(roles.Images, image), append(roles.Roles, role)
		}
	}
	return f, t, roles
}

// Settings are those of a small VZSL.
func Settings() settings.Settings {
	s, err := settings.Preset("", "vzsl")
	if err != nil {
		panic(err)
	}
	c := VZSL(&s)
	c.Hidden, c.Latent, c.Epochs, c.Batch, c.LearningRate, c.Scale = []int{32}, 8, 10, 16, 5e-3, 3
	return s
}

// VZSL are the method's own settings.
func VZSL(s *settings.Settings) *vzsl.Config { return s.Config.(*vzsl.Config) }
