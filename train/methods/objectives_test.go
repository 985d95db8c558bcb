package methods

import (
	"math"
	"math/rand/v2"
	"testing"

	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// TestObjectives compares losses, derivatives and scores at random weights with PyTorch's (testdata/objectives.py).
func TestObjectives(t *testing.T) {
	var g struct {
		X, S       []float64
		Y          []int
		Features   int
		Attributes int
		Cases      []struct {
			Name    string
			S       []float64
			Loss    float64
			Scores  []float64
			Weights map[string]struct{ Values, Gradient []float64 }
		}
	}
	golden(t, "objectives.json", &g)
	d, a := g.Features, g.Attributes
	jfa, mlzsc := jfaMethod{Features: 2, Attributes: 1.5, Margin: 0.8}, mlzscMethod{Regression: 0.6}
	ssvoc, latem := ssvocMethod{Epsilon: 0.3, Margin: 0.8, Rank: 0.7}, latemMethod{Matrices: 2, Margin: 0.8}
	cada := defaultCADAVAE()
	cada.Hidden, cada.Latent, cada.Scale = 6, 2, 3
	bilinear := func(loss rankingLoss[float64]) func(s []float64) objective[float64] {
		return func(s []float64) objective[float64] { return newBilinear(s, d, a, 0.8, loss) }
	}
	methods := map[string]struct {
		config method.Config
		of     func(s []float64) objective[float64]
	}{
		"devise": {&deviseMethod{}, bilinear(hingeSum[float64])}, "ale": {&aleMethod{}, bilinear(hingeRanked[float64])},
		"sje":      {&sjeMethod{}, bilinear(hingeWorst[float64])},
		"latem":    {&latem, func(s []float64) objective[float64] { return newLatent(s, d, a, &latem) }},
		"cmt":      {&cmtMethod{Hidden: 6}, func(s []float64) objective[float64] { return newCrossModal(s, d, 6, a) }},
		"mlzsc":    {&mlzsc, func(s []float64) objective[float64] { return newMetric(s, d, a, &mlzsc) }},
		"jfa":      {&jfa, func(s []float64) objective[float64] { return newAdapted(s, d, a, &jfa) }},
		"ss-voc":   {&ssvoc, func(s []float64) objective[float64] { return newVocabulary(s, d, a, &ssvoc) }},
		"cada-vae": {&cada, func(s []float64) objective[float64] { return newAligned(s, d, a, &cada) }},
	}
	done := map[string]bool{}
	for _, c := range g.Cases {
		m, o := methods[c.Name].config, methods[c.Name].of(c.S)
		done[c.Name] = true
		var file safetensors.File
		for _, w := range o.parameters() {
			if len(w.values) != len(c.Weights[w.name].Values) {
				t.Fatalf("%s: %d values of %s, not %d", c.Name, len(w.values), w.name, len(c.Weights[w.name].Values))
			}
			copy(w.values, c.Weights[w.name].Values)
			file.Tensors = append(file.Tensors, safetensors.Tensor{Name: w.name, Shape: w.shape, F32: single(w.values)})
		}
		loss := o.loss(g.X, g.Y, rand.New(rand.NewPCG(8, 8)))
		near(t, c.Name+" loss", []float64{loss}, []float64{c.Loss}, 1e-10)
		for _, w := range o.parameters() {
			near(t, c.Name+" derivative by "+w.name, w.gradient, c.Weights[w.name].Gradient, 1e-10)
		}
		if o, ok := o.(*metric[float64]); ok {
			gate := []float32{0}
			if o.relu {
				gate[0] = 1
			}
			file.Tensors = append(file.Tensors, safetensors.Tensor{Name: "relu", Shape: []int{1}, F32: gate})
		}
		model, err := m.Load(&file)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		var s [][]float32
		for at := 0; at < len(c.S); at += a {
			s = append(s, single(c.S[at:at+a]))
		}
		got, err := model.Score(single(g.X), len(g.Y), s)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		largest := 1.0 // of which the differences below are exact to single precision
		for _, v := range c.Scores {
			largest = max(largest, math.Abs(v))
		}
		for i := range g.Y {
			row, want := got[i*len(s):(i+1)*len(s)], c.Scores[i*len(s):(i+1)*len(s)]
			for j := len(s) - 1; j >= 0; j-- {
				row[j], want[j] = row[j]-row[0], want[j]-want[0]
			}
			near(t, c.Name+" score", row, want, 1e-6*largest)
		}
	}
	if len(done) != len(methods) {
		t.Errorf("%d of %d methods", len(done), len(methods))
	}
}
