package methods

import (
	"testing"

	"vzsl/train/method"
)

// TestBiDiLEL compares nearness with SciPy's (testdata/bidilel.py), to other classes and to a seen one.
func TestBiDiLEL(t *testing.T) {
	var cases []struct {
		rows
		S, U   [][]float32
		Ridge  float64
		Scores []float64
	}
	golden(t, "bidilel.json", &cases)
	for _, c := range cases {
		m := &bidilelMethod{Ridge: []float64{c.Ridge}, Iterations: 100000}
		_, back := fitted(t, m, &method.Problem{Train: method.Data{Samples: &c.rows, Attributes: c.S}})
		near(t, "score", scores(t, back, &c.rows, c.U), c.Scores, 1e-6)
	}
}
