package methods

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"

	"gonum.org/v1/gonum/mat"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// sseMethod is Zhang and Saligrama's semantic similarity embedding (ICCV 2015) with the ReLU embedding.
//
// sseMethod describes classes and samples by how they resemble the seen classes s, and compares the two:
//
//	psi(a) = argmin over the simplex of 1/2 |a - sum over s of alpha_s a_s|^2 + ridge/2 |alpha|^2
//	f(x, a) = sum over s of psi_s(a) w'max(0, x - v_s)
//	min_{w, v}  mean over samples of the sum over seen classes c != y of max(0, margin + f(x, c) - f(x, y))
//	            + decay/2 (|w|^2 + sum |v_s - m_s|^2)
//
// The original alternates between w and v, and has further constraints on how a class's samples lie to the others'
// embeddings; here both are trained at once by descent, from v_s = m_s, the mean of class s, and w = -1: a sample that is
// nowhere above a class's mean resembles it most. It regularises v_s towards 0; here it is towards m_s, since few epochs
// move it little.
//
// Any classes can be scored: ZSL, GZSL; labelled images of unseen classes can join the training.
type sseMethod struct {
	Ridge  float64 `toml:"ridge" range:"[1e-9, 1e9]" comment:"gamma: how evenly a class is described by the seen ones it resembles"`
	Margin float64 `toml:"margin" range:"[1e-12, 1e6]" comment:"margin by which a sample's class should score above the others"`
	Training
}

var sseSpec = method.Spec{
	Name: "sse", Title: "SSE-ReLU",
	Paper:   "Zhang and Saligrama, Zero-shot learning via semantic similarity embedding, ICCV 2015",
	Default: method.Of(defaultSSE), Features: method.FeaturesSqrtL2, Attributes: attributes.L2,
}

// defaultSSE are settings that learn on CUB; no others were tried.
func defaultSSE() sseMethod {
	return sseMethod{Ridge: 0.1, Margin: 0.1, Training: Training{LearningRate: 1e-3, WeightDecay: 1e-5, Batch: 64, Epochs: 6}}
}

// Validate explains the first setting that cannot work.
func (m *sseMethod) Validate() error { return method.Check("sse", m) }

// Space is what tuning searches.
func (m *sseMethod) Space() []method.Dimension {
	return []method.Dimension{
		{Setting: "ridge", Low: 1e-3, High: 1, Log: true},
		{Setting: "margin", Low: 0.01, High: 1, Log: true},
		{Setting: "attributes", Values: []any{"l2", "centre-l2"}},
	}
}

// Fit trains w and v; validation chooses the epochs.
func (m *sseMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
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
	// Classes without samples stand in no embedding, but are competitors like the others.
	mix := newMixtures(method.Matrix(stats.attributes), float64(float32(m.Ridge)))
	psi := mix.of(method.Matrix(p.Train.Attributes))
	o := newEmbedding(single(psi.RawMatrix().Data), single(stats.means.RawMatrix().Data), p.Train.Dim(), m.Margin)
	return m.fit(ctx, p, s, o, func() method.Model { return sseModel(mix, o.w.values, o.positions(nil)) })
}

// embedding is the objective, with v_s = m_s + offset_s.
type embedding[T float] struct {
	psi               []T // classes x S
	means             []T // S x feature
	classes, parts, d int
	margin            float64
	w, offset         *weights[T]

	v, g, f, df, dg, dw []T
}

func newEmbedding[T float](psi, means []T, d int, margin float64) *embedding[T] {
	parts := len(means) / d
	o := &embedding[T]{psi: psi, means: means, classes: len(psi) / parts, parts: parts, d: d, margin: margin,
		w: newWeights[T]("w", d), offset: newWeights[T]("offset", parts, d)}
	for j := range o.w.values {
		o.w.values[j] = -1
	}
	return o
}

func (o *embedding[T]) parameters() []*weights[T] { return []*weights[T]{o.w, o.offset} }

// positions are v.
func (o *embedding[T]) positions(to []T) []T {
	to = sized(to, len(o.means))
	for i, m := range o.means {
		to[i] = m + o.offset.values[i]
	}
	return to
}

