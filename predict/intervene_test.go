package predict

import (
	"context"
	"errors"
	"math"
	"testing"
)

// Of a bilinear model the new scores are those of the estimate with the new value: computed here from the estimate itself.
func TestIntervene(t *testing.T) {
	m, classes := drawn(3, 7)
	x := []float32{0.4, -1.2, 0.7}
	value := 3.5
	r, err := Intervene(context.Background(), m, x, classes, "tail", &value, 7)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := m.Describe(x, 1)
	if r.Fit < 1-1e-6 || r.Was != float64(e[2]) || r.Now != value || r.Low > r.Was || r.High < r.Was {
		t.Errorf("%+v", r)
	}
	e[2] = float32(value)
	want := map[string]float64{}
	sum := 0.0
	for i, a := range classes.Vectors {
		s := 0.0
		for k, v := range a {
			s += float64(e[k]) * float64(v)
		}
		want[classes.Names[i]] = math.Exp(s / m.temperature)
		sum += want[classes.Names[i]]
	}
	moved := false
	for i, c := range r.After {
		if p := want[c.Class] / sum; math.Abs(p-c.Probability) > 1e-5 {
			t.Errorf("%s: %v, want %v", c.Class, c.Probability, p)
		}
		moved = moved || math.Abs(c.Probability-r.Before[i].Probability) > 1e-3
	}
	if !moved {
		t.Error("nothing changed")
	}
	// With the value that it has nothing does.
	same, err := Intervene(context.Background(), m, x, classes, "tail", nil, 3)
	if err != nil || len(same.After) != 3 || same.After[0] != same.Before[0] {
		t.Errorf("%+v %v", same, err)
	}
	if _, err := Intervene(context.Background(), m, x, classes, "wings", nil, 3); err == nil {
		t.Error("an attribute that is not there was taken")
	}
	if _, err := Intervene(context.Background(), blind{m}, x, classes, "tail", nil, 3); !errors.Is(err, ErrNoEstimate) {
		t.Error(err)
	}
}

// blind is a model that estimates nothing.
type blind struct{ *bilinear }

func (blind) Describe([]float32, int) ([]float32, error) { return nil, nil }
