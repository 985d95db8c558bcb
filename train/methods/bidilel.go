package methods

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// bidilelMethod is Wang and Chen's bidirectional latent embedding (IJCV 2017).
//
// bidilelMethod embeds from both sides. Bottom up, features go to a latent space by a supervised locality preserving
// projection, which brings samples of one class together:
//
//	max_P  tr P' S_b P  subject to  P'(S_t + ridge I) P = I,  S_t = sum (x-m)(x-m)',  S_b = sum over c n_c (m_c-m)(m_c-m)'
//
// The latent means b_s of the seen classes are its landmarks. Top down, another class u stands where its distances to
// the landmarks are as its semantic ones, by Sammon's stress:
//
//	b_u = argmin_b  sum over s of (|b - b_s| - d(a_u, a_s))^2 / d(a_u, a_s)
//
// A sample goes to the nearest landmark. d is the Euclidean distance of attribute vectors times the factor that fits the
// seen classes' own distances best; a class with a seen one's attributes has its landmark.
//
// The original's graph weighs pairs of a class by their cosine; equal weights make the problem that of the class means
// alone, whose solutions for a whole grid of ridges come of one banded form. It embeds all unseen classes at once,
// with the distances among themselves; here each is placed for itself, so that a class's score does not depend on what
// others there are. The stress is minimised by its majoriser (de Leeuw's), which has no step to choose, beginning at the mean
// of the landmarks, those of near classes weighing more.
//
// Any classes can be scored: ZSL, GZSL; labelled images of unseen classes can join the training.
type bidilelMethod struct {
	Ridge      []float64 `toml:"ridge" range:"(0, inf)" comment:"grid of the ridge of the features' projection, selected on the validation classes"`
	Iterations int       `toml:"iterations" range:"[1, inf)" comment:"maximum number of iterations for placing a class by its distances to the seen ones"`
}

var bidilelSpec = method.Spec{
	Name: "bidilel", Title: "BiDiLEL",
	Paper:   "Wang and Chen, Zero-shot visual recognition via bidirectional latent embedding, IJCV 2017",
	Default: method.Of(defaultBiDiLEL), Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
	Seedless: true,
}

// defaultBiDiLEL is a grid of decades.
func defaultBiDiLEL() bidilelMethod {
	return bidilelMethod{Ridge: []float64{0.01, 0.1, 1, 10, 100}, Iterations: 200}
}

// Validate explains the first setting that cannot work.
func (m *bidilelMethod) Validate() error { return method.Check("bidilel", m) }

// Space is the normalisations; the grid costs one fit.
func (m *bidilelMethod) Space() []method.Dimension {
	return []method.Dimension{
		{Setting: "features", Values: []any{"l2", "sqrt-l2"}},
		{Setting: "attributes", Values: []any{"l2", "centre-l2", "standardise"}},
	}
}

// Fit solves for all of the grid and keeps the point best on the validation classes; without these the grid must be a
// single point, or the choice made already.
func (m *bidilelMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	useKernels()
	grid := axis{"ridge", m.Ridge}
	g, err := newGrid("BiDiLEL", p, s, &grid)
	if err != nil {
		return nil, err
	}
	stats, err := newClassStatistics(ctx, &p.Train)
	if err != nil {
		return nil, err
	}
	classes, d := stats.means.Dims()
	if classes < 3 {
		return nil, fmt.Errorf("BiDiLEL needs at least three seen classes with samples, there are %d", classes)
	}
	// H = sqrt(n_c) (m_c - m) in columns: S_b = H H'. As regressions its targets are 1/sqrt(n_c) for a class's samples.
	h, targets := mat.NewDense(classes, d, nil), mat.NewDense(len(p.Train.Attributes), classes, nil)
	for c, n := range stats.counts {
		row := h.RawRowView(c)
		copy(row, stats.means.RawRowView(c))
		blas64.Axpy(-1, vector(stats.mean), vector(row))
		blas64.Scal(math.Sqrt(n), vector(row))
		targets.Set(stats.index[c], c, 1/math.Sqrt(n))
	}
	ridge, err := newRidges(ctx, &p.Train, targets)
	if err != nil {
		return nil, err
	}
	seen := method.Matrix(stats.attributes)
	err = g.search(ctx, []*axis{&grid}, func(c method.Choice) (method.Model, error) {
		alpha := c["ridge"]
		shifts := make([]float64, classes)
		for i := range shifts {
			shifts[i] = alpha
		}
		y, err := ridge.solve(shifts) // ((S_t + ridge I)^-1 H)'
		if err != nil {
			return nil, fmt.Errorf("ridge %g: %w", alpha, err)
		}
		// With H'(S_t + ridge I)^-1 H = G diag(w) G', P = (S_t + ridge I)^-1 H G diag(w)^-1/2.
		var inner mat.Dense
		inner.Mul(y, h.T())
		symmetric := mat.NewSymDense(classes, nil)
		for i := range classes {
			for j := i; j < classes; j++ {
				symmetric.SetSym(i, j, (inner.At(i, j)+inner.At(j, i))/2)
			}
		}
		var eigen mat.EigenSym
		if !eigen.Factorize(symmetric, true) {
			return nil, errors.New("the eigenvalues did not converge")
		}
		w := eigen.Values(nil)
		var q, projection mat.Dense
		eigen.VectorsTo(&q)
		first := 0 // the centred means depend on one another: one eigenvalue at least is zero
		for first < classes-1 && w[first] <= 1e-10*w[classes-1] {
			first++
		}
		projection.Mul(q.Slice(0, classes, first, classes).T(), y)
		for k, v := range w[first:] {
			blas64.Scal(1/math.Sqrt(v), vector(projection.RawRowView(k)))
		}
		var landmarks mat.Dense
		landmarks.Mul(h, projection.T())
		for c, n := range stats.counts {
			blas64.Scal(1/math.Sqrt(n), vector(landmarks.RawRowView(c)))
		}
		return newBiDiLELModel(seen, &landmarks, &projection, ridge.mean, m.Iterations), nil
	})
	return &g.out, err
}

