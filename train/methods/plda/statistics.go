package plda

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"vzsl/internal/kernels"
	"vzsl/train/method"
)

// ErrUnfit says that the samples cannot be described by the model at all, whatever its settings.
var ErrUnfit = errors.New("zero-shot PLDA cannot be fitted to these images")

// statistics are all that the closed form takes of the images of the seen classes: it reads each once and keeps sums, so that
// its memory does not grow with their number. Classes known by a few images only (Problem.Few) have no part in them.
type statistics struct {
	attributes [][]float32 // of the classes with images
	counts     []float64
	mean       []float64  // of the class means: D values
	basis      *mat.Dense // D x d, orthonormal columns; nil: the features' own coordinates
	means      *mat.Dense // S x d: the class means about mean, in the basis
	scatter    *mat.Dense // d x d: of the images about their class's mean, over n - S
}

// gather sums up the seen classes' images.
func gather(ctx context.Context, p *method.Problem, dimensions int) (*statistics, error) {
	useKernels()
	t := &p.Train
	counts := make([]float64, len(t.Attributes))
	n := 0.0
	var rows []int
	for i := range t.Len() {
		if l := t.Label(i); p.Few == nil || !p.Few[l] {
			counts[l]++
			n++
			rows = append(rows, i)
		}
	}
	s := &statistics{}
	index := make([]int, len(counts))
	for c, k := range counts {
		if k > 0 {
			index[c] = len(s.counts)
			s.attributes, s.counts = append(s.attributes, t.Attributes[c]), append(s.counts, k)
		}
	}
	classes, dim := len(s.counts), t.Dim()
	if classes < 2 {
		return nil, fmt.Errorf("%w: %d seen classes with images, at least two are needed", ErrUnfit, classes)
	}
	freedom := n - float64(classes)
	if freedom < 1 {
		return nil, fmt.Errorf("%w: no seen class has two images: there is no scatter within classes to whiten by", ErrUnfit)
	}
	gram, sums, err := sumUp(ctx, t, rows, index, classes)
	if err != nil {
		return nil, err
	}
	for c, k := range s.counts {
		row := sums.RawRowView(c)
		for j := range row {
			row[j] /= k
		}
	}
	s.mean = make([]float64, dim)
	for c := range classes {
		for j, v := range sums.RawRowView(c) {
			s.mean[j] += v / float64(classes)
		}
	}
	means := sums // S x D: from here on class means
	// The scatter: sum x x' - sum_c n_c M_c M_c'. The total about the mean of all images adds that of the classes.
	weighted := mat.NewDense(classes, dim, nil)
	for c, k := range s.counts {
		to := weighted.RawRowView(c)
		for j, v := range means.RawRowView(c) {
			to[j] = v * math.Sqrt(k)
		}
	}
	w := weighted.RawMatrix().Data
	kernels.Dgemm(true, false, dim, dim, classes, -1, w, dim, w, dim, 1, gram.RawMatrix().Data, dim)
	for c := range classes {
		row := means.RawRowView(c)
		for j := range row {
			row[j] -= s.mean[j]
		}
	}
	scatter := gram
	if d := min(dimensions, int(freedom)); d < dim {
		if s.basis, err = principal(ctx, scatter, means, s.counts, d); err != nil {
			return nil, err
		}
		var half, small, projected mat.Dense
		half.Mul(scatter, s.basis)
		small.Mul(s.basis.T(), &half)
		projected.Mul(means, s.basis)
		scatter, means = &small, &projected
	}
	s.means = means
	scatter.Scale(1/freedom, scatter)
	d, _ := scatter.Dims()
	for i := range d { // exactly symmetric
		for j := range i {
			v := (scatter.At(i, j) + scatter.At(j, i)) / 2
			scatter.Set(i, j, v)
			scatter.Set(j, i, v)
		}
	}
	s.scatter = scatter
	if !(mat.Trace(scatter) > 0) {
		return nil, fmt.Errorf("%w: all images of each seen class are the same: there is no scatter within classes to whiten by", ErrUnfit)
	}
	return s, nil
}

