package methods

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestMLZSC(t *testing.T) {
	signed := describe(6, 5)
	var positive []float64
	for _, v := range signed {
		positive = append(positive, math.Abs(v))
	}
	for _, s := range [][]float64{positive, signed} {
		o := newMetric(s, 8, 5, &mlzscMethod{Regression: 0.6})
		o.start()
		checkGradient(t, o, 6, 8)
	}
	c := defaultMLZSC()
	c.LearningRate, c.Epochs = 1e-2, 60
	w := newWorld(4, 8, 24)
	w.attribute = func(r *rand.Rand) float64 { return math.Abs(r.NormFloat64()) }
	learns(t, &c, w, 0.9)
	learns(t, &c, newWorld(4, 8, 24), 0.9)
}
