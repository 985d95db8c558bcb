package methods

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// jfaMethod is Zhang and Saligrama's joint feature adaptation (arXiv 1611.07593): features and class vectors
// are compared after each has moved towards the other,
//
//	F(x, s) = max over u, v of (x+u)'W(s+v) - alpha/2 |u|^2 - beta/2 |v|^2
//
// and W minimises the structured hinge loss max(0, max over j != y of margin + F(x, s_j) - F(x, s_y)). Where the largest
// singular value of W is below sqrt(alpha beta) the maximum is finite, and with K = W'W, M = (I - K/(alpha beta))^-1
//
//	s+v = M (s + W'x/beta),  x+u = x + W (s+v)/alpha
//	F(x, s) = x'WMs + beta/2 s'(M-I)s + (a term that no class changes)
//
// so that moving weighs the directions that W has found the more, and adds to each class a term of its own. The
// derivative of F by W is (x+u)(s+v)'. The original alternates between the moves and a convex problem in W (the
// concave-convex procedure); here W follows the subgradient, the moves being in closed form at each step, and is scaled
// back where its singular values come near the bound.
//
// Any classes can be scored: ZSL, GZSL; labelled images of unseen classes can join the training.
type jfaMethod struct {
	Features   float64 `toml:"feature_penalty" range:"[1e-6, 1e9]" comment:"alpha, the penalty on changes of the features"`
	Attributes float64 `toml:"attribute_penalty" range:"[1e-6, 1e9]" comment:"beta, the penalty on changes of the class vectors"`
	Margin     float64 `toml:"margin" range:"[1e-12, 1e6]" comment:"margin by which a sample's class should score above the others"`
	Training
}

var jfaSpec = method.Spec{
	Name: "jfa", Title: "JFA",
	Paper:   "Zhang and Saligrama, Learning joint feature adaptation for zero-shot recognition, arXiv 1611.07593, 2016",
	Default: method.Of(defaultJFA), Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
}

// defaultJFA are settings chosen on validation classes of CUB.
func defaultJFA() jfaMethod {
	return jfaMethod{Features: 30, Attributes: 30, Margin: 0.1, Training: Training{LearningRate: 1e-3, WeightDecay: 1e-2, Batch: 64, Epochs: 15}}
}

// Validate explains the first setting that cannot work.
func (m *jfaMethod) Validate() error { return method.Check("jfa", m) }

// Space is what tuning searches.
func (m *jfaMethod) Space() []method.Dimension {
	return append([]method.Dimension{
		{Setting: "feature_penalty", Low: 1, High: 100, Log: true},
		{Setting: "attribute_penalty", Low: 1, High: 100, Log: true},
	}, rankingSpace()...)
}

func (m *jfaMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	v, attribute, err := classVectors(p)
	if err != nil {
		return nil, err
	}
	o := newAdapted(v, p.Train.Dim(), attribute, m)
	return m.fit(ctx, p, s, o, func() method.Model {
		o.adapt() // the last step may have left the bound
		return jfaModel(o)
	})
}

// Load makes a model of a file of Model.Tensors.
func (m *jfaMethod) Load(f *safetensors.File) (method.Model, error) {
	w, err := tensor(f, "w", -1, -1)
	if err != nil {
		return nil, err
	}
	t, _ := f.Get("w")
	o := newAdapted[float32](nil, t.Shape[0], t.Shape[1], m)
	copy(o.w.values, w)
	if o.adapt() {
		return nil, errors.New("w has singular values that the penalties of the settings do not allow")
	}
	return jfaModel(o), nil
}

// jfaModel scores by x'WMs + beta/2 s'(M-I)s, with the W and M that o has now.
func jfaModel(o *adapted[float32]) *model {
	d, a := o.feature, o.attribute
	wm, inverse := make([]float32, d*a), append([]float32(nil), o.m...)
	kernels.Sgemm(false, false, d, a, a, 1, o.w.values, a, o.m, a, 0, wm, a)
	beta := o.beta
	return &model{feature: d, attribute: a, tensors: tensorsOf(o.parameters()),
		score: func(x []float32, n int, s []float32, c int) []float32 {
			e, scores := make([]float32, n*a), make([]float32, n*c)
			kernels.Sgemm(false, false, n, a, d, 1, x, d, wm, a, 0, e, a)
			kernels.Sgemm(false, true, n, c, a, 1, e, a, s, a, 0, scores, c)
			own := adaptedClasses(s, inverse, c, a, beta)
			for i := range n {
				for j, v := range own {
					scores[i*c+j] += float32(v)
				}
			}
			return scores
		}}
}

// adaptedClasses are the classes' own terms, beta/2 s'(M-I)s.
func adaptedClasses[T float](s, m []T, c, a int, beta float64) []float64 {
	ms := make([]T, c*a)
	kernels.Gemm(false, false, c, a, a, 1, s, a, m, a, 0, ms, a)
	own := make([]float64, c)
	for j := range own {
		for i, v := range s[j*a : (j+1)*a] {
			own[j] += beta / 2 * float64(v) * float64(ms[j*a+i]-v)
		}
	}
	return own
}

