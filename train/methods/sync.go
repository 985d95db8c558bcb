package methods

import (
	"context"
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"

	"vzsl/attributes"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// syncMethod is the synthesised classifiers of Changpinyo, Chao, Gong and Sha (CVPR 2016).
//
// syncMethod makes a class's linear classifier of those of phantom classes r, which stand at the seen classes' attributes:
//
//	w(a) = sum over r of s_r(a) v_r,  s_r(a) = exp(-|a - a_r|^2 / sigma^2) / sum over q of exp(-|a - a_q|^2 / sigma^2)
//	min_V  mean over samples of the sum over seen classes c of max(0, 1 - y w_c'x)^2 + decay/2 sum over c of |w_c|^2
//
// with y = 1 for the sample's class, -1 for the others: the original's one-versus-other loss, and as many phantoms as
// seen classes, at the same places, as its experiments have them. V acts through the seen classes' W = S V alone and S
// is square, so the minimum is found over W, without sigma, and V = S'(S S' + 1e-8 I)^-1 W follows: the whole grid costs
// one fit. (S has an inverse but where classes have the same attributes; these share their classifiers' mean then.) The
// original optimises V itself; here W is fitted by descent, with a bias.
//
// Any classes can be scored: ZSL, GZSL; labelled images of unseen classes can join the training.
type syncMethod struct {
	Sigma []float64 `toml:"sigma" range:"(0, inf)" comment:"grid of the width of the similarity of classes, in root mean square distances between seen classes, selected on the validation classes"`
	Training
}

var syncSpec = method.Spec{
	Name: "sync", Title: "SYNC",
	Paper:   "Changpinyo, Chao, Gong and Sha, Synthesized classifiers for zero-shot learning, CVPR 2016",
	Default: method.Of(defaultSYNC), Features: method.FeaturesSqrtL2, Attributes: attributes.CentreL2,
}

// defaultSYNC are settings chosen on validation classes of CUB.
func defaultSYNC() syncMethod {
	return syncMethod{Sigma: []float64{0.25, 0.5, 1, 2, 4, 8}, Training: Training{LearningRate: 1e-2, WeightDecay: 1e-3, Batch: 64, Epochs: 15}}
}

// Validate explains the first setting that cannot work.
func (m *syncMethod) Validate() error { return method.Check("sync", m) }

// Space is what tuning searches beside sigma.
func (m *syncMethod) Space() []method.Dimension {
	return []method.Dimension{
		{Setting: "weight_decay", Low: 1e-6, High: 1e-2, Log: true},
		{Setting: "features", Values: []any{"l2", "sqrt-l2"}},
		{Setting: "attributes", Values: []any{"l2", "centre-l2"}},
	}
}

// Fit trains the seen classes' classifiers and chooses sigma on the validation classes.
func (m *syncMethod) Fit(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	useKernels()
	sigmas := axis{"sigma", m.Sigma}
	g, err := newGrid("SYNC", p, &method.Session{Choice: s.Choice, Point: s.Point, Log: s.Log}, &sigmas)
	if err != nil {
		return nil, err
	}
	o := newLinear(len(p.Train.Attributes), p.Train.Dim(), squaredHinges[float32])
	if _, err := m.fit(ctx, &method.Problem{Train: p.Train, Seed: p.Seed}, &method.Session{Step: s.Step}, o,
		func() method.Model { return nil }); err != nil {
		return nil, err
	}
	seen := method.Matrix(p.Train.Attributes)
	classes, _ := seen.Dims()
	scale := meanSquare(seen)
	if scale == 0 {
		return nil, errors.New("all classes have the same attributes")
	}
	W := mat.NewDense(classes, o.feature+1, nil) // the bias is one more value
	for c := range classes {
		row := W.RawRowView(c)
		for j, v := range o.weight.values[c*o.feature : (c+1)*o.feature] {
			row[j] = float64(v)
		}
		row[o.feature] = float64(o.bias.values[c])
	}
	err = g.search(ctx, []*axis{&sigmas}, func(c method.Choice) (method.Model, error) {
		sigma := c["sigma"]
		width := sigma * sigma * scale
		S := similarity(seen, seen, width)
		var square, v mat.Dense
		square.Mul(S, S.T())
		inverse, err := solve(&square, syncRidge, W)
		if err != nil {
			return nil, fmt.Errorf("sigma %g: %w", sigma, err)
		}
		v.Mul(S.T(), inverse)
		return newSYNCModel(seen, &v, width), nil
	})
	return &g.out, err
}

const syncRidge = 1e-8

// squaredHinges is the one-versus-other loss of a sample's outputs.
func squaredHinges[T float](outputs []T, y int) float64 {
	sum := 0.0
	for c, z := range outputs {
		side := T(-1)
		if c == y {
			side = 1
		}
		h := max(0, 1-side*z)
		sum += float64(h) * float64(h)
		outputs[c] = -2 * side * h
	}
	return sum
}

// meanSquare is the mean squared distance between two rows.
func meanSquare(s *mat.Dense) float64 {
	d := squaredDistances(s, s)
	n, _ := d.Dims()
	return mat.Sum(d) / float64(max(n*(n-1), 1))
}

// squaredDistances are those of the rows of a to the rows of b.
func squaredDistances(a, b *mat.Dense) *mat.Dense {
	n, _ := a.Dims()
	m, _ := b.Dims()
	d := mat.NewDense(n, m, nil)
	d.Apply(func(i, j int, _ float64) float64 {
		sum := 0.0
		y := b.RawRowView(j)
		for k, v := range a.RawRowView(i) {
			sum += (v - y[k]) * (v - y[k])
		}
		return sum
	}, d)
	return d
}

// similarity is s_r of the rows of a, r being the rows of seen.
func similarity(a, seen *mat.Dense, width float64) *mat.Dense {
	s := squaredDistances(a, seen)
	n, _ := s.Dims()
	for i := range n {
		row := s.RawRowView(i)
		for r := range row {
			row[r] = -row[r] / width
		}
		method.Softmax(row)
	}
	return s
}

// newSYNCModel scores with the phantoms' V (classes x d+1).
func newSYNCModel(seen, v *mat.Dense, width float64) *model {
	classes, a := seen.Dims()
	_, d1 := v.Dims()
	return &model{feature: d1 - 1, attribute: a,
		tensors: []safetensors.Tensor{
			{Name: "seen", Shape: []int{classes, a}, F64: seen.RawMatrix().Data},
			{Name: "phantoms", Shape: []int{classes, d1}, F64: v.RawMatrix().Data},
			{Name: "width", Shape: []int{1}, F64: []float64{width}},
		},
		score: func(x []float32, n int, s []float32, c int) []float32 {
			var W mat.Dense
			W.Mul(similarity(mat.NewDense(c, a, doubled(s)), seen, width), v)
			w := single(W.RawMatrix().Data)
			scores := make([]float32, n*c)
			for i := range n {
				for j := range c {
					scores[i*c+j] = w[(j+1)*d1-1]
				}
			}
			kernels.Sgemm(false, true, n, c, d1-1, 1, x, d1-1, w, d1, 1, scores, c)
			return scores
		}}
}

// Load makes a model of a file of Model.Tensors.
func (m *syncMethod) Load(f *safetensors.File) (method.Model, error) {
	l := loader{f: f}
	seen := l.matrix("seen", -1, -1)
	classes, _ := seen.Dims()
	v := l.matrix("phantoms", classes, -1)
	width := l.vector("width", 1)[0]
	if l.err != nil {
		return nil, fmt.Errorf("no SYNC model: %w", l.err)
	}
	return newSYNCModel(seen, v, width), nil
}
