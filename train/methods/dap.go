package methods

import (
	"context"
	"fmt"
	"math"
	"slices"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// What a class has an attribute by, in DAP and IAP.
const (
	overMatrix    = "matrix"    // its value is above the mean of all values
	overAttribute = "attribute" // its value is above the attribute's mean
)

// dapMethod is direct attribute prediction (Lampert, Nickisch and Harmeling, CVPR 2009, PAMI 2014).
//
// dapMethod tells each attribute m of a sample for itself, p(m|x) = 1/(1 + exp(-w_m'x - b_m)), and scores a class of
// binary attributes b by
//
//	score(x, b) = sum over m of log p(b_m|x) / p(b_m)
//
// where p(b_m) is the share of seen classes that have the attribute, or not; 1/2 if all agree. The attributes are made
// binary here: values above a mean over the seen classes are 1. They must come unnormalised, or at least with nothing
// done class by class.
//
// The original has one support vector machine of a chi^2 kernel for each attribute and Platt's sigmoid on it; here it is
// logistic regression of all attributes at once, in which the score is linear in b.
//
// Any classes can be scored: ZSL, GZSL; labelled images of unseen classes can join the training. Classes whose binary
// attributes are the same cannot be distinguished.
type dapMethod struct {
	Threshold string `toml:"threshold" range:"matrix | attribute" comment:"a class has an attribute if its value is above the mean over the seen classes: matrix, over all values, or attribute, over the attribute's values"`
	Training
}

var dapSpec = method.Spec{
	Name: "dap", Title: "DAP",
	Paper:   "Lampert, Nickisch and Harmeling, Learning to detect unseen object classes by between-class attribute transfer, CVPR 2009",
	Default: method.Of(defaultDAP), Features: method.FeaturesSqrtL2, Attributes: attributes.None,
}

// defaultDAP are settings of which the rate, the decay and the threshold are the best of two on validation classes of CUB.
func defaultDAP() dapMethod {
	return dapMethod{Threshold: overMatrix, Training: Training{LearningRate: 1e-2, WeightDecay: 1e-5, Batch: 64, Epochs: 15}}
}

// Validate explains the first setting that cannot work.
func (m *dapMethod) Validate() error { return method.Check("dap", m) }

// Space is what tuning searches.
func (m *dapMethod) Space() []method.Dimension {
	return []method.Dimension{
		{Setting: "threshold", Values: []any{overMatrix, overAttribute}},
		{Setting: "learning_rate", Low: 3e-4, High: 3e-2, Log: true},
		{Setting: "weight_decay", Low: 1e-6, High: 1e-3, Log: true},
		{Setting: "features", Values: []any{"l2", "sqrt-l2"}},
	}
}

// Fit trains the attribute classifiers; validation chooses the epochs.
func (m *dapMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	v, attribute, err := classVectors(p)
	if err != nil {
		return nil, err
	}
	b := newBinary(v, attribute, m.Threshold)
	o := newLinear(attribute, p.Train.Dim(), attributeLoss[float32](b.of(v)))
	return m.fit(ctx, p, s, o, func() method.Model { return dapModel(o.weight.values, o.bias.values, b) })
}

// attributeLoss is that of a sample's attribute logits, -sum of log p(b_m|x) with the binary attributes of its class,
// which stand one class after another.
func attributeLoss[T float](binary []float32) outputLoss[T] {
	return func(logits []T, y int) float64 {
		sum := 0.0
		for m, b := range binary[y*len(logits) : (y+1)*len(logits)] {
			z := float64(logits[m])
			sum += softplus(z) - float64(b)*z
			logits[m] = T(1/(1+math.Exp(-z)) - float64(b))
		}
		return sum
	}
}

// softplus is log(1 + exp(z)).
func softplus(z float64) float64 { return max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) }

// binary makes attributes binary and knows how common each is.
type binary struct {
	threshold, prior []float32
}

// newBinary fits to seen classes, vectors one after another.
func newBinary(seen []float32, attribute int, over string) *binary {
	b := &binary{threshold: make([]float32, attribute), prior: make([]float32, attribute)}
	classes := float64(len(seen) / attribute)
	sums, total := make([]float64, attribute), 0.0
	for i, v := range seen {
		sums[i%attribute] += float64(v)
		total += float64(v)
	}
	for m, sum := range sums {
		b.threshold[m] = float32(sum / classes)
		if over == overMatrix {
			b.threshold[m] = float32(total / float64(len(seen)))
		}
	}
	count := make([]int, attribute)
	for i, v := range b.of(seen) {
		count[i%attribute] += int(v)
	}
	for m, n := range count {
		b.prior[m] = float32(float64(n) / classes)
		if n == 0 || float64(n) == classes {
			b.prior[m] = 0.5
		}
	}
	return b
}

