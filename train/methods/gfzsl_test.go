package methods

import (
	"testing"

	"vzsl/train/method"
)

// TestGFZSL compares log-likelihoods, before and after three iterations of EM, with NumPy's (testdata/gfzsl.py).
func TestGFZSL(t *testing.T) {
	var want struct {
		rows
		S, U, Z      [][]float32
		Mean         float64 `json:"mean_ridge"`
		Variance     float64 `json:"variance_ridge"`
		Floor        float64 `json:"variance_floor"`
		Linear       []float64
		Polynomial   []float64
		LinearEM     []float64 `json:"linear_em"`
		PolynomialEM []float64 `json:"polynomial_em"`
	}
	golden(t, "gfzsl.json", &want)
	unseen := &rows{X: want.Z}
	for _, c := range []struct {
		kernel        string
		scores, after []float64
	}{{gfzslLinear, want.Linear, want.LinearEM}, {gfzslPolynomial, want.Polynomial, want.PolynomialEM}} {
		m := &gfzslMethod{Kernel: c.kernel, MeanRidge: []float64{want.Mean}, VarianceRidge: []float64{want.Variance},
			VarianceFloor: []float64{want.Floor}, TransductiveEM: 3, Variances: gfzslEstimated}
		p := &method.Problem{Train: method.Data{Samples: &want.rows, Attributes: want.S}}
		_, back := fitted(t, m, p)
		near(t, c.kernel, scores(t, back, unseen, want.U), c.scores, 1e-6)
		p.Unlabelled = &method.Unlabelled{Features: unseen, Attributes: want.U}
		_, back = fitted(t, m, p)
		near(t, c.kernel+" after EM", scores(t, back, unseen, want.U), c.after, 1e-6)
	}
}

// TestGFZSLGoesOn: a transductive fit that continues from an inductive choice validates, chooses the floor again and keeps the ridges; its
// own choice is used as it is.
func TestGFZSLGoesOn(t *testing.T) {
	w := worldOfSigns(31, 10, 24)
	train, held := w.data(30, 12), w.data(10, 6)
	c := defaultGFZSL()
	c.TransductiveEM = 3
	p := &method.Problem{Train: *train, Validation: held, Unlabelled: &method.Unlabelled{Features: held.Samples, Attributes: held.Attributes}}
	var points []method.Point
	s := &method.Session{Choice: method.Choice{"mean_ridge": 0.5, "variance_ridge": 100, "variance_floor": 7}, Point: func(pt method.Point) error {
		points = append(points, pt)
		return nil
	}}
	o, err := c.Fit(t.Context(), p, s)
	if err != nil {
		t.Fatal(err)
	}
	if len(points) < len(c.VarianceFloor) {
		t.Fatalf("%d points", len(points))
	}
	for _, pt := range points {
		if !pt.Validated || pt.Choice["mean_ridge"] != 0.5 || pt.Choice["variance_ridge"] != 100 {
			t.Errorf("%+v", pt)
		}
	}
	if o.Accuracy == 0 || o.Choice[transductive] != 1 {
		t.Errorf("accuracy %v, choice %v", o.Accuracy, o.Choice)
	}
	points = nil
	s.Choice = o.Choice
	if again, err := c.Fit(t.Context(), p, s); err != nil || len(points) != 1 || points[0].Validated || again.Choice["variance_floor"] != o.Choice["variance_floor"] {
		t.Errorf("its own choice: %d points, %v, %v", len(points), again, err)
	}
}
