package vzsl

import (
	"context"
	"math"
	"slices"
	"testing"

	"vzsl/train/method"
)

// TestGenerate: features drawn for classes never seen are named as theirs by a plain nearest mean of the real ones.
func TestGenerate(t *testing.T) {
	w := world(1, 12, 40, 10)
	c := small()
	c.Epochs, c.ReconstructionWeight = 20, 1
	o, err := c.Fit(context.Background(), &method.Problem{Train: *w[0], Seed: 1}, &method.Session{})
	if err != nil {
		t.Fatal(err)
	}
	m := o.Model.(*Model)
	unseen := w[1]
	real := unseen.Samples.(*rows)
	means := make([][]float64, len(unseen.Attributes))
	for i, x := range real.x {
		if means[real.labels[i]] == nil {
			means[real.labels[i]] = make([]float64, len(x))
		}
		for j, v := range x {
			means[real.labels[i]][j] += float64(v) / 12
		}
	}
	const n = 20
	right := 0
	for class, a := range unseen.Attributes {
		x, err := m.Generate(a, n, uint64(class), false)
		if err != nil {
			t.Fatal(err)
		}
		again, err := m.Generate(a, n, uint64(class), false)
		if err != nil || !slices.Equal(x, again) {
			t.Fatal("the same seed drew other features", err)
		}
		for i := range n {
			best, least := 0, math.Inf(1)
			for k, mean := range means {
				d := 0.0
				for j, v := range x[i*m.sizes.feature : (i+1)*m.sizes.feature] {
					d += (float64(v) - mean[j]) * (float64(v) - mean[j])
				}
				if d < least {
					best, least = k, d
				}
			}
			if best == class {
				right++
			}
		}
	}
	if share := float64(right) / float64(n*len(unseen.Attributes)); share < 0.5 { // chance is 0.1
		t.Errorf("%v of the generated features lie nearest to their class", share)
	}
	noisy, err := m.Generate(unseen.Attributes[0], n, 0, true)
	plain, _ := m.Generate(unseen.Attributes[0], n, 0, false)
	if err != nil || slices.Equal(noisy, plain) {
		t.Error("noise changed nothing", err)
	}
	// What is made of an image's own code is nearer to it than the mean of all images is.
	var x []float32
	all := make([]float64, m.sizes.feature)
	for _, row := range real.x {
		x = append(x, row...)
		for j, v := range row {
			all[j] += float64(v) / float64(len(real.x))
		}
	}
	back, err := m.Reconstruct(x, len(real.x))
	if err != nil || len(back) != len(x) {
		t.Fatal(len(back), err)
	}
	own, other := 0.0, 0.0
	for i, v := range x {
		own += math.Pow(float64(v-back[i]), 2)
		other += math.Pow(float64(v)-all[i%len(all)], 2)
	}
	if own > 0.9*other {
		t.Errorf("reconstructions are %v from their images in squares, their mean is %v", own, other)
	}
	c.Reconstruction = false
	sharp := newModel(c, m.sizes, m.parameters)
	if _, err := sharp.Generate(unseen.Attributes[0], n, 0, false); err == nil {
		t.Error("VZSL# generated")
	}
	if back, err := sharp.Reconstruct(x, len(real.x)); back != nil || err != nil {
		t.Error("VZSL# has no decoder", len(back), err)
	}
}
