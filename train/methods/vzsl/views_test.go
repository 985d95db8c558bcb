package vzsl

import (
	"slices"
	"strings"
	"testing"

	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// TestViews: of a vector of two views the learned block is fitted to the first and the closed one to the last, as if each had been
// given its own alone, and the model scores, learns and describes by the same.
func TestViews(t *testing.T) {
	w := world(19, 12, 40, 10)
	halved := func(d *method.Data) *method.Data { // another view: half of every second attribute
		out := &method.Data{Samples: d.Samples}
		for _, v := range d.Attributes {
			u := slices.Clone(v)
			for k := range u {
				if k%2 == 0 {
					u[k] /= 2
				}
			}
			out.Attributes = append(out.Attributes, u)
		}
		return out
	}
	both := func(a, b *method.Data) *method.Data {
		out := &method.Data{Samples: a.Samples}
		for i := range a.Attributes {
			out.Attributes = append(out.Attributes, slices.Concat(a.Attributes[i], b.Attributes[i]))
		}
		return out
	}
	c := joint()
	choice := method.Choice{"epochs": 6, "closed": 1, "learned_weight": 0.7, "shrink": 1, "ridge": 0.3, "floor": 0.1, "closed_deviation": 2, "learned_deviation": 3}
	fit := func(train, test *method.Data, views int, transductive bool) *Joint {
		t.Helper()
		p := &method.Problem{Train: *train, Seed: 1, Views: views}
		choice := choice
		if transductive {
			p.Unlabelled, choice = &method.Unlabelled{Features: test.Samples, Attributes: test.Attributes}, nil
		}
		o, err := c.Fit(t.Context(), p, &method.Session{Choice: choice})
		if err != nil {
			t.Fatal(err)
		}
		return o.Model.(*Joint)
	}
	first, last := fit(w[0], w[1], 0, false), fit(halved(w[0]), halved(w[1]), 0, false)
	train, test := both(w[0], halved(w[0])), both(w[1], halved(w[1]))
	m := fit(train, test, 2, false)
	_, width := m.Dims()
	if _, a := first.Dims(); width != 2*a {
		t.Fatalf("vectors of %d values, of each view %d", width, a)
	}
	of := func(m *Joint, closed bool) map[string][]float32 {
		out := map[string][]float32{}
		for _, x := range m.Tensors() {
			if strings.HasPrefix(x.Name, closedPrefix) == closed && x.F32 != nil && x.Name != "attribute_views" {
				out[x.Name] = x.F32
			}
		}
		return out
	}
	for closed, alone := range map[bool]*Joint{false: first, true: last} {
		want, got := of(alone, closed), of(m, closed)
		if len(want) == 0 || len(want) != len(got) {
			t.Fatalf("closed %v: %d tensors, alone %d", closed, len(got), len(want))
		}
		for name, x := range want {
			if !slices.Equal(x, got[name]) {
				t.Errorf("%s is not as fitted to its view alone", name)
			}
		}
	}
	back, err := c.Load(&safetensors.File{Tensors: m.Tensors()})
	if err != nil {
		t.Fatal(err)
	}
	want, err := scored(m, test, test.Attributes)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := scored(back, test, test.Attributes); err != nil || !slices.Equal(got, want) {
		t.Errorf("stored and loaded it scores otherwise (%v)", err)
	}
	x := w[1].Samples.(*rows).x
	learned, err := m.Learn(test.Attributes[0], x[0], 1)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := learned.(*Joint).closed.Images(halved(w[1]).Attributes); !(n[0] > 0) {
		t.Error("an image was learned of no class")
	}
	e, err := m.Describe(x[0], 1)
	if v := m.View(test.Attributes[0]); err != nil || len(e) != len(v) || !slices.Equal(v, halved(w[1]).Attributes[0]) {
		t.Errorf("described in %d values (%v), the view has %d", len(e), err, len(v))
	}
	// The certain images of the transductive setting join with both views.
	if a, err := method.Accuracy(fit(train, test, 2, true), test); err != nil || a < 0.3 {
		t.Errorf("transductive: %v, %v", a, err)
	}
	plain := c
	plain.Closed = false
	o, err := plain.Fit(t.Context(), &method.Problem{Train: *train, Seed: 1, Views: 2}, &method.Session{Choice: method.Choice{"epochs": 6}})
	if err != nil {
		t.Fatal(err)
	}
	if _, a := o.Model.Dims(); a != width {
		t.Errorf("without the closed block vectors have %d values, not %d", a, width)
	}
	if back, err = plain.Load(&safetensors.File{Tensors: o.Model.Tensors()}); err != nil {
		t.Fatal(err)
	}
	if _, a := back.Dims(); a != width {
		t.Errorf("loaded its vectors have %d values, not %d", a, width)
	}
}
