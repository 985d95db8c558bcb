package methods

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// The variances of GFZSL's mixture in the transductive setting.
const (
	gfzslPredicted = "predicted"
	gfzslEstimated = "estimated"
)

// The kernels of GFZSL's regressions.
const (
	gfzslLinear     = "linear"     // 1 + a'b
	gfzslPolynomial = "polynomial" // (1 + a'b)^2
)

// gfzslMethod is the generative framework of Verma and Rai (ECML 2017).
//
// gfzslMethod models a class by a Gaussian with a diagonal covariance, p(x|c) = N(mu_c, diag v_c), whose parameters are
// kernel ridge regressions from the class's attributes a:
//
//	mu(a) = k(a)' (K + mean_ridge I)^-1 M
//	log v(a) = l + k(a)' (K + variance_ridge I)^-1 (L - 1 l')
//	score(x, a) = log N(x; mu(a), v(a) + floor) - log N(x; m, s)
//
// K and k(a) are the kernel among the S seen classes and of a with them, M and L their means and log variances (S x d),
// l the mean of L. N(m, s) is that of all samples: it is the same for all classes and keeps scores small.
//
// The original regresses log(v + 0.001) and shrinks it to 0 by a ridge of 1e7 or 1e8, which fits features of unit
// variance; here it shrinks to the mean l and the floor is in units of the mean variance, so that features of any scale
// will do. Classes of one sample have the mean variance.
//
// Given unlabelled images, a mixture of the Gaussians of their classes, equal in weight, is fitted to these by
// expectation and maximisation, beginning at the predicted ones; classes with those very attributes are then scored by
// the mixture's Gaussians. The original estimates means and variances of the images alone. Here the predicted mean counts as
// some images more and the predicted variances stay: a class's fifty images tell little of thousands of variances.
type gfzslMethod struct {
	Kernel         string    `toml:"kernel" range:"linear | polynomial" comment:"of attribute vectors a, b: linear, 1 + a'b, or polynomial, (1 + a'b)^2"`
	MeanRidge      []float64 `toml:"mean_ridge" range:"(0, inf)" comment:"grid of the ridge of the regression to class means, selected on the validation classes"`
	VarianceRidge  []float64 `toml:"variance_ridge" range:"(0, inf)" comment:"grid of the ridge of the regression to log variances"`
	VarianceFloor  []float64 `toml:"variance_floor" range:"(0, inf)" comment:"grid of what is added to predicted variances, in mean variances within a class"`
	TransductiveEM int       `toml:"transductive_em" range:"[0, inf)" comment:"maximum number of EM iterations on unlabelled images, if there are any"`
	PseudoImages   float64   `toml:"pseudo_images" range:"[0, inf)" comment:"transductive: number of images that the predicted mean of a class is equivalent to, compared with its unlabelled ones"`
	Variances      string    `toml:"transductive_variances" range:"predicted | estimated" comment:"transductive: predicted (kept) or estimated (from the unlabelled images, as in the original)"`
}

var gfzslSpec = method.Spec{
	Name: "gfzsl", Title: "GFZSL",
	Paper:   "Verma and Rai, A simple exponential family framework for zero-shot learning, ECML 2017",
	Default: method.Of(defaultGFZSL), Features: method.FeaturesSqrtL2, Attributes: attributes.L2,
	Seedless: true,
}

// defaultGFZSL has the original's ridges among its own.
func defaultGFZSL() gfzslMethod {
	return gfzslMethod{Kernel: gfzslLinear, MeanRidge: []float64{0.01, 0.1, 1, 10}, VarianceRidge: []float64{100, 1e8},
		VarianceFloor: []float64{0.1, 1, 10, 100}, TransductiveEM: 100, PseudoImages: 5, Variances: gfzslPredicted}
}

func (m *gfzslMethod) axes() []*axis {
	return []*axis{{"mean_ridge", m.MeanRidge}, {"variance_ridge", m.VarianceRidge}, {"variance_floor", m.VarianceFloor}}
}

// Validate explains the first setting that cannot work.
func (m *gfzslMethod) Validate() error { return method.Check("gfzsl", m) }

