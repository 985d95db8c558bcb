package baselines

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// ESZSL are the settings of Romera-Paredes and Torr's embarrassingly simple zero-shot learning (ICML 2015).
type ESZSL struct {
	Gamma  []float64 `toml:"gamma" comment:"grid of the ridge on the features' side, chosen on the validation classes"`
	Lambda []float64 `toml:"lambda" comment:"grid of the ridge on the attributes' side"`
}

// DefaultESZSL is the paper's grid, 10^-3 to 10^3.
func DefaultESZSL() ESZSL {
	grid := []float64{1e-3, 1e-2, 1e-1, 1, 10, 100, 1000}
	return ESZSL{Gamma: grid, Lambda: slices.Clone(grid)}
}

// Validate explains the first setting that cannot work.
func (c *ESZSL) Validate() error {
	for name, grid := range map[string][]float64{"gamma": c.Gamma, "lambda": c.Lambda} {
		if len(grid) == 0 {
			return fmt.Errorf("eszsl setting: %s has no values", name)
		}
		for _, v := range grid {
			if !(v > 0) || math.IsInf(v, 0) {
				return fmt.Errorf("eszsl setting: %s = %v; it must be positive", name, v)
			}
		}
	}
	return nil
}

// Method fits with these settings.
func (c *ESZSL) Method() method.Method { return &ESZSLMethod{Config: *c} }

// Space is empty: the grid costs one fit.
func (c *ESZSL) Space() []method.Dimension { return nil }

// ESZSLMethod fits x'Vs, the compatibility of a feature x (d values) and an attribute vector s (a values), to 1 for the
// sample's class and 0 for the other seen classes:
//
//	V = (X X' + gamma I)^-1 X Y S' (S S' + lambda I)^-1
//
// with samples in the columns of X (d x n), classes in those of S (a x c), Y n x c. The original has -1 for the other
// classes; 0, as later implementations have it, differs only by a constant pull on all of them. Computed in double
// precision: one Cholesky factor for each gamma, one eigendecomposition of S S' for all lambdas.
type ESZSLMethod struct{ Config ESZSL }

var _ method.Method = (*ESZSLMethod)(nil)

// Name is "eszsl".
func (m *ESZSLMethod) Name() string { return "eszsl" }

// useKernels makes gonum's matrices use the project's multiplication.
var useKernels = sync.OnceFunc(func() { blas64.Use(kernels.BLAS{}) })

// Fit solves for all of the grid and keeps the point best on the validation classes; without these the grid must be a
// single point, or the choice made already.
func (m *ESZSLMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Config.Validate(); err != nil {
		return nil, err
	}
	useKernels()
	gammas, lambdas := m.Config.Gamma, m.Config.Lambda
	validation := p.Validation
	if s.Choice != nil {
		gammas, lambdas, validation = []float64{s.Choice["gamma"]}, []float64{s.Choice["lambda"]}, nil
		if !(gammas[0] > 0) || !(lambdas[0] > 0) {
			return nil, fmt.Errorf("the choice %v is none", s.Choice)
		}
	}
	total := len(gammas) * len(lambdas)
	if (validation == nil || validation.Len() == 0) && total > 1 {
		return nil, errors.New("ESZSL chooses gamma and lambda on validation classes and the split has none: give it some, or one gamma and one lambda")
	}
	if p.Train.Len() == 0 || len(p.Train.Attributes) == 0 {
		return nil, errors.New("no samples to train on")
	}
	gram, cross, err := moments(ctx, &p.Train)
	if err != nil {
		return nil, err
	}
	d, a := cross.Dims()
	// S S' = Q diag(w) Q'.
	S := mat.NewDense(len(p.Train.Attributes), a, nil)
	for i, row := range p.Train.Attributes {
		for j, v := range row {
			S.Set(i, j, float64(v))
		}
	}
	var outer mat.SymDense
	outer.SymOuterK(1, S.T())
	var eigen mat.EigenSym
	if !eigen.Factorize(&outer, true) {
		return nil, errors.New("the attributes' eigenvalues did not converge")
	}
	w := eigen.Values(nil)
	var q mat.Dense
	eigen.VectorsTo(&q)
	var crossQ mat.Dense
	crossQ.Mul(cross, &q)

	o := &method.Outcome{Accuracy: -1}
	done := 0
	for _, gamma := range gammas {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		half, err := solve(gram, gamma, &crossQ)
		if err != nil {
			return nil, fmt.Errorf("gamma %g: %w", gamma, err)
		}
		for _, lambda := range lambdas {
			scaled := mat.DenseCopyOf(half)
			for j, x := range w {
				column := blas64.Vector{N: d, Inc: a, Data: scaled.RawMatrix().Data[j:]}
				blas64.Scal(1/(max(x, 0)+lambda), column)
			}
			var v mat.Dense
			v.Mul(scaled, q.T())
			model := newESZSLModel(d, a, v.RawMatrix().Data)
			done++
			pt := method.Point{Done: done, Total: total, Values: map[string]float64{"gamma": gamma, "lambda": lambda},
				Choice: method.Choice{"gamma": gamma, "lambda": lambda}}
			accuracy := 0.0
			if validation != nil && validation.Len() > 0 {
				if accuracy, err = method.Accuracy(model, validation); err != nil {
					return nil, err
				}
				pt.Accuracy, pt.Validated = accuracy, true
			}
			if accuracy > o.Accuracy {
				o.Model, o.Accuracy, o.Choice = model, accuracy, pt.Choice
			}
			if s.Step != nil {
				s.Step(done, total)
			}
			if s.Point != nil {
				if err := s.Point(pt); err != nil {
					return nil, err
				}
			}
		}
	}
	return o, nil
}

