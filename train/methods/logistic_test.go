package methods

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// fewShot are drawn samples of six classes, of which the last three are known by a few images.
func fewShot() *method.Problem {
	r := rand.New(rand.NewPCG(3, 1))
	d := &rows{}
	p := &method.Problem{Few: []bool{false, true, false, false, true, true}}
	for c := range 6 {
		p.Train.Attributes = append(p.Train.Attributes, []float32{float32(c), float32(c % 2)})
		for range 5 {
			x := make([]float32, 7)
			for j := range x {
				x[j] = float32(r.NormFloat64())
			}
			x[c] += 2
			d.X, d.Y = append(d.X, x), append(d.Y, c)
		}
	}
	p.Train.Samples = d
	return p
}

// TestLogistic: the objective is strictly convex, so that the weights are right where its derivative, here by differences
// of a slow twin over the few-shot classes alone, is zero.
func TestLogistic(t *testing.T) {
	const ridge = 0.3
	p := fewShot()
	m := &logisticMethod{Ridge: []float64{ridge}}
	o, err := m.Fit(context.Background(), p, &method.Session{})
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := m.Load(&safetensors.File{Tensors: o.Model.Tensors()})
	if err != nil {
		t.Fatal(err)
	}
	w := loaded.Tensors()[0].F64
	known := map[int]int{1: 0, 4: 1, 5: 2}
	d := p.Train.Samples.(*rows)
	slow := func() float64 {
		sum := 0.0
		for _, v := range w {
			sum += ridge / 2 * v * v
		}
		for i, x := range d.X {
			y, few := known[d.Y[i]]
			if !few {
				continue
			}
			var scores [3]float64
			all := 0.0
			for c := range scores {
				for j, v := range x {
					scores[c] += w[c*7+j] * float64(v)
				}
				all += math.Exp(scores[c])
			}
			sum += math.Log(all) - scores[y]
		}
		return sum
	}
	for i := range w {
		const h = 1e-4
		at := w[i]
		w[i] = at + h
		up := slow()
		w[i] = at - h
		down := slow()
		w[i] = at
		if g := (up - down) / (2 * h); math.Abs(g) > 2e-6 {
			t.Errorf("derivative by weight %d is %v", i, g)
		}
	}
	// Candidates come in any order, among them twice the same.
	x := append(append([]float32{}, d.X[5]...), d.X[20]...)
	s, err := loaded.Score(x, 2, [][]float32{{5, 1}, {1, 1}, {4, 0}, {1, 1}})
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range [][]float32{d.X[5], d.X[20]} {
		for k, c := range []int{2, 0, 1, 0} {
			want := 0.0
			for j, v := range row {
				want += w[c*7+j] * float64(v)
			}
			if math.Abs(float64(s[i*4+k])-want) > 1e-5 {
				t.Errorf("score %d of sample %d is %v, want %v", k, i, s[i*4+k], want)
			}
		}
	}
	if _, err := loaded.Score(x, 2, [][]float32{{5, 1}, {0, 0}}); err == nil || !strings.Contains(err.Error(), "class 1 is not one of the 3") {
		t.Errorf("a class without images: %v", err)
	}
}

func TestLogisticGradient(t *testing.T) {
	l, err := newLogistic(fewShot())
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(4, 1))
	w := make([]float64, len(l.attributes)*l.dim)
	for i := range w {
		w[i] = r.NormFloat64()
	}
	const ridge, h = 0.3, 1e-6
	gradient := make([]float64, len(w))
	l.loss(w, ridge, gradient)
	for i, at := range w {
		w[i] = at + h
		up := l.loss(w, ridge, nil)
		w[i] = at - h
		down := l.loss(w, ridge, nil)
		w[i] = at
		if want := (up - down) / (2 * h); math.Abs(gradient[i]-want) > 1e-8 {
			t.Errorf("derivative by weight %d is %v, differences say %v", i, gradient[i], want)
		}
	}
}

func TestLogisticRefusals(t *testing.T) {
	one := logisticMethod{Ridge: []float64{1}}
	for want, c := range map[string]struct {
		config logisticMethod
		change func(*method.Problem)
	}{
		"split --shots":     {one, func(p *method.Problem) { p.Few = nil }},
		"same attributes":   {one, func(p *method.Problem) { p.Train.Attributes[5] = p.Train.Attributes[4] }},
		"no shots":          {one, func(p *method.Problem) { clear(p.Few) }},
		"or give one ridge": {defaultLogistic(), func(*method.Problem) {}},
	} {
		p := fewShot()
		c.change(p)
		if _, err := c.config.Fit(context.Background(), p, &method.Session{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, c := range []logisticMethod{{}, {Ridge: []float64{0}}, {Ridge: []float64{math.Inf(1)}}} {
		if c.Validate() == nil {
			t.Errorf("%v passes", c)
		}
	}
}
