package evaluate

import (
	"math"
	"testing"
)

// TestNewSpread works with the quantiles that every table of Student's t has: 12.70620474 for one degree of freedom, 2.776445105 for
// four.
func TestNewSpread(t *testing.T) {
	for _, c := range []struct {
		values              []float64
		mean, sd, low, high float64
	}{
		{[]float64{0.5, 0.7}, 0.6, 0.14142135623730948, 0, 1}, // -0.67 and 1.87 uncut
		{[]float64{0.98, 0.99, 1}, 0.99, 0.01, 0.965158622882249, 1},
		{[]float64{0.02, 0.01, 0}, 0.01, 0.01, 0, 0.03484137711775101},
		{[]float64{0.51, 0.53, 0.55, 0.52, 0.54}, 0.53, 0.015811388300841910, 0.5103675683851434, 0.5496324316148566},
		{[]float64{0.3, 0.3, 0.3}, 0.3, 0, 0.3, 0.3},
	} {
		s := NewSpread("x", c.values)
		for _, p := range [][2]float64{{s.Mean, c.mean}, {s.SD, c.sd}, {s.Interval.Low, c.low}, {s.Interval.High, c.high}} {
			if math.Abs(p[0]-p[1]) > 1e-9 {
				t.Errorf("%v: %+v %+v, want %+v", c.values, s, s.Interval, c)
				break
			}
		}
	}
	if s := NewSpread("x", []float64{0.4}); s.Mean != 0.4 || s.SD != 0 || s.Interval != nil {
		t.Errorf("one value: %+v", s)
	}
}

func TestOverSeeds(t *testing.T) {
	result := func(top1, u float64) *Result {
		r := &Result{Top1: Accuracy{MeanPerClass: Estimate{Value: top1}, PerImage: Estimate{Value: top1 / 2}}}
		if u > 0 {
			r.Generalised = &Generalised{Plain: Harmonic{U: Estimate{Value: u}}, AUSUC: u / 4}
		}
		return r
	}
	all := OverSeeds([]*Result{result(0.5, 0.2), result(0.6, 0.4)})
	if len(all) != 6 || all[0].Name != "top-1, mean per class" || math.Abs(all[0].Mean-0.55) > 1e-12 ||
		all[2].Name != "U" || math.Abs(all[2].Mean-0.3) > 1e-12 || all[5].Name != "AUSUC" || math.Abs(all[5].Mean-0.075) > 1e-12 {
		t.Errorf("%+v", all)
	}
	one := result(0.5, 0.2)
	one.Top1.MeanPerClass.OverImages = &Interval{0.4, 0.6}
	if all := OverSeeds([]*Result{one}); all[0].Interval == nil || *all[0].Interval != (Interval{0.4, 0.6}) || all[0].Over != OverImage || all[0].SD != 0 || all[1].Interval != nil {
		t.Errorf("one seed: %+v", all)
	}
	if all := OverSeeds([]*Result{one, result(0.6, 0.4)}); all[0].Over != OverSeed || all[0].Interval.Low != 0 {
		t.Errorf("two seeds: %+v", all[0])
	}
	if all := OverSeeds([]*Result{result(0.5, 0.2), result(0.6, 0)}); len(all) != 2 {
		t.Errorf("figures of one seed alone: %+v", all)
	}
}
