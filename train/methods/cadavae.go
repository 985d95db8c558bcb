package methods

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// cadavaeMethod is Schönfeld et al.'s aligned variational autoencoders (CVPR 2019): one for features x, one for
// class vectors s, with Gaussian codes q(z|x), q(z|s) in one latent space. With e and d the decoders it minimises
//
//	|x - d(z_x)| + |s - e(z_s)| + cross (|x - d(z_s)| + |s - e(z_x)|)
//	+ beta (KL(q(z|x) || N(0, I)) + KL(q(z|s) || N(0, I)))
//	+ align sqrt(|mu_x - mu_s|^2 + |sigma_x - sigma_s|^2)
//
// with the sum of absolute errors |.|: each code is to give back the other's view of the image, and the two Gaussians
// are to be near in the Wasserstein distance. The original draws codes of each candidate class from q(z|s) and trains a
// softmax on them; here the rule that such a linear classifier approaches is used itself, the class of the greatest
// density at mu_x with the variances pooled over the candidates, so that any classes are scored at once and without
// chance. In GZSL the original's classifier sees codes of real features for the seen classes; here these too stand for
// their description. Its coefficients grow over the epochs; here they stand. Layers are smaller than its 1560 units.
//
// Any classes can be scored: ZSL, GZSL; labelled images of unseen classes can join the training.
type cadavaeMethod struct {
	Hidden int     `toml:"hidden" range:"[1, 65536]" comment:"units of the hidden layer of each encoder and decoder"`
	Latent int     `toml:"latent" range:"[1, 65536]" comment:"dimensions of z"`
	Scale  float64 `toml:"scale" range:"[1e-6, 1e6]" comment:"normalised features are multiplied by this"`
	Beta   float64 `toml:"beta" range:"[0, 1e6]" comment:"weight of the KL terms"`
	Cross  float64 `toml:"cross" range:"[0, 1e6]" comment:"weight of the cross reconstruction"`
	Align  float64 `toml:"align" range:"[0, 1e6]" comment:"weight of the Wasserstein distance"`
	Training
}

var cadavaeSpec = method.Spec{
	Name: "cada-vae", Title: "CADA-VAE",
	Paper:   "Schönfeld, Ebrahimi, Sinha, Darrell and Akata, Generalized zero- and few-shot learning via aligned variational autoencoders, CVPR 2019",
	Default: method.Of(defaultCADAVAE), Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
}

// defaultCADAVAE are the paper's coefficients and latent size; the rest chosen on validation classes of CUB.
func defaultCADAVAE() cadavaeMethod {
	return cadavaeMethod{Hidden: 512, Latent: 64, Scale: 5, Beta: 0.25, Cross: 2.37, Align: 8.13, Training: Training{LearningRate: 5e-4, Batch: 64, Epochs: 30}}
}

// Validate explains the first setting that cannot work.
func (m *cadavaeMethod) Validate() error { return method.Check("cada-vae", m) }

// Space is what tuning searches.
func (m *cadavaeMethod) Space() []method.Dimension {
	return []method.Dimension{
		{Setting: "scale", Low: 1, High: 20, Log: true},
		{Setting: "beta", Low: 0.01, High: 1, Log: true},
		{Setting: "align", Low: 1, High: 50, Log: true},
		{Setting: "learning_rate", Low: 1e-4, High: 3e-3, Log: true},
		{Setting: "features", Values: []any{"l2", "sqrt-l2"}},
		{Setting: "attributes", Values: []any{"l2", "centre-l2"}},
	}
}

func (m *cadavaeMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	v, attribute, err := classVectors(p)
	if err != nil {
		return nil, err
	}
	o := newAligned(v, p.Train.Dim(), attribute, m)
	o.start(p.Seed)
	return m.fit(ctx, p, s, o, func() method.Model { return cadaModel(o) })
}

// Load makes a model of a file of Model.Tensors.
func (m *cadavaeMethod) Load(f *safetensors.File) (method.Model, error) {
	dims := [2]int{}
	for i, name := range []string{"feature.encoder.weight", "attribute.encoder.weight"} {
		if _, err := tensor(f, name, -1, m.Hidden); err != nil {
			return nil, fmt.Errorf("no CADA-VAE model: %w", err)
		}
		t, _ := f.Get(name)
		dims[i] = t.Shape[0]
	}
	o := newAligned[float32](nil, dims[0], dims[1], m)
	for _, w := range o.parameters() {
		v, err := tensor(f, w.name, w.shape...)
		if err != nil {
			return nil, err
		}
		copy(w.values, v)
	}
	return cadaModel(o), nil
}

