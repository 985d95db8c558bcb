package methods

import (
	"context"
	"fmt"
	"slices"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// conseMethod is the convex combination of semantic embeddings (Norouzi et al., ICLR 2014).
//
// conseMethod describes a sample by the vectors s of the seen classes it is likely of:
//
//	f(x) = sum over the T most probable k of p(k|x) s_k / sum of p(k|x)
//
// and gives it to the class whose vector has the largest cosine with f(x). The original's p(k|x) is the network's own
// softmax over ImageNet's classes; here, where the features are given, it is a logistic regression on them. T is 10 there.
//
// Any classes can be scored; in GZSL nearly all images go to seen classes, of which f(x) is made. Labelled images of
// unseen classes can join the training.
type conseMethod struct {
	Top    []float64 `toml:"top" range:"[1, inf) whole" comment:"grid of the number of most probable seen classes combined, selected on the validation classes"`
	Epochs int       `toml:"epochs" range:"[1, 1e9]" comment:"epochs of the classifier of the seen classes"`
}

var conseSpec = method.Spec{
	Name: "conse", Title: "ConSE",
	Paper:   "Norouzi et al., Zero-shot learning by convex combination of semantic embeddings, ICLR 2014",
	Default: method.Of(defaultConSE), Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
}

// defaultConSE has the original's 10 in the middle.
func defaultConSE() conseMethod {
	return conseMethod{Top: []float64{1, 3, 5, 10, 20, 50}, Epochs: classifierEpochs}
}

// Validate explains the first setting that cannot work.
func (m *conseMethod) Validate() error { return method.Check("conse", m) }

// Space is the normalisations; the grid costs one fit.
func (m *conseMethod) Space() []method.Dimension {
	return []method.Dimension{
		{Setting: "features", Values: []any{"l2", "sqrt-l2"}},
		{Setting: "attributes", Values: []any{"l2", "centre-l2", "standardise"}},
	}
}

// Fit trains the classifier and chooses T on the validation classes.
func (m *conseMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	tops := axis{"top", m.Top}
	c, v, attribute, g, err := fitClassified(ctx, p, s, classifierTraining(m.Epochs), "ConSE", &tops)
	if err != nil {
		return nil, err
	}
	for _, top := range tops.values {
		if err := g.point(ctx, conseModel(c, v, attribute, int(top)), method.Choice{"top": top}); err != nil {
			return nil, err
		}
	}
	return &g.out, nil
}

// conseModel has the classifier's classes' vectors one after another.
func conseModel(k *classifier, seen []float32, attribute, top int) *model {
	return &model{feature: k.feature, attribute: attribute,
		tensors: slices.Concat(k.tensors(), []safetensors.Tensor{
			{Name: "seen", Shape: []int{k.classes, attribute}, F32: seen},
			{Name: "top", Shape: []int{1}, F32: []float32{float32(top)}},
		}),
		score: func(x []float32, n int, s []float32, c int) []float32 {
			p := k.probabilities(x, n)
			for i := range n {
				keepTop(p[i*k.classes:(i+1)*k.classes], top)
			}
			f := make([]float32, n*attribute)
			kernels.Sgemm(false, false, n, attribute, k.classes, 1, p, k.classes, seen, attribute, 0, f, attribute)
			return cosines(f, n, s, c, attribute)
		}}
}

// keepTop sets all but the largest values to zero; of equal ones the first are kept. The rest keeps its sum's scale: the
// cosine needs no normaliser.
func keepTop(p []float32, top int) {
	if top >= len(p) {
		return
	}
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case p[i] > p[j]:
			return -1
		case p[i] < p[j]:
			return 1
		}
		return 0
	})
	for _, i := range order[top:] {
		p[i] = 0
	}
}

// Load makes a model of a file of Model.Tensors.
func (m *conseMethod) Load(f *safetensors.File) (method.Model, error) {
	k, err := loadClassifier(f)
	if err != nil {
		return nil, fmt.Errorf("no ConSE model: %w", err)
	}
	seen, err := tensor(f, "seen", k.classes, -1)
	if err != nil {
		return nil, fmt.Errorf("no ConSE model: %w", err)
	}
	top, err := tensor(f, "top", 1)
	if err != nil {
		return nil, fmt.Errorf("no ConSE model: %w", err)
	}
	return conseModel(k, seen, len(seen)/k.classes, int(top[0])), nil
}
