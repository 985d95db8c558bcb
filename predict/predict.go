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

// Model is a trained model, such as *runs.Predictor.
type Model interface {
	// Score returns n rows with a score for each class; higher is better. features are n raw features, classes raw
	// attribute vectors.
	Score(features []float32, n int, classes [][]float32) ([]float32, error)
	// Temperature is the temperature of the probabilities softmax(score / Temperature), fitted on validation classes; 0:
	// none was fitted.
	Temperature() float64
	Attributes() []string
	FeatureDim() int
	// Describe estimates the normalised attribute vectors of n raw features, row after row; nil if the method cannot.
	Describe(features []float32, n int) ([]float32, error)
	// DescribedClass normalises a raw attribute vector as Describe's estimates are.
	DescribedClass(raw []float32) ([]float32, error)
	NormaliseClass(raw []float32) ([]float32, error)
}

// Learner is a Model that can be updated with images of a class without training.
type Learner interface {
	Model
	// Learn returns a model updated with n images, given as raw features, of the class with a raw attribute vector. The
	// receiver is not changed.
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
	Top       int     // number of best classes to list; 0: five
	NoneBelow float64 // an image whose best class has a smaller probability is rejected as none of the classes
	// NoneBelowExcess, if not nil, returns for a number of classes the excess of the best class's score below which an image is also
	// rejected. It requires a [Rejecter].
	NoneBelowExcess func(classes int) float64
	Excess          bool   // compute the excess of every image, if the model is a [Rejecter]
	Explain         int    // number of attributes to list for, against, and present in the image; 0: no explanation
	Watch           string // a class whose probability is returned for every image, whatever its rank; "": none
}

// Prediction is the ranking of one image.
type Prediction struct {
	Class       string       `json:"class"` // the best class; "": rejected
	Probability float64      `json:"probability"`
	Top         []Candidate  `json:"top"`              // best first, also for a rejected image
	Excess      *float64     `json:"excess,omitempty"` // of the best class's score over the one expected if the image shows none of the classes
	Watched     *Candidate   `json:"watched,omitempty"`
	Explanation *Explanation `json:"explanation,omitempty"`
}

// Candidate is a class with its score.
type Candidate struct {
	Class       string  `json:"class"`
	Probability float64 `json:"probability"` // among all candidate classes
	Score       float32 `json:"score"`       // the model's score; higher is better
}

// chunk is the number of features scored at a time.
const chunk = 256

// Rank classifies n raw features, given row after row. The probabilities are softmax(score / T) over all classes, with
// the model's temperature T; without one, T is 1 and they are not calibrated. If ctx ends first, its error is returned.
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
	var expected []float64
	least := math.Inf(-1) // excess
	if r, ok := m.(Rejecter); ok && (o.Excess || o.NoneBelowExcess != nil) {
		var err error
		if expected, err = r.Expected(features, n, c); err != nil {
			return nil, err
		}
	}
	if o.NoneBelowExcess != nil {
		if expected == nil {
			return nil, ErrNoThreshold
		}
		least = o.NoneBelowExcess(c)
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
			accepted := true
			if expected != nil {
				excess := float64(a.Top[0].Score) - expected[lo+i]
				a.Excess, accepted = &excess, excess >= least
			}
			if a.Probability = a.Top[0].Probability; accepted && a.Probability >= o.NoneBelow {
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

// best returns the indices of the k highest scores, best first. Ties go to the first class, as in evaluation.
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

// probabilities returns softmax(scores / t).
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
