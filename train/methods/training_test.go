package methods

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// world makes data of classes whose features are a linear image of their attributes, the same for all calls with one
// mix, and noise. Attributes have length 1.
type world struct {
	r         *rand.Rand
	mix       [][]float64 // attribute x feature
	noise     float64
	attribute func(r *rand.Rand) float64
}

func newWorld(seed uint64, attribute, feature int) *world {
	w := &world{r: rand.New(rand.NewPCG(seed, 9)), noise: 0.02, attribute: (*rand.Rand).NormFloat64}
	for range attribute {
		row := make([]float64, feature)
		for j := range row {
			row[j] = w.r.NormFloat64() / math.Sqrt(float64(feature))
		}
		w.mix = append(w.mix, row)
	}
	return w
}

func (w *world) data(classes, each int) *method.Data {
	s := &rows{}
	d := &method.Data{Samples: s}
	for c := range classes {
		a := make([]float32, len(w.mix))
		sum := 0.0
		for i := range a {
			a[i] = float32(w.attribute(w.r))
			sum += float64(a[i]) * float64(a[i])
		}
		for i := range a {
			a[i] /= float32(math.Sqrt(sum))
		}
		d.Attributes = append(d.Attributes, a)
		for range each {
			x := make([]float32, len(w.mix[0]))
			for j := range x {
				x[j] = float32(w.noise * w.r.NormFloat64())
				for i, v := range a {
					x[j] += v * float32(w.mix[i][j])
				}
			}
			s.X, s.Y = append(s.X, x), append(s.Y, c)
		}
	}
	return d
}

// learns fits a method to a made-up world in which unseen classes can be distinguished, and demands what holds for every
// iterative method: it does so, the epoch best on the validation classes is kept, a fit with the same choice, or
// interrupted and resumed, ends at the same bytes, the model survives its file, ctx ends it.
func learns(t *testing.T, m method.Config, w *world, atLeast float64) {
	t.Helper()
	train, validation, unseen := w.data(30, 12), w.data(10, 6), w.data(10, 10)
	p := &method.Problem{Train: *train, Validation: validation, Seed: 3}
	o, accuracy := selects(t, m, p, unseen, atLeast)
	back, err := m.Load(&safetensors.File{Tensors: o.Model.Tensors()})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := method.Accuracy(back, unseen); err != nil || again != accuracy {
		t.Errorf("read back from its file: accuracy %v, was %v (%v)", again, accuracy, err)
	}
	refuses(t, m, back, w, unseen)

	o2, err := m.Fit(context.Background(), &method.Problem{Train: *train, Seed: 3}, &method.Session{Choice: o.Choice})
	same(t, "the same choice", o, o2, err)
	resumes(t, m, p, o)
}

