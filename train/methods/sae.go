package methods

import (
	"context"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/mat"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// The directions of SAE's comparison.
const (
	saeToFeatures   = "to-features"   // of features, with those that the decoder makes of attributes
	saeToAttributes = "to-attributes" // of attributes, with those that the encoder makes of features
)

// saeMethod is the semantic autoencoder of Kodirov, Xiang and Gong (CVPR 2017).
//
// saeMethod fits an encoder W (a x d) whose transpose decodes:
//
//	min_W ||X - W'S||^2 + lambda ||W X - S||^2
//
// with samples in the columns of X (d x n) and their classes' attributes in those of S (a x n). The solution is that of
// Sylvester's equation S S' W + lambda W X X' = (1 + lambda) S X'. A feature goes to the class of the largest cosine, of
// x and W's or of W x and s.
//
// The original solves the equation by Bartels and Stewart's method, for one lambda. Here S S' = U diag(a) U' gives each
// row y of U'W a ridge regression of its own, (X X' + a_i/lambda I) y_i = (1 + 1/lambda) (U'S X')_i, and one banded
// form of X X' (of X'X where there are fewer samples than dimensions) solves all of them for all lambdas. The mean of X
// is taken off, which the original's features do without: those here are not negative, no linear decoder of centred
// attributes makes their mean, and all cosines with it are alike.
//
// On CUB the original first reduces the features to one value for each seen class, R'x with R = (X X' + r I)^-1 X Y, the ridge
// regression to the classes' indicators Y (n x classes). So it is here by default (reduction): of X X' and X Y alone, the sums over
// the samples, R'X X'R and S X'R = S Y'X'R follow. What is reduced is not centred: its mean is as much a matter of the classes as
// the rest.
type saeMethod struct {
	Lambda    []float64 `toml:"lambda" range:"(0, inf)" comment:"grid of the encoder's weight relative to the decoder's, selected on the validation classes"`
	Reduction []float64 `toml:"reduction" range:"[0, inf)" comment:"grid of the ridge, in the features' mean squared lengths, of the regression to the classes by which features are reduced to one value for each seen class first, as the original does on CUB; 0: no reduction"`
	Direction string    `toml:"direction" range:"to-features | to-attributes" comment:"to-features compares features with those decoded from attributes, to-attributes attributes with those encoded from features"`
}

var saeSpec = method.Spec{
	Name: "sae", Title: "SAE",
	Paper:   "Kodirov, Xiang and Gong, Semantic autoencoder for zero-shot learning, CVPR 2017",
	Default: method.Of(defaultSAE), Features: method.FeaturesSqrtL2, Attributes: attributes.L2,
	Seedless: true,
}

// defaultSAE is a grid of decades.
func defaultSAE() saeMethod {
	return saeMethod{Lambda: []float64{1e-3, 1e-2, 1e-1, 1, 10, 100, 1000}, Reduction: []float64{1, 0.3, 3}, Direction: saeToFeatures}
}

// Validate explains the first setting that cannot work.
func (m *saeMethod) Validate() error {
	if err := method.Check("sae", m); err != nil {
		return err
	}
	if len(m.Reduction) > 1 && slices.Contains(m.Reduction, 0) {
		return fmt.Errorf("sae setting: reduction = %v; 0 (no reduction) cannot be combined with other values", m.Reduction)
	}
	return nil
}

// Absent: models from before the reduction existed have none.
func (m *saeMethod) Absent(lacks func(setting string) bool) {
	if lacks("reduction") {
		m.Reduction = []float64{0}
	}
}

// reduces reports whether features are reduced.
func (m *saeMethod) reduces() bool { return m.Reduction[0] > 0 }

// Space is the direction and the normalisations, and whether features are reduced; both grids cost one fit.
func (m *saeMethod) Space() []method.Dimension {
	return []method.Dimension{
		{Setting: "reduction", Values: []any{[]float64{1, 0.3, 3}, []float64{0}}},
		{Setting: "direction", Values: []any{saeToFeatures, saeToAttributes}},
		{Setting: "features", Values: []any{"l2", "sqrt-l2"}},
		{Setting: "attributes", Values: []any{"l2", "centre-l2"}},
	}
}

// Fit solves for all of the grid and keeps the point best on the validation classes; without these the grid must be a
// single point, or the choice made already.
func (m *saeMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	useKernels()
	if m.reduces() {
		return m.fitReduced(ctx, p, s)
	}
	lambdas := axis{"lambda", m.Lambda}
	g, err := newGrid("SAE", p, s, &lambdas)
	if err != nil {
		return nil, err
	}
	S := method.Matrix(p.Train.Attributes)
	classes, a := S.Dims()
	w, u, err := sampleSpectrum(S, &p.Train)
	if err != nil {
		return nil, err
	}
	first := 0 // a direction without any variance has no row in U'S
	for first < a-1 && w[first] <= 1e-12*w[a-1] {
		first++
	}
	w = w[first:]
	U := u.Slice(0, a, first, a)
	targets := mat.NewDense(classes, len(w), nil)
	targets.Mul(S, U)
	ridge, err := newRidges(ctx, &p.Train, targets)
	if err != nil {
		return nil, err
	}
	shifts := make([]float64, len(w))
	err = g.search(ctx, []*axis{&lambdas}, func(c method.Choice) (method.Model, error) {
		lambda := c["lambda"]
		for i, x := range w {
			shifts[i] = x / lambda
		}
		y, err := ridge.solve(shifts)
		if err != nil {
			return nil, fmt.Errorf("lambda %g: %w", lambda, err)
		}
		var W mat.Dense
		W.Mul(U, y)
		W.Scale(1+1/lambda, &W)
		return newSAEModel(W.RawMatrix().Data, ridge.mean, m.Direction), nil
	})
	return &g.out, err
}

// newSAEModel is the model of W (a x d) and the features' mean. It describes a sample by W x, whose product with a class's
// vector is the cosine of either direction but for the lengths.
func newSAEModel(w, mean []float64, direction string) *described {
	d := len(mean)
	a := len(w) / d
	m := &model{feature: d, attribute: a, tensors: []safetensors.Tensor{
		{Name: "w", Shape: []int{a, d}, F64: w},
		{Name: "mean", Shape: []int{d}, F64: mean},
	}}
	w32, mean32 := single(w), single(mean)
	encode := func(x []float32, n int) []float32 {
		e := make([]float32, n*a)
		kernels.Sgemm(false, true, n, a, d, 1, x, d, w32, d, 0, e, a)
		return e
	}
	m.score = func(x []float32, n int, s []float32, c int) []float32 {
		x = centred(x, mean32)
		of, with, length := x, s, d
		if direction == saeToFeatures {
			with = make([]float32, c*d)
			kernels.Sgemm(false, false, c, d, a, 1, s, a, w32, d, 0, with, d)
		} else {
			of, length = encode(x, n), a
		}
		return cosines(of, n, with, c, length)
	}
	return &described{m, func(x []float32, n int) []float32 { return encode(centred(x, mean32), n) }}
}

// Load makes a model of a file of Model.Tensors.
func (m *saeMethod) Load(f *safetensors.File) (method.Model, error) {
	w, shape, err := double(f, "w", -1, -1)
	if err != nil {
		return nil, fmt.Errorf("no SAE model: %w", err)
	}
	if _, ok := f.Get("reduction"); ok {
		r, of, err := double(f, "reduction", -1, shape[1])
		if err != nil {
			return nil, fmt.Errorf("no SAE model: %w", err)
		}
		return newReducedSAEModel(w, mat.NewDense(of[0], of[1], r), m.Direction), nil
	}
	mean, _, err := double(f, "mean", shape[1])
	if err != nil {
		return nil, fmt.Errorf("no SAE model: %w", err)
	}
	return newSAEModel(w, mean, m.Direction), nil
}