// Space is the kernel and the normalisations; the grid costs one fit.
func (m *gfzslMethod) Space() []method.Dimension {
	return []method.Dimension{
		{Setting: "kernel", Values: []any{gfzslLinear, gfzslPolynomial}},
		{Setting: "features", Values: []any{"l2", "sqrt-l2"}},
		{Setting: "attributes", Values: []any{"l2", "centre-l2"}},
	}
}

// TransductiveSpace is how far EM goes and what holds it back, beside the variances' floor, which is chosen by the grid.
func (m *gfzslMethod) TransductiveSpace() []method.Dimension {
	return []method.Dimension{
		{Setting: "transductive_em", Values: []any{1, 3, 10, 100}},
		{Setting: "pseudo_images", Values: []any{0.0, 5.0, 20.0}},
		{Setting: "transductive_variances", Values: []any{gfzslPredicted, gfzslEstimated}},
	}
}

var (
	_ method.Config       = (*gfzslMethod)(nil)
	_ method.Transductive = (*gfzslMethod)(nil)
)

// Fit solves for all of the grid and keeps the point best on the validation classes; without these the grid must be a
// single point, or the choice made already.
func (m *gfzslMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	useKernels()
	axes := m.axes()
	if v := p.Validation; p.Unlabelled != nil && v != nil && v.Len() > 0 && s.Choice != nil && s.Choice[transductive] == 0 {
		// An inductive choice, from which a transductive search continues: its ridges hold here, the floor is chosen again.
		for _, a := range axes {
			if v := s.Choice[a.name]; v > 0 && a.name != "variance_floor" {
				a.values = []float64{v}
			}
		}
		own := *s
		own.Choice = nil
		s = &own
	}
	g, err := newGrid("GFZSL", p, s, axes...)
	if err != nil {
		return nil, err
	}
	stats, err := newClassStatistics(ctx, &p.Train)
	if err != nil {
		return nil, err
	}
	d := p.Train.Dim()
	S := method.Matrix(stats.attributes)
	logs := mat.NewDense(len(stats.attributes), d, nil)
	tiny := 1e-3 * stats.within // a value that never varies in a class
	if tiny == 0 {
		return nil, errors.New("no class has two different samples: there are no variances to learn")
	}
	base := make([]float64, d)
	logs.Apply(func(_, _ int, v float64) float64 { return math.Log(v + tiny) }, stats.variances)
	for c := range stats.attributes {
		for j, v := range logs.RawRowView(c) {
			base[j] += v / float64(len(stats.attributes))
		}
	}
	logs.Apply(func(_, j int, v float64) float64 { return v - base[j] }, logs)
	K := m.kernel(S, S)
	solved := map[string]map[float64]*mat.Dense{"mean_ridge": {}, "variance_ridge": {}}
	regress := func(name string, ridge float64, to *mat.Dense) (*mat.Dense, error) {
		if b := solved[name][ridge]; b != nil {
			return b, nil
		}
		b, err := solve(K, ridge, to)
		if err != nil {
			return nil, fmt.Errorf("%s %g: %w", name, ridge, err)
		}
		solved[name][ridge] = b
		return b, nil
	}
	err = g.search(ctx, axes, func(c method.Choice) (method.Model, error) {
		if p.Unlabelled != nil {
			c[transductive] = 1
		}
		means, err := regress("mean_ridge", c["mean_ridge"], stats.means)
		if err != nil {
			return nil, err
		}
		b, err := regress("variance_ridge", c["variance_ridge"], logs)
		if err != nil {
			return nil, err
		}
		model := &gfzslModel{method: m, seen: S, means: means, variances: b, base: base, mean: stats.mean, variance: stats.variance, floor: c["variance_floor"] * stats.within}
		if u := p.Unlabelled; u != nil && u.Len() > 0 {
			if err := model.mixture(ctx, u, m); err != nil {
				return nil, err
			}
		}
		return model, nil
	})
	return &g.out, err
}

// transductive marks a choice made in the transductive setting.
const transductive = "transductive"

