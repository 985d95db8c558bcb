package methods

import (
	"context"
	"math/rand/v2"

	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// ranking are the settings of the methods that learn a bilinear compatibility x'Ws by a ranking loss.
type ranking struct {
	Margin float64 `toml:"margin" range:"[1e-12, 1e6]" comment:"margin by which the true class should score above the others"`
	Training
}

// rankingLoss is the loss of one sample by its scores of all classes, y being its own, and the derivative by the scores,
// which is zeros before.
type rankingLoss[T float] func(margin float64, scores []T, y int, gradient []T) float64

// fitBy fits x'Ws by a ranking loss.
func (m *ranking) fitBy(ctx context.Context, p *method.Problem, s *method.Session, loss rankingLoss[float32]) (*method.Outcome, error) {
	v, attribute, err := classVectors(p)
	if err != nil {
		return nil, err
	}
	o := newBilinear(v, p.Train.Dim(), attribute, m.Margin, loss)
	return m.fit(ctx, p, s, o, func() method.Model {
		return &compatibility{o.feature, o.attribute, o.w.values}
	})
}

func loadCompatibility(f *safetensors.File) (method.Model, error) {
	w, err := tensor(f, "w", -1, -1)
	if err != nil {
		return nil, err
	}
	t, _ := f.Get("w")
	return &compatibility{t.Shape[0], t.Shape[1], w}, nil
}

// bilinear is the objective: with F = X W S' (n x c) and G the derivative of the loss by F, that by W is X' G S.
type bilinear[T float] struct {
	s                           []T // classes x attribute
	classes, feature, attribute int
	margin                      float64
	rank                        rankingLoss[T]
	w                           *weights[T] // feature x attribute; from zero, which is where a convex loss may start

	e, scores, gradient []T
}

func newBilinear[T float](s []T, feature, attribute int, margin float64, rank rankingLoss[T]) *bilinear[T] {
	return &bilinear[T]{s: s, classes: len(s) / attribute, feature: feature, attribute: attribute, margin: margin, rank: rank,
		w: newWeights[T]("w", feature, attribute)}
}

func (o *bilinear[T]) parameters() []*weights[T] { return []*weights[T]{o.w} }

func (o *bilinear[T]) loss(x []T, labels []int, _ *rand.Rand) float64 {
	n, c, d, a := len(labels), o.classes, o.feature, o.attribute
	o.e, o.scores, o.gradient = sized(o.e, n*a), sized(o.scores, n*c), sized(o.gradient, n*c)
	kernels.Gemm(false, false, n, a, d, 1, x, d, o.w.values, a, 0, o.e, a)
	kernels.Gemm(false, true, n, c, a, 1, o.e, a, o.s, a, 0, o.scores, c)
	clear(o.gradient)
	sum := 0.0
	for i, y := range labels {
		sum += o.rank(o.margin, o.scores[i*c:(i+1)*c], y, o.gradient[i*c:(i+1)*c])
	}
	kernels.Gemm(false, false, n, a, c, 1/T(n), o.gradient, c, o.s, a, 0, o.e, a)
	kernels.Gemm(true, false, d, a, n, 1, x, d, o.e, a, 0, o.w.gradient, a)
	return sum / float64(n)
}
