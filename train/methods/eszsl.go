package methods

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"vzsl/attributes"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// eszslMethod is Romera-Paredes and Torr's embarrassingly simple zero-shot learning (ICML 2015).
//
// eszslMethod fits x'Vs, the compatibility of a feature x (d values) and an attribute vector s (a values), to 1 for the
// sample's class and 0 for the other seen classes:
//
//	V = (X X' + gamma I)^-1 X Y S' (S S' + lambda I)^-1
//
// with samples in the columns of X (d x n), classes in those of S (a x c), Y n x c. The original has -1 for the other
// classes; 0, as later implementations have it, differs only by a constant pull on all of them. Computed in double
// precision: one Cholesky factor for each gamma, one eigendecomposition of S S' for all lambdas.
type eszslMethod struct {
	Gamma  []float64 `toml:"gamma" range:"(0, inf)" comment:"grid of the ridge on the features' side, selected on the validation classes"`
	Lambda []float64 `toml:"lambda" range:"(0, inf)" comment:"grid of the ridge on the attributes' side"`
}

var eszslSpec = method.Spec{
	Name: "eszsl", Title: "ESZSL",
	Paper:   "Romera-Paredes and Torr, An embarrassingly simple approach to zero-shot learning, ICML 2015",
	Default: method.Of(defaultESZSL), Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
	Seedless: true,
}

// defaultESZSL is the paper's grid, 10^-3 to 10^3.
func defaultESZSL() eszslMethod {
	grid := []float64{1e-3, 1e-2, 1e-1, 1, 10, 100, 1000}
	return eszslMethod{Gamma: grid, Lambda: slices.Clone(grid)}
}

// Validate explains the first setting that cannot work.
func (m *eszslMethod) Validate() error { return method.Check("eszsl", m) }

// Space is empty: the grid costs one fit.
func (m *eszslMethod) Space() []method.Dimension { return nil }

// Fit solves for all of the grid and keeps the point best on the validation classes; without these the grid must be a
// single point, or the choice made already.
func (m *eszslMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	useKernels()
	gammas, lambdas := axis{"gamma", m.Gamma}, axis{"lambda", m.Lambda}
	g, err := newGrid("ESZSL", p, s, &gammas, &lambdas)
	if err != nil {
		return nil, err
	}
	S := method.Matrix(p.Train.Attributes)
	gram, cross, _, err := moments(ctx, &p.Train, S)
	if err != nil {
		return nil, err
	}
	d, a := cross.Dims()
	// S S' = Q diag(w) Q'.
	w, q, err := spectrum(S)
	if err != nil {
		return nil, err
	}
	var crossQ mat.Dense
	crossQ.Mul(cross, q)

	var half *mat.Dense
	solved := 0.0 // the gamma that half is for
	err = g.search(ctx, []*axis{&gammas, &lambdas}, func(c method.Choice) (method.Model, error) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if gamma := c["gamma"]; gamma != solved {
			if half, err = solve(gram, gamma, &crossQ); err != nil {
				return nil, fmt.Errorf("gamma %g: %w", gamma, err)
			}
			solved = gamma
		}
		scaled := mat.DenseCopyOf(half)
		for j, x := range w {
			column := blas64.Vector{N: d, Inc: a, Data: scaled.RawMatrix().Data[j:]}
			blas64.Scal(1/(x+c["lambda"]), column)
		}
		var v mat.Dense
		v.Mul(scaled, q.T())
		return newESZSLModel(d, a, v.RawMatrix().Data), nil
	})
	return &g.out, err
}

// eszslModel scores by x'Vs. It keeps V as it was computed, in double precision.
type eszslModel struct {
	compatibility
	v []float64 // feature x attribute
}

func newESZSLModel(feature, attribute int, v []float64) *eszslModel {
	return &eszslModel{compatibility{feature, attribute, single(v)}, v}
}

func (m *eszslModel) Tensors() []safetensors.Tensor {
	return []safetensors.Tensor{{Name: "v", Shape: []int{m.feature, m.attribute}, F64: m.v}}
}

// Load makes a model of a file of Model.Tensors.
func (m *eszslMethod) Load(f *safetensors.File) (method.Model, error) {
	t, ok := f.Get("v")
	if !ok || len(t.Shape) != 2 || t.F64 == nil || t.Shape[0] < 1 || t.Shape[1] < 1 {
		return nil, errors.New("no ESZSL model: the tensor v is missing or no float64 matrix")
	}
	return newESZSLModel(t.Shape[0], t.Shape[1], t.F64), nil
}