// moments are X X' (d x d) and X Y S' (d x a), a block of samples at a time.
func moments(ctx context.Context, t *method.Data) (gram, cross *mat.Dense, err error) {
	const block = 512
	d, a, n := t.Dim(), len(t.Attributes[0]), t.Len()
	gram, cross = mat.NewDense(d, d, nil), mat.NewDense(d, a, nil)
	row := make([]float32, d)
	x, s := make([]float64, min(block, n)*d), make([]float64, min(block, n)*a)
	for lo := 0; lo < n; lo += block {
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		k := min(block, n-lo)
		for i := range k {
			t.Row(lo+i, row)
			for j, v := range row {
				x[i*d+j] = float64(v)
			}
			// Y S': a sample's row is its class's attributes.
			of := t.Attributes[t.Label(lo+i)]
			if len(of) != a {
				return nil, nil, fmt.Errorf("classes with %d and %d attributes", a, len(of))
			}
			for j, v := range of {
				s[i*a+j] = float64(v)
			}
		}
		kernels.Dgemm(true, false, d, d, k, 1, x, d, x, d, 1, gram.RawMatrix().Data, d)
		kernels.Dgemm(true, false, d, a, k, 1, x, d, s, a, 1, cross.RawMatrix().Data, a)
	}
	return gram, cross, nil
}

// solve is (gram + gamma I)^-1 b, by a Cholesky factor.
func solve(gram *mat.Dense, gamma float64, b *mat.Dense) (*mat.Dense, error) {
	d, a := b.Dims()
	g := mat.NewSymDense(d, slices.Clone(gram.RawMatrix().Data))
	for i := range d {
		g.SetSym(i, i, g.At(i, i)+gamma)
	}
	var c mat.Cholesky
	if !c.Factorize(g) {
		return nil, errors.New("the matrix X X' + gamma I is not positive definite in double precision; take a larger gamma")
	}
	u := c.RawU().(*mat.TriDense).RawTriangular() // gram + gamma I = U'U
	x := mat.DenseCopyOf(b)
	to := x.RawMatrix().Data
	// Block by block, so that nearly all of it is matrix products.
	const block = 64
	diagonal := func(at, n int, t blas.Transpose) {
		blas64.Trsm(blas.Left, t, 1, blas64.Triangular{Uplo: blas.Upper, Diag: blas.NonUnit, N: n, Stride: u.Stride, Data: u.Data[at*u.Stride+at:]},
			blas64.General{Rows: n, Cols: a, Stride: a, Data: to[at*a:]})
	}
	for at := 0; at < d; at += block { // U'y = b
		n := min(block, d-at)
		kernels.Dgemm(true, false, n, a, at, -1, u.Data[at:], u.Stride, to, a, 1, to[at*a:], a)
		diagonal(at, n, blas.Trans)
	}
	for at := (d - 1) / block * block; at >= 0; at -= block { // Ux = y
		n := min(block, d-at)
		if rest := d - at - n; rest > 0 {
			kernels.Dgemm(false, false, n, a, rest, -1, u.Data[at*u.Stride+at+n:], u.Stride, to[(at+n)*a:], a, 1, to[at*a:], a)
		}
		diagonal(at, n, blas.NoTrans)
	}
	return x, nil
}

// eszslModel scores by x'Vs. It keeps V as it was computed, in double precision.
type eszslModel struct {
	compatibility
	v []float64 // feature x attribute
}

func newESZSLModel(feature, attribute int, v []float64) *eszslModel {
	m := &eszslModel{compatibility{feature, attribute, make([]float32, len(v))}, v}
	for i, x := range v {
		m.w[i] = float32(x)
	}
	return m
}

func (m *eszslModel) Tensors() []safetensors.Tensor {
	return []safetensors.Tensor{{Name: "v", Shape: []int{m.feature, m.attribute}, F64: m.v}}
}

// Load makes a model of a file of Model.Tensors.
func (m *ESZSLMethod) Load(f *safetensors.File) (method.Model, error) {
	t, ok := f.Get("v")
	if !ok || len(t.Shape) != 2 || t.F64 == nil || t.Shape[0] < 1 || t.Shape[1] < 1 {
		return nil, errors.New("no ESZSL model: the tensor v is missing or no float64 matrix")
	}
	return newESZSLModel(t.Shape[0], t.Shape[1], t.F64), nil
}
