package vzsl

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"testing"

	"vzsl/train/method"
	"vzsl/train/methods/plda"
	"vzsl/train/safetensors"
)

func joint() Config {
	c := small()
	c.Closed, c.Hidden, c.Epochs = true, nil, 6
	c.Shrink, c.Ridge, c.Floor = []float64{1, 0.3}, []float64{0.3, 0.1}, []float64{0.1}
	return c
}

// TestJointScore: the score is the sum of both blocks' by their deviations, which were measured on the validation classes.
func TestJointScore(t *testing.T) {
	w := world(11, 12, 40, 10, 10)
	c := joint()
	o, err := c.Fit(t.Context(), &method.Problem{Train: *w[0], Validation: w[1], Seed: 1}, &method.Session{})
	if err != nil {
		t.Fatal(err)
	}
	m, ok := o.Model.(*Joint)
	if !ok || o.Choice["closed"] != 1 {
		t.Fatalf("a %T, choice %v", o.Model, o.Choice)
	}
	for name, x := range deviations(t, m, w[1]) {
		if got := x.got; math.Abs(got-x.says) > 1e-5*got || x.says != o.Choice[name+"_deviation"] {
			t.Errorf("%s: deviation %v, the model has %v, the choice %v", name, got, x.says, o.Choice[name+"_deviation"])
		}
	}
	if a, err := method.Accuracy(m, w[1]); err != nil || a != o.Accuracy {
		t.Errorf("accuracy %v, reported %v (%v)", a, o.Accuracy, err)
	}
	parts := map[string][]float64{}
	for _, gives := range []string{scoreJoint, scoreClosed, scoreLearned} {
		c.Score = gives
		back, err := c.Load(&safetensors.File{Tensors: m.Tensors()})
		if err != nil {
			t.Fatal(err)
		}
		if parts[gives], err = scored(back, w[2], w[2].Attributes); err != nil {
			t.Fatal(err)
		}
	}
	share := m.closed.BesideOthers(w[2].Attributes) // some of the drawn classes have a seen one's description
	for i, s := range parts[scoreJoint] {
		if want := parts[scoreClosed][i] + m.weight*share*parts[scoreLearned][i]/m.learnedSD; math.Abs(s-want) > 1e-5*(1+math.Abs(want)) {
			t.Fatalf("score %d is %v, its parts make %v", i, s, want)
		}
	}
}

// TestJointDescribe: what speaks for the attributes is, near the mean description, what the score grows by, but for
// the change of the class's variances.
func TestJointDescribe(t *testing.T) {
	w := world(17, 12, 40, 10)
	c := joint()
	choice := method.Choice{"epochs": 6, "closed": 1, "learned_weight": 0.7, "shrink": 1, "ridge": 0.3, "floor": 0.1, "closed_deviation": 2, "learned_deviation": 3}
	o, err := c.Fit(t.Context(), &method.Problem{Train: *w[0], Seed: 1}, &method.Session{Choice: choice})
	if err != nil {
		t.Fatal(err)
	}
	clear(o.Model.(*Joint).byName["prior.log_variance.weight"].values)
	x := slices.Concat(w[1].Samples.(*rows).x[0], w[1].Samples.(*rows).x[50])
	e, err := o.Model.(method.Describer).Describe(x, 2)
	if err != nil {
		t.Fatal(err)
	}
	const h = 1e-2
	a := len(e) / 2
	for k := range a {
		plus, minus := make([]float32, a), make([]float32, a)
		plus[k], minus[k] = h, -h
		s, err := o.Model.Score(x, 2, [][]float32{plus, minus})
		if err != nil {
			t.Fatal(err)
		}
		// Of one image more than of the other: what the class has of its own is no matter of the image.
		d, want := float64(s[0]-s[1]-s[2]+s[3])/(2*h), float64(e[k]-e[a+k])
		if math.Abs(d-want) > 0.03*(1+math.Abs(d)) {
			t.Errorf("attribute %d: %v, by differences %v", k, want, d)
		}
	}
}

