package methods

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/optimize"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// logisticMethod is multinomial logistic regression on the shots alone: what a few labelled images of each
// unseen class are worth without descriptions and without seen classes.
//
// logisticMethod minimises, over the samples x of the classes known by a few images,
//
//	ridge/2 |W|^2 - sum log softmax(W x)_y
//
// by L-BFGS in double precision. There is no intercept: the classes have equally many samples. The model knows these
// classes only, by their attribute vectors.
type logisticMethod struct {
	Ridge []float64 `toml:"ridge" range:"(0, inf)" comment:"grid of the squared weights' coefficient, selected on the validation classes"`
}

var logisticSpec = method.Spec{
	Name: "logistic", Title: "Logistic regression",
	Default: method.Of(defaultLogistic), Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
	NeedsShots: true,
}

// defaultLogistic is a grid that fits features of length 1.
func defaultLogistic() logisticMethod {
	return logisticMethod{Ridge: []float64{1e-3, 1e-2, 1e-1, 1, 10}}
}

// Validate explains the first setting that cannot work.
func (m *logisticMethod) Validate() error { return method.Check("logistic", m) }

// Space is empty: the grid costs one fit.
func (m *logisticMethod) Space() []method.Dimension { return nil }

// Fit solves for all of the grid and keeps the point best on the validation classes.
func (m *logisticMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	ridges, validation := m.Ridge, p.Validation
	if s.Choice != nil {
		ridges, validation = []float64{s.Choice["ridge"]}, nil
		if !(ridges[0] > 0) {
			return nil, fmt.Errorf("the choice %v is none", s.Choice)
		}
	}
	if (validation == nil || validation.Len() == 0) && len(ridges) > 1 {
		return nil, errors.New("logistic regression selects its ridge on validation classes, but the split has none: make a split with some, or give one ridge")
	}
	l, err := newLogistic(p)
	if err != nil {
		return nil, err
	}
	o := &method.Outcome{Accuracy: -1}
	for i, ridge := range ridges {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		w, err := l.solve(ridge)
		if err != nil {
			return nil, fmt.Errorf("ridge %g: %w", ridge, err)
		}
		model := &logisticModel{feature: l.dim, attributes: l.attributes, w: w}
		pt := method.Point{Done: i + 1, Total: len(ridges), Values: map[string]float64{"ridge": ridge}, Choice: method.Choice{"ridge": ridge}}
		if validation != nil && validation.Len() > 0 {
			if pt.Accuracy, err = method.Accuracy(model, validation); err != nil {
				return nil, err
			}
			pt.Validated = true
		}
		if pt.Accuracy > o.Accuracy {
			o.Model, o.Accuracy, o.Choice = model, pt.Accuracy, pt.Choice
		}
		if s.Step != nil {
			s.Step(i+1, len(ridges))
		}
		if s.Point != nil {
			if err := s.Point(pt); err != nil {
				return nil, err
			}
		}
	}
	return o, nil
}

// logistic is the problem in double precision.
type logistic struct {
	n, dim     int
	x          []float64 // n x dim
	y          []int
	attributes [][]float32 // of the classes, in the order of y

	scores []float64 // n x classes
}

func newLogistic(p *method.Problem) (*logistic, error) {
	if p.Few == nil {
		return nil, errors.New("logistic regression learns from labelled images of the unseen classes themselves: it needs a few-shot split (vzsl split --shots)")
	}
	l := &logistic{dim: p.Train.Dim()}
	index := make([]int, len(p.Few))
	for c, few := range p.Few {
		if !few {
			continue
		}
		index[c] = len(l.attributes)
		for k, other := range l.attributes {
			if slices.Equal(other, p.Train.Attributes[c]) {
				return nil, fmt.Errorf("the few-shot classes %d and %d have the same attributes, by which this method identifies a class; make them different", k, index[c])
			}
		}
		l.attributes = append(l.attributes, p.Train.Attributes[c])
	}
	row := make([]float32, l.dim)
	for i := range p.Train.Len() {
		c := p.Train.Label(i)
		if !p.Few[c] {
			continue
		}
		p.Train.Row(i, row)
		for _, v := range row {
			l.x = append(l.x, float64(v))
		}
		l.y = append(l.y, index[c])
	}
	l.n = len(l.y)
	if l.n == 0 {
		return nil, errors.New("no shots to train on")
	}
	l.scores = make([]float64, l.n*len(l.attributes))
	return l, nil
}

