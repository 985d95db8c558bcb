package evaluate

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"vzsl/features"
)

const (
	confidentMistakes = 12
	mistakesPerClass  = 2
	decisive          = 12 // attributes told of a mistake; more than a page shows, which leaves out dimensions of word vectors
)

// Describer is a Scorer that says in attributes what it sees in an image.
type Describer interface {
	// Describe estimates the normalised attribute vectors of n raw features, row after row; nil where the method cannot.
	Describe(features []float32, n int) ([]float32, error)
	// DescribedClass gives a class's raw attribute vector as the estimate is held against it.
	DescribedClass(raw []float32) ([]float32, error)
}

// Mistake is one of the most confident mistakes and the attributes that spoke for it.
//
// With e the model's estimate of the image's normalised attribute vector, p that of the predicted class and t that of the
// true one, attribute k speaks for the wrong class with the weight
//
//	w_k = e_k (p_k - t_k)
//
// which is what predict's explanation e_k (a_k - m_k) of the one class is above that of the other: the mean m falls out. For
// a bilinear model (x'Va) these add up to how much the wrong class outscores the right one.
type Mistake struct {
	Image   string     `json:"image"`
	Decided []Decisive `json:"decided"` // positive weights only, largest first, at most 12
}

// Decisive is an attribute that spoke for the wrong class.
type Decisive struct {
	Attribute string   `json:"attribute"`
	Weight    float64  `json:"weight"`
	Estimate  float64  `json:"estimate"`        // e_k, in the model's normalised values: above 0 where it sees the attribute
	Predicted *float32 `json:"predicted_value"` // the classes' raw values; null where missing
	True      *float32 `json:"true_value"`
}

// ConfidentMistakes are the images whose predicted class outscores the true one by most, most first: at most 12, and 2 of a
// true class. All counts the mistakes there are.
func (r *Result) ConfidentMistakes() (some []*Prediction, all int) {
	for i := range r.Predictions {
		if p := &r.Predictions[i]; !p.Correct() {
			some = append(some, p)
		}
	}
	all = len(some)
	sort.SliceStable(some, func(i, j int) bool { return some[i].Gap() > some[j].Gap() })
	of := make(map[int]int)
	some = slices.DeleteFunc(some, func(p *Prediction) bool {
		of[p.Class]++
		return of[p.Class] > mistakesPerClass
	})
	return some[:min(confidentMistakes, len(some))], all
}

// NewMistakes says of the most confident mistakes of r, which the model made, what spoke for them; nil where the model is no
// Describer that can.
func NewMistakes(ctx context.Context, r *Result, model Scorer, features Features, table *features.ClassTable, roles *features.Split) ([]Mistake, error) {
	d, ok := model.(Describer)
	wrong, _ := r.ConfidentMistakes()
	if !ok || len(wrong) == 0 {
		return nil, nil
	}
	s, err := open(features, table, roles)
	if err != nil {
		return nil, err
	}
	raw, err := s.attributes(r.Candidates)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var x []float32
	for _, p := range wrong {
		x = append(x, features.Feature(s.row[p.Image])...)
	}
	seen, err := d.Describe(x, len(wrong))
	if err != nil || seen == nil {
		return nil, err
	}
	width := len(table.Attributes)
	if len(seen) != len(wrong)*width {
		return nil, fmt.Errorf("the model describes %d images in %d values, the class table has %d attributes", len(wrong), len(seen), width)
	}
	var mistakes []Mistake
	for i, p := range wrong {
		predicted, err := d.DescribedClass(raw[p.Top[0].Class])
		if err != nil {
			return nil, err
		}
		truth, err := d.DescribedClass(raw[p.Class])
		if err != nil {
			return nil, err
		}
		m := Mistake{Image: p.Image, Decided: []Decisive{}}
		for k, e := range seen[i*width : (i+1)*width] {
			if w := float64(e) * (float64(predicted[k]) - float64(truth[k])); w > 0 {
				m.Decided = append(m.Decided, Decisive{table.Attributes[k], w, float64(e), known(raw[p.Top[0].Class][k]), known(raw[p.Class][k])})
			}
		}
		sort.SliceStable(m.Decided, func(i, j int) bool { return m.Decided[i].Weight > m.Decided[j].Weight })
		m.Decided = slices.Clip(m.Decided[:min(decisive, len(m.Decided))])
		mistakes = append(mistakes, m)
	}
	return mistakes, nil
}

// known is nil of a missing value.
func known(v float32) *float32 {
	if v != v {
		return nil
	}
	return &v
}
