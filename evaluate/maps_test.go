package evaluate

import (
	"context"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vzsl/features"
)

// space is a lookup with a latent space: codes are the row's number, priors stand at the class's.
type space struct{ *lookup }

func (space) Encode(features []float32, n int) ([]float32, error) {
	var z []float32
	for _, f := range features {
		z = append(z, f, -f)
	}
	return z, nil
}

func (space) Prior(class []float32) (mean, std []float32, err error) {
	return []float32{class[0], -class[0]}, []float32{0.5, 0.5}, nil
}

func (space) Reconstruct(features []float32, n int) ([]float32, error) {
	return features, nil
}

func TestMaps(t *testing.T) {
	_, w := readGolden(t)
	ctx := context.Background()
	m, err := NewMaps(ctx, space{w.model}, w.features, w.table, w.roles, 3)
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.run(Options{Resamples: 10})
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Images; len(m.Of) != n || len(m.Features) != n || len(m.Latent) != n || len(m.Reconstructions) != n {
		t.Errorf("%d, %d and %d points of %d images", len(m.Of), len(m.Features), len(m.Latent), n)
	}
	if n := len(r.Candidates) - len(r.WithoutImages); len(m.Classes) != n || len(m.Priors) != n {
		t.Errorf("%d classes and %d priors of %d", len(m.Classes), len(m.Priors), n)
	}
	of := map[int]int{}
	for _, c := range m.Of {
		of[c]++
	}
	for _, c := range m.Classes {
		if of[c] != r.Classes[c].Images {
			t.Errorf("%d points of class %d with %d images", of[c], c, r.Classes[c].Images)
		}
	}
	for _, p := range m.Priors {
		if !(p.Covariance[0] > 0) || !(p.Covariance[0]*p.Covariance[2] >= p.Covariance[1]*p.Covariance[1]*(1-1e-9)) {
			t.Errorf("%+v", p)
		}
	}
	if m, err = NewMaps(ctx, w.model, w.features, w.table, w.roles, 3); err != nil || m.Latent != nil || m.Priors != nil || m.Reconstructions != nil || m.Features == nil {
		t.Errorf("without a latent space: %+v, %v", m, err)
	}
}

// Of three images there is no map.
func TestFewForMaps(t *testing.T) {
	table := &features.ClassTable{Dataset: "made up", Attributes: []string{"x"}, Classes: []string{"s", "a"}, Values: [][]float32{{0}, {1}}}
	roles := &features.Split{Name: "few", Dataset: "made up", Provenance: "test", Seen: []string{"s"}, Unseen: []string{"a"}}
	f := &drawn{}
	for n := range 4 {
		image := string(rune('0' + n))
		f.images, f.classes, f.x = append(f.images, image), append(f.classes, "a"), append(f.x, []float32{float32(n)})
		roles.Images, roles.Roles = append(roles.Images, image), append(roles.Roles, features.RoleTestUnseen)
		m, err := NewMaps(context.Background(), bilinear{}, f, table, roles, 1)
		if err != nil || (m != nil) != (n == 3) {
			t.Errorf("of %d images: %+v, %v", n+1, m, err)
		}
	}
}

// Where the map is a linear one of the codes the prior's place and covariance are those of that map: codes are a fine grid in
// the plane, laid out as y = A z + (3, -1).
func TestPlace(t *testing.T) {
	a := [2][2]float64{{2, 1}, {-1, 3}}
	m := &Maps{Perplexity: 30}
	var codes []float32
	for i := -20; i <= 20; i++ {
		for j := -20; j <= 20; j++ {
			x, y := 0.1*float64(i), 0.1*float64(j)
			codes = append(codes, float32(x), float32(y))
			m.Latent = append(m.Latent, [2]float64{a[0][0]*x + a[0][1]*y + 3, a[1][0]*x + a[1][1]*y - 1})
		}
	}
	std := []float32{0.5, 0.2}
	p := m.place(codes, []float32{0.4, -0.3}, std)
	want := MapPrior{Mean: [2]float64{2*0.4 - 0.3 + 3, -0.4 - 0.9 - 1}}
	for k, s := range std {
		want.Covariance[0] += a[0][k] * a[0][k] * float64(s*s)
		want.Covariance[1] += a[0][k] * a[1][k] * float64(s*s)
		want.Covariance[2] += a[1][k] * a[1][k] * float64(s*s)
	}
	if d := cmp.Diff(want, p, cmpopts.EquateApprox(0, 0.01)); d != "" {
		t.Error(d)
	}
}

func TestUnitAndEvenly(t *testing.T) {
	if u := unit([]float32{3, 4, 0, 0}, 2); math.Abs(float64(u[0])-0.6) > 1e-7 || math.Abs(float64(u[1])-0.8) > 1e-7 || u[2] != 0 || u[3] != 0 {
		t.Errorf("%v", u)
	}
	if e := evenly([]int{0, 1, 2, 3, 4, 5}, 3); e[0] != 0 || e[1] != 2 || e[2] != 4 || len(e) != 3 {
		t.Errorf("%v", e)
	}
}
