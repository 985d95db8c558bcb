package vzsl

import (
	"fmt"
	"math"
)

// Encode returns the means of q(z|x) of n normalised features, n rows of the latent length.
func (m *Model) Encode(features []float32, n int) ([]float32, error) {
	if f, _ := m.Dims(); len(features) != n*f {
		return nil, fmt.Errorf("%d values for %d features of %d", len(features), n, f)
	}
	mu, _ := m.encode(features, n)
	return mu, nil
}

// Prior returns the mean and the standard deviations of p(z|a) of normalised attributes.
func (m *Model) Prior(attributes []float32) (mean, std []float32, err error) {
	if _, a := m.Dims(); len(attributes) != a {
		return nil, nil, fmt.Errorf("%d attributes, the model has %d", len(attributes), a)
	}
	attributes = firstView(attributes, m.views)
	std = m.logVariance("prior.log_variance", attributes, 1)
	for i, t := range std {
		std[i] = float32(math.Exp(float64(t) / 2))
	}
	return m.layer("prior.mu", attributes, 1, false), std, nil
}
