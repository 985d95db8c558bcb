package gradient

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"vzsl/internal/kernels"
	"vzsl/train/method"
)

func copied(s *method.State) *method.State {
	if s == nil {
		return nil
	}
	c := &method.State{Values: s.Values}
	for _, x := range s.Tensors {
		x.F32 = slices.Clone(x.F32)
		c.Tensors = append(c.Tensors, x)
	}
	return c
}

// TestTraining: Adam finds the least of (x - 3)^2, the best epoch is the one kept, the state is saved when due and when ctx ends,
// the best only where it is new, and a training that continues from any state ends at the same parameters.
func TestTraining(t *testing.T) {
	const steps, epochs = 10, 20
	train := func(ctx context.Context, s *method.Session, x []float32) (*Training, error) {
		g := New(s, []Parameter{{Name: "x", Shape: []int{1}, Values: x}})
		if _, err := g.Resume(); err != nil {
			return nil, err
		}
		save := func() error { return g.Save(map[string]string{}) }
		gradient := []float32{0}
		err := g.Run(ctx, Loop{Step: &g.Step, Steps: steps, Epochs: epochs, Save: save,
			One: func(context.Context) error {
				gradient[0] = 2 * (g.Parameters[0].Values[0] - 3)
				g.Update(kernels.Adam{Rate: Cosine(0.5, g.Step, steps*epochs), Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Scale: 1, Step: g.Step + 1}, func(int) []float32 { return gradient })
				g.Step++
				return nil
			},
			Epoch: func(epoch int) error {
				if epoch == 3 || epoch == 7 { // better ones
					g.KeepBest(epoch, float64(epoch))
				}
				return g.Report(method.Point{Done: epoch})
			},
			Done: func() {
				if s.Step != nil {
					s.Step(g.Step, steps*epochs)
				}
			}})
		if err != nil {
			return g, err
		}
		return g, save()
	}
	x := []float32{0}
	points, bests := 0, []string{}
	g, err := train(t.Context(), &method.Session{Point: func(method.Point) error { points++; return nil }, Due: func() bool { return true },
		Save: func(_, best *method.State) error {
			if best != nil {
				bests = append(bests, best.Values["best_at"])
			}
			return nil
		}}, x)
	if err != nil || g.Step != steps*epochs || points != epochs || math.Abs(float64(x[0])-3) > 0.05 || !slices.Equal(bests, []string{"3", "7"}) {
		t.Fatalf("%+v, x %v, %d points, bests %q, %v", g, x, points, bests, err)
	}
	last := x[0]
	g.TakeBest()
	best := x[0]
	if g.Best != 7 || best == last {
		t.Errorf("best %d: %v, last %v", g.Best, best, last)
	}
	enough := errors.New("enough")
	for _, at := range []int{5, 30, 35, 70, 75, 199} {
		ctx, stop := context.WithCancelCause(t.Context())
		var state, bestState *method.State
		s := &method.Session{Step: func(done, _ int) {
			if done == at {
				stop(enough)
			}
		}, Save: func(s, b *method.State) error {
			state = copied(s)
			if b != nil {
				bestState = copied(b)
			}
			return nil
		}}
		if _, err := train(ctx, s, []float32{0}); !errors.Is(err, enough) || state == nil {
			t.Fatalf("stopped at %d: %v", at, err)
		}
		if bestState != nil { // the name that the mark had in checkpoints of version 0.1.0
			state.Values["best_epoch"], bestState.Values["best_epoch"] = state.Values["best_at"], bestState.Values["best_at"]
			delete(state.Values, "best_at")
			delete(bestState.Values, "best_at")
		}
		y := []float32{-1}
		g, err := train(t.Context(), &method.Session{Resume: state, ResumeBest: bestState}, y)
		if err != nil || y[0] != last {
			t.Fatalf("going on from %d: %v, not %v; %v", at, y[0], last, err)
		}
		if g.TakeBest(); y[0] != best || g.Accuracy != 7 {
			t.Errorf("going on from %d: best %v, not %v", at, y[0], best)
		}
		if at > 30 {
			if _, err := train(t.Context(), &method.Session{Resume: state}, y); err == nil {
				t.Error("went on without the best parameters")
			}
			state.Tensors[0].Shape = []int{1, 1}
			if _, err := train(t.Context(), &method.Session{Resume: state, ResumeBest: bestState}, y); err == nil {
				t.Error("went on with another shape")
			}
		}
	}
	if got, err := Epochs(method.Choice{"epochs": 4}, "epochs", 9); err != nil || got != 4 {
		t.Error(got, err)
	}
	for _, bad := range []method.Choice{{"epochs": 0}, {"epochs": 1.5}, {}} {
		if _, err := Epochs(bad, "epochs", 9); err == nil {
			t.Errorf("%v", bad)
		}
	}
	for _, c := range []method.Choice{nil, {"epochs": 3}} {
		if got, err := Epochs(c, "transductive_epochs", 9); err != nil || got != 9 {
			t.Error(got, err)
		}
	}
	if got, err := Epochs(method.Choice{"transductive_epochs": 0}, "transductive_epochs", 9); err != nil || got != 0 {
		t.Error(got, err)
	}
	if a, b := Cosine(2, 0, 10), Cosine(2, 5, 10); a != 2 || math.Abs(b-1) > 1e-12 {
		t.Error(a, b)
	}
}