// sumUp returns the sums of x x' over the rows and of x over each class's (classes x D).
func sumUp(ctx context.Context, t *method.Data, rows, index []int, classes int) (gram, sums *mat.Dense, err error) {
	const block, panel = 512, 512
	dim := t.Dim()
	gram, sums = mat.NewDense(dim, dim, nil), mat.NewDense(classes, dim, nil)
	g := gram.RawMatrix().Data
	row, x := make([]float32, dim), make([]float64, min(block, len(rows))*dim)
	for lo := 0; lo < len(rows); lo += block {
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		k := min(block, len(rows)-lo)
		for i, r := range rows[lo : lo+k] {
			t.Row(r, row)
			to := sums.RawRowView(index[t.Label(r)])
			for j, v := range row {
				x[i*dim+j] = float64(v)
				to[j] += float64(v)
			}
		}
		for at := 0; at < dim; at += panel { // the half below the diagonal, in panels
			n := min(panel, dim-at)
			kernels.Dgemm(true, false, dim-at, n, k, 1, x[at:], dim, x[at:], dim, 1, g[at*dim+at:], dim)
		}
	}
	for i := range dim {
		for j := range i {
			g[j*dim+i] = g[i*dim+j]
		}
	}
	return gram, sums, nil
}

// principal returns an orthonormal basis of the d-dimensional principal subspace of the images about the mean of their classes'
// means, by subspace iteration from a fixed random start (Halko, Martinsson and Tropp, SIAM Review 2011). What whitens the
// subspace afterwards makes its axes of no account.
func principal(ctx context.Context, scatter, means *mat.Dense, counts []float64, d int) (*mat.Dense, error) {
	dim, _ := scatter.Dims()
	weighted := mat.DenseCopyOf(means)
	for c, k := range counts {
		row := weighted.RawRowView(c)
		for j := range row {
			row[j] *= math.Sqrt(k)
		}
	}
	r := rand.New(rand.NewPCG(0x91da, 0))
	q := mat.NewDense(dim, d, nil)
	for i := range q.RawMatrix().Data {
		q.RawMatrix().Data[i] = r.NormFloat64()
	}
	for range 3 {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var y, a, b mat.Dense
		y.Mul(scatter, q)
		a.Mul(weighted, q)
		b.Mul(weighted.T(), &a)
		y.Add(&y, &b)
		var err error
		if q, err = orthonormal(&y); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// orthonormal returns a basis of the columns of y: by their Cholesky factor twice, or by eigenvectors where they depend on each
// other, which leaves out what is within rounding of nothing.
func orthonormal(y *mat.Dense) (*mat.Dense, error) {
	for range 2 {
		gram := outer(y.T())
		var c mat.Cholesky
		if !c.Factorize(gram) || c.Cond() > 1e14 {
			return independent(y, gram)
		}
		var u, inverse mat.TriDense
		c.UTo(&u)
		if err := inverse.InverseTri(&u); err != nil {
			return independent(y, gram)
		}
		var q mat.Dense
		q.Mul(y, mat.DenseCopyOf(&inverse)) // as a general matrix: gonum's triangular product is slow
		y = &q
	}
	return y, nil
}

// outer is a a', by the project's multiplication.
func outer(a mat.Matrix) *mat.SymDense {
	var full mat.Dense
	full.Mul(a, a.T())
	n, _ := full.Dims()
	return mat.NewSymDense(n, full.RawMatrix().Data)
}

func independent(y *mat.Dense, gram *mat.SymDense) (*mat.Dense, error) {
	var eigen mat.EigenSym
	if !eigen.Factorize(gram, true) {
		return nil, errors.New("principal subspace: the eigenvalues did not converge")
	}
	values := eigen.Values(nil)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	n, top := len(values), values[len(values)-1]
	first := 0
	for first < n-1 && values[first] <= 1e-12*top {
		first++
	}
	if !(top > 0) {
		return nil, fmt.Errorf("%w: all images are the same", ErrUnfit)
	}
	kept := mat.DenseCopyOf(vectors.Slice(0, n, first, n))
	for j := range n - first {
		for i := range n {
			kept.Set(i, j, kept.At(i, j)/math.Sqrt(values[first+j]))
		}
	}
	q := &mat.Dense{}
	q.Mul(y, kept)
	return q, nil
}