// adapted is JFA's objective.
type adapted[T float] struct {
	s                           []T // classes x attribute
	classes, feature, attribute int
	alpha, beta, margin         float64
	w                           *weights[T] // feature x attribute

	m                               []T // attribute x attribute
	t, scores, g, gs, e, gsm, inner []T
}

func newAdapted[T float](s []T, feature, attribute int, c *jfaMethod) *adapted[T] {
	return &adapted[T]{s: s, classes: len(s) / attribute, feature: feature, attribute: attribute,
		alpha: c.Features, beta: c.Attributes, margin: c.Margin, w: newWeights[T]("w", feature, attribute)}
}

func (o *adapted[T]) parameters() []*weights[T] { return []*weights[T]{o.w} }

// adapt computes M, and first scales W down, telling so, as long as its largest singular value is above
// sqrt(0.9 alpha beta).
func (o *adapted[T]) adapt() (scaled bool) {
	const bound = 0.9
	useKernels()
	d, a := o.feature, o.attribute
	k := make([]T, a*a)
	kernels.Gemm(true, false, a, a, d, 1, o.w.values, a, o.w.values, a, 0, k, a)
	below := func(top, factor float64) *mat.SymDense { // top I - factor K/(alpha beta)
		v := make([]float64, a*a)
		for i, x := range k {
			v[i] = -factor * float64(x) / (o.alpha * o.beta)
		}
		for i := range a {
			v[i*a+i] += top
		}
		return mat.NewSymDense(a, v)
	}
	var c mat.Cholesky
	factor := 1.0
	for !c.Factorize(below(bound, factor)) {
		factor *= 0.9
		scaled = true
	}
	if scaled {
		// A little more, so that rounding does not leave it above again.
		factor *= 0.99
		root := T(math.Sqrt(factor))
		for i := range o.w.values {
			o.w.values[i] *= root
		}
	}
	c.Factorize(below(1, factor))
	var inverse mat.SymDense
	if err := c.InverseTo(&inverse); err != nil {
		panic(err) // its eigenvalues are between 0.1 and 1
	}
	o.m = sized(o.m, a*a)
	for i := range a {
		for j := range a {
			o.m[i*a+j] = T(inverse.At(i, j))
		}
	}
	return scaled
}

func (o *adapted[T]) loss(x []T, labels []int, _ *rand.Rand) float64 {
	n, c, d, a := len(labels), o.classes, o.feature, o.attribute
	o.t, o.gs, o.e, o.gsm, o.inner = sized(o.t, n*a), sized(o.gs, n*a), sized(o.e, n*a), sized(o.gsm, n*a), sized(o.inner, a*a)
	o.scores, o.g = sized(o.scores, n*c), sized(o.g, n*c)
	o.adapt()
	kernels.Gemm(false, false, n, a, d, 1, x, d, o.w.values, a, 0, o.t, a)
	kernels.Gemm(false, false, n, a, a, 1, o.t, a, o.m, a, 0, o.e, a)
	kernels.Gemm(false, true, n, c, a, 1, o.e, a, o.s, a, 0, o.scores, c)
	own := adaptedClasses(o.s, o.m, c, a, o.beta)
	clear(o.g)
	sum := 0.0
	for i, y := range labels {
		row := o.scores[i*c : (i+1)*c]
		for j, v := range own {
			row[j] += T(v)
		}
		sum += hingeWorst(o.margin, row, y, o.g[i*c:(i+1)*c])
	}
	// With G the derivative by the scores, whose rows add up to zero, and g its column sums, the derivative by W, the sum
	// of G (x+u)(s+v)', is
	//
	//	X' (G S) M + W/alpha M (S' diag(g) S + ((G S)'T + T'(G S))/beta) M,  T = X W.
	columns, gs := make([]T, c), o.gs
	for i := range n {
		for j := range columns {
			columns[j] += o.g[i*c+j]
		}
	}
	weighed := make([]T, c*a)
	for j, g := range columns {
		for i, v := range o.s[j*a : (j+1)*a] {
			weighed[j*a+i] = g * v
		}
	}
	kernels.Gemm(false, false, n, a, c, 1, o.g, c, o.s, a, 0, gs, a)
	kernels.Gemm(true, false, a, a, c, 1, o.s, a, weighed, a, 0, o.inner, a)
	kernels.Gemm(true, false, a, a, n, T(1/o.beta), gs, a, o.t, a, 1, o.inner, a)
	kernels.Gemm(true, false, a, a, n, T(1/o.beta), o.t, a, gs, a, 1, o.inner, a)
	left, both := make([]T, a*a), make([]T, a*a)
	kernels.Gemm(false, false, a, a, a, 1, o.m, a, o.inner, a, 0, left, a)
	kernels.Gemm(false, false, a, a, a, 1, left, a, o.m, a, 0, both, a)
	kernels.Gemm(false, false, n, a, a, 1/T(n), gs, a, o.m, a, 0, o.gsm, a)
	kernels.Gemm(true, false, d, a, n, 1, x, d, o.gsm, a, 0, o.w.gradient, a)
	kernels.Gemm(false, false, d, a, a, T(1/o.alpha/float64(n)), o.w.values, a, both, a, 1, o.w.gradient, a)
	return sum / float64(n)
}
