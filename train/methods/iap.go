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

// iapMethod is indirect attribute prediction (Lampert, Nickisch and Harmeling, CVPR 2009, PAMI 2014).
//
// iapMethod tells the seen classes k apart and infers a sample's attributes from theirs, b_m^k:
//
//	p(m|x) = sum over k of b_m^k p(k|x),  score(x, b) = sum over m of log p(b_m|x) / p(b_m)
//
// with DAP's binary attributes and priors. The original's classifier of the seen classes is a kernel support vector
// machine with Platt's sigmoid or a logistic regression; here it is the latter. A confident classifier makes
// probabilities of attributes that are 0 or 1, by one of which a class wins or loses; they are kept in [floor, 1 - floor].
//
// Any classes can be scored: ZSL, GZSL; labelled images of unseen classes can join the training.
type iapMethod struct {
	Threshold string    `toml:"threshold" range:"matrix | attribute" comment:"a class has an attribute if its value is above the mean over the seen classes: matrix, over all values, or attribute, over the attribute's values"`
	Floor     []float64 `toml:"floor" range:"(0, 0.5)" comment:"grid of the least probability of an attribute, selected on the validation classes"`
	Epochs    int       `toml:"epochs" range:"[1, 1e9]" comment:"epochs of the classifier of the seen classes"`
}

var iapSpec = method.Spec{
	Name: "iap", Title: "IAP",
	Paper:   "Lampert, Nickisch and Harmeling, Learning to detect unseen object classes by between-class attribute transfer, CVPR 2009",
	Default: method.Of(defaultIAP), Features: method.FeaturesSqrtL2, Attributes: attributes.None,
}

// defaultIAP has the original's binary attributes.
func defaultIAP() iapMethod {
	return iapMethod{Threshold: overMatrix, Floor: []float64{1e-6, 1e-4, 1e-3, 1e-2, 0.1}, Epochs: classifierEpochs}
}

// Validate explains the first setting that cannot work.
func (m *iapMethod) Validate() error { return method.Check("iap", m) }

// Space is what tuning searches.
func (m *iapMethod) Space() []method.Dimension {
	return []method.Dimension{
		{Setting: "threshold", Values: []any{overMatrix, overAttribute}},
		{Setting: "features", Values: []any{"l2", "sqrt-l2"}},
	}
}

// Fit trains the classifier and chooses the floor on the validation classes.
func (m *iapMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	floors := axis{"floor", m.Floor}
	c, v, attribute, g, err := fitClassified(ctx, p, s, classifierTraining(m.Epochs), "IAP", &floors)
	if err != nil {
		return nil, err
	}
	b := newBinary(v, attribute, m.Threshold)
	for _, floor := range floors.values {
		if err := g.point(ctx, iapModel(c, b, b.of(v), float32(floor)), method.Choice{"floor": floor}); err != nil {
			return nil, err
		}
	}
	return &g.out, nil
}

// iapModel has the classifier's classes' binary attributes one after another.
func iapModel(k *classifier, b *binary, seen []float32, floor float32) *byAttributes {
	a := len(b.prior)
	outputs := func(x []float32, n int) []float32 {
		z := make([]float32, n*a)
		kernels.Sgemm(false, false, n, a, k.classes, 1, k.probabilities(x, n), k.classes, seen, a, 0, z, a)
		for i, p := range z {
			q := float64(min(max(p, floor), 1-floor))
			z[i] = float32(math.Log(q) - math.Log1p(-q))
		}
		return z
	}
	return b.describing(outputs, &model{feature: k.feature, attribute: a,
		tensors: slices.Concat(k.tensors(), b.tensors(), []safetensors.Tensor{
			{Name: "seen", Shape: []int{k.classes, a}, F32: seen},
			{Name: "floor", Shape: []int{1}, F32: []float32{floor}},
		}),
		score: func(x []float32, n int, s []float32, c int) []float32 {
			return b.scores(outputs(x, n), n, s, c)
		}})
}

// Load makes a model of a file of Model.Tensors.
func (m *iapMethod) Load(f *safetensors.File) (method.Model, error) {
	k, err := loadClassifier(f)
	if err != nil {
		return nil, fmt.Errorf("no IAP model: %w", err)
	}
	b, err := loadBinary(f)
	if err != nil {
		return nil, fmt.Errorf("no IAP model: %w", err)
	}
	seen, err := tensor(f, "seen", k.classes, len(b.prior))
	if err != nil {
		return nil, fmt.Errorf("no IAP model: %w", err)
	}
	floor, err := tensor(f, "floor", 1)
	if err != nil {
		return nil, fmt.Errorf("no IAP model: %w", err)
	}
	return iapModel(k, b, seen, floor[0]), nil
}
