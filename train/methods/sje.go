package methods

import (
	"context"
	"vzsl/attributes"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// sjeMethod is Akata et al.'s structured joint embedding (CVPR 2015), a structured support vector machine:
// it minimises over W the violation of the worst class alone,
//
//	max(0, max over j != y of margin - x'W s_y + x'W s_j)
//
// The original joins several descriptions of the classes, each with a W of its own; here the description is one vector,
// which may be joined of several.
//
// Any classes can be scored: ZSL, GZSL; labelled images of unseen classes can join the training.
type sjeMethod ranking

var sjeSpec = method.Spec{
	Name: "sje", Title: "SJE",
	Paper:   "Akata, Reed, Walter, Lee and Schiele, Evaluation of output embeddings for fine-grained image classification, CVPR 2015",
	Default: method.Of(defaultSJE), Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
}

// defaultSJE are settings chosen on validation classes of CUB.
func defaultSJE() sjeMethod {
	return sjeMethod{Margin: 1, Training: Training{LearningRate: 1e-3, WeightDecay: 1e-3, Batch: 64, Epochs: 20}}
}

// Validate explains the first setting that cannot work.
func (m *sjeMethod) Validate() error { return method.Check("sje", m) }

// Fit trains W; validation chooses the epochs.
func (m *sjeMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return (*ranking)(m).fitBy(ctx, p, s, hingeWorst[float32])
}

// Load makes a model of a file of Model.Tensors.
func (m *sjeMethod) Load(f *safetensors.File) (method.Model, error) { return loadCompatibility(f) }

// Space is what tuning searches.
func (m *sjeMethod) Space() []method.Dimension { return rankingSpace() }

// hingeWorst is the worst class's violation.
func hingeWorst[T float](margin float64, scores []T, y int, gradient []T) float64 {
	worst := -1
	for j, s := range scores {
		if j != y && (worst < 0 || s > scores[worst]) {
			worst = j
		}
	}
	if worst < 0 {
		return 0
	}
	v := margin + float64(scores[worst]-scores[y])
	if v <= 0 {
		return 0
	}
	gradient[worst], gradient[y] = 1, -1
	return v
}
