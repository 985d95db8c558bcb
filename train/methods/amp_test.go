package methods

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// TestAbsorption compares with NumPy's (testdata/amp.py).
func TestAbsorption(t *testing.T) {
	text, err := os.ReadFile("testdata/amp.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Seen, Candidates       []float32
		Attributes, Neighbours int
		Width                  float64
		Ends                   []float64
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	ends := absorption(want.Seen, want.Candidates, want.Attributes, want.Neighbours, want.Width)
	for i, v := range ends.RawMatrix().Data {
		if math.Abs(v-want.Ends[i]) > 1e-7 {
			t.Errorf("value %d: %v, want %v", i, v, want.Ends[i])
		}
	}
	// Every walk ends, from classes that are all alike or far from all candidates too.
	far := make([]float32, len(want.Candidates))
	for i := range far {
		far[i] = 1e4 + float32(i)
	}
	for _, seen := range [][]float32{want.Seen, make([]float32, 12), make([]float32, 4)} {
		for _, candidates := range [][]float32{want.Candidates, far} {
			ends := absorption(seen, candidates, want.Attributes, want.Neighbours, want.Width)
			n, c := ends.Dims()
			for i := range n {
				sum := 0.0
				for j := range c {
					sum += ends.At(i, j)
				}
				if math.Abs(sum-1) > 1e-5 {
					t.Errorf("of the walks from class %d of %d a part of %v ends", i, n, sum)
				}
			}
		}
	}
}

// TestAMP: unseen classes are distinguished, the choice repeats, the file holds all.
func TestAMP(t *testing.T) {
	w := newWorld(4, 3, 24)
	train, validation, unseen := w.data(60, 12), w.data(10, 6), w.data(10, 10)
	m := defaultAMP()
	o, err := m.Fit(context.Background(), &method.Problem{Train: *train, Validation: validation}, &method.Session{})
	if err != nil {
		t.Fatal(err)
	}
	accuracy, err := method.Accuracy(o.Model, unseen)
	if err != nil || accuracy < 0.4 {
		t.Errorf("accuracy on 10 unseen classes %v (%v)", accuracy, err)
	}
	back, err := m.Load(&safetensors.File{Tensors: o.Model.Tensors()})
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.Fit(context.Background(), &method.Problem{Train: *train}, &method.Session{Choice: o.Choice})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []method.Model{back, again.Model} {
		if a, err := method.Accuracy(x, unseen); err != nil || a != accuracy {
			t.Errorf("accuracy %v (%v), was %v", a, err, accuracy)
		}
	}
	if _, err := m.Fit(context.Background(), &method.Problem{Train: *train}, &method.Session{}); err == nil {
		t.Error("a grid without validation was accepted")
	}
	if _, err := m.Load(&safetensors.File{}); err == nil {
		t.Error("a model was made of nothing")
	}
}
