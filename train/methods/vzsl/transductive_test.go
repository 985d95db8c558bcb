package vzsl

import (
	"context"
	"testing"

	"vzsl/train/method"
)

// TestTransductive: unlabelled images of the unseen classes, whose features all moved the same way since training, bring
// these classes back.
func TestTransductive(t *testing.T) {
	w := world(6, 20, 40, 8, 8)
	for _, d := range w[1:] {
		for _, x := range d.Samples.(*rows).x {
			for j := range x {
				if j%3 == 0 {
					x[j] += 1.2
				}
			}
		}
	}
	c := small()
	c.TransductiveEpochs, c.TransductiveRate = 20, 2e-3
	fit := func(p *method.Problem) (*method.Outcome, float64) {
		o, err := c.Fit(context.Background(), p, &method.Session{})
		if err != nil {
			t.Fatal(err)
		}
		a, err := method.Accuracy(o.Model, w[2])
		if err != nil {
			t.Fatal(err)
		}
		return o, a
	}
	_, inductive := fit(&method.Problem{Train: *w[0], Seed: 1})
	unlabelled := func(d *method.Data) *method.Unlabelled {
		return &method.Unlabelled{Features: d, Attributes: d.Attributes}
	}
	o, transductive := fit(&method.Problem{Train: *w[0], Unlabelled: unlabelled(w[2]), Seed: 1})
	if transductive < inductive+0.1 || o.Choice["transductive_epochs"] != 20 {
		t.Errorf("transductive %v, inductive %v, choice %v", transductive, inductive, o.Choice)
	}
	// With validation classes in the unseen ones' place the number of epochs is chosen, and the model kept is that one.
	o, _ = fit(&method.Problem{Train: *w[0], Validation: w[1], Unlabelled: unlabelled(w[1]), Seed: 1})
	if a, err := method.Accuracy(o.Model, w[1]); err != nil || a != o.Accuracy || o.Choice["epochs"] < 1 {
		t.Errorf("the model kept has %v, reported %v, choice %v (%v)", a, o.Accuracy, o.Choice, err)
	}
}

func TestSharpen(t *testing.T) {
	q := []float32{0.5, 0.5, 0.9, 0.1}
	sharpen(q, 2, 2)
	// Column sums 1.4 and 0.6.
	a, b := 0.25/1.4, 0.25/0.6
	c, d := 0.81/1.4, 0.01/0.6
	for i, want := range []float64{a / (a + b), b / (a + b), c / (c + d), d / (c + d)} {
		near(t, "target", float64(q[i]), want, 1e-6)
	}
}