func (o *embedding[T]) loss(x []T, labels []int, _ *rand.Rand) float64 {
	n, S, C, d := len(labels), o.parts, o.classes, o.d
	o.v, o.g, o.f, o.df = o.positions(o.v), sized(o.g, n*S), sized(o.f, n*C), sized(o.df, n*C)
	o.dg, o.dw = sized(o.dg, n*S), sized(o.dw, S*d)
	resemblance(o.g, x, n, o.w.values, o.v)
	kernels.Gemm(false, true, n, C, S, 1, o.g, S, o.psi, S, 0, o.f, C)
	clear(o.df)
	sum := 0.0
	for i, y := range labels {
		f, df := o.f[i*C:(i+1)*C], o.df[i*C:(i+1)*C]
		for c, v := range f {
			if h := o.margin + float64(v-f[y]); c != y && h > 0 {
				sum += h
				df[c] += T(1 / float64(n))
				df[y] -= T(1 / float64(n))
			}
		}
	}
	kernels.Gemm(false, false, n, S, C, 1, o.df, C, o.psi, S, 0, o.dg, S)
	// dg = df psi; d/dw_j = sum of dg_is max(0, x_ij - v_sj), d/dv_sj = -w_j sum over i of dg_is [x_ij > v_sj].
	clear(o.dw)
	clear(o.offset.gradient)
	inParts(S, func(s int) {
		dw, dv, v := o.dw[s*d:(s+1)*d], o.offset.gradient[s*d:(s+1)*d], o.v[s*d:(s+1)*d]
		for i := range n {
			q := o.dg[i*S+s]
			if q == 0 {
				continue
			}
			for j, e := range x[i*d : (i+1)*d] {
				if e -= v[j]; e > 0 {
					dw[j] += q * e
					dv[j] -= q
				}
			}
		}
		for j, e := range o.w.values {
			dv[j] *= e
		}
	})
	clear(o.w.gradient)
	for s := range S {
		for j, e := range o.dw[s*d : (s+1)*d] {
			o.w.gradient[j] += e
		}
	}
	return sum / float64(n)
}

// resemblance is w'max(0, x_i - v_s), n x S.
func resemblance[T float](to, x []T, n int, w, v []T) {
	d := len(w)
	S := len(v) / d
	inParts(S, func(s int) {
		of := v[s*d : (s+1)*d]
		for i := range n {
			var sum T
			for j, e := range x[i*d : (i+1)*d] {
				sum += w[j] * max(0, e-of[j])
			}
			to[i*S+s] = sum
		}
	})
}

// inParts calls f for 0 to n-1 on all processors.
func inParts(n int, f func(i int)) {
	var wg sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), n)
	for k := range workers {
		wg.Go(func() {
			for i := k; i < n; i += workers {
				f(i)
			}
		})
	}
	wg.Wait()
}

func sseModel(mix *mixtures, w, v []float32) *model {
	parts, a := mix.rows.Dims()
	d := len(w)
	return &model{feature: d, attribute: a,
		tensors: append(mix.tensors(), []safetensors.Tensor{
			{Name: "w", Shape: []int{d}, F32: w},
			{Name: "v", Shape: []int{parts, d}, F32: v},
		}...),
		score: func(x []float32, n int, s []float32, c int) []float32 {
			psi := single(mix.of(mat.NewDense(c, a, doubled(s))).RawMatrix().Data)
			g, scores := make([]float32, n*parts), make([]float32, n*c)
			resemblance(g, x, n, w, v)
			kernels.Sgemm(false, true, n, c, parts, 1, g, parts, psi, parts, 0, scores, c)
			return scores
		}}
}

// Load makes a model of a file of Model.Tensors.
func (m *sseMethod) Load(f *safetensors.File) (method.Model, error) {
	mix, err := loadMixtures(f)
	if err != nil {
		return nil, fmt.Errorf("no SSE model: %w", err)
	}
	parts, _ := mix.rows.Dims()
	w, err := tensor(f, "w", -1)
	if err != nil {
		return nil, fmt.Errorf("no SSE model: %w", err)
	}
	v, err := tensor(f, "v", parts, len(w))
	if err != nil {
		return nil, fmt.Errorf("no SSE model: %w", err)
	}
	return sseModel(mix, w, v), nil
}
