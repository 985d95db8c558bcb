package methods

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// mlzscMethod is Bucher, Herbin and Jurie's metric learning for zero-shot classification (ECCV 2016): with
// predicted attributes e = max(0, W'x + b) and D(e, s) = |M'(e - s)|^2 it minimises over W, b, M, t
//
//	max(0, 1 - t + D(e, s_y)) + mean over c != y of max(0, 1 + t - D(e, s_c)) + regression |e - s_y|^2
//
// pairs of an image and a description that belong together are to be closer than the threshold t, others farther. A
// sample is of the class of the smallest D. The original draws the pairs that do not belong together; here all are
// taken. Its max(0, .) suits attributes that are not negative, and is left out where a class trained on has a negative
// one (word vectors, centred attributes).
//
// Any classes can be scored: ZSL, GZSL; labelled images of unseen classes can join the training.
type mlzscMethod struct {
	Regression float64 `toml:"regression" range:"[0, 1e6]" comment:"weight of the squared error of the predicted attributes"`
	Training
}

var mlzscSpec = method.Spec{
	Name: "mlzsc", Title: "MLZSC",
	Paper:   "Bucher, Herbin and Jurie, Improving semantic embedding consistency by metric learning for zero-shot classification, ECCV 2016",
	Default: method.Of(defaultMLZSC), Features: method.FeaturesSqrtL2, Attributes: attributes.L2,
}

// defaultMLZSC are settings chosen on validation classes of CUB.
func defaultMLZSC() mlzscMethod {
	return mlzscMethod{Regression: 1, Training: Training{LearningRate: 1e-3, WeightDecay: 1e-3, Batch: 64, Epochs: 20}}
}

// Validate explains the first setting that cannot work.
func (m *mlzscMethod) Validate() error { return method.Check("mlzsc", m) }

// Space is what tuning searches.
func (m *mlzscMethod) Space() []method.Dimension {
	return []method.Dimension{
		{Setting: "regression", Low: 0.01, High: 10, Log: true},
		{Setting: "learning_rate", Low: 1e-4, High: 1e-2, Log: true},
		{Setting: "weight_decay", Low: 1e-7, High: 1e-3, Log: true},
		{Setting: "features", Values: []any{"l2", "sqrt-l2"}},
		{Setting: "attributes", Values: []any{"l2", "centre-l2"}},
	}
}

func (m *mlzscMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	v, attribute, err := classVectors(p)
	if err != nil {
		return nil, err
	}
	o := newMetric(v, p.Train.Dim(), attribute, m)
	o.w.draw(0.1/math.Sqrt(float64(o.feature)), p.Seed)
	o.start()
	return m.fit(ctx, p, s, o, func() method.Model {
		return mlzscModel(o.parameters(), o.feature, o.attribute, o.relu)
	})
}

// Load makes a model of a file of Model.Tensors.
func (m *mlzscMethod) Load(f *safetensors.File) (method.Model, error) {
	w, err := tensor(f, "w", -1, -1)
	if err != nil {
		return nil, err
	}
	t, _ := f.Get("w")
	feature, attribute := t.Shape[0], t.Shape[1]
	all := []*weights[float32]{{name: "w", shape: t.Shape, values: w}, {name: "b", shape: []int{attribute}},
		{name: "m", shape: []int{attribute, attribute}}, {name: "t", shape: []int{1}}}
	for _, x := range all[1:] {
		if x.values, err = tensor(f, x.name, x.shape...); err != nil {
			return nil, err
		}
	}
	relu, err := tensor(f, "relu", 1)
	if err != nil {
		return nil, err
	}
	return mlzscModel(all, feature, attribute, relu[0] != 0), nil
}

func mlzscModel(all []*weights[float32], feature, attribute int, relu bool) *model {
	gate := []float32{0}
	if relu {
		gate[0] = 1
	}
	return &model{feature: feature, attribute: attribute,
		tensors: append(tensorsOf(all), safetensors.Tensor{Name: "relu", Shape: []int{1}, F32: gate}),
		score: func(x []float32, n int, s []float32, c int) []float32 {
			e, p, q := make([]float32, n*attribute), make([]float32, n*attribute), make([]float32, c*attribute)
			predicted(e, x, all[0].values, all[1].values, n, feature, relu)
			kernels.Sgemm(false, false, n, attribute, attribute, 1, e, attribute, all[2].values, attribute, 0, p, attribute)
			kernels.Sgemm(false, false, c, attribute, attribute, 1, s, attribute, all[2].values, attribute, 0, q, attribute)
			return nearest(p, n, q, c, attribute)
		}}
}

// predicted computes e = x W + b, and its positive part with relu.
func predicted[T float](e, x, w, b []T, n, feature int, relu bool) {
	a := len(b)
	kernels.Gemm(false, false, n, a, feature, 1, x, feature, w, a, 0, e, a)
	for i := range n {
		for j, v := range b {
			e[i*a+j] += v
			if relu {
				e[i*a+j] = max(e[i*a+j], 0)
			}
		}
	}
}

