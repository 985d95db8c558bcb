package methods

import (
	"context"
	"math"
	"math/rand/v2"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// latemMethod is Xian et al.'s latent embeddings (CVPR 2016): a piecewise linear compatibility
//
//	F(x, s) = max over k of x'W_k s
//
// which minimises the mean over j != y of max(0, margin + F(x, s_j) - F(x, s_y)). The original draws one j a step;
// here all classes are scored, and the mean is what its draw is on average. Its pruning of matrices that few samples
// choose is left out: their number is a setting.
//
// Any classes can be scored: ZSL, GZSL; labelled images of unseen classes can join the training.
type latemMethod struct {
	Matrices int     `toml:"matrices" range:"[1, 64]" comment:"K, the number of linear pieces"`
	Margin   float64 `toml:"margin" range:"[1e-12, 1e6]" comment:"margin by which a sample's class should score above the others"`
	Training
}

var latemSpec = method.Spec{
	Name: "latem", Title: "LATEM",
	Paper:   "Xian, Akata, Sharma, Nguyen, Hein and Schiele, Latent embeddings for zero-shot classification, CVPR 2016",
	Default: method.Of(defaultLATEM), Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
}

// defaultLATEM are settings chosen on validation classes of CUB.
func defaultLATEM() latemMethod {
	return latemMethod{Matrices: 2, Margin: 0.1, Training: Training{LearningRate: 1e-3, WeightDecay: 1e-4, Batch: 64, Epochs: 20}}
}

// Validate explains the first setting that cannot work.
func (m *latemMethod) Validate() error { return method.Check("latem", m) }

// Space is what tuning searches.
func (m *latemMethod) Space() []method.Dimension {
	return append([]method.Dimension{{Setting: "matrices", Values: []any{2, 4}}}, rankingSpace()...)
}

func (m *latemMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	v, attribute, err := classVectors(p)
	if err != nil {
		return nil, err
	}
	o := newLatent(v, p.Train.Dim(), attribute, m)
	o.w.draw(0.1/math.Sqrt(float64(o.feature)), p.Seed)
	return m.fit(ctx, p, s, o, func() method.Model {
		return latemModel(o.w.values, o.feature, o.k, o.attribute)
	})
}

// Load makes a model of a file of Model.Tensors.
func (m *latemMethod) Load(f *safetensors.File) (method.Model, error) {
	w, err := tensor(f, "w", -1, -1, -1)
	if err != nil {
		return nil, err
	}
	t, _ := f.Get("w")
	return latemModel(w, t.Shape[0], t.Shape[1], t.Shape[2]), nil
}

// latemModel scores by max_k x'W_k s. W is feature x k x attribute: one product serves all k.
func latemModel(w []float32, feature, k, attribute int) *model {
	return &model{feature: feature, attribute: attribute,
		tensors: []safetensors.Tensor{{Name: "w", Shape: []int{feature, k, attribute}, F32: w}},
		score: func(x []float32, n int, s []float32, c int) []float32 {
			e, scores, piece := make([]float32, n*k*attribute), make([]float32, n*c), make([]float32, n*c)
			kernels.Sgemm(false, false, n, k*attribute, feature, 1, x, feature, w, k*attribute, 0, e, k*attribute)
			for i := range k {
				to := piece
				if i == 0 {
					to = scores
				}
				kernels.Sgemm(false, true, n, c, attribute, 1, e[i*attribute:], k*attribute, s, attribute, 0, to, c)
				if i > 0 {
					for j, v := range piece {
						scores[j] = max(scores[j], v)
					}
				}
			}
			return scores
		}}
}

// latent is LATEM's objective.
type latent[T float] struct {
	s                              []T // classes x attribute
	classes, feature, k, attribute int
	margin                         float64
	w                              *weights[T] // feature x k x attribute

	e, pieces, scores, gradient, masked []T
	of                                  []int // the piece that gives each score
}

func newLatent[T float](s []T, feature, attribute int, c *latemMethod) *latent[T] {
	return &latent[T]{s: s, classes: len(s) / attribute, feature: feature, k: c.Matrices, attribute: attribute, margin: c.Margin,
		w: newWeights[T]("w", feature, c.Matrices, attribute)}
}

func (o *latent[T]) parameters() []*weights[T] { return []*weights[T]{o.w} }

func (o *latent[T]) loss(x []T, labels []int, _ *rand.Rand) float64 {
	n, c, d, a, k := len(labels), o.classes, o.feature, o.attribute, o.k
	o.e, o.pieces, o.scores, o.gradient, o.masked, o.of = sized(o.e, n*k*a), sized(o.pieces, n*c), sized(o.scores, n*c), sized(o.gradient, n*c), sized(o.masked, n*c), sized(o.of, n*c)
	kernels.Gemm(false, false, n, k*a, d, 1, x, d, o.w.values, k*a, 0, o.e, k*a)
	for i := range k {
		kernels.Gemm(false, true, n, c, a, 1, o.e[i*a:], k*a, o.s, a, 0, o.pieces, c)
		for j, v := range o.pieces {
			if i == 0 || v > o.scores[j] {
				o.scores[j], o.of[j] = v, i
			}
		}
	}
	clear(o.gradient)
	sum := 0.0
	for i, y := range labels {
		sum += hingeSum(o.margin, o.scores[i*c:(i+1)*c], y, o.gradient[i*c:(i+1)*c])
	}
	scale := 1 / float64(n*max(c-1, 1))
	for i := range k {
		for j, g := range o.gradient {
			o.masked[j] = 0
			if o.of[j] == i {
				o.masked[j] = g
			}
		}
		kernels.Gemm(false, false, n, a, c, T(scale), o.masked, c, o.s, a, 0, o.e[i*a:], k*a)
	}
	kernels.Gemm(true, false, d, k*a, n, 1, x, d, o.e, k*a, 0, o.w.gradient, k*a)
	return sum * scale
}
