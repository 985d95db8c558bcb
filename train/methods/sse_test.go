package methods

import (
	"testing"
	"vzsl/train/method"
)

// TestMixtures compares convex combinations with those that a search of all sets of rows finds (testdata/simplex.py).
func TestMixtures(t *testing.T) {
	var cases []struct {
		Ridge float64
		A, B  [][]float32
		Psi   []float64
	}
	golden(t, "simplex.json", &cases)
	for _, c := range cases {
		near(t, "psi", newMixtures(method.Matrix(c.B), c.Ridge).of(method.Matrix(c.A)).RawMatrix().Data, c.Psi, 1e-9)
	}
}

func TestSSE(t *testing.T) {
	o := newEmbedding([]float64{0.7, 0.3, 0, 0, 0.9, 0.1, 0.2, 0.2, 0.6, 0, 0, 1}, describe(3, 8), 8, 1)
	for j := range o.w.values {
		o.w.values[j] += 0.1 * float64(j)
	}
	checkGradient(t, o, 4, 8)
	sse := defaultSSE()
	sse.LearningRate, sse.Epochs = 0.02, 20
	learns(t, &sse, newWorld(4, 8, 24), 0.5)
}
