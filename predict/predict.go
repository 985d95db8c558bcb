package predict

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
)

// Errors that Rank wraps, for errors.Is.
var (
	ErrNoClasses   = errors.New("no candidate classes")
	ErrFeatureSize = errors.New("the features do not have the length that the model needs")
	ErrNoThreshold = errors.New("the model has no threshold for images of none of the classes")
	ErrNotFinite   = errors.New("the model's score is not a number")
)

// Model is a trained model: a *runs.Predictor is one.
type Model interface {
	// Score gives n rows of one score for each class, higher is better. features are n raw features, classes raw attribute
	// vectors.
	Score(features []float32, n int, classes [][]float32) ([]float32, error)
	// Temperature is that of the probabilities softmax(score / Temperature), fitted on validation classes; 0: none was fitted.
	Temperature() float64
	Attributes() []string
	FeatureDim() int
	// Describe estimates the normalised attribute vectors of n raw features, row after row; nil where the method cannot.
	Describe(features []float32, n int) ([]float32, error)
	// DescribedClass gives a raw attribute vector in the form that Describe's estimates are compared with.
	DescribedClass(raw []float32) ([]float32, error)
	NormaliseClass(raw []float32) ([]float32, error)
}

// Learner is a Model that learns from images of a class without training.
type Learner interface {
	Model
	// Learn gives a model updated by n images, as raw features, of the class with a raw attribute vector. The model itself is
	// not changed.
	Learn(class, features []float32, n int) (Model, error)
}

// Rejecter is a Model that tells images of none of the classes.
type Rejecter interface {
	Model
	// Expected is, of each of n raw features, the best score that so many classes are expected to come to in an image of none of them.
	Expected(features []float32, n, candidates int) ([]float64, error)
}

// Classes are the candidate classes.
type Classes struct {
	Names   []string
	Vectors [][]float32 // raw, in the order of the model's attributes
}

// Options of Rank. The zero value is ready for use.
type Options struct {
	Top       int     // best classes to list; 0: five
	NoneBelow float64 // an image whose best class has a smaller probability is rejected: it is of none of the classes
	// NoneBelowExcess, where it is not nil, gives for a number of classes the excess of the best class's score over the expected one below
	// which an image is rejected, too; the model must be a [Rejecter].
	NoneBelowExcess func(classes int) float64
	Explain         int    // attributes to list for and against, and present in the image; 0: no explanation
	Watch           string // a class whose probability every image is to have, on whichever rank; "": none
}

// Prediction is the ranking of one image.
type Prediction struct {
	Class       string       `json:"class"` // the best one; "" where it is rejected
	Probability float64      `json:"probability"`
	Top         []Candidate  `json:"top"` // best first, also where the image is rejected
	Watched     *Candidate   `json:"watched,omitempty"`
	Explanation *Explanation `json:"explanation,omitempty"`
}

// Candidate is a class with its score.
type Candidate struct {
	Class       string  `json:"class"`
	Probability float64 `json:"probability"` // among all classes asked for
	Score       float32 `json:"score"`       // the model's own; higher is better
}

// chunk is the number of features scored at a time.
const chunk = 256

// Rank classifies n raw features, given row after row. The probabilities are softmax(score / T) over all classes, with the model's
// temperature T, or 1 where it has none: they are then not calibrated. The error is ctx's where it ends first.
func Rank(ctx context.Context, m Model, features []float32, n int, classes *Classes, o Options) ([]Prediction, error) {
	if len(classes.Names) == 0 {
		return nil, ErrNoClasses
	}
	if len(classes.Names) != len(classes.Vectors) {
		return nil, fmt.Errorf("%d attribute vectors for %d classes", len(classes.Vectors), len(classes.Names))
	}
	dim, c := m.FeatureDim(), len(classes.Names)
	if len(features) != n*dim {
		return nil, fmt.Errorf("%w: %d values for %d features; the model takes features of %d values", ErrFeatureSize, len(features), n, dim)
	}
	var least []float64 // of each feature: the score that its best class needs
	if o.NoneBelowExcess != nil {
		r, ok := m.(Rejecter)
		if !ok {
			return nil, ErrNoThreshold
		}
		var err error
		if least, err = r.Expected(features, n, c); err != nil {
			return nil, err
		}
		if len(least) != n {
			return nil, ErrNoThreshold
		}
		for i := range least {
			least[i] += o.NoneBelowExcess(c)
		}
	}
	top := o.Top
	if top <= 0 {
		top = 5
	}
	t := m.Temperature()
	if t <= 0 {
		t = 1
	}
	var explain *explainer
	if o.Explain > 0 {
		var err error
		if explain, err = newExplainer(m, classes, o.Explain); err != nil {
			return nil, err
		}
	}
	watch := slices.Index(classes.Names, o.Watch)
	predictions := make([]Prediction, 0, n)
	order := make([]int, 0, min(top, c)+1)
	for lo := 0; lo < n; lo += chunk {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		k := min(chunk, n-lo)
		x := features[lo*dim : (lo+k)*dim]
		scores, err := m.Score(x, k, classes.Vectors)
		if err != nil {
			return nil, err
		}
		var described []float32
		if explain != nil {
			if described, err = m.Describe(x, k); err != nil {
				return nil, err
			}
		}
		for i := range k {
			row := scores[i*c : (i+1)*c]
			for j, v := range row {
				if v != v {
					return nil, fmt.Errorf("%w: class %q", ErrNotFinite, classes.Names[j])
				}
			}
			order = best(row, min(top, c), order)
			a := Prediction{Top: make([]Candidate, 0, min(top, c))}
			p := probabilities(row, t)
			for _, j := range order {
				a.Top = append(a.Top, Candidate{classes.Names[j], p[j], row[j]})
			}
			if watch >= 0 {
				a.Watched = &Candidate{classes.Names[watch], p[watch], row[watch]}
			}
			if a.Probability = a.Top[0].Probability; a.Probability >= o.NoneBelow && (least == nil || float64(a.Top[0].Score) >= least[lo+i]) {
				a.Class = a.Top[0].Class
			}
			if described != nil {
				w := len(described) / k
				a.Explanation = explain.of(described[i*w:(i+1)*w], order[0])
			}
			predictions = append(predictions, a)
		}
	}
	return predictions, nil
}

// best are the k highest scores' places, best first. Ties go to the first class, as in evaluation.
func best(row []float32, k int, order []int) []int {
	order = order[:0]
	if 4*k > len(row) {
		for j := range row {
			order = append(order, j)
		}
		sort.SliceStable(order, func(a, b int) bool { return row[order[a]] > row[order[b]] })
		return order[:k]
	}
	for j, v := range row {
		if len(order) == k && v <= row[order[k-1]] {
			continue
		}
		at := len(order)
		for at > 0 && v > row[order[at-1]] {
			at--
		}
		if order = slices.Insert(order, at, j); len(order) > k {
			order = order[:k]
		}
	}
	return order
}

// probabilities are softmax(scores / t).
func probabilities(scores []float32, t float64) []float64 {
	top := float64(slices.Max(scores))
	p := make([]float64, len(scores))
	sum := 0.0
	for i, s := range scores {
		p[i] = math.Exp((float64(s) - top) / t)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}
