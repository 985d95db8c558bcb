package methods

import (
	"testing"

	"vzsl/train/method"
)

func TestBilinear(t *testing.T) {
	devise, ale, sje, latem := defaultDeViSE(), defaultALE(), defaultSJE(), defaultLATEM()
	s := describe(6, 5)
	for _, c := range []struct {
		name      string
		objective objective[float64]
	}{
		{"devise", newBilinear(s, 8, 5, 1, hingeSum[float64])},
		{"ale", newBilinear(s, 8, 5, 1, hingeRanked[float64])},
		{"sje", newBilinear(s, 8, 5, 1, hingeWorst[float64])},
		{"latem", newLatent(s, 8, 5, &latemMethod{Matrices: 3, Margin: 1})},
	} {
		t.Run(c.name, func(t *testing.T) { checkGradient(t, c.objective, 6, 8) })
	}
	for name, c := range map[string]method.Config{"devise": &devise, "ale": &ale, "sje": &sje, "latem": &latem} {
		t.Run(name, func(t *testing.T) { learns(t, c, newWorld(4, 8, 24), 0.9) })
	}
}

// TestRankingLosses by hand: scores 1, 3, 2.5 and 2.75 of the classes, the sample being of the second; margin 1.
func TestRankingLosses(t *testing.T) {
	scores := []float64{1, 3, 2.5, 2.75}
	for _, c := range []struct {
		name     string
		loss     rankingLoss[float64]
		want     float64
		gradient []float64
	}{
		{"sum", hingeSum[float64], 0.5 + 0.75, []float64{0, -2, 1, 1}},
		{"ranked", hingeRanked[float64], 1.5 / 2 * (0.5 + 0.75), []float64{0, -1.5, 0.75, 0.75}},
		{"worst", hingeWorst[float64], 0.75, []float64{0, -1, 0, 1}},
	} {
		gradient := make([]float64, 4)
		if got := c.loss(1, scores, 1, gradient); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		for i, g := range gradient {
			if g != c.gradient[i] {
				t.Errorf("%s: gradient %v, want %v", c.name, gradient, c.gradient)
				break
			}
		}
	}
}
