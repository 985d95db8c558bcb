package methods

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// chooses fits a method that goes over a grid to a made-up world in which unseen classes can be distinguished, and demands
// that it does so, that the point best on the validation classes is kept, that the same choice makes the same model, and
// that the model survives its file.
func chooses(t *testing.T, m method.Config, w *world, atLeast float64) {
	t.Helper()
	train, validation, unseen := w.data(30, 12), w.data(10, 6), w.data(10, 10)
	o, _ := selects(t, m, &method.Problem{Train: *train, Validation: validation, Seed: 3}, unseen, atLeast)
	o2, err := m.Fit(context.Background(), &method.Problem{Train: *train, Seed: 3}, &method.Session{Choice: o.Choice})
	if err != nil {
		t.Fatal(err)
	}
	back, err := m.Load(&safetensors.File{Tensors: o2.Model.Tensors()})
	if err != nil {
		t.Fatal(err)
	}
	r := unseen.Samples.(*rows)
	want := scores(t, o.Model, r, unseen.Attributes)
	for i, v := range scores(t, back, r, unseen.Attributes) {
		if v != want[i] {
			t.Fatalf("the same choice, read back: score %d = %v, was %v", i, v, want[i])
		}
	}
	refuses(t, m, back, w, unseen)
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := m.Fit(ctx, &method.Problem{Train: *train, Validation: validation}, &method.Session{}); err == nil {
		t.Error("a fit went on when it was to end")
	}
}

// worldOfSigns has attributes of one size and either sign.
func worldOfSigns(seed uint64, attribute, feature int) *world {
	w := newWorld(seed, attribute, feature)
	w.attribute = func(r *rand.Rand) float64 { return float64(2*r.IntN(2) - 1) }
	return w
}

func TestGridMethods(t *testing.T) {
	sae, gfzsl, iap, conse, sync, bidilel := defaultSAE(), defaultGFZSL(), defaultIAP(), defaultConSE(), defaultSYNC(), defaultBiDiLEL()
	for name, c := range map[string]struct {
		config  method.Config
		atLeast float64
	}{"sae": {&sae, 0.9}, "gfzsl": {&gfzsl, 0.9}, "iap": {&iap, 0.4}, "conse": {&conse, 0.4}, "sync": {&sync, 0.5}, "bidilel": {&bidilel, 0.6}} {
		t.Run(name, func(t *testing.T) { chooses(t, c.config, worldOfSigns(4, 10, 24), c.atLeast) })
	}
}

// TestClassifierResumes: the methods that begin with a classifier go on with it where they were stopped.
func TestClassifierResumes(t *testing.T) {
	iap, conse, amp := defaultIAP(), defaultConSE(), defaultAMP()
	w := worldOfSigns(4, 10, 24)
	p := &method.Problem{Train: *w.data(30, 12), Validation: w.data(10, 6), Seed: 3}
	for name, m := range map[string]method.Config{"iap": &iap, "conse": &conse, "amp": &amp} {
		t.Run(name, func(t *testing.T) {
			o, err := m.Fit(context.Background(), p, &method.Session{})
			if err != nil {
				t.Fatal(err)
			}
			resumes(t, m, p, o)
		})
	}
}

func TestDAP(t *testing.T) {
	dap := defaultDAP()
	dap.LearningRate = 0.1 // for few steps
	learns(t, &dap, worldOfSigns(5, 12, 24), 0.9)
}

// TestBinary by hand: attributes, thresholds, priors, and the score as the sum of its terms.
func TestBinary(t *testing.T) {
	seen := []float32{0, 6, 1, 2, 9, 1} // two classes of three attributes; all mean 19/6, attributes' 1, 7.5, 1
	b := newBinary(seen, 3, overMatrix)
	near(t, "over the matrix", b.of(seen), []float64{0, 1, 0, 0, 1, 0}, 0)
	near(t, "prior", b.prior, []float64{0.5, 0.5, 0.5}, 0)
	b = newBinary(append(seen, 0, 0, 5), 3, overAttribute)
	near(t, "over the attribute", b.of(seen), []float64{0, 1, 0, 1, 1, 0}, 0)
	near(t, "prior", b.prior, []float64{1. / 3, 2. / 3, 1. / 3}, 1e-7)
	z := []float32{0.5, -1, 2}
	p := func(m int) float64 { return 1 / (1 + math.Exp(-float64(z[m]))) }
	want := []float64{
		math.Log((1-p(0))/(2./3)) + math.Log(p(1)/(2./3)) + math.Log((1-p(2))/(2./3)),
		math.Log(p(0)/(1./3)) + math.Log(p(1)/(2./3)) + math.Log((1-p(2))/(2./3)),
	}
	near(t, "score", b.scores(append([]float32(nil), z...), 1, seen, 2), want, 1e-6)
}

// three is a classifier of three classes with probabilities 0.6, 0.3, 0.1 for the feature 1.
func three() *classifier {
	return &classifier{classes: 3, feature: 1, weight: []float32{float32(math.Log(0.6)), float32(math.Log(0.3)), float32(math.Log(0.1))}, bias: make([]float32, 3)}
}

// TestConSE by hand: of the two most probable classes' vectors.
func TestConSE(t *testing.T) {
	m := conseModel(three(), []float32{1, 0, 0, 1, -9, -9}, 2, 2)
	got, err := m.Score([]float32{1}, 1, [][]float32{{2, 0}, {1, 1}, {0, 0}})
	if err != nil {
		t.Fatal(err)
	}
	length := math.Hypot(0.6, 0.3)
	near(t, "score", got, []float64{0.6 / length, 0.9 / length / math.Sqrt2, 0}, 1e-6)
}

// TestIAP by hand: p(m|x) are 0.7, 0.9 and 0, the last raised to the floor.
func TestIAP(t *testing.T) {
	b := &binary{threshold: []float32{0.5, 0.5, 0.5}, prior: []float32{0.4, 0.5, 0.5}}
	m := iapModel(three(), b, []float32{1, 1, 0, 0, 1, 0, 1, 0, 0}, 0.01)
	got, err := m.Score([]float32{1}, 1, [][]float32{{1, 0, 1}, {0, 1, 0}})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "score", got, []float64{
		math.Log(0.7/0.4) + math.Log(0.1/0.5) + math.Log(0.01/0.5),
		math.Log(0.3/0.6) + math.Log(0.9/0.5) + math.Log(0.99/0.5),
	}, 1e-5)
}

// TestSYNC: at the seen classes the synthesised classifiers are those trained, whatever sigma is.
func TestSYNC(t *testing.T) {
	d := newWorld(6, 8, 24).data(12, 10)
	var first []float32
	for _, sigma := range []float64{0.05, 0.3, 0.5} {
		c := defaultSYNC()
		c.Sigma = []float64{sigma}
		_, m := fitted(t, &c, &method.Problem{Train: *d, Seed: 1})
		got := scores(t, m, d.Samples.(*rows), d.Attributes)
		if first == nil {
			first = got // the similarities are those of equality: V is W
			if s := similarity(method.Matrix(d.Attributes), method.Matrix(d.Attributes), sigma*sigma); s.At(3, 3) < 0.999 {
				t.Errorf("similarity of a class with itself: %v", s.At(3, 3))
			}
		}
		want := make([]float64, len(first))
		for i, v := range first {
			want[i] = float64(v)
		}
		near(t, "score", got, want, 1e-3)
	}
}