// cadaModel scores by the density of the candidates' codes at mu_x.
func cadaModel(o *aligned[float32]) *model {
	return &model{feature: o.feature, attribute: o.attribute, tensors: tensorsOf(o.parameters()),
		score: func(x []float32, n int, s []float32, c int) []float32 {
			scaled := make([]float32, len(x))
			for i, v := range x {
				scaled[i] = v * float32(o.config.Scale)
			}
			z := o.config.Latent
			images, classes := o.views[0].encode(scaled, n), o.views[1].encode(s, c)
			for j := range z {
				pooled := 0.0
				for i := range c {
					pooled += math.Exp(float64(classes.logVariance[i*z+j])) / float64(c)
				}
				factor := float32(1 / math.Sqrt(pooled))
				for i := range n {
					images.mu[i*z+j] *= factor
				}
				for i := range c {
					classes.mu[i*z+j] *= factor
				}
			}
			return nearest(images.mu, n, classes.mu, c, z)
		}}
}

// layer is a linear layer, out = x W + b, and its positive part with relu.
type layer[T float] struct {
	in, out      int
	relu         bool
	weight, bias *weights[T]
}

func newLayer[T float](name string, in, out int, relu bool) *layer[T] {
	return &layer[T]{in: in, out: out, relu: relu,
		weight: newWeights[T](name+".weight", in, out), bias: newWeights[T](name+".bias", out).unbound()}
}

func (l *layer[T]) forward(x []T, n int) []T {
	to := make([]T, n*l.out)
	predicted(to, x, l.weight.values, l.bias.values, n, l.in, l.relu)
	return to
}

// backward writes the layer's gradients, given its input, its output and the derivative by that, which it gates where
// the layer has a ReLU; with inner it returns the derivative by the input.
func (l *layer[T]) backward(x, out, by []T, n int, inner bool) []T {
	clear(l.bias.gradient)
	for i := range by {
		if l.relu && out[i] <= 0 {
			by[i] = 0
		}
		l.bias.gradient[i%l.out] += by[i]
	}
	kernels.Gemm(true, false, l.in, l.out, n, 1, x, l.in, by, l.out, 0, l.weight.gradient, l.out)
	if !inner {
		return nil
	}
	to := make([]T, n*l.in)
	kernels.Gemm(false, true, n, l.in, l.out, 1, by, l.out, l.weight.values, l.out, 0, to, l.in)
	return to
}

// view is the autoencoder of one of the two.
type view[T float] struct {
	encoder, mu, logVariance, decoder, mean *layer[T]
}

func newView[T float](name string, dim, hidden, latent int) *view[T] {
	return &view[T]{
		encoder: newLayer[T](name+".encoder", dim, hidden, true), mu: newLayer[T](name+".mu", hidden, latent, false),
		logVariance: newLayer[T](name+".log_variance", hidden, latent, false),
		decoder:     newLayer[T](name+".decoder", latent, hidden, true), mean: newLayer[T](name+".mean", hidden, dim, false),
	}
}

func (v *view[T]) layers() []*layer[T] {
	return []*layer[T]{v.encoder, v.mu, v.logVariance, v.decoder, v.mean}
}

// gaussians are the codes q(z|.) of some inputs.
type gaussians[T float] struct{ hidden, mu, logVariance []T }

func (v *view[T]) encode(x []T, n int) gaussians[T] {
	h := v.encoder.forward(x, n)
	return gaussians[T]{h, v.mu.forward(h, n), v.logVariance.forward(h, n)}
}

// aligned is CADA-VAE's objective.
type aligned[T float] struct {
	config             cadavaeMethod
	s                  []T // classes x attribute
	feature, attribute int
	views              [2]*view[T] // features, attributes
}

func newAligned[T float](s []T, feature, attribute int, c *cadavaeMethod) *aligned[T] {
	return &aligned[T]{config: *c, s: s, feature: feature, attribute: attribute,
		views: [2]*view[T]{newView[T]("feature", feature, c.Hidden, c.Latent), newView[T]("attribute", attribute, c.Hidden, c.Latent)}}
}

