package analysis

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"vzsl/evaluate"
	"vzsl/features"
)

// contributions is how many attributes are told of a mistake: more than a page shows, which leaves out dimensions of word vectors.
const contributions = 12

// describer is a Scorer that says in attributes what it sees in an image.
type describer interface {
	// Describe estimates the normalised attribute vectors of n raw features, row after row; nil where the method cannot.
	Describe(features []float32, n int) ([]float32, error)
	// DescribedClass gives a class's raw attribute vector as the estimate is held against it.
	DescribedClass(raw []float32) ([]float32, error)
}

// Mistakes says of the most confident mistakes of r, which the model made, what spoke for them; nil where the model is no
// Describer that can.
func Mistakes(ctx context.Context, r *evaluate.Result, model evaluate.Scorer, images evaluate.Features, table *features.ClassTable) ([]evaluate.Mistake, error) {
	d, ok := model.(describer)
	wrong, _ := r.ConfidentMistakes()
	if !ok || len(wrong) == 0 {
		return nil, nil
	}
	s, err := newSource(r, images, table)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var names []string
	for _, p := range wrong {
		names = append(names, p.Image)
	}
	x, err := s.raw(names)
	if err != nil {
		return nil, err
	}
	estimates, err := d.Describe(x, len(wrong))
	if err != nil || estimates == nil {
		return nil, err
	}
	width := len(table.Attributes)
	if len(estimates) != len(wrong)*width {
		return nil, fmt.Errorf("the model's estimates for %d images have %d values, but the class table has %d attributes: give the class table that the model was trained with", len(wrong), len(estimates), width)
	}
	var mistakes []evaluate.Mistake
	for i, p := range wrong {
		predictedRaw, trueRaw := s.vectors[p.Top[0].Class], s.vectors[p.Class]
		predicted, err := d.DescribedClass(predictedRaw)
		if err != nil {
			return nil, err
		}
		truth, err := d.DescribedClass(trueRaw)
		if err != nil {
			return nil, err
		}
		m := evaluate.Mistake{Image: p.Image, Contributions: []evaluate.Contribution{}}
		for k, e := range estimates[i*width : (i+1)*width] {
			if w := float64(e) * (float64(predicted[k]) - float64(truth[k])); w > 0 {
				m.Contributions = append(m.Contributions, evaluate.Contribution{
					Attribute: table.Attributes[k], Weight: w, Estimate: float64(e),
					Predicted: orNil(predictedRaw[k]), True: orNil(trueRaw[k])})
			}
		}
		sort.SliceStable(m.Contributions, func(i, j int) bool { return m.Contributions[i].Weight > m.Contributions[j].Weight })
		m.Contributions = slices.Clip(m.Contributions[:min(contributions, len(m.Contributions))])
		mistakes = append(mistakes, m)
	}
	return mistakes, nil
}

// orNil is nil of a missing value.
func orNil(v float32) *float32 {
	if v != v {
		return nil
	}
	return &v
}
