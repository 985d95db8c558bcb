package vzsl

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"vzsl/internal/filetest"

	"pgregory.net/rapid"
)

type goldenCase struct {
	Hidden                        []int
	Latent                        int
	Reconstruction                bool
	Weight, Margin, Bound, Keep   float64
	Features, Attributes, Classes int
	X, A, Y, Noise                []float64
	Masks                         [][]float64
	Parameters, Gradients         map[string][]float64
	KL                            []float64 `json:"kl"`
	Loss                          float64
}

func convert[T, F float](v []F) []T {
	to := make([]T, len(v))
	for i, x := range v {
		to[i] = T(x)
	}
	return to
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*(1+math.Abs(want))) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestPyTorch compares loss and gradients with PyTorch's on the same parameters and batch (testdata/golden.py).
func TestPyTorch(t *testing.T) {
	cases := filetest.JSON[[]goldenCase](t, "testdata/golden.json")
	for i := range cases {
		t.Run(fmt.Sprintf("%d/float64", i), func(t *testing.T) { golden[float64](t, &cases[i], 1e-9) })
		t.Run(fmt.Sprintf("%d/float32", i), func(t *testing.T) { golden[float32](t, &cases[i], 5e-5) })
	}
}

func golden[T float](t *testing.T, w *goldenCase, tolerance float64) {
	c := Default()
	c.Hidden, c.Latent, c.Margin, c.LogVarianceBound, c.Keep = w.Hidden, w.Latent, w.Margin, w.Bound, w.Keep
	c.Reconstruction, c.ReconstructionWeight, c.InputKeep = w.Reconstruction, w.Weight, 1
	all := parameters[T](&c, shape{feature: w.Features, attribute: w.Attributes})
	if len(all) != len(w.Parameters) {
		t.Fatalf("%d parameters, PyTorch has %d", len(all), len(w.Parameters))
	}
	for _, p := range all {
		if len(w.Parameters[p.name]) != len(p.values) {
			t.Fatalf("%s: %d values, PyTorch has %d", p.name, len(p.values), len(w.Parameters[p.name]))
		}
		copy(p.values, convert[T](w.Parameters[p.name]))
	}
	b := &batch[T]{n: len(w.Y), x: convert[T](w.X), labels: convert[T](w.Y)}
	if w.Reconstruction {
		b.noise = convert[T](w.Noise)
	}
	for _, m := range w.Masks {
		b.masks = append(b.masks, convert[T](m))
	}
	g, err := newGraph(&c, all, b, convert[T](w.A), w.Classes, nil)
	if err != nil {
		t.Fatal(err)
	}
	for run := range 2 { // the second finds the first one's memory
		loss, err := g.run()
		if err != nil {
			t.Fatal(err)
		}
		near(t, fmt.Sprintf("run %d: loss", run), loss, w.Loss, tolerance)
		for i, p := range all {
			got, err := g.gradient(i)
			if err != nil {
				t.Fatal(err)
			}
			for j, want := range w.Gradients[p.name] {
				near(t, fmt.Sprintf("run %d: gradient of %s[%d]", run, p.name, j), float64(got[j]), want, tolerance)
			}
		}
	}
	if w.Keep == 1 {
		kl := 0.0
		for i, y := range w.Y {
			kl += w.KL[i*w.Classes+int(y)] / float64(len(w.Y))
		}
		near(t, "KL", g.parts.kl, kl, tolerance)
	}
}

// problem is a random batch and model.
func randomGraph(t *testing.T, c *Config, seed uint64) (*graph[float64], *batch[float64]) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	const n, features, attributes, classes = 6, 9, 5, 7
	all := parameters[float64](c, shape{feature: features, attribute: attributes})
	for _, p := range all {
		for i := range p.values {
			p.values[i] = 0.3 * r.NormFloat64()
		}
	}
	normal := func(n int) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = r.NormFloat64()
		}
		return v
	}
	b := newBatch[float64](c, features, n)
	copy(b.x, normal(len(b.x)))
	if b.target != nil {
		copy(b.target, b.x)
		drop(b.x, c.InputKeep, r, false)
	}
	copy(b.noise, normal(len(b.noise)))
	for _, m := range b.masks {
		drop(m, c.Keep, r, true)
	}
	for i := range b.labels {
		b.labels[i] = float64(r.IntN(classes))
	}
	var second *unlabelled[float64]
	if c.UnlabelledWeight > 0 {
		const unseen = 4
		second = &unlabelled[float64]{first: newBatch[float64](c, features, n-1), attributes: normal(unseen * attributes), classes: unseen}
		copy(second.first.x, normal(len(second.first.x)))
		copy(second.first.noise, normal(len(second.first.noise)))
		for _, m := range second.first.masks {
			drop(m, c.Keep, r, true)
		}
	}
	g, err := newGraph(c, all, b, normal(classes*attributes), classes, second)
	if err != nil {
		t.Fatal(err)
	}
	if g.second != nil {
		scores := make([]float32, len(g.second.sharpened))
		for i := range scores {
			scores[i] = float32(r.NormFloat64())
		}
		for i := 0; i < len(scores); i += second.classes {
			softmax(scores[i:i+second.classes], scores[i:i+second.classes])
		}
		copy(g.second.sharpened, convert[float64](scores))
	}
	return g, b
}

