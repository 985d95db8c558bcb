package vzsl

import (
	"errors"
	"fmt"
	"math"
)

// Generate draws n features of a class of the given normalised attributes: z from p(z|a), x from p(x|z) with its mean,
// or with noise of the decoder's variance around it. The result is n rows of normalised features as the model was
// trained on. Equal arguments give equal features.
func (m *Model) Generate(attributes []float32, n int, seed uint64, noise bool) ([]float32, error) {
	f, a := m.Dims()
	switch {
	case !m.config.Reconstruction:
		return nil, errors.New("VZSL# has no decoder to generate features with: train the method vzsl")
	case len(attributes) != a:
		return nil, fmt.Errorf("%d attributes, the model has %d", len(attributes), a)
	}
	attributes = firstView(attributes, m.views)
	mu := m.layer("prior.mu", attributes, 1, false)
	logVariance := m.logVariance("prior.log_variance", attributes, 1)
	r := random(seed, "generate", 0)
	z := make([]float32, n*m.config.Latent)
	for i := range z {
		k := i % m.config.Latent
		z[i] = mu[k] + float32(math.Exp(float64(logVariance[k])/2)*r.NormFloat64())
	}
	x := m.decode(z, n)
	std := 0.0
	if noise {
		if m.config.ReconstructionWeight == 0 {
			return nil, errors.New("the decoder was trained with a reconstruction_weight of 0: it has no variance to draw noise with")
		}
		// The weight of the reconstruction is the inverse of a fixed variance.
		std = 1 / math.Sqrt(m.config.ReconstructionWeight)
		if s := m.byName["decoder.log_variance"]; s != nil {
			std *= math.Exp(float64(s.values[0]) / 2)
		}
	}
	for i := range x {
		v := float64(x[i])
		if std > 0 {
			v += std * r.NormFloat64()
		}
		x[i] = float32(v / m.config.Scale)
	}
	if len(x) != n*f {
		return nil, fmt.Errorf("%d values for %d features of %d", len(x), n, f)
	}
	return x, nil
}

// Reconstruct returns the decoder's means of x at the means of q(z|x) of n normalised features, as Generate gives features
// without noise; nil of VZSL#, which has no decoder.
func (m *Model) Reconstruct(features []float32, n int) ([]float32, error) {
	mu, err := m.Encode(features, n)
	if err != nil || !m.config.Reconstruction {
		return nil, err
	}
	x := m.decode(mu, n)
	for i := range x {
		x[i] = float32(float64(x[i]) / m.config.Scale)
	}
	return x, nil
}

// decode returns the mean of p(x|z) of n latent codes, in the features' scale of training.
func (m *Model) decode(z []float32, n int) []float32 {
	for i := range m.config.Hidden {
		z = m.layer(fmt.Sprintf("decoder.%d", i), z, n, true)
	}
	return m.layer("decoder.mean", z, n, false)
}
