package methods

import (
	"math"
	"testing"

	"vzsl/train/method"
)

// TestDescribe: what a model sees in a sample, attribute by attribute, makes its scores. SAE's, in both directions, has
// its cosines with the classes' vectors; DAP's and IAP's adds up to them over the attributes that a class has.
func TestDescribe(t *testing.T) {
	d := newWorld(7, 6, 24).data(12, 8)
	p := &method.Problem{Train: *d, Seed: 1}
	r := d.Samples.(*rows)
	n, a, classes := r.Len(), len(d.Attributes[0]), len(d.Attributes)
	s, _, err := classVectors(p)
	if err != nil {
		t.Fatal(err)
	}
	var x []float32
	for _, row := range r.X {
		x = append(x, row...)
	}
	describe := func(c method.Config) (e, score []float32, m method.Model) {
		_, m = fitted(t, c, p)
		e, err := m.(method.Describer).Describe(x, n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.(method.Describer).Describe(x[1:], n); err == nil {
			t.Errorf("%T: a short feature was described", c)
		}
		return e, scores(t, m, r, d.Attributes), m
	}
	one := []float64{1}
	e, score, _ := describe(&saeMethod{Lambda: one, Reduction: one, Direction: saeToAttributes})
	near(t, "sae", cosines(e, n, s, classes, a), doubled(score), 1e-6)
	other, _, _ := describe(&saeMethod{Lambda: one, Reduction: one, Direction: saeToFeatures})
	near(t, "sae", other, doubled(e), 0)

	dap := defaultDAP()
	for _, c := range []method.Config{&dap, &iapMethod{Threshold: overMatrix, Floor: []float64{0.01}, Epochs: 20}} {
		e, score, m := describe(c)
		for i := range n {
			sum := make([]float64, classes)
			for k, v := range d.Attributes {
				for j, has := range m.(method.Binary).Binary(v) {
					sum[k] += float64(e[i*a+j] * has)
				}
			}
			for k := range classes {
				got, want := sum[k]-sum[0], float64(score[i*classes+k]-score[i*classes])
				if math.Abs(got-want) > 1e-4 {
					t.Fatalf("%T: sample %d's score of class %d is %v above that of class 0, its attributes say %v", c, i, k, want, got)
				}
			}
		}
	}
}