// metric is MLZSC's objective.
type metric[T float] struct {
	s                           []T // classes x attribute
	classes, feature, attribute int
	relu                        bool
	regression                  float64
	w, b, m, t                  *weights[T] // feature x attribute, attribute, attribute x attribute, 1

	e, p, q, d, byE, byP, byQ []T
}

func newMetric[T float](s []T, feature, attribute int, c *mlzscMethod) *metric[T] {
	return &metric[T]{s: s, classes: len(s) / attribute, feature: feature, attribute: attribute, relu: slices.Min(s) >= 0, regression: c.Regression,
		w: newWeights[T]("w", feature, attribute), b: newWeights[T]("b", attribute).unbound(),
		m: newWeights[T]("m", attribute, attribute), t: newWeights[T]("t", 1).unbound()}
}

// start sets the metric so that the mean squared distance between two classes is 2, the threshold to 1, and the
// predicted attributes to the classes' mean.
func (o *metric[T]) start() {
	c, a := o.classes, o.attribute
	spread := 0.0 // of the classes about their mean: half the mean squared distance
	for j := range a {
		sum := 0.0
		for i := range c {
			sum += float64(o.s[i*a+j])
		}
		mean := sum / float64(c)
		for i := range c {
			spread += (float64(o.s[i*a+j]) - mean) * (float64(o.s[i*a+j]) - mean) / float64(c)
		}
		o.b.values[j] = T(mean)
	}
	scale := 1.0
	if spread > 0 {
		scale = 1 / math.Sqrt(spread)
	}
	for j := range a {
		o.m.values[j*a+j] = T(scale)
	}
	o.t.values[0] = 1
}

func (o *metric[T]) parameters() []*weights[T] { return []*weights[T]{o.w, o.b, o.m, o.t} }

func (o *metric[T]) loss(x []T, labels []int, _ *rand.Rand) float64 {
	n, c, d, a := len(labels), o.classes, o.feature, o.attribute
	o.e, o.p, o.q, o.d = sized(o.e, n*a), sized(o.p, n*a), sized(o.q, c*a), sized(o.d, n*c)
	o.byE, o.byP, o.byQ = sized(o.byE, n*a), sized(o.byP, n*a), sized(o.byQ, c*a)
	predicted(o.e, x, o.w.values, o.b.values, n, d, o.relu)
	kernels.Gemm(false, false, n, a, a, 1, o.e, a, o.m.values, a, 0, o.p, a)
	kernels.Gemm(false, false, c, a, a, 1, o.s, a, o.m.values, a, 0, o.q, a)
	// D = |p|^2 - 2 p'q + |q|^2. d becomes the derivative by D.
	kernels.Gemm(false, true, n, c, a, -2, o.p, a, o.q, a, 0, o.d, c)
	lengths := make([]float64, c)
	for j := range lengths {
		lengths[j] = squares(o.q[j*a : (j+1)*a])
	}
	t, byT, sum := float64(o.t.values[0]), 0.0, 0.0
	rows, columns := make([]float64, n), make([]float64, c) // sums of d
	other := 1 / float64(max(c-1, 1)) / float64(n)
	for i, y := range labels {
		own := squares(o.p[i*a : (i+1)*a])
		row := o.d[i*c : (i+1)*c]
		for j := range row {
			z := float64(row[j]) + own + lengths[j]
			g := 0.0
			if v := 1 - t + z; j == y && v > 0 {
				g = 1 / float64(n)
				sum += v * g
			}
			if v := 1 + t - z; j != y && v > 0 {
				g = -other
				sum += v * other
			}
			row[j] = T(g)
			byT -= g
			rows[i] += g
			columns[j] += g
		}
	}
	o.t.gradient[0] = T(byT)
	// dD/dp = 2 (p - q), dD/dq = 2 (q - p).
	kernels.Gemm(false, false, n, a, c, -2, o.d, c, o.q, a, 0, o.byP, a)
	kernels.Gemm(true, false, c, a, n, -2, o.d, c, o.p, a, 0, o.byQ, a)
	add := func(to, v []T, factors []float64) {
		for i, f := range factors {
			for j := range a {
				to[i*a+j] += T(2*f) * v[i*a+j]
			}
		}
	}
	add(o.byP, o.p, rows)
	add(o.byQ, o.q, columns)
	kernels.Gemm(true, false, a, a, n, 1, o.e, a, o.byP, a, 0, o.m.gradient, a)
	kernels.Gemm(true, false, a, a, c, 1, o.s, a, o.byQ, a, 1, o.m.gradient, a)
	kernels.Gemm(false, true, n, a, a, 1, o.byP, a, o.m.values, a, 0, o.byE, a)
	clear(o.b.gradient)
	weight := o.regression / float64(n)
	for i, y := range labels {
		for j, v := range o.s[y*a : (y+1)*a] {
			k := i*a + j
			r := float64(o.e[k] - v)
			sum += weight * r * r
			o.byE[k] += T(2 * weight * r)
			if o.relu && o.e[k] <= 0 {
				o.byE[k] = 0
			}
			o.b.gradient[j] += o.byE[k]
		}
	}
	kernels.Gemm(true, false, d, a, n, 1, x, d, o.byE, a, 0, o.w.gradient, a)
	return sum
}