// TestGradients compares every derivative with finite differences.
func TestGradients(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"whole":               func(c *Config) {},
		"VZSL#":               func(c *Config) { c.Reconstruction = false },
		"no dropout":          func(c *Config) { c.Keep = 1 },
		"dropped inputs":      func(c *Config) { c.InputKeep = 0.6 },
		"three layers":        func(c *Config) { c.Hidden = []int{6, 4, 5} },
		"linear":              func(c *Config) { c.Hidden = nil },
		"free log variances":  func(c *Config) { c.LogVarianceBound = 0 },
		"no margin":           func(c *Config) { c.Margin = 0 },
		"half of everything":  func(c *Config) { c.Margin, c.ReconstructionWeight = 0.5, 0.3 },
		"tight log variances": func(c *Config) { c.LogVarianceBound = 0.3 },
		"learned variance":    func(c *Config) { c.DecoderVariance = "learned" },
		"three samples":       func(c *Config) { c.Samples, c.DecoderVariance = 3, "learned" },
		"transductive":        func(c *Config) { c.UnlabelledWeight, c.Samples = 0.7, 2 },
		"transductive, sharp": func(c *Config) { c.UnlabelledWeight, c.Reconstruction = 1, false },
	} {
		t.Run(name, func(t *testing.T) {
			c := Default()
			c.Hidden, c.Latent, c.Keep, c.InputKeep, c.ReconstructionWeight, c.Reconstruction = []int{5, 4}, 3, 0.7, 1, 1, true
			c.Margin, c.LogVarianceBound, c.UnlabelledWeight = 1, 5, 0
			change(&c)
			g, _ := randomGraph(t, &c, 1)
			if loss, err := g.run(); err != nil || loss > 100 {
				t.Fatal(loss, err)
			}
			var gradients [][]float64
			for i := range g.parameters {
				d, err := g.gradient(i)
				if err != nil {
					t.Fatal(err)
				}
				gradients = append(gradients, append([]float64(nil), d...))
			}
			for i, p := range g.parameters {
				got := gradients[i]
				for j := range p.values {
					const h = 1e-4
					was := p.values[j]
					at := func(x float64) float64 {
						p.values[j] = x
						loss, err := g.run()
						if err != nil {
							t.Fatal(err)
						}
						return loss
					}
					// Five points: exponentials of log variances have large third derivatives.
					want := (8*(at(was+h)-at(was-h)) - at(was+2*h) + at(was-2*h)) / (12 * h)
					p.values[j] = was
					near(t, fmt.Sprintf("%s[%d]", p.name, j), got[j], want, 1e-6)
				}
			}
		})
	}
}

// TestSharp: VZSL# at lambda 1 is softmax cross-entropy on -KL.
func TestSharp(t *testing.T) {
	c := Default()
	c.Hidden, c.Latent, c.Margin, c.Reconstruction, c.UnlabelledWeight = []int{5}, 3, 1, false, 0
	g, b := randomGraph(t, &c, 2)
	loss, err := g.run()
	if err != nil {
		t.Fatal(err)
	}
	var kl []float64
	for _, n := range g.loss.Graph().AllNodes() {
		if n.Op() != nil && n.Op().String() == "divergences" {
			kl, err = memory[float64](n.Value())
		}
	}
	if err != nil || kl == nil {
		t.Fatal("no divergences in the graph", err)
	}
	want, classes := 0.0, len(kl)/b.n
	for i, y := range b.labels {
		sum := 0.0
		for _, k := range kl[i*classes : (i+1)*classes] {
			sum += math.Exp(-k)
		}
		want -= math.Log(math.Exp(-kl[i*classes+int(y)])/sum) / float64(b.n)
	}
	near(t, "loss", loss, want, 1e-12)
	if loss < 0 {
		t.Errorf("a cross-entropy of %v", loss)
	}
}

// TestDivergences compares all pairwise divergences with the definition, term by term.
func TestDivergences(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n, c, z := rapid.IntRange(1, 5).Draw(r, "n"), rapid.IntRange(1, 5).Draw(r, "c"), rapid.IntRange(1, 6).Draw(r, "z")
		values := func(name string, n int) []float64 {
			return rapid.SliceOfN(rapid.Float64Range(-4, 4), n, n).Draw(r, name)
		}
		m, l, u, s := values("m", n*z), values("l", n*z), values("u", c*z), values("s", c*z)
		// One class is the first sample's own Gaussian.
		copy(u, m[:z])
		copy(s, l[:z])
		got := make([]float64, n*c)
		newDivergences[float64](n, c, z).between(got, m, l, u, s)
		for i := range n {
			for j := range c {
				want := 0.0
				for k := range z {
					d := m[i*z+k] - u[j*z+k]
					want += (s[j*z+k] - l[i*z+k] - 1 + (math.Exp(l[i*z+k])+d*d)/math.Exp(s[j*z+k])) / 2
				}
				x := got[i*c+j]
				if math.Abs(x-want) > 1e-9*(1+want) || x < -1e-9 {
					r.Fatalf("KL of %d and %d: %v, want %v", i, j, x, want)
				}
			}
		}
		if math.Abs(got[0]) > 1e-9 {
			r.Fatalf("KL of equal Gaussians: %v", got[0])
		}
	})
}

func TestLogSumExp(t *testing.T) {
	near(t, "small", logSumExp([]float64{1, 2}), math.Log(math.Exp(-1)+math.Exp(-2)), 1e-15)
	near(t, "far beyond exp's range", logSumExp([]float64{5000, 5001}), -5000+math.Log(1+math.Exp(-1)), 1e-15)
	near(t, "negative", logSumExp([]float64{-3000, 0}), 3000, 1e-15)
}