// loss is the objective divided by the number of samples; gradient, if not nil, gets its derivative by w.
func (l *logistic) loss(w []float64, ridge float64, gradient []float64) float64 {
	c, n := len(l.attributes), float64(l.n)
	kernels.Dgemm(false, true, l.n, c, l.dim, 1, l.x, l.dim, w, l.dim, 0, l.scores, c)
	sum := 0.0
	for i, y := range l.y {
		s := l.scores[i*c : (i+1)*c]
		all := floats.LogSumExp(s)
		sum += all - s[y]
		for k, v := range s {
			s[k] = math.Exp(v-all) / n
		}
		s[y] -= 1 / n
	}
	if gradient != nil {
		copy(gradient, w)
		kernels.Dgemm(true, false, c, l.dim, l.n, 1, l.scores, c, l.x, l.dim, ridge/n, gradient, l.dim)
	}
	return (sum + ridge/2*floats.Dot(w, w)) / n
}

// solve is the minimum, classes x dim.
func (l *logistic) solve(ridge float64) ([]float64, error) {
	problem := optimize.Problem{
		Func: func(w []float64) float64 { return l.loss(w, ridge, nil) },
		Grad: func(gradient, w []float64) { l.loss(w, ridge, gradient) },
	}
	r, err := optimize.Minimize(problem, make([]float64, len(l.attributes)*l.dim),
		&optimize.Settings{GradientThreshold: 1e-7, MajorIterations: 1000, Converger: &optimize.FunctionConverge{Relative: 1e-9, Iterations: 20}}, &optimize.LBFGS{})
	if err != nil {
		return nil, fmt.Errorf("the weights did not converge: %w", err)
	}
	return r.X, nil
}

// logisticModel scores the classes it was trained on by W x.
type logisticModel struct {
	feature    int
	attributes [][]float32
	w          []float64 // classes x feature
}

func (m *logisticModel) Dims() (feature, attribute int) { return m.feature, len(m.attributes[0]) }

func (m *logisticModel) Tensors() []safetensors.Tensor {
	a := len(m.attributes[0])
	var all []float32
	for _, v := range m.attributes {
		all = append(all, v...)
	}
	return []safetensors.Tensor{
		{Name: "w", Shape: []int{len(m.attributes), m.feature}, F64: m.w},
		{Name: "attributes", Shape: []int{len(m.attributes), a}, F32: all},
	}
}

func (m *logisticModel) Score(features []float32, n int, attributes [][]float32) ([]float32, error) {
	if len(features) != n*m.feature {
		return nil, fmt.Errorf("%d values for %d features of %d", len(features), n, m.feature)
	}
	c := len(attributes)
	if c == 0 {
		return nil, errors.New("no classes to score")
	}
	w := make([]float32, 0, c*m.feature)
	for i, a := range attributes {
		known := -1
		for k, other := range m.attributes {
			if slices.Equal(a, other) {
				known = k
				break
			}
		}
		if known < 0 {
			return nil, fmt.Errorf("class %d is not one of the %d classes in this model's training images: logistic regression cannot score others", i, len(m.attributes))
		}
		for _, v := range m.w[known*m.feature : (known+1)*m.feature] {
			w = append(w, float32(v))
		}
	}
	scores := make([]float32, n*c)
	kernels.Sgemm(false, true, n, c, m.feature, 1, features, m.feature, w, m.feature, 0, scores, c)
	return scores, nil
}

// Load makes a model of a file of Model.Tensors.
func (m *logisticMethod) Load(f *safetensors.File) (method.Model, error) {
	w, ok := f.Get("w")
	a, ok2 := f.Get("attributes")
	if !ok || !ok2 || len(w.Shape) != 2 || len(a.Shape) != 2 || w.F64 == nil || a.F32 == nil || w.Shape[0] != a.Shape[0] || w.Shape[0] < 1 || w.Shape[1] < 1 || a.Shape[1] < 1 {
		return nil, errors.New("no logistic regression model: the tensors w and attributes are missing or do not match")
	}
	model := &logisticModel{feature: w.Shape[1], w: w.F64}
	for i := range a.Shape[0] {
		model.attributes = append(model.attributes, a.F32[i*a.Shape[1]:(i+1)*a.Shape[1]])
	}
	return model, nil
}