func (o *aligned[T]) parameters() []*weights[T] {
	var all []*weights[T]
	for _, v := range o.views {
		for _, l := range v.layers() {
			all = append(all, l.weight, l.bias)
		}
	}
	return all
}

// start draws the weights, those before a ReLU after He, the others after Glorot.
func (o *aligned[T]) start(seed uint64) {
	for _, v := range o.views {
		for _, l := range v.layers() {
			std := math.Sqrt(2 / float64(l.in+l.out))
			if l.relu {
				std = math.Sqrt(2 / float64(l.in))
			}
			l.weight.draw(std, seed)
		}
	}
}

func (o *aligned[T]) loss(x []T, labels []int, r *rand.Rand) float64 {
	n, k := len(labels), o.config.Latent
	inputs := [2][]T{make([]T, len(x)), make([]T, 0, n*o.attribute)}
	for i, v := range x {
		inputs[0][i] = v * T(o.config.Scale)
	}
	for _, y := range labels {
		inputs[1] = append(inputs[1], o.s[y*o.attribute:(y+1)*o.attribute]...)
	}
	// z holds the codes of the features, then those of the attributes.
	var q [2]gaussians[T]
	z, noise, byZ := make([]T, 2*n*k), make([]T, 2*n*k), make([]T, 2*n*k)
	for v := range q {
		q[v] = o.views[v].encode(inputs[v], n)
		for i, m := range q[v].mu {
			j := v*n*k + i
			noise[j] = T(r.NormFloat64())
			z[j] = m + T(math.Exp(float64(q[v].logVariance[i])/2))*noise[j]
		}
	}
	sum := 0.0
	for v, view := range o.views {
		// Each decoder on the codes of both: its own count once, the other's cross times.
		h := view.decoder.forward(z, 2*n)
		out := view.mean.forward(h, 2*n)
		dim := len(inputs[v]) / n
		for from := range 2 {
			weight := o.config.Cross / float64(n)
			if from == v {
				weight = 1 / float64(n)
			}
			part := out[from*n*dim : (from+1)*n*dim]
			for i, t := range inputs[v] {
				d := float64(part[i] - t)
				sum += weight * math.Abs(d)
				part[i] = T(math.Copysign(weight, d))
			}
		}
		byH := view.mean.backward(h, nil, out, 2*n, true)
		for i, g := range view.decoder.backward(z, h, byH, 2*n, true) {
			byZ[i] += g
		}
	}
	var byMu, byLog [2][]T
	beta := o.config.Beta / float64(n)
	for v := range q {
		byMu[v], byLog[v] = make([]T, n*k), make([]T, n*k)
		for i, m := range q[v].mu {
			l, g := float64(q[v].logVariance[i]), byZ[v*n*k+i]
			variance := math.Exp(l)
			sum += beta / 2 * (float64(m)*float64(m) + variance - 1 - l)
			byMu[v][i] = g + T(beta)*m
			byLog[v][i] = g*noise[v*n*k+i]*T(math.Sqrt(variance)/2) + T(beta/2*(variance-1))
		}
	}
	for i := range n {
		square := 1e-12
		for j := i * k; j < (i+1)*k; j++ {
			m := float64(q[0].mu[j] - q[1].mu[j])
			s := math.Exp(float64(q[0].logVariance[j])/2) - math.Exp(float64(q[1].logVariance[j])/2)
			square += m*m + s*s
		}
		distance := math.Sqrt(square)
		weight := o.config.Align / float64(n)
		sum += weight * distance
		for j := i * k; j < (i+1)*k; j++ {
			m := weight / distance * float64(q[0].mu[j]-q[1].mu[j])
			s0, s1 := math.Exp(float64(q[0].logVariance[j])/2), math.Exp(float64(q[1].logVariance[j])/2)
			s := weight / distance * (s0 - s1) / 2
			byMu[0][j] += T(m)
			byMu[1][j] -= T(m)
			byLog[0][j] += T(s * s0)
			byLog[1][j] -= T(s * s1)
		}
	}
	for v, view := range o.views {
		h := q[v].hidden
		byH := view.mu.backward(h, nil, byMu[v], n, true)
		for i, g := range view.logVariance.backward(h, nil, byLog[v], n, true) {
			byH[i] += g
		}
		view.encoder.backward(inputs[v], h, byH, n, false)
	}
	return sum
}