// of are vectors' binary attributes.
func (b *binary) of(vectors []float32) []float32 {
	to := make([]float32, len(vectors))
	for i, v := range vectors {
		if v > b.threshold[i%len(b.threshold)] {
			to[i] = 1
		}
	}
	return to
}

// scores are sums over the attributes of log p(b_m|x) / p(b_m), n x c, for classes of vectors s. z are the samples' logits
// log p(1|x) / p(0|x), which it overwrites: with t = log p(1)/p(0) the score is sum b_m (z_m - t_m) + sum log p(0|x)/p(0).
func (b *binary) scores(z []float32, n int, s []float32, c int) []float32 {
	a := len(b.prior)
	scores := make([]float32, n*c)
	for i := range n {
		none := 0.0
		for m, p := range b.prior {
			none -= softplus(float64(z[i*a+m])) + math.Log1p(-float64(p))
		}
		for j := range c {
			scores[i*c+j] = float32(none)
		}
	}
	kernels.Sgemm(false, true, n, c, a, 1, b.evidence(z), a, b.of(s), a, 1, scores, c)
	return scores
}

// evidence is z_m - t_m in place of z: by how much a sample's logit is above the seen classes', which is what an attribute
// adds to the score of a class that has it.
func (b *binary) evidence(z []float32) []float32 {
	for i, v := range z {
		p := float64(b.prior[i%len(b.prior)])
		z[i] = float32(float64(v) - math.Log(p) + math.Log1p(-p))
	}
	return z
}

// byAttributes is a model that describes samples by the evidence of their logits, and classes by the attributes they have.
type byAttributes struct {
	*described
	b *binary
}

var _ method.Binary = (*byAttributes)(nil)

func (m *byAttributes) Binary(vector []float32) []float32 { return m.b.of(vector) }

func (b *binary) describing(of func(x []float32, n int) []float32, m *model) *byAttributes {
	return &byAttributes{&described{m, func(x []float32, n int) []float32 { return b.evidence(of(x, n)) }}, b}
}

func (b *binary) tensors() []safetensors.Tensor {
	return []safetensors.Tensor{
		{Name: "threshold", Shape: []int{len(b.threshold)}, F32: b.threshold},
		{Name: "prior", Shape: []int{len(b.prior)}, F32: b.prior},
	}
}

// loadBinary reads what tensors gave.
func loadBinary(f *safetensors.File) (*binary, error) {
	threshold, err := tensor(f, "threshold", -1)
	if err != nil {
		return nil, err
	}
	prior, err := tensor(f, "prior", len(threshold))
	if err != nil {
		return nil, err
	}
	for _, p := range prior {
		if !(p > 0 && p < 1) {
			return nil, fmt.Errorf("the tensor prior holds %v", p)
		}
	}
	return &binary{threshold: threshold, prior: prior}, nil
}

func dapModel(weight, bias []float32, b *binary) *byAttributes {
	a := len(bias)
	d := len(weight) / a
	outputs := func(x []float32, n int) []float32 {
		z := make([]float32, n*a)
		logits(z, x, weight, bias, n)
		return z
	}
	return b.describing(outputs, &model{feature: d, attribute: a,
		tensors: slices.Concat([]safetensors.Tensor{
			{Name: "weight", Shape: []int{a, d}, F32: weight},
			{Name: "bias", Shape: []int{a}, F32: bias},
		}, b.tensors()),
		score: func(x []float32, n int, s []float32, c int) []float32 {
			return b.scores(outputs(x, n), n, s, c)
		}})
}

// Load makes a model of a file of Model.Tensors.
func (m *dapMethod) Load(f *safetensors.File) (method.Model, error) {
	b, err := loadBinary(f)
	if err != nil {
		return nil, fmt.Errorf("no DAP model: %w", err)
	}
	weight, err := tensor(f, "weight", len(b.prior), -1)
	if err != nil {
		return nil, fmt.Errorf("no DAP model: %w", err)
	}
	bias, err := tensor(f, "bias", len(b.prior))
	if err != nil {
		return nil, fmt.Errorf("no DAP model: %w", err)
	}
	return dapModel(weight, bias, b), nil
}
