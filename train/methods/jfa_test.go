package methods

import (
	"math"
	"math/rand/v2"
	"testing"

	"vzsl/train/safetensors"
)

func TestJFA(t *testing.T) {
	checkGradient(t, newAdapted(describe(6, 5), 8, 5, &jfaMethod{Features: 3, Attributes: 2, Margin: 1}), 6, 8)
	c := defaultJFA()
	learns(t, &c, newWorld(4, 8, 24), 0.9)
}

// TestAdaptedScores: the closed form is the maximum it stands for, reached by climbing, but for what no class changes;
// and a W beyond the bound is scaled back in training, refused in a file.
func TestAdaptedScores(t *testing.T) {
	const d, a, classes = 7, 4, 3
	alpha, beta := 2.0, 1.5
	r := rand.New(rand.NewPCG(2, 2))
	s := describe(classes, a)
	c := &jfaMethod{Features: alpha, Attributes: beta, Margin: 1}
	o := newAdapted[float32](nil, d, a, c)
	for i := range o.w.values {
		o.w.values[i] = float32(0.3 * r.NormFloat64())
	}
	if o.adapt() {
		t.Fatal("W is beyond the bound")
	}
	x := make([]float64, d)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	w := func(i, j int) float64 { return float64(o.w.values[i*a+j]) }
	climb := func(s []float64) float64 {
		p, q := append([]float64(nil), x...), append([]float64(nil), s...)
		for range 500 { // u = W q/alpha, v = W'p/beta contract
			for i := range p {
				p[i] = x[i]
				for j := range q {
					p[i] += w(i, j) * q[j] / alpha
				}
			}
			for j := range q {
				q[j] = s[j]
				for i := range p {
					q[j] += w(i, j) * p[i] / beta
				}
			}
		}
		f := 0.0
		for i := range p {
			f -= alpha / 2 * (p[i] - x[i]) * (p[i] - x[i])
			for j := range q {
				f += p[i] * w(i, j) * q[j]
			}
		}
		for j := range q {
			f -= beta / 2 * (q[j] - s[j]) * (q[j] - s[j])
		}
		return f
	}
	single := func(v []float64) (to []float32) {
		for _, x := range v {
			to = append(to, float32(x))
		}
		return to
	}
	scores := jfaModel(o).score(single(x), 1, single(s), classes)
	first := climb(s[:a])
	for j := 1; j < classes; j++ {
		want := climb(s[j*a:(j+1)*a]) - first
		if got := float64(scores[j] - scores[0]); math.Abs(got-want) > 1e-4*(1+math.Abs(want)) {
			t.Errorf("F of class %d is %v above that of class 0, the maximum %v", j, got, want)
		}
	}

	for i := range o.w.values {
		o.w.values[i] *= 100
	}
	if _, err := c.Load(&safetensors.File{Tensors: tensorsOf(o.parameters())}); err == nil {
		t.Error("a W beyond the bound was loaded")
	}
	if !o.adapt() || o.adapt() {
		t.Error("W was not scaled back within the bound")
	}
}
