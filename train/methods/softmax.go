package methods

import (
	"context"
	"math/rand/v2"

	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// classifier is a multinomial logistic regression over the classes trained on, p(c|x) proportional to exp(w_c'x + b_c).
// Methods that tell unseen classes from the seen ones' probabilities begin with it.
type classifier struct {
	classes, feature int
	weight, bias     []float32 // classes x feature; classes
}

// classifierEpochs is the default number of epochs.
const classifierEpochs = 20

// classifierTraining are its settings, the best of a few by a fifth of the images of 80 seen classes of CUB (fc7, square
// root and L2), of which it names 83 %.
func classifierTraining(epochs int) Training {
	return Training{LearningRate: 0.01, WeightDecay: 1e-5, Batch: 64, Epochs: epochs}
}

// fitClassifier minimises the mean of -log p(y|x), and L2 on the weights, by descent. Progress and checkpoints are the
// session's.
func fitClassifier(ctx context.Context, t *method.Data, seed uint64, d Training, s *method.Session) (*classifier, error) {
	o := newLinear(len(t.Attributes), t.Dim(), crossEntropy[float32])
	_, err := d.fit(ctx, &method.Problem{Train: *t, Seed: seed}, &method.Session{Step: s.Step, Resume: s.Resume, Due: s.Due, Save: s.Save}, o, func() method.Model { return nil })
	if err != nil {
		return nil, err
	}
	return &classifier{classes: o.outputs, feature: o.feature, weight: o.weight.values, bias: o.bias.values}, nil
}

// fitClassified is how the methods begin that infer from the seen classes' probabilities: the classes' vectors, one after
// another and each so long, a grid over the axes, the classifier. title is the method's name in the literature.
func fitClassified(ctx context.Context, p *method.Problem, s *method.Session, d Training, title string, axes ...*axis) (c *classifier, seen []float32, attribute int, g *grid, err error) {
	if seen, attribute, err = classVectors(p); err != nil {
		return nil, nil, 0, nil, err
	}
	// The grid's points cost next to nothing: progress is the classifier's.
	if g, err = newGrid(title, p, &method.Session{Choice: s.Choice, Point: s.Point}, axes...); err != nil {
		return nil, nil, 0, nil, err
	}
	c, err = fitClassifier(ctx, &p.Train, p.Seed, d, s)
	return c, seen, attribute, g, err
}

// loadClassifier reads what tensors gave.
func loadClassifier(f *safetensors.File) (*classifier, error) {
	weight, err := tensor(f, "classifier.weight", -1, -1)
	if err != nil {
		return nil, err
	}
	t, _ := f.Get("classifier.weight")
	c := &classifier{classes: t.Shape[0], feature: t.Shape[1], weight: weight}
	c.bias, err = tensor(f, "classifier.bias", c.classes)
	return c, err
}

func (c *classifier) tensors() []safetensors.Tensor {
	return []safetensors.Tensor{
		{Name: "classifier.weight", Shape: []int{c.classes, c.feature}, F32: c.weight},
		{Name: "classifier.bias", Shape: []int{c.classes}, F32: c.bias},
	}
}

// probabilities are p(c|x), n x classes.
func (c *classifier) probabilities(x []float32, n int) []float32 {
	p := make([]float32, n*c.classes)
	logits(p, x, c.weight, c.bias, n)
	for i := range n {
		method.Softmax(p[i*c.classes : (i+1)*c.classes])
	}
	return p
}

// logits are x weight' + bias.
func logits[T float](to, x, weight, bias []T, n int) {
	classes := len(bias)
	feature := len(weight) / classes
	kernels.Gemm(false, true, n, classes, feature, 1, x, feature, weight, feature, 0, to, classes)
	for i := range n {
		for j, b := range bias {
			to[i*classes+j] += b
		}
	}
}

// outputLoss is the loss of a sample of class y by its outputs, which it overwrites with their derivatives.
type outputLoss[T float] func(outputs []T, y int) float64

// crossEntropy is -log p(y|x), the classifier's.
func crossEntropy[T float](outputs []T, y int) float64 {
	of := float64(outputs[y])
	loss := method.Softmax(outputs) - of
	outputs[y]--
	return loss
}

// linear is the objective of outputs w_c'x + b_c: the mean of their loss.
type linear[T float] struct {
	outputs, feature int
	weight, bias     *weights[T]
	of               outputLoss[T]
	p                []T
}

func newLinear[T float](outputs, feature int, of outputLoss[T]) *linear[T] {
	return &linear[T]{outputs: outputs, feature: feature, of: of,
		weight: newWeights[T]("weight", outputs, feature), bias: newWeights[T]("bias", outputs).unbound()}
}

func (o *linear[T]) parameters() []*weights[T] { return []*weights[T]{o.weight, o.bias} }

func (o *linear[T]) loss(x []T, labels []int, _ *rand.Rand) float64 {
	n, c := len(labels), o.outputs
	o.p = sized(o.p, n*c)
	logits(o.p, x, o.weight.values, o.bias.values, n)
	clear(o.bias.gradient)
	sum := 0.0
	for i, y := range labels {
		row := o.p[i*c : (i+1)*c]
		sum += o.of(row, y)
		for j := range row {
			row[j] /= T(n)
			o.bias.gradient[j] += row[j]
		}
	}
	kernels.Gemm(true, false, c, o.feature, n, 1, o.p, c, x, o.feature, 0, o.weight.gradient, o.feature)
	return sum / float64(n)
}

// sized is v with n values, which are not to be relied on.
func sized[T any](v []T, n int) []T {
	if cap(v) < n {
		return make([]T, n)
	}
	return v[:n]
}
