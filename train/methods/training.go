package methods

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"vzsl/internal/kernels"
	"vzsl/train/gradient"
	"vzsl/train/method"
)

// float is the precision of an objective: single in training, double where its gradient is checked.
type float interface{ float32 | float64 }

// weights are a parameter of an objective and the derivative of the loss by it, of the same shape.
type weights[T float] struct {
	name             string
	shape            []int
	values, gradient []T
	free             bool // of weight decay
}

func newWeights[T float](name string, shape ...int) *weights[T] {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return &weights[T]{name: name, shape: shape, values: make([]T, n), gradient: make([]T, n)}
}

// draw sets the weights to normal numbers of that deviation.
func (w *weights[T]) draw(std float64, seed uint64) *weights[T] {
	r := random(seed, "start "+w.name, 0)
	for i := range w.values {
		w.values[i] = T(std * r.NormFloat64())
	}
	return w
}

// unbound frees the weights of weight decay, as biases are.
func (w *weights[T]) unbound() *weights[T] {
	w.free = true
	return w
}

// objective is the loss of a method trained by descent.
type objective[T float] interface {
	parameters() []*weights[T]
	// loss is the mean loss of len(labels) samples, x being their features one after another. It writes the gradients.
	// r is the step's own source of chance.
	loss(x []T, labels []int, r *rand.Rand) float64
}

// random is the generator for one purpose and one step: what it gives does not depend on what was drawn before, so that
// a resumed fit needs no state but its step.
func random(seed uint64, purpose string, step int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return rand.New(rand.NewPCG(seed^h.Sum64(), uint64(step)))
}

// Training are the settings of the methods trained by stochastic gradients: shuffled mini-batches, Adam with a cosine
// decay of the learning rate to 0 after the last epoch, the number of epochs selected on the validation classes. The methods'
// papers take one sample a step and a rate of their own; mini-batches make each step two matrix products, and Adam makes
// one rate serve all normalisations of features and attributes.
type Training struct {
	LearningRate float64 `toml:"learning_rate" range:"[1e-12, 10]" comment:"initial Adam learning rate; cosine decay to 0"`
	WeightDecay  float64 `toml:"weight_decay" range:"[0, 1e6]" comment:"L2 penalty on the weights"`
	Batch        int     `toml:"batch" range:"[1, 1048576]" comment:"mini-batch size"`
	Epochs       int     `toml:"epochs" range:"[1, 1e9]" comment:"maximum epochs; the best is selected on the validation classes"`
}

// fit trains o's parameters. With validation classes it ends with those of the epoch that was best on them; with a choice
// made earlier it trains for as many epochs as chosen. made gives the model that the parameters make now; it may share
// their memory.
func (c Training) fit(ctx context.Context, p *method.Problem, s *method.Session, o objective[float32], made func() method.Model) (*method.Outcome, error) {
	if p.Train.Len() == 0 || len(p.Train.Attributes) == 0 {
		return nil, errors.New("no samples to train on")
	}
	epochs, err := gradient.Epochs(s.Choice, "epochs", c.Epochs)
	if err != nil {
		return nil, err
	}
	all := o.parameters()
	var parameters []gradient.Parameter
	for _, w := range all {
		decay := c.WeightDecay
		if w.free {
			decay = 0
		}
		parameters = append(parameters, gradient.Parameter{Name: w.name, Shape: w.shape, Values: w.values, Decay: decay})
	}
	size, dim := min(c.Batch, p.Train.Len()), p.Train.Dim()
	steps := p.Train.Len() / size
	t := gradient.New(s, parameters)
	sum := 0.0 // of the epoch's losses
	if v, err := t.Resume(); err != nil {
		return nil, fmt.Errorf("resuming: %w", err)
	} else if v != nil {
		if sum = v.Number("sum"); v.Err != nil || t.Step < 0 || t.Step > epochs*steps {
			return nil, fmt.Errorf("resuming: step %d of %d: %w", t.Step, epochs*steps, v.Err)
		}
	}
	x, labels := make([]float32, size*dim), make([]int, size)
	var order []int
	save := func() error { return t.Save(map[string]string{"sum": gradient.Exact(sum)}) }
	err = t.Run(ctx, gradient.Loop{Step: &t.Step, Steps: steps, Epochs: epochs, Save: save,
		One: func(context.Context) error {
			if order == nil || t.Step%steps == 0 {
				order = random(p.Seed, "shuffle", t.Step/steps).Perm(p.Train.Len())
			}
			for i, row := range order[t.Step%steps*size:][:size] {
				p.Train.Row(row, x[i*dim:(i+1)*dim])
				labels[i] = p.Train.Label(row)
			}
			loss := o.loss(x, labels, random(p.Seed, "step", t.Step))
			if t.Step == 0 {
				t.First = loss
			}
			if math.IsNaN(loss) || math.IsInf(loss, 0) || math.Abs(loss) > 1e6*(1+math.Abs(t.First)) {
				return fmt.Errorf("training diverged in epoch %d: loss %.4g, initially %.4g; try a learning_rate below %v",
					t.Step/steps+1, loss, t.First, c.LearningRate)
			}
			sum += loss
			// The cosine is over all epochs of the settings, so that a choice of fewer ends where validation saw it.
			t.Update(kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Scale: 1, Step: t.Step + 1,
				Rate: gradient.Cosine(c.LearningRate, t.Step, c.Epochs*steps)}, func(i int) []float32 { return all[i].gradient })
			t.Step++
			return nil
		},
		Epoch: func(epoch int) error {
			pt := method.Point{Done: epoch, Total: epochs, Values: map[string]float64{"loss": sum / float64(steps)}, Choice: method.Choice{"epochs": float64(epoch)}}
			sum = 0
			if err := t.Validate(made(), p.Validation, &pt); err != nil {
				return err
			}
			return t.Report(pt)
		},
		Done: func() {
			if s.Step != nil {
				s.Step(t.Step, epochs*steps)
			}
		}})
	if err == nil {
		err = save()
	}
	if err != nil {
		return nil, err
	}
	out := &method.Outcome{Choice: method.Choice{"epochs": float64(epochs)}}
	if t.Best > 0 {
		out.Choice["epochs"], out.Accuracy = float64(t.Best), t.Accuracy
	}
	t.TakeBest()
	out.Model = made()
	return out, nil
}
