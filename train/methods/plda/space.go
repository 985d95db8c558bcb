package plda

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"vzsl/internal/kernels"
	"vzsl/train/method"
)

// useKernels makes gonum's matrices use the project's multiplication.
var useKernels = sync.OnceFunc(func() { blas64.Use(kernels.BLAS{}) })

// space is whitened feature space: y = L^-1 (x - m) with the within-class scatter L L' after shrinking. The first coordinates,
// rank in number, span the seen classes' means; in the others these are all 0.
type space struct {
	s       *statistics
	whiten  *mat.Dense // d x d: y' = (x - m)' whiten
	span    *mat.Dense // d x rank, orthonormal columns
	means   *mat.Dense // S x rank: the class means in span
	kernel  *mat.Dense // S x S
	project *mat.Dense // D x d: whiten and span, then the complement of span; nil until asked for
}

// whiten makes the space of one shrinkage.
func (s *statistics) whiten(shrink float64) (*space, error) {
	useKernels()
	d, _ := s.scatter.Dims()
	var c mat.Cholesky
	if !c.Factorize(shifted(s.scatter, shrink*mat.Trace(s.scatter)/float64(d))) {
		return nil, fmt.Errorf("the scatter within classes is not positive definite in double precision with a shrink of %g; use a larger one", shrink)
	}
	var u, inverse mat.TriDense
	c.UTo(&u)
	if err := inverse.InverseTri(&u); err != nil {
		return nil, fmt.Errorf("shrink %g: %w", shrink, err)
	}
	sp := &space{s: s, whiten: mat.DenseCopyOf(&inverse)}
	var means mat.Dense
	means.Mul(s.means, sp.whiten)
	values, vectors, err := eigen(outer(&means))
	if err != nil {
		return nil, err
	}
	if !(values[0] > 0) {
		return nil, fmt.Errorf("%w: all seen classes have the same mean feature: there is nothing to learn", ErrUnfit)
	}
	rank := 0
	for rank < len(values) && values[rank] > 1e-10*values[0] {
		rank++
	}
	kept := mat.DenseCopyOf(vectors.Slice(0, len(values), 0, rank))
	for j := range rank {
		scaleColumn(kept, j, 1/math.Sqrt(values[j]))
	}
	sp.span, sp.means = &mat.Dense{}, &mat.Dense{}
	sp.span.Mul(means.T(), kept)
	sp.means.Mul(&means, sp.span)
	a := method.Matrix(s.attributes)
	sp.kernel = kernelOf(a, a)
	return sp, nil
}

// shifted is a + by I of a symmetric a.
func shifted(a mat.Matrix, by float64) *mat.SymDense {
	n, _ := a.Dims()
	out := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			out.SetSym(i, j, a.At(i, j))
		}
		out.SetSym(i, i, a.At(i, i)+by)
	}
	return out
}

// eigen returns eigenvalues, none below 0, and vectors, the largest first.
func eigen(a mat.Symmetric) (values []float64, vectors *mat.Dense, err error) {
	var e mat.EigenSym
	if !e.Factorize(a, true) {
		return nil, nil, errors.New("the eigenvalues did not converge")
	}
	up := e.Values(nil)
	var v mat.Dense
	e.VectorsTo(&v)
	n := len(up)
	values, vectors = make([]float64, n), mat.NewDense(n, n, nil)
	for j := range n {
		values[j] = max(up[n-1-j], 0)
		for i := range n {
			vectors.Set(i, j, v.At(i, n-1-j))
		}
	}
	return values, vectors, nil
}

func scaleColumn(m *mat.Dense, j int, by float64) {
	n, _ := m.Dims()
	for i := range n {
		m.Set(i, j, m.At(i, j)*by)
	}
}

// kernelOf is (1 + a'b)^2 of the rows of a and b.
func kernelOf(a, b *mat.Dense) *mat.Dense {
	var k mat.Dense
	k.Mul(a, b.T())
	for i, v := range k.RawMatrix().Data {
		k.RawMatrix().Data[i] = (1 + v) * (1 + v)
	}
	return &k
}

