package vzsl

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// rows are samples in memory.
type rows struct {
	x      [][]float32
	labels []int
}

func (r *rows) Len() int                 { return len(r.x) }
func (r *rows) Dim() int                 { return len(r.x[0]) }
func (r *rows) Row(i int, dst []float32) { copy(dst, r.x[i]) }
func (r *rows) Label(i int) int          { return r.labels[i] }

// world draws a zero-shot problem: attribute vectors of classes, features that are a noisy, non-linear function of them.
// Its first part is for training, its second for validation, its third unseen.
func world(seed uint64, perClass int, classes ...int) []*method.Data {
	r := rand.New(rand.NewPCG(seed, 1))
	const attributes, features = 8, 24
	mix := make([]float64, attributes*features)
	for i := range mix {
		mix[i] = r.NormFloat64()
	}
	var parts []*method.Data
	for _, n := range classes {
		s := &rows{}
		d := &method.Data{Samples: s}
		for c := range n {
			a := make([]float32, attributes)
			for i := range a {
				a[i] = float32(r.IntN(2))*2 - 1
			}
			d.Attributes = append(d.Attributes, a)
			for range perClass {
				x := make([]float32, features)
				for j := range x {
					sum := 0.0
					for i, v := range a {
						sum += float64(v) * mix[i*features+j]
					}
					x[j] = float32(max(0, sum/3+0.3*r.NormFloat64()))
				}
				s.x, s.labels = append(s.x, x), append(s.labels, c)
			}
		}
		parts = append(parts, d)
	}
	return parts
}

// small are settings for the drawn worlds, of the paper's model.
func small() Config {
	c := Default()
	c.Closed = false
	c.Hidden, c.Latent, c.Scale, c.Epochs, c.Batch, c.LearningRate = []int{32}, 8, 1, 12, 16, 5e-3
	c.Reconstruction, c.ReconstructionWeight, c.Keep, c.InputKeep = true, 0.1, 0.8, 0.9
	return c
}

