package methods

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// sdlMethod is Zhang and Saligrama's joint latent similarity embedding (CVPR 2016), by supervised dictionary
// learning.
//
// sdlMethod gives classes and samples codes over a dictionary each, and compares them by a matrix that is trained to
// report whether the two are of one class:
//
//	psi(a) = argmin over the simplex of 1/2 |a - sum over s of alpha_s a_s|^2 + ridge/2 |alpha|^2
//	z(x)   = argmin_z 1/2 |x - m - sum over s of z_s (m_s - m)|^2 + r/2 |z|^2
//	f(x, a) = (z(x), 1)' W psi(a)
//	min_W  mean over samples of the sum over seen classes c of max(0, 1 - y f(x, c)) + decay/2 |W|^2
//
// with y = 1 for the sample's class and -1 for the others, m_s the mean of class s and m that of all samples. The
// original learns the atoms of both dictionaries, codes and W in turns, and infers a test sample's code again for each
// class that it might be of. Here the atoms are those that the original begins with on the classes' side, the seen
// classes, and their means on the other; the codes are of reconstruction alone; only W sees which belong together.
//
// Any classes can be scored: ZSL, GZSL; labelled images of unseen classes can join the training.
type sdlMethod struct {
	Ridge     float64 `toml:"ridge" range:"[1e-9, 1e9]" comment:"of the attributes' codes: how evenly a class is described by the seen ones it resembles"`
	CodeRidge float64 `toml:"code_ridge" range:"[1e-9, 1e9]" comment:"of the features' codes, in mean squared lengths of the dictionary's atoms"`
	Training
}

var sdlSpec = method.Spec{
	Name: "sdl", Title: "SDL",
	Paper:   "Zhang and Saligrama, Zero-shot learning via joint latent similarity embedding, CVPR 2016",
	Default: method.Of(defaultSDL), Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
}

// defaultSDL are settings chosen on validation classes of CUB.
func defaultSDL() sdlMethod {
	return sdlMethod{Ridge: 1, CodeRidge: 0.1, Training: Training{LearningRate: 1e-3, WeightDecay: 1e-5, Batch: 64, Epochs: 20}}
}

// Validate explains the first setting that cannot work.
func (m *sdlMethod) Validate() error { return method.Check("sdl", m) }

// Space is what tuning searches.
func (m *sdlMethod) Space() []method.Dimension {
	return []method.Dimension{
		{Setting: "ridge", Low: 1e-3, High: 1, Log: true},
		{Setting: "code_ridge", Low: 1e-3, High: 10, Log: true},
		{Setting: "weight_decay", Low: 1e-7, High: 1e-3, Log: true},
		{Setting: "features", Values: []any{"l2", "sqrt-l2"}},
		{Setting: "attributes", Values: []any{"l2", "centre-l2"}},
	}
}

// codes are samples' codes in place of their features.
type codes struct {
	method.Samples
	rows []float32
	dim  int
}

func (c *codes) Dim() int                 { return c.dim }
func (c *codes) Row(i int, dst []float32) { copy(dst, c.rows[i*c.dim:(i+1)*c.dim]) }

