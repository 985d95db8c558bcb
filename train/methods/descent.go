package methods

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
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
func (t Training) fit(ctx context.Context, p *method.Problem, s *method.Session, o objective[float32], made func() method.Model) (*method.Outcome, error) {
	f := &fitting{Training: t, p: p, s: s, o: o, made: made, all: o.parameters()}
	if err := f.prepare(); err != nil {
		return nil, err
	}
	if err := f.run(ctx); err != nil {
		return nil, err
	}
	out := &method.Outcome{Choice: method.Choice{"epochs": float64(f.until)}}
	if f.bestEpoch > 0 {
		for i, w := range f.all {
			copy(w.values, f.best[i])
		}
		out.Choice["epochs"], out.Accuracy = float64(f.bestEpoch), f.accuracy
	}
	out.Model = made()
	return out, nil
}

// fitting is a fit under way.
type fitting struct {
	Training
	p    *method.Problem
	s    *method.Session
	o    objective[float32]
	made func() method.Model
	all  []*weights[float32]

	m1, m2             [][]float32 // Adam's moments
	size, steps, until int         // of a batch, an epoch; epochs to do
	step               int         // done
	sum, first         float64     // of the epoch's losses; the first loss
	accuracy           float64     // the best so far
	bestEpoch          int         // its epoch, from 1; 0: none yet
	best               [][]float32
	bestSaved          int // the epoch of the best parameters last saved
}

func (f *fitting) prepare() error {
	if f.p.Train.Len() == 0 || len(f.p.Train.Attributes) == 0 {
		return errors.New("no samples to train on")
	}
	f.until = f.Epochs
	if f.s.Choice != nil {
		e := f.s.Choice["epochs"]
		if e < 1 || e != math.Trunc(e) {
			return fmt.Errorf("the choice of %v epochs is none", e)
		}
		f.until = int(e)
	}
	f.size = min(f.Batch, f.p.Train.Len())
	f.steps = f.p.Train.Len() / f.size
	for _, w := range f.all {
		f.m1 = append(f.m1, make([]float32, len(w.values)))
		f.m2 = append(f.m2, make([]float32, len(w.values)))
	}
	f.best = make([][]float32, len(f.all))
	if err := f.resume(); err != nil {
		return fmt.Errorf("resuming: %w", err)
	}
	return nil
}

func (f *fitting) run(ctx context.Context) error {
	dim, total := f.p.Train.Dim(), f.until*f.steps
	x, labels := make([]float32, f.size*dim), make([]int, f.size)
	var order []int
	for f.step < total {
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), f.save())
		}
		if order == nil || f.step%f.steps == 0 {
			order = random(f.p.Seed, "shuffle", f.step/f.steps).Perm(f.p.Train.Len())
		}
		for i, row := range order[f.step%f.steps*f.size:][:f.size] {
			f.p.Train.Row(row, x[i*dim:(i+1)*dim])
			labels[i] = f.p.Train.Label(row)
		}
		loss := f.o.loss(x, labels, random(f.p.Seed, "step", f.step))
		if f.step == 0 {
			f.first = loss
		}
		if math.IsNaN(loss) || math.IsInf(loss, 0) || math.Abs(loss) > 1e6*(1+math.Abs(f.first)) {
			return fmt.Errorf("training diverged in epoch %d: loss %.4g after a first of %.4g: try a learning_rate below %v",
				f.step/f.steps+1, loss, f.first, f.LearningRate)
		}
		f.sum += loss
		// The cosine is over all epochs of the settings, so that a choice of fewer ends where validation saw it.
		a := kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Scale: 1, Step: f.step + 1,
			Rate: f.LearningRate * (1 + math.Cos(math.Pi*float64(f.step)/float64(f.Epochs*f.steps))) / 2}
		for i, w := range f.all {
			a.WeightDecay = f.WeightDecay
			if w.free {
				a.WeightDecay = 0
			}
			kernels.AdamStep(a, w.values, w.gradient, f.m1[i], f.m2[i])
		}
		f.step++
		if f.step%f.steps == 0 {
			if err := f.epochDone(); err != nil {
				return err
			}
		}
		if f.s.Step != nil {
			f.s.Step(f.step, total)
		}
		if f.s.Due != nil && f.step < total && f.s.Due() {
			if err := f.save(); err != nil {
				return err
			}
		}
	}
	return f.save()
}