// model is the space with the regression from attributes of one ridge and floor. It knows no images of unseen classes and, unless
// whole, no coordinates beyond the span of the seen classes' means: enough for the zero-shot setting.
func (sp *space) model(ridge, floor float64, whole bool) (*Model, error) {
	s := sp.s
	classes, rank := sp.means.Dims()
	var c mat.Cholesky
	if !c.Factorize(shifted(sp.kernel, ridge)) {
		return nil, fmt.Errorf("the classes' kernel is not positive definite in double precision with a ridge of %g; use a larger one", ridge)
	}
	var g mat.SymDense
	if err := c.InverseTo(&g); err != nil {
		return nil, fmt.Errorf("ridge %g: %w", ridge, err)
	}
	var alpha, missed mat.Dense
	alpha.Mul(&g, sp.means)
	missed.CloneFrom(&alpha) // r: what leaving a class out misses its mean by
	for i := range classes {
		row := missed.RawRowView(i)
		for j := range row {
			row[j] /= g.At(i, i)
		}
	}
	e, v, err := eigen(outer(missed.T()))
	if err != nil {
		return nil, err
	}
	mean := 0.0
	for j := range e {
		e[j] /= float64(classes)
		mean += e[j] / float64(rank)
	}
	if !(mean > 0) {
		return nil, fmt.Errorf("%w: the attributes predict the seen classes' means without error: there is nothing to learn from", ErrUnfit)
	}
	dim, attribute := len(s.mean), len(s.attributes[0])
	m := &Model{feature: dim, attribute: attribute, rank: rank, floor: floor * mean, shotWeight: 1,
		seen: s.attributes, counts: s.counts, alpha: &mat.Dense{}, means: &mat.Dense{}, prior: &mat.Dense{}}
	for _, x := range e {
		m.tau = append(m.tau, x+m.floor)
	}
	m.alpha.Mul(&alpha, v)
	m.means.Mul(sp.means, v)
	m.prior.Mul(&missed, v)
	m.prior.Sub(m.means, m.prior)
	var turned mat.Dense // D x rank
	turned.Mul(sp.span, v)
	var first mat.Dense
	first.Mul(sp.whiten, &turned)
	if s.basis != nil {
		var t mat.Dense
		t.Mul(s.basis, &first)
		first = t
	}
	m.dims = rank
	columns := &first
	if whole {
		all := sp.complete()
		_, m.dims = all.Dims()
		columns = mat.DenseCopyOf(all)
		columns.Slice(0, dim, 0, rank).(*mat.Dense).Copy(&first)
	}
	m.project = make([]float32, m.dims*dim)
	offset := make([]float64, m.dims)
	for i := range dim {
		for j, x := range columns.RawRowView(i) {
			m.project[j*dim+i] = float32(x)
			offset[j] += x * s.mean[i]
		}
	}
	m.offset, m.centre = single(offset), single(s.mean)
	m.ready()
	return m, nil
}

// complete returns the projection to span and an orthonormal complement, D x d.
func (sp *space) complete() *mat.Dense {
	if sp.project != nil {
		return sp.project
	}
	d, rank := sp.span.Dims()
	h := mat.NewDense(d, d, nil)
	h.Slice(0, d, 0, rank).(*mat.Dense).Copy(sp.span)
	if rank < d {
		var qr mat.QR
		qr.Factorize(sp.span)
		var q mat.Dense
		qr.QTo(&q)
		h.Slice(0, d, rank, d).(*mat.Dense).Copy(q.Slice(0, d, rank, d))
	}
	var p mat.Dense
	p.Mul(sp.whiten, h)
	if sp.s.basis != nil {
		var t mat.Dense
		t.Mul(sp.s.basis, &p)
		p = t
	}
	sp.project = &p
	return sp.project
}

func single(v []float64) []float32 {
	s := make([]float32, len(v))
	for i, x := range v {
		s[i] = float32(x)
	}
	return s
}