func bytesOf(t *testing.T, m method.Model) string {
	t.Helper()
	var b strings.Builder
	if err := safetensors.Encode(&b, &safetensors.File{Tensors: m.Tensors()}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLearns(t *testing.T) {
	w := world(1, 12, 40, 10, 10)
	for _, reconstruction := range []bool{true, false} {
		c := small()
		c.Reconstruction = reconstruction
		if !reconstruction {
			c.Hidden = nil
		}
		points := 0
		o, err := c.Fit(context.Background(), &method.Problem{Train: *w[0], Validation: w[1], Seed: 1},
			&method.Session{Point: func(p method.Point) error { points++; return nil }})
		if err != nil {
			t.Fatal(err)
		}
		accuracy, err := method.Accuracy(o.Model, w[2])
		if err != nil {
			t.Fatal(err)
		}
		// Ten unseen classes: chance is 0.1.
		if accuracy < 0.5 || o.Accuracy < 0.5 || points != c.Epochs || o.Choice["epochs"] < 1 {
			t.Errorf("reconstruction %v: accuracy %v unseen, %v validation, %d points, choice %v", reconstruction, accuracy, o.Accuracy, points, o.Choice)
		}
		again, err := method.Accuracy(o.Model, w[1])
		if err != nil || again != o.Accuracy {
			t.Errorf("the model kept has validation accuracy %v, reported %v (%v)", again, o.Accuracy, err)
		}
	}
}

// TestSeeds: the same seed gives the same bytes, another does not.
func TestSeeds(t *testing.T) {
	w := world(2, 4, 8, 4)
	c := small()
	c.Epochs = 3
	fit := func(seed uint64) string {
		o, err := c.Fit(context.Background(), &method.Problem{Train: *w[0], Validation: w[1], Seed: seed}, &method.Session{})
		if err != nil {
			t.Fatal(err)
		}
		return bytesOf(t, o.Model)
	}
	if one, again := fit(1), fit(1); one != again {
		t.Error("the same seed gave two models")
	}
	if fit(1) == fit(2) {
		t.Error("two seeds gave one model")
	}
}

// keep copies a state that may not be used after Save returns.
func keep(s *method.State) *method.State {
	k := &method.State{Values: s.Values}
	for _, x := range s.Tensors {
		x.F32 = slices.Clone(x.F32)
		k.Tensors = append(k.Tensors, x)
	}
	return k
}

// TestResume interrupts a fit again and again, each time after another number of steps, some of them without a chance
// to save, and compares the end with an undisturbed fit.
func TestResume(t *testing.T) {
	w := world(3, 5, 10, 5)
	c := small()
	c.Epochs, c.Schedule, c.Warmup, c.TransductiveEpochs = 6, "cosine", 2, 4
	c.Batch = 10
	unlabelled := &method.Unlabelled{Features: w[1], Attributes: w[1].Attributes}
	for _, p := range []*method.Problem{{Train: *w[0], Validation: w[1], Seed: 5}, {Train: *w[0], Seed: 5},
		{Train: *w[0], Validation: w[1], Unlabelled: unlabelled, Seed: 5}, {Train: *w[0], Unlabelled: unlabelled, Seed: 5}} {
		var whole []method.Point
		o, err := c.Fit(context.Background(), p, &method.Session{Point: func(p method.Point) error { whole = append(whole, p); return nil }})
		if err != nil {
			t.Fatal(err)
		}
		want := bytesOf(t, o.Model)
		var state, best *method.State
		type key struct {
			done  int
			start bool // of the transductive part
		}
		at := func(p method.Point) key {
			e, ok := p.Choice["transductive_epochs"]
			return key{p.Done, ok && e == 0}
		}
		last := map[key]method.Point{}
		for try := 1; ; try++ {
			if try > 200 {
				t.Fatal("no end")
			}
			ctx, cancel := context.WithCancel(context.Background())
			steps := 0
			killed := errors.New("killed")
			s := &method.Session{Resume: state, ResumeBest: best,
				Step: func(done, total int) {
					if steps++; steps == 1+try%5 {
						cancel()
					}
				},
				Due: func() bool { return steps%2 == 1 },
				Save: func(s, b *method.State) error {
					if ctx.Err() != nil && try%2 == 0 {
						return killed // as if the process were gone
					}
					if b != nil {
						best = keep(b)
					}
					if try%7 == 3 {
						return killed // between the two files
					}
					state = keep(s)
					return nil
				},
				Point: func(p method.Point) error { last[at(p)] = p; return nil },
			}
			o, err = c.Fit(ctx, p, s)
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) && !errors.Is(err, killed) {
				t.Fatal(err)
			}
		}
		if bytesOf(t, o.Model) != want {
			t.Error("the resumed fit gave another model")
		}
		for i, p := range whole {
			q := last[at(p)]
			if q.Accuracy != p.Accuracy || q.Values["loss"] != p.Values["loss"] {
				t.Errorf("epoch %d: %v, undisturbed %v", i+1, q, p)
			}
		}
	}
}

// TestKilledBetween ends a fit after the first best parameters of its transductive part are written and before the state
// that goes with them is: the inductive part's best must not be lost with their file.
func TestKilledBetween(t *testing.T) {
	w := world(3, 5, 10, 5)
	c := small()
	c.Epochs, c.TransductiveEpochs, c.Batch = 6, 4, 10
	p := &method.Problem{Train: *w[0], Validation: w[1], Unlabelled: &method.Unlabelled{Features: w[1], Attributes: w[1].Attributes}, Seed: 5}
	o, err := c.Fit(context.Background(), p, &method.Session{})
	if err != nil {
		t.Fatal(err)
	}
	want := bytesOf(t, o.Model)
	for _, due := range []bool{true, false} { // a state of shortly before, or of the inductive part's end alone
		var state, best *method.State
		killed := errors.New("killed")
		_, err = c.Fit(context.Background(), p, &method.Session{Due: func() bool { return due || state != nil && state.Values["transductive_step"] != "" },
			Save: func(s, b *method.State) error {
				if b != nil {
					best = keep(b)
					if b.Values["best_at"] != s.Values["best_epoch"] {
						return killed
					}
				}
				state = keep(s)
				return nil
			}})
		if !errors.Is(err, killed) {
			t.Fatal(err)
		}
		if o, err = c.Fit(context.Background(), p, &method.Session{Resume: state, ResumeBest: best}); err != nil {
			t.Fatal(err)
		}
		if bytesOf(t, o.Model) != want {
			t.Errorf("due %v: the resumed fit gave another model", due)
		}
	}
}

// TestPrediction: scores from plain code equal the graph's divergences, and nothing is dropped.
func TestPrediction(t *testing.T) {
	w := world(4, 5, 10)[0]
	c := small()
	c.Epochs = 2
	o, err := c.Fit(context.Background(), &method.Problem{Train: *w, Seed: 5}, &method.Session{})
	if err != nil {
		t.Fatal(err)
	}
	m := o.Model.(*Model)
	n := w.Len()
	plain := c
	plain.Keep, plain.InputKeep = 1, 1
	b := newBatch[float32](&plain, w.Dim(), n)
	order := make([]int, n)
	var features, vectors []float32
	for i := range order {
		order[i] = i
		features = append(features, w.Samples.(*rows).x[i]...)
	}
	for _, a := range w.Attributes {
		vectors = append(vectors, a...)
	}
	b.fill(&plain, w, order, make([]float32, w.Dim()), 1, 0)
	g, err := newGraph(&plain, m.parameters, b, vectors, len(w.Attributes), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.run(); err != nil {
		t.Fatal(err)
	}
	var kl []float32
	for _, x := range g.loss.Graph().AllNodes() {
		if x.Op() != nil && x.Op().String() == "divergences" {
			kl, _ = memory[float32](x.Value())
		}
	}
	for range 2 {
		scores, err := m.Score(features, n, w.Attributes)
		if err != nil || len(scores) != len(kl) {
			t.Fatal(len(scores), len(kl), err)
		}
		for i, s := range scores {
			near(t, "score", float64(s), -float64(kl[i]), 1e-5)
		}
	}
	one, err := m.Score(features[:m.sizes.feature], 1, w.Attributes[:1])
	if err != nil || math.Abs(float64(one[0]+kl[0])) > 1e-4 {
		t.Errorf("one sample, one class: %v (%v), want %v", one, err, -kl[0])
	}
	for _, bad := range []func() ([]float32, error){
		func() ([]float32, error) { return m.Score(features[1:], n, w.Attributes) },
		func() ([]float32, error) { return m.Score(features, n, nil) },
		func() ([]float32, error) { return m.Score(features, n, [][]float32{{1}}) },
	} {
		if _, err := bad(); err == nil {
			t.Error("accepted")
		}
	}
	back, err := c.Load(&safetensors.File{Tensors: m.Tensors()})
	if err != nil || bytesOf(t, back) != bytesOf(t, m) {
		t.Errorf("load: %v", err)
	}
	other := c
	other.Latent++
	if _, err := other.Load(&safetensors.File{Tensors: m.Tensors()}); err == nil {
		t.Error("loaded with other settings")
	}
}

func TestDiverges(t *testing.T) {
	w := world(5, 5, 10)[0]
	for name, change := range map[string]func(*Config){
		"rate": func(c *Config) { c.LearningRate, c.ClipNorm, c.LogVarianceBound = 10, 0, 0 },
		"data": func(c *Config) { w.Samples.(*rows).x[3][0] = float32(math.NaN()) },
	} {
		c := small()
		change(&c)
		_, err := c.Fit(context.Background(), &method.Problem{Train: *w, Seed: 5}, &method.Session{})
		if !errors.Is(err, errDiverged) || !strings.Contains(err.Error(), "learning_rate") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSettings(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"above 1":        func(c *Config) { c.Margin = 1.01 },
		"below 0":        func(c *Config) { c.Margin = -0.1 },
		"no margin":      func(c *Config) { c.Margin = math.NaN() },
		"four layers":    func(c *Config) { c.Hidden = []int{1, 2, 3, 4} },
		"drop all":       func(c *Config) { c.Keep = 0 },
		"rate":           func(c *Config) { c.LearningRate = math.NaN() },
		"schedule":       func(c *Config) { c.Schedule = "steep" },
		"no batch":       func(c *Config) { c.Batch = 0 },
		"empty layer":    func(c *Config) { c.Hidden = []int{0} },
		"infinite decay": func(c *Config) { c.WeightDecay = math.Inf(1) },
	} {
		c := Default()
		change(&c)
		if err := c.Validate(); !errors.Is(err, method.ErrSetting) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, p := Default(), Paper()
	c.Margin = 2
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "without end") {
		t.Errorf("lambda above 1: %v", err)
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}

// TestDropout: the share of kept units and the mean they are scaled to.
func TestDropout(t *testing.T) {
	v := make([]float32, 200000)
	drop(v, 0.8, random(1, "test", 0), true)
	kept, sum := 0, 0.0
	for _, x := range v {
		if x != 0 {
			kept++
		}
		sum += float64(x)
	}
	if share := float64(kept) / float64(len(v)); math.Abs(share-0.8) > 0.005 || math.Abs(sum/float64(len(v))-1) > 0.01 {
		t.Errorf("kept %v, mean %v", share, sum/float64(len(v)))
	}
}

func TestSquares(t *testing.T) {
	v := make([]float32, 5001)
	want := 0.0
	for i := range v {
		v[i] = float32(i%7) - 3
		want += float64(v[i]) * float64(v[i])
	}
	near(t, "squares", squares(v), want, 1e-6)
}

// BenchmarkStep is one training step at the size of VGG-19's features and CUB's attributes.
func BenchmarkStep(b *testing.B) {
	one := Paper()
	one.Hidden = []int{1000}
	for name, c := range map[string]Config{"default": Default(), "one hidden layer": one, "paper": Paper()} {
		b.Run(name, func(b *testing.B) {
			s := &rows{}
			r := random(1, "bench", 0)
			for i := range 256 {
				x := make([]float32, 4096)
				for j := range x {
					x[j] = max(0, float32(r.NormFloat64())) / 32
				}
				s.x, s.labels = append(s.x, x), append(s.labels, i%150)
			}
			d := method.Data{Samples: s}
			for range 150 {
				a := make([]float32, 312)
				for j := range a {
					a[j] = float32(r.NormFloat64()) / 18
				}
				d.Attributes = append(d.Attributes, a)
			}
			c.Batch = 64
			t := &training{c: &c, p: &method.Problem{Train: d, Seed: 1}}
			if err := t.prepare(&method.Session{}); err != nil {
				b.Fatal(err)
			}
			f := newFeed(context.Background(), &c, &d, t.samples, t.size, t.steps, 0, math.MaxInt32, 1, []*batch[float32]{newBatch[float32](&c, 4096, 64), newBatch[float32](&c, 4096, 64)})
			defer f.close()
			b.ReportAllocs()
			for b.Loop() {
				x := <-f.ready
				if err := t.one(x); err != nil {
					b.Fatal(err)
				}
				f.free <- x
			}
		})
	}
}

// TestEpochSamples: without shots every sample once, in order; with them each shot as often as asked, or until its class
// weighs what another does.
func TestEpochSamples(t *testing.T) {
	d := method.Data{Samples: &rows{x: make([][]float32, 11), labels: []int{0, 0, 0, 0, 1, 1, 1, 1, 2, 0, 0}}, Attributes: make([][]float32, 3)}
	for _, c := range []struct {
		few    []bool
		repeat int
		want   string
	}{
		{nil, 0, "[0 1 2 3 4 5 6 7 8 9 10]"},
		{nil, 7, "[0 1 2 3 4 5 6 7 8 9 10]"},
		{[]bool{false, false, true}, 1, "[0 1 2 3 4 5 6 7 9 10 8]"},
		{[]bool{false, false, true}, 3, "[0 1 2 3 4 5 6 7 9 10 8 8 8]"},
		{[]bool{false, false, true}, 0, "[0 1 2 3 4 5 6 7 9 10 8 8 8 8 8]"},
		{[]bool{true, true, true}, 0, "[0 1 2 3 4 5 6 7 8 9 10]"},
	} {
		if got := fmt.Sprint(epochSamples(&method.Problem{Train: d, Few: c.few}, c.repeat)); got != c.want {
			t.Errorf("few %v, repeat %d: %s, want %s", c.few, c.repeat, got, c.want)
		}
	}
}
