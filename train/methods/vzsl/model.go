package vzsl

import (
	"fmt"

	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// Model is a trained encoder and class prior (and decoder, which scores do not use).
type Model struct {
	config     Config
	sizes      shape
	parameters []*parameter[float32]
	byName     map[string]*parameter[float32]
	inverse    inverse
	views      int // of the attributes that a class's vector holds, of which the first is taken; 0 is 1
}

var _ method.Model = (*Model)(nil)

func newModel(c Config, s shape, all []*parameter[float32]) *Model {
	m := &Model{config: c, sizes: s, parameters: all, byName: map[string]*parameter[float32]{}}
	for _, p := range all {
		m.byName[p.name] = p
	}
	return m
}

// Dims are the lengths of a feature and of an attribute vector.
func (m *Model) Dims() (feature, attribute int) {
	return m.sizes.feature, max(m.views, 1) * m.sizes.attribute
}

// Tensors are the model's weights.
func (m *Model) Tensors() []safetensors.Tensor {
	ts := tensors("", m.parameters, func(i int) []float32 { return m.parameters[i].values })
	if m.views > 1 {
		ts = append(ts, safetensors.Tensor{Name: "attribute_views", Shape: []int{1}, F32: []float32{float32(m.views)}})
	}
	return ts
}

func (m *Model) layer(name string, x []float32, n int, relu bool) []float32 {
	w := m.byName[name+".weight"]
	var bias []float32
	if b := m.byName[name+".bias"]; b != nil {
		bias = b.values
	}
	out := make([]float32, n*w.rows)
	linear(out, x, w.values, bias, nil, n, w.cols, w.rows, relu)
	return out
}

func (m *Model) logVariance(name string, x []float32, n int) []float32 {
	t := m.layer(name, x, n, false)
	if m.config.LogVarianceBound > 0 {
		bounded(t, t, m.config.LogVarianceBound)
	}
	return t
}

// encode returns mean and log variance of q(z|x) of n features, dropping nothing.
func (m *Model) encode(features []float32, n int) (mu, logVariance []float32) {
	h := features
	if m.config.Scale != 1 {
		h = make([]float32, len(features))
		for i, v := range features {
			h[i] = v * float32(m.config.Scale)
		}
	}
	for i := range m.config.Hidden {
		h = m.layer(fmt.Sprintf("encoder.%d", i), h, n, true)
	}
	return m.layer("encoder.mu", h, n, false), m.logVariance("encoder.log_variance", h, n)
}

// Score returns -KL(q(z|x) || p(z|a_c)), n rows of one for each class; the largest is the bound's choice. The divergences are
// computed in double precision: they are small differences of sums as large as the latent dimensions are many.
func (m *Model) Score(features []float32, n int, attributes [][]float32) ([]float32, error) {
	const chunk = 256
	f, a := m.Dims()
	if len(features) != n*f {
		return nil, fmt.Errorf("%d values for %d features of %d", len(features), n, f)
	}
	c := len(attributes)
	if c == 0 {
		return nil, fmt.Errorf("no classes to score")
	}
	vectors := make([]float32, 0, c*m.sizes.attribute)
	for i, v := range attributes {
		if len(v) != a {
			return nil, fmt.Errorf("class %d has %d attributes, the model %d", i, len(v), a)
		}
		vectors = append(vectors, firstView(v, m.views)...)
	}
	u := double(m.layer("prior.mu", vectors, c, false))
	t := double(m.logVariance("prior.log_variance", vectors, c))
	scores := make([]float32, n*c)
	for lo := 0; lo < n; lo += chunk {
		k := min(chunk, n-lo)
		mu, logVariance := m.encode(features[lo*f:(lo+k)*f], k)
		kl := make([]float64, k*c)
		newDivergences[float64](k, c, m.config.Latent).between(kl, double(mu), double(logVariance), u, t)
		for i, v := range kl {
			scores[lo*c+i] = float32(-v)
		}
	}
	return scores, nil
}

func double(v []float32) []float64 {
	d := make([]float64, len(v))
	for i, x := range v {
		d[i] = float64(x)
	}
	return d
}
