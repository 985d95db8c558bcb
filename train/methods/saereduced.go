package methods

import (
	"context"
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"

	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// fitReduced is Fit of reduced features.
func (m *saeMethod) fitReduced(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	reductions, lambdas := axis{"reduction", m.Reduction}, axis{"lambda", m.Lambda}
	g, err := newGrid("SAE", p, s, &reductions, &lambdas)
	if err != nil {
		return nil, err
	}
	S := method.Matrix(p.Train.Attributes)
	classes, _ := S.Dims()
	indicators := mat.NewDense(classes, classes, nil)
	for c := range classes {
		indicators.Set(c, c, 1)
	}
	gram, sums, _, err := moments(ctx, &p.Train, indicators)
	if err != nil {
		return nil, err
	}
	w, u, err := sampleSpectrum(S, &p.Train)
	if err != nil {
		return nil, err
	}
	length := mat.Trace(gram) / float64(p.Train.Len()) // mean squared
	if !(length > 0) {
		return nil, errors.New("all features are zero: there is nothing to reduce")
	}
	type reduced struct {
		r      *mat.Dense // d x classes
		b      []float64  // eigenvalues of R'X X'R
		v      *mat.Dense // its eigenvectors, in the columns
		target *mat.Dense // U' S X'R V
	}
	known := map[float64]*reduced{}
	reduction := func(ridge float64) (*reduced, error) {
		if r := known[ridge]; r != nil {
			return r, nil
		}
		r := &reduced{target: &mat.Dense{}}
		if r.r, err = solve(gram, ridge*length, sums); err != nil {
			return nil, fmt.Errorf("reduction %g: %w", ridge, err)
		}
		var half, square, cross mat.Dense
		half.Mul(gram, r.r)
		square.Mul(r.r.T(), &half)
		var eigen mat.EigenSym
		if !eigen.Factorize(mat.NewSymDense(classes, square.RawMatrix().Data), true) {
			return nil, fmt.Errorf("reduction %g: the eigenvalues did not converge", ridge)
		}
		r.b, r.v = eigen.Values(nil), &mat.Dense{}
		eigen.VectorsTo(r.v)
		cross.Mul(sums.T(), r.r) // Y'X'R
		var turned, attributes mat.Dense
		turned.Mul(&cross, r.v)
		attributes.Mul(S.T(), &turned)
		r.target.Mul(u.T(), &attributes)
		known[ridge] = r
		return r, nil
	}
	err = g.search(ctx, []*axis{&reductions, &lambdas}, func(c method.Choice) (method.Model, error) {
		r, err := reduction(c["reduction"])
		if err != nil {
			return nil, err
		}
		lambda := c["lambda"]
		// In the coordinates of both spectra each value of W has an equation of its own; one without any variance is 0.
		y := mat.DenseCopyOf(r.target)
		y.Apply(func(i, j int, t float64) float64 {
			if by := w[i] + lambda*max(r.b[j], 0); by > 1e-12*(w[len(w)-1]+lambda*r.b[classes-1]) {
				return (1 + lambda) * t / by
			}
			return 0
		}, y)
		var half, W mat.Dense
		half.Mul(u, y)
		W.Mul(&half, r.v.T())
		return newReducedSAEModel(W.RawMatrix().Data, r.r, m.Direction), nil
	})
	return &g.out, err
}

// newReducedSAEModel is the model of W (a x classes) for features reduced by r (features x classes).
func newReducedSAEModel(w []float64, r *mat.Dense, direction string) *described {
	d, classes := r.Dims()
	inner := newSAEModel(w, make([]float64, classes), direction)
	r32 := single(r.RawMatrix().Data)
	reduced := func(x []float32, n int) []float32 {
		y := make([]float32, n*classes)
		kernels.Sgemm(false, false, n, classes, d, 1, x, d, r32, classes, 0, y, classes)
		return y
	}
	m := &model{feature: d, attribute: inner.attribute, tensors: []safetensors.Tensor{
		{Name: "w", Shape: []int{inner.attribute, classes}, F64: w},
		{Name: "reduction", Shape: []int{d, classes}, F64: r.RawMatrix().Data},
	}}
	m.score = func(x []float32, n int, s []float32, c int) []float32 { return inner.score(reduced(x, n), n, s, c) }
	return &described{m, func(x []float32, n int) []float32 { return inner.describe(reduced(x, n), n) }}
}
