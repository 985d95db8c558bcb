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
	}{{GFZSLLinear, want.Linear, want.LinearEM}, {GFZSLPolynomial, want.Polynomial, want.PolynomialEM}} {
		m := &GFZSLMethod{Config: GFZSL{Kernel: c.kernel, MeanRidge: []float64{want.Mean}, VarianceRidge: []float64{want.Variance},
			VarianceFloor: []float64{want.Floor}, TransductiveEM: 3, Variances: GFZSLEstimated}}
		p := &method.Problem{Train: method.Data{Samples: &want.rows, Attributes: want.S}}
		_, back := fitted(t, m, p)
		near(t, c.kernel, scores(t, back, unseen, want.U), c.scores, 1e-6)
		p.Unlabelled = &method.Unlabelled{Features: unseen, Attributes: want.U}
		_, back = fitted(t, m, p)
		near(t, c.kernel+" after EM", scores(t, back, unseen, want.U), c.after, 1e-6)
	}
}
