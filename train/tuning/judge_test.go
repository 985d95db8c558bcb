package tuning

import (
	"math"
	"testing"

	"vzsl/train/method"
	"vzsl/train/settings"
)

// TestJudge: of choices with equal means the first is taken, with the sample's standard deviation; one that a fold lacks is none;
// what was measured is averaged geometrically.
func TestJudge(t *testing.T) {
	at := func(epochs, accuracy, scale float64) FitPoint {
		return FitPoint{method.Choice{"epochs": epochs}, method.Choice{"scale": scale}, accuracy}
	}
	x := &tuning{settings: make([]settings.Settings, 1), fits: map[fitKey]*Fit{
		{0, 0}: {Points: []FitPoint{at(1, 0.2, 1), at(2, 0.5, 1), at(3, 0.3, 9), at(4, 0.9, 1)}},
		{0, 1}: {Points: []FitPoint{at(1, 0.2, 1), at(2, 0.3, 4), at(3, 0.5, 9)}},
	}}
	got := x.judge(0, 2)
	if got.Choice["epochs"] != 2 || got.Choice["scale"] != 2 || math.Abs(got.Accuracy-0.4) > 1e-12 || math.Abs(got.Deviation-math.Sqrt(0.02)) > 1e-12 || got.Folds != 2 {
		t.Errorf("%+v", got)
	}
	x.fits[fitKey{0, 1}].Failed = "no"
	if got := x.judge(0, 2); got.Failed != "no" || got.Choice != nil {
		t.Errorf("%+v", got)
	}
}
