package plda

import (
	"math/rand/v2"
	"testing"

	"vzsl/train/method"
)

// BenchmarkLearn is what a server does when five images of a class arrive as features of a VGG-19, and one more is to be named
// among 200 classes; BenchmarkDescribed when a class is described and one image is to be named.
func BenchmarkLearn(b *testing.B) {
	m, x, classes := large(b)
	for i := 0; b.Loop(); i++ {
		learned, err := m.Learn(classes[i%200], x[:5*m.feature], 5)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := learned.Score(x[5*m.feature:], 1, classes); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDescribed(b *testing.B) {
	m, x, classes := large(b)
	for b.Loop() {
		if _, err := m.Score(x[5*m.feature:], 1, classes); err != nil {
			b.Fatal(err)
		}
	}
}

// large is a model of 4096 features, 312 attributes and 150 seen classes with 200 candidates, 100 of which have images.
func large(b *testing.B) (m *Model, features []float32, classes [][]float32) {
	r := rand.New(rand.NewPCG(1, 1))
	const dim, attributes, seen = 4096, 312, 150
	random := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	s := &samples{}
	d := method.Data{Samples: s}
	for c := range seen {
		d.Attributes = append(d.Attributes, random(attributes))
		for k := range d.Attributes[c] {
			d.Attributes[c][k] /= 20
		}
		for range 10 {
			s.x, s.labels = append(s.x, random(dim)), append(s.labels, c)
		}
	}
	stats, err := gather(b.Context(), &method.Problem{Train: d}, 1024)
	if err != nil {
		b.Fatal(err)
	}
	sp, err := stats.whiten(1)
	if err != nil {
		b.Fatal(err)
	}
	if m, err = sp.model(0.3, 0.1, true); err != nil {
		b.Fatal(err)
	}
	classes = append(classes, d.Attributes[:50]...)
	for len(classes) < 200 {
		v := random(attributes)
		for k := range v {
			v[k] /= 20
		}
		classes = append(classes, v)
	}
	features = random(6 * dim)
	for c := 50; c < 150; c++ {
		learned, err := m.Learn(classes[c], features[:dim], 1)
		if err != nil {
			b.Fatal(err)
		}
		m = learned.(*Model)
	}
	return m, features, classes
}