// kernel is that of the rows of a and b.
func (m *gfzslMethod) kernel(a, b mat.Matrix) *mat.Dense {
	var k mat.Dense
	k.Mul(a, b.T())
	k.Apply(func(_, _ int, v float64) float64 {
		if m.Kernel == gfzslPolynomial {
			return (1 + v) * (1 + v)
		}
		return 1 + v
	}, &k)
	return &k
}

// gfzslModel scores by Gaussians.
type gfzslModel struct {
	method                 *gfzslMethod
	seen                   *mat.Dense // S x a
	means, variances       *mat.Dense // dual coefficients of the regressions, S x d
	base, mean, variance   []float64  // d: mean log variance; of all samples
	floor                  float64
	known                  *mat.Dense // attributes of the mixture's classes; nil: no mixture
	knownMeans, knownSpans *mat.Dense // its means and variances
}

func (m *gfzslModel) Dims() (feature, attribute int) {
	_, attribute = m.seen.Dims()
	return len(m.base), attribute
}

func (m *gfzslModel) Tensors() []safetensors.Tensor {
	var ts []safetensors.Tensor
	add := func(name string, x *mat.Dense) {
		r, c := x.Dims()
		ts = append(ts, safetensors.Tensor{Name: name, Shape: []int{r, c}, F64: x.RawMatrix().Data})
	}
	add("seen", m.seen)
	add("means", m.means)
	add("variances", m.variances)
	for _, v := range []struct {
		name   string
		values []float64
	}{{"base", m.base}, {"mean", m.mean}, {"variance", m.variance}, {"floor", []float64{m.floor}}} {
		ts = append(ts, safetensors.Tensor{Name: v.name, Shape: []int{len(v.values)}, F64: v.values})
	}
	if m.known != nil {
		add("mixture.classes", m.known)
		add("mixture.means", m.knownMeans)
		add("mixture.variances", m.knownSpans)
	}
	return ts
}

// gaussians are the means and variances of classes (c x d).
func (m *gfzslModel) gaussians(attributes *mat.Dense) (means, variances *mat.Dense) {
	k := m.method.kernel(attributes, m.seen)
	means, variances = &mat.Dense{}, &mat.Dense{}
	means.Mul(k, m.means)
	variances.Mul(k, m.variances)
	variances.Apply(func(_, j int, v float64) float64 { return math.Exp(v+m.base[j]) + m.floor }, variances)
	if m.known == nil {
		return means, variances
	}
	classes, _ := m.known.Dims()
	rows, _ := attributes.Dims()
	for i := range rows {
		for c := range classes {
			if slices.Equal(attributes.RawRowView(i), m.known.RawRowView(c)) {
				means.SetRow(i, m.knownMeans.RawRowView(c))
				variances.SetRow(i, m.knownSpans.RawRowView(c))
				break
			}
		}
	}
	return means, variances
}

func (m *gfzslModel) Score(features []float32, n int, attributes [][]float32) ([]float32, error) {
	d, a := m.Dims()
	if len(features) != n*d {
		return nil, fmt.Errorf("%d values for %d features of %d", len(features), n, d)
	}
	if _, err := joined(attributes, a); err != nil {
		return nil, err
	}
	means, variances := m.gaussians(method.Matrix(attributes))
	x := make([]float64, len(features))
	for i, v := range features {
		x[i] = float64(v)
	}
	return single(m.logRatios(x, n, means, variances)), nil
}

// logRatios are log N(x; class) - log N(x; all samples), n x c.
func (m *gfzslModel) logRatios(x []float64, n int, means, variances *mat.Dense) []float64 {
	c, d := means.Dims()
	// With features about the mean of all samples: -1/2 sum x^2 (1/v - 1/s) + sum x mu/v - 1/2 sum (mu^2/v + log v/s).
	quadratic, linear, constant := make([]float64, c*d), make([]float64, c*d), make([]float64, c)
	for i := range c {
		for j, v := range variances.RawRowView(i) {
			mu, s := means.At(i, j)-m.mean[j], m.variance[j]+m.floor
			quadratic[i*d+j], linear[i*d+j] = -0.5*(1/v-1/s), mu/v
			constant[i] -= 0.5 * (mu*mu/v + math.Log(v/s))
		}
	}
	about, squares, scores := make([]float64, n*d), make([]float64, n*d), make([]float64, n*c)
	for i := range n {
		copy(scores[i*c:], constant)
		for j, mean := range m.mean {
			v := x[i*d+j] - mean
			about[i*d+j], squares[i*d+j] = v, v*v
		}
	}
	kernels.Dgemm(false, true, n, c, d, 1, squares, d, quadratic, d, 1, scores, c)
	kernels.Dgemm(false, true, n, c, d, 1, about, d, linear, d, 1, scores, c)
	return scores
}

