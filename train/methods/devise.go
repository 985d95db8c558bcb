package methods

import (
	"context"
	"vzsl/attributes"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// deviseMethod is Frome et al.'s deep visual-semantic embedding (NIPS 2013), which minimises over W
//
//	sum over j != y of max(0, margin - x'W s_y + x'W s_j)
//
// for features x and class vectors s of length 1. The original continues to train the network that makes the features;
// here these stay. It takes the first violating class it draws at random; here the sum is over all of them, as the
// paper writes it, since one matrix product scores them all.
//
// Any classes can be scored: ZSL, GZSL; labelled images of unseen classes can join the training.
type deviseMethod ranking

var deviseSpec = method.Spec{
	Name: "devise", Title: "DeViSE",
	Paper:   "Frome et al., DeViSE: a deep visual-semantic embedding model, NIPS 2013",
	Default: method.Of(defaultDeViSE), Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
}

// defaultDeViSE is the paper's margin, the rest chosen on validation classes of CUB.
func defaultDeViSE() deviseMethod {
	return deviseMethod{Margin: 0.1, Training: Training{LearningRate: 1e-3, WeightDecay: 1e-2, Batch: 64, Epochs: 20}}
}

// Validate explains the first setting that cannot work.
func (m *deviseMethod) Validate() error { return method.Check("devise", m) }

// Fit trains W; validation chooses the epochs.
func (m *deviseMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return (*ranking)(m).fitBy(ctx, p, s, hingeSum[float32])
}

// Load makes a model of a file of Model.Tensors.
func (m *deviseMethod) Load(f *safetensors.File) (method.Model, error) { return loadCompatibility(f) }

// Space is what tuning searches.
func (m *deviseMethod) Space() []method.Dimension { return rankingSpace() }

// hingeSum adds up the violations of all classes.
func hingeSum[T float](margin float64, scores []T, y int, gradient []T) float64 {
	sum := 0.0
	for j, s := range scores {
		if v := margin + float64(s-scores[y]); j != y && v > 0 {
			sum += v
			gradient[j]++
			gradient[y]--
		}
	}
	return sum
}

// rankingSpace is what tuning searches of a ranking method.
func rankingSpace() []method.Dimension {
	return []method.Dimension{
		{Setting: "margin", Low: 0.03, High: 1, Log: true},
		{Setting: "learning_rate", Low: 1e-4, High: 1e-2, Log: true},
		{Setting: "weight_decay", Low: 1e-6, High: 1e-2, Log: true},
		{Setting: "features", Values: []any{"l2", "sqrt-l2"}},
		{Setting: "attributes", Values: []any{"l2", "centre-l2"}},
	}
}