// epochDone validates and reports.
func (f *fitting) epochDone() error {
	epoch := f.step / f.steps
	pt := method.Point{Done: epoch, Total: f.until, Values: map[string]float64{"loss": f.sum / float64(f.steps)}, Choice: method.Choice{"epochs": float64(epoch)}}
	f.sum = 0
	if v := f.p.Validation; v != nil && v.Len() > 0 && f.s.Choice == nil {
		accuracy, err := method.Accuracy(f.made(), v)
		if err != nil {
			return fmt.Errorf("epoch %d: %w", epoch, err)
		}
		pt.Accuracy, pt.Validated = accuracy, true
		if accuracy > f.accuracy || f.bestEpoch == 0 {
			f.accuracy, f.bestEpoch = accuracy, epoch
			for i, w := range f.all {
				f.best[i] = append(f.best[i][:0], w.values...)
			}
		}
	}
	if f.s.Point != nil {
		return f.s.Point(pt)
	}
	return nil
}

// save gives the state to the session, the best parameters only where they are new.
func (f *fitting) save() error {
	if f.s.Save == nil {
		return nil
	}
	exact := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	tensors := func(prefix string, values func(i int) []float32) (ts []safetensors.Tensor) {
		for i, w := range f.all {
			ts = append(ts, safetensors.Tensor{Name: prefix + w.name, Shape: w.shape, F32: values(i)})
		}
		return ts
	}
	best := map[string]string{"best_epoch": strconv.Itoa(f.bestEpoch), "best_accuracy": exact(f.accuracy)}
	state := &method.State{
		Values: map[string]string{"step": strconv.Itoa(f.step), "first": exact(f.first), "sum": exact(f.sum),
			"best_epoch": best["best_epoch"], "best_accuracy": best["best_accuracy"]},
		Tensors: slices.Concat(
			tensors("parameter/", func(i int) []float32 { return f.all[i].values }),
			tensors("moment1/", func(i int) []float32 { return f.m1[i] }),
			tensors("moment2/", func(i int) []float32 { return f.m2[i] })),
	}
	var bestState *method.State
	if f.bestEpoch > f.bestSaved {
		bestState = &method.State{Values: best, Tensors: tensors("parameter/", func(i int) []float32 { return f.best[i] })}
	}
	if err := f.s.Save(state, bestState); err != nil {
		return err
	}
	f.bestSaved = f.bestEpoch
	return nil
}

// resume takes up the session's state, if there is one.
func (f *fitting) resume() error {
	r := f.s.Resume
	if r == nil {
		return nil
	}
	var err error
	number := func(name string) float64 {
		x, e := strconv.ParseFloat(r.Values[name], 64)
		if e != nil && err == nil {
			err = fmt.Errorf("the value %q is %q", name, r.Values[name])
		}
		return x
	}
	f.step, f.bestEpoch = int(number("step")), int(number("best_epoch"))
	f.first, f.sum, f.accuracy = number("first"), number("sum"), number("best_accuracy")
	if err != nil {
		return err
	}
	if f.step < 0 || f.step > f.until*f.steps {
		return fmt.Errorf("step %d of %d", f.step, f.until*f.steps)
	}
	restore := func(tensors []safetensors.Tensor, prefix string, into func(i int) []float32) error {
		for i, w := range f.all {
			v, err := tensor(&safetensors.File{Tensors: tensors}, prefix+w.name, w.shape...)
			if err != nil {
				return err
			}
			copy(into(i), v)
		}
		return nil
	}
	if err := errors.Join(
		restore(r.Tensors, "parameter/", func(i int) []float32 { return f.all[i].values }),
		restore(r.Tensors, "moment1/", func(i int) []float32 { return f.m1[i] }),
		restore(r.Tensors, "moment2/", func(i int) []float32 { return f.m2[i] })); err != nil {
		return err
	}
	if f.bestEpoch == 0 {
		return nil
	}
	for i, w := range f.all {
		f.best[i] = make([]float32, len(w.values))
	}
	f.bestSaved = f.bestEpoch
	b := f.s.ResumeBest
	switch {
	case b == nil:
		return errors.New("the best parameters so far are missing")
	case b.Values["best_epoch"] != r.Values["best_epoch"]:
		// Saved by a run that died before it saved the state beside them: that epoch is still to come, and will save
		// them again.
		return nil
	}
	return restore(b.Tensors, "parameter/", func(i int) []float32 { return f.best[i] })
}