// mixture fits the Gaussians of the unlabelled images' classes to these.
func (m *gfzslModel) mixture(ctx context.Context, u *method.Unlabelled, config *gfzslMethod) error {
	const block = 512
	if _, err := joined(u.Attributes, m.seen.RawMatrix().Cols); err != nil {
		return fmt.Errorf("unlabelled images: %w", err)
	}
	classes := method.Matrix(u.Attributes)
	means, variances := m.gaussians(classes)
	predicted := mat.DenseCopyOf(means)
	c, d := means.Dims()
	row, last := make([]float32, d), math.Inf(-1)
	for range config.TransductiveEM {
		// A block at a time: posteriors, and by them the sums of 1, x and x^2.
		weights, sums, squares := make([]float64, c), make([]float64, c*d), make([]float64, c*d)
		likelihood := 0.0
		x, xx := make([]float64, min(block, u.Len())*d), make([]float64, min(block, u.Len())*d)
		for lo := 0; lo < u.Len(); lo += block {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			n := min(block, u.Len()-lo)
			for i := range n {
				u.Row(lo+i, row)
				for j, v := range row {
					x[i*d+j] = float64(v)
				}
			}
			posterior := m.logRatios(x[:n*d], n, means, variances)
			for i := range n {
				likelihood += method.Softmax(posterior[i*c : (i+1)*c])
				for k, q := range posterior[i*c : (i+1)*c] {
					weights[k] += q
				}
				for j, mean := range m.mean { // about the mean: squares lose less
					x[i*d+j] -= mean
					xx[i*d+j] = x[i*d+j] * x[i*d+j]
				}
			}
			kernels.Dgemm(true, false, c, d, n, 1, posterior, c, x, d, 1, sums, d)
			kernels.Dgemm(true, false, c, d, n, 1, posterior, c, xx, d, 1, squares, d)
		}
		if likelihood-last <= 1e-5*math.Abs(likelihood) {
			break
		}
		last = likelihood
		for k, w := range weights {
			if w < 1e-9 { // nobody's class stays where its attributes say
				continue
			}
			for j := range d {
				p := config.PseudoImages
				means.Set(k, j, (sums[k*d+j]+w*m.mean[j]+p*predicted.At(k, j))/(w+p))
				if mu := sums[k*d+j] / w; config.Variances == gfzslEstimated {
					variances.Set(k, j, max(squares[k*d+j]/w-mu*mu, 0)+m.floor)
				}
			}
		}
	}
	m.known, m.knownMeans, m.knownSpans = classes, means, variances
	return nil
}

// Load makes a model of a file of Model.Tensors.
func (m *gfzslMethod) Load(f *safetensors.File) (method.Model, error) {
	l := loader{f: f}
	g := &gfzslModel{method: m, seen: l.matrix("seen", -1, -1)}
	classes, _ := g.seen.Dims()
	g.means = l.matrix("means", classes, -1)
	_, d := g.means.Dims()
	g.variances = l.matrix("variances", classes, d)
	g.base, g.mean, g.variance = l.vector("base", d), l.vector("mean", d), l.vector("variance", d)
	g.floor = l.vector("floor", 1)[0]
	if _, ok := f.Get("mixture.classes"); ok {
		_, a := g.seen.Dims()
		g.known = l.matrix("mixture.classes", -1, a)
		k, _ := g.known.Dims()
		g.knownMeans, g.knownSpans = l.matrix("mixture.means", k, d), l.matrix("mixture.variances", k, d)
	}
	if l.err != nil {
		return nil, fmt.Errorf("no GFZSL model: %w", l.err)
	}
	return g, nil
}