// TestJointDropped: where the closed-form block names validation classes worse it is left out, and the refit leaves it out too.
func TestJointDropped(t *testing.T) {
	w := world(12, 12, 40, 10)
	c := joint()
	c.Shrink, c.Floor, c.LearnedWeight, c.Dimensions = []float64{1}, []float64{1e6}, []float64{0}, 1 // of one dimension, and sure of nothing
	o, err := c.Fit(t.Context(), &method.Problem{Train: *w[0], Validation: w[1], Seed: 1}, &method.Session{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := o.Model.(*Model); !ok || o.Choice["closed"] != 0 || o.Choice["epochs"] != 6 {
		t.Fatalf("a %T, choice %v", o.Model, o.Choice)
	}
	again, err := c.Fit(t.Context(), &method.Problem{Train: *w[0], Seed: 1}, &method.Session{Choice: o.Choice})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := again.Model.(*Model); !ok || !maps.Equal(again.Choice, o.Choice) {
		t.Errorf("refitted: a %T, choice %v", again.Model, again.Choice)
	}
}

// TestJointMeasures: without validation classes and without a choice the deviations come from seen classes held out.
func TestJointMeasures(t *testing.T) {
	w := world(13, 12, 40, 10)
	c := joint()
	o, err := c.Fit(t.Context(), &method.Problem{Train: *w[0], Seed: 1}, &method.Session{})
	if err != nil {
		t.Fatal(err)
	}
	m := o.Model.(*Joint)
	for name, x := range deviations(t, m, w[1]) {
		if got := x.got; x.says < got/2 || x.says > 2*got {
			t.Errorf("%s: %v was measured on seen classes, unseen ones have %v", name, x.says, got)
		}
	}
}

// TestJointShots: labelled images of unseen classes help, added while training or afterwards, to the same scores.
func TestJointShots(t *testing.T) {
	w := world(14, 12, 40, 10)
	c := joint()
	choice := method.Choice{"epochs": 6, "closed": 1, "shrink": 1, "ridge": 0.3, "floor": 0.1, "closed_deviation": 2, "learned_deviation": 3}
	o, err := c.Fit(t.Context(), &method.Problem{Train: *w[0], Seed: 1}, &method.Session{Choice: choice})
	if err != nil {
		t.Fatal(err)
	}
	all := method.Data{Samples: &rows{}, Attributes: slices.Concat(w[0].Attributes, w[1].Attributes)}
	r, few := all.Samples.(*rows), make([]bool, len(all.Attributes))
	r.x, r.labels = slices.Clone(w[0].Samples.(*rows).x), slices.Clone(w[0].Samples.(*rows).labels)
	learned, unseen := o.Model, w[1].Samples.(*rows)
	for c := range w[1].Attributes {
		few[len(w[0].Attributes)+c] = true
		var x []float32
		for i := range 4 {
			row := unseen.x[c*12+i]
			x = append(x, row...)
			r.x, r.labels = append(r.x, row), append(r.labels, len(w[0].Attributes)+c)
		}
		if learned, err = learned.(method.Learner).Learn(w[1].Attributes[c], x, 4); err != nil {
			t.Fatal(err)
		}
	}
	trained, err := c.Fit(t.Context(), &method.Problem{Train: all, Few: few, Seed: 1}, &method.Session{Choice: choice})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := method.Accuracy(o.Model, w[1])
	after, _ := method.Accuracy(learned, w[1])
	if after < before {
		t.Errorf("accuracy %v with images of the classes, %v without", after, before)
	}
	a, err := scored(learned, w[1], w[1].Attributes)
	if err != nil {
		t.Fatal(err)
	}
	b, err := scored(trained.Model, w[1], w[1].Attributes)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a {
		if math.Abs(a[i]-b[i]) > 1e-4*(1+math.Abs(a[i])) {
			t.Fatalf("score %d is %v added afterwards, %v while training", i, a[i], b[i])
		}
	}
}

// TestJointResume: interrupted after any step, in any setting, the fit continues to the same bytes.
func TestJointResume(t *testing.T) {
	w := world(15, 8, 20, 5)
	u := &method.Unlabelled{Features: w[1].Samples, Attributes: w[1].Attributes}
	for name, p := range map[string]*method.Problem{
		"inductive":               {Train: *w[0], Validation: w[1], Seed: 3},
		"without validation":      {Train: *w[0], Seed: 3},
		"transductive":            {Train: *w[0], Validation: w[1], Unlabelled: u, Seed: 3},
		"transductive, no choice": {Train: *w[0], Unlabelled: u, Seed: 3},
	} {
		t.Run(name, func(t *testing.T) {
			c := joint()
			c.Epochs = 2
			want, err := c.Fit(t.Context(), p, &method.Session{})
			if err != nil {
				t.Fatal(err)
			}
			enough := errors.New("enough")
			var state *method.State
			for tries := 0; ; tries++ {
				ctx, stop := context.WithCancelCause(t.Context())
				steps := 0
				s := &method.Session{Resume: state, Due: func() bool { return true },
					Save: func(st, best *method.State) error {
						if best != nil {
							t.Error("best parameters where no epoch is chosen")
						}
						state = &method.State{Values: maps.Clone(st.Values)}
						for _, x := range st.Tensors {
							state.Tensors = append(state.Tensors, safetensors.Tensor{Name: x.Name, Shape: x.Shape, F32: slices.Clone(x.F32)})
						}
						if steps++; steps == 3 {
							stop(enough)
						}
						return nil
					}}
				o, err := c.Fit(ctx, p, s)
				stop(nil)
				if err == nil {
					if tries < 5 {
						t.Errorf("interrupted %d times only", tries)
					}
					if bytesOf(t, o.Model) != bytesOf(t, want.Model) || !maps.Equal(o.Choice, want.Choice) || o.Accuracy != want.Accuracy {
						t.Errorf("gone on to other bytes; choice %v, undisturbed %v", o.Choice, want.Choice)
					}
					return
				}
				if !errors.Is(err, enough) || tries > 200 {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestJointTransductive: unlabelled images help, and with theirs the learned block alone too.
func TestJointTransductive(t *testing.T) {
	w := world(16, 14, 40, 10)
	u := &method.Unlabelled{Features: w[1].Samples, Attributes: w[1].Attributes}
	accuracy := func(gives string, u *method.Unlabelled) float64 {
		c := joint()
		c.Score = gives
		choice := method.Choice{"epochs": 6, "closed": 1, "shrink": 0.3, "ridge": 0.3, "floor": 0.1, "closed_deviation": 2, "learned_deviation": 3}
		o, err := c.Fit(t.Context(), &method.Problem{Train: *w[0], Unlabelled: u, Seed: 1}, &method.Session{Choice: choice})
		if err != nil {
			t.Fatal(err)
		}
		a, err := method.Accuracy(o.Model, w[1])
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, gives := range []string{scoreJoint, scoreLearned} {
		before, after := accuracy(gives, nil), accuracy(gives, u)
		t.Logf("%s: %.3f, with unlabelled images %.3f", gives, before, after)
		if after < before {
			t.Errorf("%s: %.3f with unlabelled images, %.3f without", gives, after, before)
		}
	}
}

// TestJointUnfit: data that zero-shot PLDA cannot describe, an image a class, are learned without its block.
func TestJointUnfit(t *testing.T) {
	w := world(23, 1, 12, 6) // an image of each of 12 classes
	c := joint()
	for _, choice := range []method.Choice{nil, {"epochs": 6, "closed": 1, "shrink": 1, "ridge": 0.3, "floor": 0.1, "closed_deviation": 2, "learned_deviation": 3, "learned_weight": 1}} {
		o, err := c.Fit(t.Context(), &method.Problem{Train: *w[0], Seed: 1}, &method.Session{Choice: choice})
		if err != nil {
			t.Fatal(err)
		}
		if _, both := o.Model.(*Joint); both || o.Choice["closed"] != 0 {
			t.Errorf("a %T, choice %v", o.Model, o.Choice)
		}
	}
	closed := plda.Default()
	if _, err := closed.Fit(t.Context(), &method.Problem{Train: *w[0], Seed: 1}, &method.Session{}); !errors.Is(err, plda.ErrUnfit) {
		t.Error(err)
	}
}

// deviations are those of the scores of both blocks on the 10 classes of d, and what the model says that they are.
func deviations(t *testing.T, m *Joint, d *method.Data) map[string]struct{ got, says float64 } {
	t.Helper()
	all := map[string]struct{ got, says float64 }{"closed": {says: m.closedSD}, "learned": {says: m.learnedSD}}
	for name, block := range map[string]method.Model{"closed": m.closed, "learned": m.Model} {
		s, err := scored(block, d, d.Attributes)
		if err != nil {
			t.Fatal(err)
		}
		x := all[name]
		x.got = method.Deviation(s, 10)
		all[name] = x
	}
	return all
}
