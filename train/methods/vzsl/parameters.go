package vzsl

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"vzsl/train/safetensors"
)

// shape are the sizes a model is made for.
type shape struct {
	feature, attribute int
}

// parameter is one weight matrix or bias. Weights are output x input, as PyTorch stores them.
type parameter[T float] struct {
	name       string
	rows, cols int // rows is 0 for a bias
	values     []T
	std        float64 // of the normal distribution the values start from
	prior      bool    // W_mu or W_sigma
}

func (p *parameter[T]) shape() []int {
	if p.rows == 0 {
		return []int{p.cols}
	}
	return []int{p.rows, p.cols}
}

// parameters lists the model's, in the order of the graph's inputs.
func parameters[T float](c *Config, s shape) []*parameter[T] {
	var all []*parameter[T]
	layer := func(name string, in, out int, std float64) {
		all = append(all, &parameter[T]{name: name + ".weight", rows: out, cols: in, std: std},
			&parameter[T]{name: name + ".bias", cols: out})
	}
	he := func(in int) float64 { return math.Sqrt(2 / float64(in)) }
	in := s.feature
	for i, h := range c.Hidden {
		layer(fmt.Sprintf("encoder.%d", i), in, h, he(in))
		in = h
	}
	// Log variances start near 0: all Gaussians begin as wide as each other.
	layer("encoder.mu", in, c.Latent, math.Sqrt(2/float64(in+c.Latent)))
	layer("encoder.log_variance", in, c.Latent, 0.005/math.Sqrt(float64(in)))
	all = append(all,
		&parameter[T]{name: "prior.mu.weight", rows: c.Latent, cols: s.attribute, std: c.PriorScale, prior: true},
		&parameter[T]{name: "prior.log_variance.weight", rows: c.Latent, cols: s.attribute, std: 0.005 / math.Sqrt(float64(s.attribute)), prior: true})
	if c.Reconstruction {
		in = c.Latent
		for i := range c.Hidden {
			h := c.Hidden[len(c.Hidden)-1-i]
			layer(fmt.Sprintf("decoder.%d", i), in, h, he(in))
			in = h
		}
		layer("decoder.mean", in, s.feature, 0.1*he(in))
		if c.DecoderVariance == "learned" {
			all = append(all, &parameter[T]{name: "decoder.log_variance", cols: 1})
		}
	}
	for _, p := range all {
		p.values = make([]T, max(p.rows, 1)*p.cols)
	}
	return all
}

// start draws the parameters a training starts from. length is the mean length of the seen classes' attribute vectors,
// by which W_mu is divided so that PriorScale holds whatever the attributes' normalisation.
func start[T float](all []*parameter[T], seed uint64, length float64) {
	for _, p := range all {
		std := p.std
		if p.prior && length > 0 {
			std /= length
		}
		if p.rows == 0 {
			continue
		}
		r := random(seed, "start "+p.name, 0)
		for i := range p.values {
			p.values[i] = T(std * r.NormFloat64())
		}
	}
}

// random is the generator for one purpose and one step of a training: what it gives does not depend on what was drawn
// before, so that a resumed training needs no state but its step.
func random(seed uint64, purpose string, step int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return rand.New(rand.NewPCG(seed^h.Sum64(), uint64(step)))
}

func tensors(prefix string, all []*parameter[float32], values func(i int) []float32) []safetensors.Tensor {
	var ts []safetensors.Tensor
	for i, p := range all {
		ts = append(ts, safetensors.Tensor{Name: prefix + p.name, Shape: p.shape(), F32: values(i)})
	}
	return ts
}

// restore copies the tensors of f into the parameters' places given by into.
func restore(f *safetensors.File, prefix string, all []*parameter[float32], into func(i int) []float32) error {
	for i, p := range all {
		t, ok := f.Get(prefix + p.name)
		dst := into(i)
		switch {
		case !ok:
			return fmt.Errorf("the tensor %q is missing", prefix+p.name)
		case len(t.F32) != len(dst) || fmt.Sprint(t.Shape) != fmt.Sprint(p.shape()):
			return fmt.Errorf("the tensor %q has the shape %v; the settings ask for %v", prefix+p.name, t.Shape, p.shape())
		}
		copy(dst, t.F32)
	}
	return nil
}