// newBiDiLELModel has the seen classes' attributes (classes x a) and landmarks (classes x k), and the projection (k x d)
// of features about their mean.
func newBiDiLELModel(seen, landmarks, projection *mat.Dense, mean []float64, iterations int) *model {
	classes, a := seen.Dims()
	k, d := projection.Dims()
	// Semantic distances times this are latent ones: least squares over the pairs of seen classes.
	semantic, latent := squaredDistances(seen, seen), squaredDistances(landmarks, landmarks)
	product, square := 0.0, 0.0
	for i := range classes {
		for j := range i {
			product += math.Sqrt(semantic.At(i, j) * latent.At(i, j))
			square += semantic.At(i, j)
		}
	}
	factor := product / max(square, math.SmallestNonzeroFloat64)
	p32, mean32 := single(projection.RawMatrix().Data), single(mean)
	return &model{feature: d, attribute: a,
		tensors: []safetensors.Tensor{
			{Name: "seen", Shape: []int{classes, a}, F64: seen.RawMatrix().Data},
			{Name: "landmarks", Shape: []int{classes, k}, F64: landmarks.RawMatrix().Data},
			{Name: "projection", Shape: []int{k, d}, F64: projection.RawMatrix().Data},
			{Name: "mean", Shape: []int{d}, F64: mean},
		},
		score: func(x []float32, n int, s []float32, c int) []float32 {
			distances := squaredDistances(mat.NewDense(c, a, doubled(s)), seen)
			to := make([]float32, 0, c*k)
			at := make([]float64, k)
			for i := range c {
				row := distances.RawRowView(i)
				for j, v := range row {
					row[j] = factor * math.Sqrt(v)
				}
				place(at, row, landmarks, iterations)
				to = append(to, single(at)...)
			}
			latent := make([]float32, n*k)
			kernels.Sgemm(false, true, n, k, d, 1, centred(x, mean32), d, p32, d, 0, latent, k)
			return nearest(latent, n, to, c, k)
		}}
}

// place finds the point of least stress to the landmarks at the given distances.
func place(at, distances []float64, landmarks *mat.Dense, iterations int) {
	clear(at)
	total := 0.0
	nearest := 0
	for s, d := range distances {
		if d < distances[nearest] {
			nearest = s
		}
	}
	near := distances[nearest]
	if near < 1e-6*mean(distances) {
		copy(at, landmarks.RawRowView(nearest))
		return
	}
	for s, d := range distances {
		w := math.Pow(near/d, 4)
		blas64.Axpy(w, vector(landmarks.RawRowView(s)), vector(at))
		total += w
	}
	blas64.Scal(1/total, vector(at))
	total = 0
	for _, d := range distances {
		total += 1 / d
	}
	next, away := make([]float64, len(at)), make([]float64, len(at))
	for range iterations {
		// b = sum of w_s (b_s + d_s (b - b_s)/|b - b_s|) / sum of w_s, w_s = 1/d_s.
		clear(next)
		for s, d := range distances {
			landmark := vector(landmarks.RawRowView(s))
			copy(away, at)
			blas64.Axpy(-1, landmark, vector(away))
			blas64.Axpy(1/d, landmark, vector(next))
			if length := blas64.Nrm2(vector(away)); length > 0 {
				blas64.Axpy(1/length, vector(away), vector(next))
			}
		}
		blas64.Scal(1/total, vector(next))
		copy(away, next)
		blas64.Axpy(-1, vector(at), vector(away))
		copy(at, next)
		if blas64.Nrm2(vector(away)) < 1e-9*blas64.Nrm2(vector(at)) {
			return
		}
	}
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// Load makes a model of a file of Model.Tensors.
func (m *bidilelMethod) Load(f *safetensors.File) (method.Model, error) {
	l := loader{f: f}
	seen := l.matrix("seen", -1, -1)
	classes, _ := seen.Dims()
	landmarks := l.matrix("landmarks", classes, -1)
	_, k := landmarks.Dims()
	projection := l.matrix("projection", k, -1)
	_, d := projection.Dims()
	mean := l.vector("mean", d)
	if l.err != nil {
		return nil, fmt.Errorf("no BiDiLEL model: %w", l.err)
	}
	return newBiDiLELModel(seen, landmarks, projection, mean, m.Iterations), nil
}
