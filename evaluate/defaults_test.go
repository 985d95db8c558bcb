package evaluate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The defaults are part of every report: intervals of 2,000 resamples, mini-batches of 512 images.
func TestDefaults(t *testing.T) {
	truth := make([]int, 600)
	scores := make([][]float32, len(truth))
	for i := range truth {
		truth[i], scores[i] = 1+i%2, []float32{0, 1, 0.5}
	}
	w := newWorld(1, 2, truth, scores)
	r, err := w.run(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Bootstrap.Resamples != 2000 || r.Bootstrap.Level != 0.95 || !cmp.Equal(w.model.calls, []int{512, 88}) {
		t.Errorf("%+v, mini-batches of %v images", r.Bootstrap, w.model.calls)
	}
}

func TestHeadline(t *testing.T) {
	e := func(v float64) Estimate { return Estimate{Value: v} }
	a := func(v float64) Accuracy { return Accuracy{e(v), e(v + 0.01)} }
	r := &Result{Top1: a(0.1), Hits: []Hit{{K: 1, Accuracy: a(0.1)}, {K: 2, Accuracy: a(0.2)}, {K: 5, Accuracy: a(0.5)}}, Generalised: &Generalised{
		Plain: Harmonic{U: e(0.31), S: e(0.32), H: e(0.33)}, Calibrated: &Harmonic{U: e(0.41), S: e(0.42), H: e(0.43)}, AUSUC: 0.6}}
	got := map[string]float64{}
	for _, f := range r.Headline() {
		got[f.Name] = f.Value
		if f.Name != "AUSUC" && f.Estimate.Value != f.Value {
			t.Errorf("%s: %v and %v", f.Name, f.Value, f.Estimate.Value)
		}
	}
	want := map[string]float64{"top-1, mean per class": 0.1, "top-1, per image": 0.11, "top-5, per image": 0.51,
		"U": 0.31, "S": 0.32, "H": 0.33, "U, calibrated": 0.41, "S, calibrated": 0.42, "H, calibrated": 0.43, "AUSUC": 0.6}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestPercentiles(t *testing.T) {
	values := []float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}
	if i := percentiles(values); i.Low != 0.25 || i.High != 9.75 {
		t.Errorf("%+v", i)
	}
	if i := percentiles([]float64{3}); i.Low != 3 || i.High != 3 || percentiles(nil) != nil {
		t.Errorf("%+v", i)
	}
}

// One more name is as short as "and 1 more".
func TestList(t *testing.T) {
	for want, names := range map[string][]string{"a": {"a"}, "a, b, c": {"a", "b", "c"}, "a, b and 2 more": {"a", "b", "c", "d"}} {
		if got := list(names, 2); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
