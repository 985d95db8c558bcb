package methods

import (
	"context"
	"math"
	"testing"

	"vzsl/train/method"
	"vzsl/train/safetensors"
)

func TestLinearGradient(t *testing.T) {
	binary := make([]float32, 5*5)
	for i := range binary {
		binary[i] = float32(i * i % 3 % 2)
	}
	for name, of := range map[string]outputLoss[float64]{
		"cross entropy": crossEntropy[float64], "attributes": attributeLoss[float64](binary), "squared hinges": squaredHinges[float64],
	} {
		t.Run(name, func(t *testing.T) { checkGradient(t, newLinear(5, 8, of), 5, 8) })
	}
}

// TestClassifier: it names the classes it was trained on, its probabilities add up to 1, its file holds all of it.
func TestClassifier(t *testing.T) {
	d := newWorld(1, 6, 20).data(12, 15)
	steps := 0
	c, err := fitClassifier(context.Background(), d, 1, classifierTraining(classifierEpochs), &method.Session{Step: func(done, total int) { steps++ }})
	if err != nil {
		t.Fatal(err)
	}
	if c, err = loadClassifier(&safetensors.File{Tensors: c.tensors()}); err != nil {
		t.Fatal(err)
	}
	var x []float32
	for _, r := range d.Samples.(*rows).X {
		x = append(x, r...)
	}
	p := c.probabilities(x, d.Len())
	right := 0
	for i := range d.Len() {
		best, sum := 0, 0.0
		row := p[i*12 : (i+1)*12]
		for j, v := range row {
			sum += float64(v)
			if v > row[best] {
				best = j
			}
		}
		if math.Abs(sum-1) > 1e-5 {
			t.Errorf("the probabilities of sample %d add up to %v", i, sum)
		}
		if best == d.Label(i) {
			right++
		}
	}
	if right < d.Len()*9/10 || steps == 0 {
		t.Errorf("%d of %d right after %d steps", right, d.Len(), steps)
	}
}
