package evaluate

import (
	"math"
	"math/rand/v2"
	"testing"
)

// twoResults are of the same images: the first has each right with probability p, the second where the first is wrong with q.
func twoResults(p, q float64) (a, b *Result) {
	r := rand.New(rand.NewPCG(3, 4))
	a, b = &Result{Bootstrap: Bootstrap{Resamples: 2000, Seed: 1}}, &Result{}
	for c := range 20 {
		a.Candidates, b.Candidates = append(a.Candidates, string(rune('a'+c))), append(b.Candidates, string(rune('a'+c)))
		for i := range 40 {
			first, second := 2, 2
			if r.Float64() < p {
				first, second = 1, 1
			} else if r.Float64() < q {
				second = 1
			}
			name := string(rune('a'+c)) + string(rune('0'+i))
			a.Predictions = append(a.Predictions, Prediction{Image: name, Class: c, Rank: first})
			b.Predictions = append(b.Predictions, Prediction{Image: name, Class: c, Rank: second})
		}
	}
	return a, b
}

// TestDifference: the value is the mean over classes of the difference, the interval over images that of a binomial within classes,
// much narrower than that of two figures by themselves; the sign turns with the order.
func TestDifference(t *testing.T) {
	a, b := twoResults(0.6, 0.25)
	d, err := Difference(a, b)
	if err != nil {
		t.Fatal(err)
	}
	value, variance := 0.0, 0.0
	for c := range 20 {
		won := 0.0
		for i, p := range a.Predictions {
			if p.Class == c && b.Predictions[i].Rank < p.Rank {
				won++
			}
		}
		value += won / 40 / 20
		variance += won / 40 * (1 - won/40) / 40 / 400
	}
	half := 1.96 * math.Sqrt(variance)
	if math.Abs(d.Value-value) > 1e-12 || math.Abs(d.OverImages.Low-(value-half)) > 0.1*half || math.Abs(d.OverImages.High-(value+half)) > 0.1*half {
		t.Errorf("%+v %v, want %v within %v", d, *d.OverImages, value, half)
	}
	if !(d.OverClasses.Low < value && value < d.OverClasses.High) {
		t.Errorf("%+v", *d.OverClasses)
	}
	b.Bootstrap = a.Bootstrap
	back, err := Difference(b, a)
	if err != nil || back.Value != -d.Value {
		t.Errorf("%v, %v", back, err)
	}
	if same, err := Difference(a, a); err != nil || same.Value != 0 || *same.OverImages != (Interval{}) {
		t.Errorf("%+v, %v", same, err)
	}
	b.Predictions[3].Image = "another"
	if _, err := Difference(a, b); err == nil {
		t.Error("another image passes")
	}
	b.Predictions = b.Predictions[1:]
	if _, err := Difference(a, b); err == nil {
		t.Error("fewer images pass")
	}
}
