package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// said scores samples by what their features say.
type said struct{ classes int }

func (g said) Score(features []float32, _ int, _ [][]float32) ([]float32, error) {
	return append([]float32{}, features...), nil
}
func (g said) Dims() (int, int)              { return g.classes, 1 }
func (g said) Tensors() []safetensors.Tensor { return nil }

type rows struct {
	x      [][]float32
	labels []int
}

func (r rows) Len() int                 { return len(r.x) }
func (r rows) Dim() int                 { return len(r.x[0]) }
func (r rows) Row(i int, dst []float32) { copy(dst, r.x[i]) }
func (r rows) Label(i int) int          { return r.labels[i] }
func (r rows) data(c int) *method.Data {
	return &method.Data{Samples: r, Attributes: make([][]float32, c)}
}
func (r rows) loss(temp float64) (l float64) { // mean -log softmax(score/temp) of the label
	for i, x := range r.x {
		sum := 0.0
		for _, s := range x {
			sum += math.Exp((float64(s) - float64(x[r.labels[i]])) / temp)
		}
		l += math.Log(sum) / float64(len(r.x))
	}
	return l
}

// Labels drawn from softmax(score/T) give T back, whatever it is, and no temperature nearby explains them better.
func TestTemperature(t *testing.T) {
	const n, classes = 6000, 12
	for _, want := range []float64{0.02, 1, 37} {
		r := rand.New(rand.NewPCG(3, 3))
		var d rows
		for range n {
			x := make([]float32, classes)
			weights, sum := make([]float64, classes), 0.0
			for c := range x {
				x[c] = float32(want*(2*r.NormFloat64()) - 5)
				weights[c] = math.Exp(float64(x[c]) / want)
				sum += weights[c]
			}
			at, y := r.Float64()*sum, 0
			for at -= weights[0]; at > 0; at -= weights[y] {
				y++
			}
			d.x, d.labels = append(d.x, x), append(d.labels, y)
		}
		got, err := fitTemperature(said{classes}, d.data(classes))
		if err != nil || math.Abs(got/want-1) > 0.05 {
			t.Errorf("T = %g for labels drawn with %g: %v", got, want, err)
		}
		if at := d.loss(got); at > d.loss(got*1.01) || at > d.loss(got/1.01) {
			t.Errorf("T = %g is not the least: %g, beside it %g and %g", got, at, d.loss(got*1.01), d.loss(got/1.01))
		}
	}
}

// Scores that are always right, always wrong or all the same have no best temperature, and still give probabilities.
func TestTemperatureWithout(t *testing.T) {
	right, wrong, same := rows{}, rows{}, rows{}
	for i := range 30 {
		x := []float32{1, 2, 3}
		right.x, right.labels = append(right.x, x), append(right.labels, 2)
		wrong.x, wrong.labels = append(wrong.x, x), append(wrong.labels, 0)
		same.x, same.labels = append(same.x, []float32{4, 4, 4}), append(same.labels, i%3)
	}
	for _, c := range []struct {
		name   string
		d      rows
		lo, hi float64
	}{{"right", right, 1e-4, 1e-2}, {"wrong", wrong, 100, 1e4}, {"same", same, 0, 0}} {
		if got, err := fitTemperature(said{3}, c.d.data(3)); err != nil || got < c.lo || got > c.hi {
			t.Errorf("%s: T = %g, %v", c.name, got, err)
		}
	}
}

// Of too many samples some are taken, each with its own label.
func TestEvery(t *testing.T) {
	var d rows
	for i := range 10 {
		d.x, d.labels = append(d.x, []float32{float32(i)}), append(d.labels, i)
	}
	some := every{d, 3}
	if some.Len() != 4 {
		t.Fatalf("%d of 10, 3 apart", some.Len())
	}
	for i := range some.Len() {
		var x [1]float32
		if some.Row(i, x[:]); int(x[0]) != 3*i || some.Label(i) != 3*i {
			t.Errorf("sample %d has features of %v and the label of %d, want %d's", i, x[0], some.Label(i), 3*i)
		}
	}
}