// selects fits a method and demands that the point best on the validation classes is kept and that unseen classes are distinguished.
func selects(t *testing.T, m method.Config, p *method.Problem, unseen *method.Data, atLeast float64) (o *method.Outcome, accuracy float64) {
	t.Helper()
	best, points := 0.0, 0
	o, err := m.Fit(context.Background(), p, &method.Session{Point: func(p method.Point) error {
		points++
		best = max(best, p.Accuracy)
		if p.Done != points || !p.Validated {
			t.Errorf("point %d is %+v", points, p)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if points == 0 || o.Accuracy != best {
		t.Errorf("%d points, the best with %v; the outcome has %v", points, best, o.Accuracy)
	}
	if accuracy, err = method.Accuracy(o.Model, unseen); err != nil || accuracy < atLeast {
		t.Errorf("accuracy on 10 unseen classes: %v, want %v (%v)", accuracy, atLeast, err)
	}
	return o, accuracy
}

// refuses demands that a model has the dimensions of its world and that features and files of another size are refused.
func refuses(t *testing.T, m method.Config, model method.Model, w *world, unseen *method.Data) {
	t.Helper()
	if f, a := model.Dims(); f != len(w.mix[0]) || a != len(w.mix) {
		t.Errorf("dimensions %d, %d", f, a)
	}
	if _, err := model.Score(make([]float32, 3), 1, unseen.Attributes); err == nil {
		t.Error("a short feature was scored")
	}
	if _, err := m.Load(&safetensors.File{}); err == nil {
		t.Error("a model was made of nothing")
	}
}

// same demands that a fit made the model that another did, to the bit.
func same(t *testing.T, what string, want, got *method.Outcome, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for i, x := range got.Model.Tensors() {
		for j, v := range x.F32 {
			if v != want.Model.Tensors()[i].F32[j] {
				t.Fatalf("%s: %s[%d] = %v, was %v", what, x.Name, j, v, want.Model.Tensors()[i].F32[j])
			}
		}
	}
}

// resumes interrupts a fit after a third of its steps, resumes it and demands the model of an undisturbed fit.
func resumes(t *testing.T, m method.Config, p *method.Problem, undisturbed *method.Outcome) {
	t.Helper()
	ctx, stop := context.WithCancelCause(context.Background())
	enough := errors.New("enough")
	var state, bestState *method.State
	copied := func(s *method.State) *method.State {
		c := &method.State{Values: s.Values}
		for _, x := range s.Tensors {
			x.F32 = append([]float32(nil), x.F32...)
			c.Tensors = append(c.Tensors, x)
		}
		return c
	}
	s := &method.Session{
		Step: func(done, total int) {
			if done == total/3+1 {
				stop(enough)
			}
		},
		Save: func(s, b *method.State) error {
			state = copied(s)
			if b != nil {
				bestState = copied(b)
			}
			return nil
		},
	}
	if _, err := m.Fit(ctx, p, s); !errors.Is(err, enough) {
		t.Fatalf("interrupted: %v", err)
	}
	again, rest := 0, 0
	o, err := m.Fit(context.Background(), p, &method.Session{Resume: state, ResumeBest: bestState, Step: func(_, total int) { again, rest = again+1, total }})
	same(t, "resumed", undisturbed, o, err)
	if again >= rest {
		t.Errorf("resumed, all %d steps were made again", again)
	}
}

// checkGradient compares an objective's gradients with differences of its loss at random places.
func checkGradient(t *testing.T, o objective[float64], classes, feature int) {
	t.Helper()
	const n, h = 7, 1e-6
	r := rand.New(rand.NewPCG(5, 5))
	x, labels := make([]float64, n*feature), make([]int, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	for i := range labels {
		labels[i] = r.IntN(classes)
	}
	for _, w := range o.parameters() {
		for i := range w.values {
			w.values[i] += 0.3 * r.NormFloat64()
		}
	}
	loss := func() float64 { return o.loss(x, labels, rand.New(rand.NewPCG(8, 8))) }
	if loss() == 0 {
		t.Fatal("the loss is zero: nothing to check")
	}
	for _, w := range o.parameters() {
		loss()
		gradient := append([]float64(nil), w.gradient...)
		some := false
		for range 20 {
			i := r.IntN(len(w.values))
			was := w.values[i]
			w.values[i] = was + h
			up := loss()
			w.values[i] = was - h
			down := loss()
			w.values[i] = was
			if want := (up - down) / (2 * h); math.Abs(gradient[i]-want) > 1e-5*(1+math.Abs(want)) {
				t.Errorf("%s[%d]: gradient %v, differences say %v", w.name, i, gradient[i], want)
			}
			some = some || gradient[i] != 0
		}
		if !some {
			t.Errorf("%s: no gradient", w.name)
		}
	}
}

// describe are the attributes of a few random classes.
func describe(classes, attribute int) []float64 {
	r := rand.New(rand.NewPCG(6, 6))
	s := make([]float64, classes*attribute)
	for i := range s {
		s[i] = r.NormFloat64()
	}
	return s
}
