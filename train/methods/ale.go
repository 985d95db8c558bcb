package methods

import (
	"context"
	"vzsl/attributes"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// aleMethod is Akata et al.'s attribute label embedding (CVPR 2013, PAMI 2016), which minimises over W the
// weighted approximate ranking loss
//
//	l_r/r * sum over j != y of max(0, margin - x'W s_y + x'W s_j),  l_r = 1 + 1/2 + ... + 1/r
//
// r being the number of violating classes: one violation among few weighs more than among many. The original draws
// classes until one violates and estimates r by the number of draws; here all classes are scored and r is exact.
//
// Any classes can be scored: ZSL, GZSL; labelled images of unseen classes can join the training.
type aleMethod ranking

var aleSpec = method.Spec{
	Name: "ale", Title: "ALE",
	Paper:   "Akata, Perronnin, Harchaoui and Schmid, Label-embedding for attribute-based classification, CVPR 2013",
	Default: method.Of(defaultALE), Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
}

// defaultALE are settings chosen on validation classes of CUB.
func defaultALE() aleMethod {
	return aleMethod{Margin: 0.03, Training: Training{LearningRate: 1e-3, WeightDecay: 1e-2, Batch: 64, Epochs: 20}}
}

// Validate explains the first setting that cannot work.
func (m *aleMethod) Validate() error { return method.Check("ale", m) }

// Fit trains W; validation chooses the epochs.
func (m *aleMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return (*ranking)(m).fitBy(ctx, p, s, hingeRanked[float32])
}

// Load makes a model of a file of Model.Tensors.
func (m *aleMethod) Load(f *safetensors.File) (method.Model, error) { return loadCompatibility(f) }

// Space is what tuning searches.
func (m *aleMethod) Space() []method.Dimension { return rankingSpace() }

// hingeRanked adds up the violations, weighed by their number.
func hingeRanked[T float](margin float64, scores []T, y int, gradient []T) float64 {
	sum, rank, harmonic := 0.0, 0, 0.0
	for j, s := range scores {
		if v := margin + float64(s-scores[y]); j != y && v > 0 {
			sum += v
			rank++
			harmonic += 1 / float64(rank)
			gradient[j] = 1
		}
	}
	if rank == 0 {
		return 0
	}
	weight := harmonic / float64(rank)
	for j := range gradient {
		gradient[j] *= T(weight)
	}
	gradient[y] = -T(harmonic)
	return weight * sum
}
