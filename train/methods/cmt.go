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

// cmtMethod is Socher et al.'s cross-modal transfer (NIPS 2013): a network of one hidden layer maps features
// to the class vectors,
//
//	minimise over A, B  sum over samples of |s_y - B' tanh(A'x)|^2
//
// and a sample is of the class nearest to its image. The original prefers seen classes unless a detector of outliers
// finds the sample novel; that belongs to GZSL alone and is left out, as the evaluations that list "CMT" and not "CMT*"
// do.
//
// Any classes can be scored: ZSL, GZSL; labelled images of unseen classes can join the training.
type cmtMethod struct {
	Hidden int `toml:"hidden" range:"[1, 65536]" comment:"units of the hidden layer"`
	Training
}

var cmtSpec = method.Spec{
	Name: "cmt", Title: "CMT",
	Paper:   "Socher, Ganjoo, Manning and Ng, Zero-shot learning through cross-modal transfer, NIPS 2013",
	Default: method.Of(defaultCMT), Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
}

// defaultCMT are settings chosen on validation classes of CUB.
func defaultCMT() cmtMethod {
	return cmtMethod{Hidden: 512, Training: Training{LearningRate: 1e-3, WeightDecay: 1e-3, Batch: 64, Epochs: 20}}
}

// Validate explains the first setting that cannot work.
func (m *cmtMethod) Validate() error { return method.Check("cmt", m) }

// Space is what tuning searches.
func (m *cmtMethod) Space() []method.Dimension {
	return []method.Dimension{
		{Setting: "hidden", Values: []any{256, 512, 1024}},
		{Setting: "learning_rate", Low: 1e-4, High: 1e-2, Log: true},
		{Setting: "weight_decay", Low: 1e-7, High: 1e-3, Log: true},
		{Setting: "features", Values: []any{"l2", "sqrt-l2"}},
		{Setting: "attributes", Values: []any{"l2", "centre-l2"}},
	}
}

func (m *cmtMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	v, attribute, err := classVectors(p)
	if err != nil {
		return nil, err
	}
	o := newCrossModal(v, p.Train.Dim(), m.Hidden, attribute)
	// Features have about length 1, spread over all dimensions: units begin where tanh is nearly linear.
	o.first.draw(1, p.Seed)
	o.second.draw(0.1/math.Sqrt(float64(o.hidden)), p.Seed)
	return m.fit(ctx, p, s, o, func() method.Model {
		return cmtModel(o.parameters(), o.feature, o.hidden, o.attribute)
	})
}

// Load makes a model of a file of Model.Tensors.
func (m *cmtMethod) Load(f *safetensors.File) (method.Model, error) {
	a, err := tensor(f, "a", -1, m.Hidden)
	if err != nil {
		return nil, err
	}
	b, err := tensor(f, "b", m.Hidden, -1)
	if err != nil {
		return nil, err
	}
	h := m.Hidden
	return cmtModel([]*weights[float32]{
		{name: "a", shape: []int{len(a) / h, h}, values: a}, {name: "b", shape: []int{h, len(b) / h}, values: b},
	}, len(a)/h, h, len(b)/h), nil
}

func cmtModel(all []*weights[float32], feature, hidden, attribute int) *model {
	return &model{feature: feature, attribute: attribute, tensors: tensorsOf(all),
		score: func(x []float32, n int, s []float32, c int) []float32 {
			h, e := make([]float32, n*hidden), make([]float32, n*attribute)
			crossModalForward(all, h, e, x, n, feature, hidden, attribute)
			return nearest(e, n, s, c, attribute)
		}}
}

// crossModalForward computes h = tanh(x A), e = h B.
func crossModalForward[T float](all []*weights[T], h, e, x []T, n, feature, hidden, attribute int) {
	kernels.Gemm(false, false, n, hidden, feature, 1, x, feature, all[0].values, hidden, 0, h, hidden)
	for i, v := range h {
		h[i] = T(math.Tanh(float64(v)))
	}
	kernels.Gemm(false, false, n, attribute, hidden, 1, h, hidden, all[1].values, attribute, 0, e, attribute)
}

// crossModal is CMT's objective.
type crossModal[T float] struct {
	s                          []T
	feature, hidden, attribute int
	first, second              *weights[T] // A: feature x hidden, B: hidden x attribute

	h, back, e []T
}

func newCrossModal[T float](s []T, feature, hidden, attribute int) *crossModal[T] {
	return &crossModal[T]{s: s, feature: feature, hidden: hidden, attribute: attribute,
		first: newWeights[T]("a", feature, hidden), second: newWeights[T]("b", hidden, attribute)}
}

func (o *crossModal[T]) parameters() []*weights[T] { return []*weights[T]{o.first, o.second} }

func (o *crossModal[T]) loss(x []T, labels []int, _ *rand.Rand) float64 {
	n, d, h, a := len(labels), o.feature, o.hidden, o.attribute
	o.h, o.back, o.e = sized(o.h, n*h), sized(o.back, n*h), sized(o.e, n*a)
	crossModalForward(o.parameters(), o.h, o.e, x, n, d, h, a)
	for i, y := range labels {
		for j, v := range o.s[y*a : (y+1)*a] {
			o.e[i*a+j] -= v
		}
	}
	sum := squares(o.e)
	kernels.Gemm(true, false, h, a, n, 2/T(n), o.h, h, o.e, a, 0, o.second.gradient, a)
	kernels.Gemm(false, true, n, h, a, 2/T(n), o.e, a, o.second.values, a, 0, o.back, h)
	for i, v := range o.h {
		o.back[i] *= 1 - v*v
	}
	kernels.Gemm(true, false, d, h, n, 1, x, d, o.back, h, 0, o.first.gradient, h)
	return sum / float64(n)
}
