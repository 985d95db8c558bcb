package train

import (
	"context"
	"slices"
	"testing"

	"vzsl/features"
	"vzsl/internal/gzsl"
	"vzsl/train/internal/traintest"
	"vzsl/train/runs"
)

// TestCalibration: a split that tests images of seen classes gets a constant, from the seen classes alone, that makes the
// harmonic mean better.
func TestCalibration(t *testing.T) {
	o := options(t, t.TempDir())
	f := o.Features.(*traintest.Features)
	n := 0
	for i, r := range o.Roles.Roles {
		if r == features.RoleTrain || r == features.RoleValidation {
			if n++; n%5 == 0 {
				o.Roles.Roles[i] = features.RoleTestSeen
			}
		}
	}
	o.Tuned = &runs.TunedRecord{Choice: map[string]float64{"epochs": 8}, Classes: 40}
	res, p := trained(t, o)
	c := p.Result().Constant
	if c == nil || *c != *res.Constant || p.Result().Temperature <= 0 {
		t.Fatalf("%+v", p.Result())
	}
	var vectors [][]float32
	classes := append(slices.Clone(o.Roles.Seen), o.Roles.Unseen...)
	for _, name := range classes {
		vectors = append(vectors, o.Classes.Values[slices.Index(o.Classes.Classes, name)])
	}
	var images []gzsl.Image
	for i, r := range o.Roles.Roles {
		if r == features.RoleTestSeen || r == features.RoleTestUnseen {
			row := slices.Index(f.ImageNames, o.Roles.Images[i])
			scores, err := p.Score(f.X[row], 1, vectors)
			if err != nil {
				t.Fatal(err)
			}
			images = append(images, gzsl.Of(scores, len(o.Roles.Seen), slices.Index(classes, f.Classes()[row])))
		}
	}
	points := gzsl.Curve(images, len(o.Roles.Seen), len(classes))
	plain, calibrated := gzsl.At(points, 0).H(), gzsl.At(points, *c).H()
	if calibrated < plain+0.02 {
		t.Errorf("H %v with the constant %v, %v without", calibrated, *c, plain)
	}
	// Without test images of seen classes there is none.
	o = options(t, t.TempDir())
	if res, err := Run(context.Background(), o); err != nil || res.Constant != nil {
		t.Errorf("%v, %v", res.Constant, err)
	}
}

// TestCalibrationParts: three of the parts that the seen classes are cut into are held out for the constant, one where the
// temperature alone is wanted.
func TestCalibrationParts(t *testing.T) {
	for testSeen, want := range map[bool]int{true: 3, false: 1} {
		o := options(t, "")
		use(t, &o, "devise")
		for name, value := range map[string]string{"epochs": "1", "batch": "10000"} { // one step for each fit
			if err := o.Set(name, value); err != nil {
				t.Fatal(err)
			}
		}
		if testSeen {
			for i, r := range o.Roles.Roles {
				if r == features.RoleTrain && i%5 == 0 {
					o.Roles.Roles[i] = features.RoleTestSeen
				}
			}
		}
		o.Tuned = &runs.TunedRecord{Choice: map[string]float64{"epochs": 1}, Classes: 40}
		parts := 0
		o.Progress = func(phase string, _, total int) {
			if phase == phaseCalibrate {
				parts = total
			}
		}
		if _, err := Fit(context.Background(), o); err != nil || parts != want {
			t.Errorf("test images of seen classes %v: %d parts, %v", testSeen, parts, err)
		}
	}
}
