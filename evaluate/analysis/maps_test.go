package analysis

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vzsl/evaluate"
	"vzsl/features"
)

// space is a model with a latent space of two dimensions: codes are features of two values, priors stand at the class's.
type space struct{ bilinear }

func (space) Encode(features []float32, n int) ([]float32, error) { return features, nil }

func (space) Prior(class []float32) (mean, std []float32, err error) {
	return known0(class), []float32{0.5, 0.5}, nil
}

func (space) Reconstruct(features []float32, n int) ([]float32, error) { return features, nil }

// measured evaluates n images of the unseen class a and 2 n of b; c has none.
func measured(t *testing.T, n int) (*evaluate.Result, *drawn, *features.ClassTable) {
	t.Helper()
	table := &features.ClassTable{Dataset: "made up", Attributes: []string{"x", "y"}, Classes: []string{"s", "a", "b", "c"},
		Values: [][]float32{{0, 0}, {1, 0}, {0, 1}, {-1, -1}}}
	roles := &features.Split{Name: "few", Dataset: "made up", Provenance: "test", Seen: table.Classes[:1], Unseen: table.Classes[1:]}
	f := &drawn{}
	for i := range 3 * n {
		image, c := fmt.Sprint(i), 1+min(i/n, 1)
		x := []float32{table.Values[c][0] + 0.1*float32(i%7), table.Values[c][1] + 0.1*float32(i%5)}
		f.images, f.classes, f.x = append(f.images, image), append(f.classes, table.Classes[c]), append(f.x, x)
		roles.Images, roles.Roles = append(roles.Images, image), append(roles.Roles, features.RoleTestUnseen)
	}
	r, err := evaluate.ZeroShot(context.Background(), bilinear{}, f, table, roles, evaluate.Options{Resamples: 10})
	if err != nil {
		t.Fatal(err)
	}
	return r, f, table
}

func TestMaps(t *testing.T) {
	ctx := context.Background()
	r, f, table := measured(t, 10)
	m, err := Maps(ctx, r, space{}, f, table, 3)
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Images; len(m.Of) != n || len(m.Features) != n || len(m.Latent) != n || len(m.Reconstructions) != n {
		t.Errorf("%d, %d and %d points of %d images", len(m.Of), len(m.Features), len(m.Latent), n)
	}
	if n := len(r.Candidates) - len(r.WithoutImages); n != 2 || len(m.Classes) != n || len(m.Priors) != n {
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
	if m, err = Maps(ctx, r, bilinear{}, f, table, 3); err != nil || m.Latent != nil || m.Priors != nil || m.Reconstructions != nil || m.Features == nil {
		t.Errorf("without a latent space: %+v, %v", m, err)
	}
}

// Of three images there is no map.
func TestFewForMaps(t *testing.T) {
	for n := 1; n <= 2; n++ {
		r, f, table := measured(t, n)
		m, err := Maps(context.Background(), r, bilinear{}, f, table, 1)
		if err != nil || (m != nil) != (n == 2) {
			t.Errorf("of %d images: %+v, %v", 3*n, m, err)
		}
	}
	r, f, table := measured(t, 2)
	r.Predictions = r.Predictions[:4]
	if m, err := Maps(context.Background(), r, bilinear{}, f, table, 1); err != nil || m == nil {
		t.Errorf("of 4 images: %+v, %v", m, err)
	}
}

// Features and class table are those of the evaluation.
func TestOtherInputs(t *testing.T) {
	ctx := context.Background()
	r, f, table := measured(t, 4)
	other := *table
	other.Classes = []string{"s", "a", "x", "c"}
	if _, err := Maps(ctx, r, space{}, f, &other, 1); err == nil || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("another table: %v", err)
	}
	fewer := &drawn{matrix{f.images[:3], f.classes[:3]}, f.x[:3]}
	if _, err := Maps(ctx, r, space{}, fewer, table, 1); err == nil || !strings.Contains(err.Error(), `"3"`) {
		t.Errorf("other features: %v", err)
	}
}

// Where the map is a linear one of the codes the prior's place and covariance are those of that map: codes are a fine grid in
// the plane, laid out as y = A z + (3, -1).
func TestPlace(t *testing.T) {
	a := [2][2]float64{{2, 1}, {-1, 3}}
	m := &evaluate.Maps{Perplexity: 30}
	var codes []float32
	for i := -20; i <= 20; i++ {
		for j := -20; j <= 20; j++ {
			x, y := 0.1*float64(i), 0.1*float64(j)
			codes = append(codes, float32(x), float32(y))
			m.Latent = append(m.Latent, [2]float64{a[0][0]*x + a[0][1]*y + 3, a[1][0]*x + a[1][1]*y - 1})
		}
	}
	std := []float32{0.5, 0.2}
	p := place(m, codes, []float32{0.4, -0.3}, std)
	want := evaluate.MapPrior{Mean: [2]float64{2*0.4 - 0.3 + 3, -0.4 - 0.9 - 1}}
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
	if e := evaluate.EvenlySpaced([]int{0, 1, 2, 3, 4, 5}, 3); e[0] != 0 || e[1] != 2 || e[2] != 4 || len(e) != 3 {
		t.Errorf("%v", e)
	}
}

// narrow gives priors of another length than its codes.
type narrow struct{ space }

func (narrow) Prior(class []float32) (mean, std []float32, err error) {
	return class[:1], []float32{0.5}, nil
}

func TestPriorOfAnotherLength(t *testing.T) {
	r, f, table := measured(t, 4)
	if _, err := Maps(context.Background(), r, narrow{}, f, table, 1); err == nil {
		t.Error("priors of one value among codes of two")
	}
}