// Fit trains W; validation chooses the epochs.
func (m *sdlMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	if _, _, err := classVectors(p); err != nil {
		return nil, err
	}
	useKernels()
	stats, err := newClassStatistics(ctx, &p.Train)
	if err != nil {
		return nil, err
	}
	parts, d := stats.means.Dims()
	for c := range parts {
		blas64.Axpy(-1, vector(stats.mean), vector(stats.means.RawRowView(c)))
	}
	// z(x) = (M M' + r I)^-1 M (x - m), M's rows being the atoms.
	var gram mat.Dense
	gram.Mul(stats.means, stats.means.T())
	encoder, err := solve(&gram, m.CodeRidge*gram.Trace()/float64(parts), stats.means)
	if err != nil {
		return nil, fmt.Errorf("SDL needs two seen classes of different means: %w", err)
	}
	k := &coder{parts: parts, mean: single(stats.mean), encoder: single(encoder.RawMatrix().Data)}
	mix := newMixtures(method.Matrix(stats.attributes), float64(float32(m.Ridge)))
	psi := single(mix.of(method.Matrix(p.Train.Attributes)).RawMatrix().Data)

	coded := &codes{Samples: p.Train.Samples, dim: parts + 1}
	for row, i := make([]float32, d), 0; i < p.Train.Len(); i++ {
		if i%512 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		p.Train.Row(i, row)
		coded.rows = append(coded.rows, k.codes(row, 1)...)
	}
	o := newBilinear(psi, parts+1, parts, 1, sameClass[float32])
	inner := &method.Problem{Train: method.Data{Samples: coded, Attributes: p.Train.Attributes}, Validation: p.Validation, Seed: p.Seed}
	return m.fit(ctx, inner, s, o, func() method.Model { return sdlModel(k, mix, o.w.values) })
}

// sameClass is the hinge loss of telling for each class whether the sample is of it.
func sameClass[T float](margin float64, scores []T, y int, gradient []T) float64 {
	sum := 0.0
	for c, f := range scores {
		side := -1.0
		if c == y {
			side = 1
		}
		if h := margin - side*float64(f); h > 0 {
			sum += h
			gradient[c] = T(-side)
		}
	}
	return sum
}

// coder makes features' codes.
type coder struct {
	parts         int
	mean, encoder []float32 // feature; parts x feature
}

// codes are n x (parts + 1), the last value 1.
func (k *coder) codes(x []float32, n int) []float32 {
	d, length := len(k.mean), k.parts+1
	z := make([]float32, n*length)
	kernels.Sgemm(false, true, n, k.parts, d, 1, centred(x, k.mean), d, k.encoder, d, 0, z, length)
	for i := range n {
		z[(i+1)*length-1] = 1
	}
	return z
}

// sdlModel has W, (parts + 1) x parts.
func sdlModel(k *coder, mix *mixtures, w []float32) *model {
	parts, a := mix.rows.Dims()
	d := len(k.mean)
	return &model{feature: d, attribute: a,
		tensors: append(mix.tensors(), []safetensors.Tensor{
			{Name: "w", Shape: []int{parts + 1, parts}, F32: w},
			{Name: "mean", Shape: []int{d}, F32: k.mean},
			{Name: "encoder", Shape: []int{parts, d}, F32: k.encoder},
		}...),
		score: func(x []float32, n int, s []float32, c int) []float32 {
			psi := single(mix.of(mat.NewDense(c, a, doubled(s))).RawMatrix().Data)
			compared, scores := make([]float32, n*parts), make([]float32, n*c)
			kernels.Sgemm(false, false, n, parts, parts+1, 1, k.codes(x, n), parts+1, w, parts, 0, compared, parts)
			kernels.Sgemm(false, true, n, c, parts, 1, compared, parts, psi, parts, 0, scores, c)
			return scores
		}}
}

// Load makes a model of a file of Model.Tensors.
func (m *sdlMethod) Load(f *safetensors.File) (method.Model, error) {
	mix, err := loadMixtures(f)
	if err != nil {
		return nil, fmt.Errorf("no SDL model: %w", err)
	}
	parts, _ := mix.rows.Dims()
	k := &coder{parts: parts}
	if k.mean, err = tensor(f, "mean", -1); err != nil {
		return nil, fmt.Errorf("no SDL model: %w", err)
	}
	if k.encoder, err = tensor(f, "encoder", parts, len(k.mean)); err != nil {
		return nil, fmt.Errorf("no SDL model: %w", err)
	}
	w, err := tensor(f, "w", parts+1, parts)
	if err != nil {
		return nil, fmt.Errorf("no SDL model: %w", err)
	}
	return sdlModel(k, mix, w), nil
}
