package evaluate

import (
	"context"
	"math"
	"testing"
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
	if n := r.Images; len(m.Of) != n || len(m.Features) != n || len(m.Latent) != n {
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
		if !(p.Covariance[0] > 0) || !(p.Covariance[0]*p.Covariance[2] >= p.Covariance[1]*p.Covariance[1]) {
			t.Errorf("%+v", p)
		}
	}
	if m, err = NewMaps(ctx, w.model, w.features, w.table, w.roles, 3); err != nil || m.Latent != nil || m.Priors != nil || m.Features == nil {
		t.Errorf("without a latent space: %+v, %v", m, err)
	}
}

func TestMoments(t *testing.T) {
	p := moments([][2]float64{{0, 0}, {2, 4}})
	if p.Mean != [2]float64{1, 2} || p.Covariance != [3]float64{1, 2, 4} {
		t.Errorf("%+v", p)
	}
	if u := unit([]float32{3, 4, 0, 0}, 2); math.Abs(float64(u[0])-0.6) > 1e-7 || math.Abs(float64(u[1])-0.8) > 1e-7 || u[2] != 0 || u[3] != 0 {
		t.Errorf("%v", u)
	}
	if e := evenly([]int{0, 1, 2, 3, 4, 5}, 3); e[0] != 0 || e[1] != 2 || e[2] != 4 || len(e) != 3 {
		t.Errorf("%v", e)
	}
}
