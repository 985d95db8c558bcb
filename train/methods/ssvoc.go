package methods

import (
	"context"
	"math"
	"math/rand/v2"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// ssvocMethod is Fu and Sigal's semi-supervised vocabulary-informed learning (CVPR 2016): with e = W'x and
// D(e, s) = |e - s|^2 it minimises over W
//
//	1/2 sum over dimensions of max(0, |e - s_y| - epsilon)^2
//	+ rank/2 sum over c != y of max(0, margin + D(e, s_y)/2 - D(e, s_c)/2)^2
//
// a regression to the class's vector, deaf to small errors, and a margin against the other words of the vocabulary. A
// sample is of the class nearest to e. The original's vocabulary are all words that have a vector, of which the nearest
// few count; here it is the seen classes, all that a fit without unseen classes is given.
//
// Any classes can be scored: ZSL, GZSL; labelled images of unseen classes can join the training.
type ssvocMethod struct {
	Epsilon float64 `toml:"epsilon" range:"[0, 1e6]" comment:"errors of a dimension below this cost nothing, as a fraction of the class vectors' root mean square"`
	Margin  float64 `toml:"margin" range:"[0, 1e6]" comment:"margin by which half the squared distance to another class should exceed that to the sample's"`
	Rank    float64 `toml:"rank" range:"[0, 1e6]" comment:"weight of the margin term beside the regression"`
	Training
}

var ssvocSpec = method.Spec{
	Name: "ss-voc", Title: "SS-Voc",
	Paper:   "Fu and Sigal, Semi-supervised vocabulary-informed learning, CVPR 2016",
	Default: method.Of(defaultSSVoc), Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
}

// defaultSSVoc are settings chosen on validation classes of CUB.
func defaultSSVoc() ssvocMethod {
	return ssvocMethod{Epsilon: 0.1, Margin: 0.1, Rank: 1, Training: Training{LearningRate: 1e-3, WeightDecay: 1e-3, Batch: 64, Epochs: 20}}
}

// Validate explains the first setting that cannot work.
func (m *ssvocMethod) Validate() error { return method.Check("ss-voc", m) }

// Space is what tuning searches.
func (m *ssvocMethod) Space() []method.Dimension {
	return append([]method.Dimension{
		{Setting: "epsilon", Values: []any{0.0, 0.1, 0.5}},
		{Setting: "rank", Low: 0.01, High: 10, Log: true},
	}, rankingSpace()...)
}

func (m *ssvocMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	v, attribute, err := classVectors(p)
	if err != nil {
		return nil, err
	}
	o := newVocabulary(v, p.Train.Dim(), attribute, m)
	return m.fit(ctx, p, s, o, func() method.Model {
		return ssvocModel(o.w.values, o.feature, o.attribute)
	})
}

// Load makes a model of a file of Model.Tensors.
func (m *ssvocMethod) Load(f *safetensors.File) (method.Model, error) {
	w, err := tensor(f, "w", -1, -1)
	if err != nil {
		return nil, err
	}
	t, _ := f.Get("w")
	return ssvocModel(w, t.Shape[0], t.Shape[1]), nil
}

// ssvocModel scores by the distance of W'x and s.
func ssvocModel(w []float32, feature, attribute int) *model {
	return &model{feature: feature, attribute: attribute,
		tensors: []safetensors.Tensor{{Name: "w", Shape: []int{feature, attribute}, F32: w}},
		score: func(x []float32, n int, s []float32, c int) []float32 {
			e := make([]float32, n*attribute)
			kernels.Sgemm(false, false, n, attribute, feature, 1, x, feature, w, attribute, 0, e, attribute)
			return nearest(e, n, s, c, attribute)
		}}
}

// vocabulary is SS-Voc's objective.
type vocabulary[T float] struct {
	s                           []T
	half                        []float64 // of the classes' squared lengths
	classes, feature, attribute int
	epsilon, margin, rank       float64
	w                           *weights[T] // feature x attribute

	e, back, scores []T
}

func newVocabulary[T float](s []T, feature, attribute int, c *ssvocMethod) *vocabulary[T] {
	o := &vocabulary[T]{s: s, classes: len(s) / attribute, feature: feature, attribute: attribute,
		epsilon: c.Epsilon * math.Sqrt(squares(s)/float64(len(s))), margin: c.Margin, rank: c.Rank,
		w: newWeights[T]("w", feature, attribute)}
	for j := range o.classes {
		o.half = append(o.half, squares(s[j*attribute:(j+1)*attribute])/2)
	}
	return o
}

func (o *vocabulary[T]) parameters() []*weights[T] { return []*weights[T]{o.w} }

func (o *vocabulary[T]) loss(x []T, labels []int, _ *rand.Rand) float64 {
	n, c, d, a := len(labels), o.classes, o.feature, o.attribute
	o.e, o.back, o.scores = sized(o.e, n*a), sized(o.back, n*a), sized(o.scores, n*c)
	kernels.Gemm(false, false, n, a, d, 1, x, d, o.w.values, a, 0, o.e, a)
	kernels.Gemm(false, true, n, c, a, 1, o.e, a, o.s, a, 0, o.scores, c)
	sum := 0.0
	for i, y := range labels {
		for j, v := range o.s[y*a : (y+1)*a] {
			r := float64(o.e[i*a+j] - v)
			over := max(0, math.Abs(r)-o.epsilon)
			sum += over * over / 2
			o.back[i*a+j] = T(math.Copysign(over, r))
		}
		// (D(e, s_y) - D(e, s_c))/2 = |s_y|^2/2 - e's_y - (|s_c|^2/2 - e's_c); the scores become the derivatives by themselves.
		row, all := o.scores[i*c:(i+1)*c], 0.0
		own := o.half[y] - float64(row[y])
		for j, v := range row {
			over := max(0, o.margin+own-(o.half[j]-float64(v)))
			if j == y {
				over = 0
			}
			sum += o.rank * over * over / 2
			row[j] = T(o.rank * over)
			all += o.rank * over
		}
		row[y] = T(-all)
	}
	kernels.Gemm(false, false, n, a, c, 1, o.scores, c, o.s, a, 1, o.back, a)
	kernels.Gemm(true, false, d, a, n, 1/T(n), x, d, o.back, a, 0, o.w.gradient, a)
	return sum / float64(n)
}
