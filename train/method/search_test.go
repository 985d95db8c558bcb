package method

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// TestSearch: the grid grows towards a best point that lies beyond it, not past it, and tells where it gave up.
func TestSearch(t *testing.T) {
	for _, x := range []struct {
		peak, other float64 // of the accuracy
		want        Choice
		tries       int
		note        string
	}{
		{10, 1, Choice{"a": 10, "b": 1}, 9, ""},                   // within
		{1000, 1, Choice{"a": 1000, "b": 1}, 9 + 2, ""},           // one beyond, and one to see that it is the best
		{1000, 0.01, Choice{"a": 1000, "b": 0.01}, 9 + 2 + 2, ""}, // on both axes
		{1e9, 1, Choice{"a": 1e5, "b": 1}, 9 + 3, "best a, 100000, is at the boundary"},
	} {
		var all []Choice
		best, most := Choice{}, math.Inf(-1)
		notes, err := Search([]Axis{{"a", []float64{10, 1, 100}}, {"b", []float64{0.1, 1, 10}}}, Widened, nil, func(c Choice, done, total int) (float64, error) {
			all = append(all, c)
			if done != len(all) || total < done {
				t.Errorf("try %d of %d", done, total)
			}
			accuracy := -math.Abs(math.Log(c["a"]/x.peak)) - math.Abs(math.Log(c["b"]/x.other))
			if accuracy > most {
				best, most = c, accuracy
			}
			return accuracy, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range x.want {
			if math.Abs(best[k]/v-1) > 1e-9 {
				t.Errorf("peak %v, %v: best %v", x.peak, x.other, best)
			}
		}
		if text := strings.Join(notes, " "); len(all) != x.tries || (x.note == "") != (text == "") || !strings.Contains(text, x.note) {
			t.Errorf("peak %v, %v: %d tries, notes %q", x.peak, x.other, len(all), notes)
		}
	}
	n := 0
	if notes, err := Search([]Axis{{"a", []float64{1, 2}}}, Told, nil, func(c Choice, _, _ int) (float64, error) { n++; return c["a"], nil }); err != nil || n != 2 || len(notes) != 1 {
		t.Errorf("%d tries, notes %q, %v", n, notes, err)
	}
	// Nothing is widened where nothing validates, or a coefficient is given.
	n = 0
	if _, err := Search([]Axis{{"a", []float64{1, 2}}}, Fixed, nil, func(Choice, int, int) (float64, error) { n++; return 0, nil }); err != nil || n != 2 {
		t.Errorf("%d tries, %v", n, err)
	}
	var order []float64
	if _, err := Search([]Axis{{"a", []float64{3}}, {"b", []float64{2, 1}}}, Fixed, nil, func(c Choice, _, _ int) (float64, error) { order = append(order, c["b"]); return 0, nil }); err != nil || !slices.Equal(order, []float64{2, 1}) {
		t.Errorf("order %v, %v", order, err)
	}
}
