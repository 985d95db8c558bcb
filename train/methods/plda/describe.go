package plda

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"vzsl/internal/kernels"
	"vzsl/train/method"
)

// Describe tells how much speaks for each attribute in n samples: the part of the log score that is linear in a class's vector
// a, that of k_i(a) = 1 + 2 a'a_i + ..., which is 2 sum_i a_i alpha_i'(y / (1 + tau)).
func (m *Model) Describe(features []float32, n int) ([]float32, error) {
	if len(features) != n*m.feature {
		return nil, fmt.Errorf("%d values for %d features of %d", len(features), n, m.feature)
	}
	s := len(m.seen)
	y := m.coordinates(features, n, m.rank)
	for i := range y {
		y[i] *= 2 / (1 + m.tau[i%m.rank])
	}
	by := make([]float64, n*s)
	kernels.Dgemm(false, true, n, s, m.rank, 1, y, m.rank, m.alpha.RawMatrix().Data, m.rank, 0, by, s)
	out := make([]float64, n*m.attribute)
	kernels.Dgemm(false, false, n, m.attribute, s, 1, by, s, method.Matrix(m.seen).RawMatrix().Data, m.attribute, 0, out, m.attribute)
	return single(out), nil
}

// Generate draws n features of the class of a normalised attribute vector from its posterior: a mean of the class each time, and
// with noise an image about it. The result is normalised features as far as the principal subspace reaches.
func (m *Model) Generate(attributes []float32, n int, seed uint64, noise bool) ([]float32, error) {
	if err := m.check([][]float32{attributes}); err != nil {
		return nil, err
	}
	p := m.posteriors([][]float32{attributes})
	r := rand.New(rand.NewPCG(seed, 0x9e7e))
	y := mat.NewDense(n, m.dims, nil)
	for i := range n {
		row := y.RawRowView(i)
		for j := range row {
			mean, w := 0.0, 1/(1+m.tauAt(j)) // beyond the span of the means, where nothing is known
			if j < p.k {
				mean, w = p.mean[j], p.w[j]
			}
			std := math.Sqrt(1/w - 1) // of the class's mean
			row[j] = mean + std*r.NormFloat64()
			if noise {
				row[j] += r.NormFloat64()
			}
		}
	}
	// The coordinates are P (x - m); of all features with these the one nearest to m is m + P' (P P')^-1 y.
	project := mat.NewDense(m.dims, m.feature, nil)
	for i, v := range m.project {
		project.RawMatrix().Data[i] = float64(v)
	}
	var c mat.Cholesky
	if !c.Factorize(outer(project)) {
		return nil, errors.New("the projection cannot be inverted")
	}
	var z, x mat.Dense
	if err := c.SolveTo(&z, y.T()); err != nil {
		return nil, fmt.Errorf("inverting the projection: %w", err)
	}
	x.Mul(z.T(), project)
	out := make([]float32, n*m.feature)
	for i, v := range x.RawMatrix().Data {
		out[i] = float32(v + float64(m.centre[i%m.feature]))
	}
	return out, nil
}
