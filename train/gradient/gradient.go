// Package gradient is the training loop of all methods trained by gradients: steps and epochs, Adam, the best parameters so far,
// checkpoints and continuing from them. What a step computes, and by which means, is the method's.
package gradient

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// Parameter is a weight matrix or a bias.
type Parameter struct {
	Name   string
	Shape  []int
	Values []float32
	Decay  float64 // L2 penalty
}

// Training is the state of a training: parameters, Adam's moments, steps done, the best parameters so far.
type Training struct {
	Parameters []Parameter
	Session    *method.Session

	Step  int     // done
	First float64 // loss of the first step
	// Best marks the best parameters so far on the validation classes, by the epoch that they are of, from 1; 0: none yet.
	Best     int
	Accuracy float64 // of these

	moment1, moment2, best [][]float32
	saved                  int // the mark of the best parameters last saved
}

// New is a training before its first step.
func New(s *method.Session, parameters []Parameter) *Training {
	t := &Training{Parameters: parameters, Session: s, best: make([][]float32, len(parameters))}
	for _, p := range parameters {
		t.moment1 = append(t.moment1, make([]float32, len(p.Values)))
		t.moment2 = append(t.moment2, make([]float32, len(p.Values)))
	}
	return t
}

// Epochs is the number of epochs to train for: an earlier choice, or what the settings say.
func Epochs(choice method.Choice, name string, settings int) (int, error) {
	e, ok := choice[name]
	switch {
	case choice == nil || !ok && name != "epochs":
		return settings, nil
	case e < 0 || e < 1 && name == "epochs" || e != math.Trunc(e):
		return 0, fmt.Errorf("the choice of %v %s is none", e, name)
	}
	return int(e), nil
}

// Cosine is a learning rate that decays to 0 along half a cosine over so many steps.
func Cosine(rate float64, step, steps int) float64 {
	return rate * ((1 + math.Cos(math.Pi*float64(step)/float64(steps))) / 2)
}

// Update is a step of Adam by the gradients of all parameters.
func (t *Training) Update(a kernels.Adam, gradient func(i int) []float32) {
	for i, p := range t.Parameters {
		a.WeightDecay = p.Decay
		kernels.AdamStep(a, p.Values, gradient(i), t.moment1[i], t.moment2[i])
	}
}

// Restart forgets Adam's moments, for a second part of a training.
func (t *Training) Restart() {
	for i := range t.moment1 {
		clear(t.moment1[i])
		clear(t.moment2[i])
	}
}

// KeepBest keeps the parameters as the best so far.
func (t *Training) KeepBest(mark int, accuracy float64) {
	t.Best, t.Accuracy = mark, accuracy
	for i, p := range t.Parameters {
		t.best[i] = append(t.best[i][:0], p.Values...)
	}
}

// TakeBest makes the parameters the best so far, where there are any.
func (t *Training) TakeBest() {
	if t.Best == 0 {
		return
	}
	for i, p := range t.Parameters {
		copy(p.Values, t.best[i])
	}
}

// Loop is a stretch of steps.
type Loop struct {
	Step          *int // done; One counts it up
	Steps, Epochs int  // of an epoch; in all
	// One is a step. An error of ctx is followed by a checkpoint.
	One   func(ctx context.Context) error
	Epoch func(epoch int) error // an epoch is done, from 1
	Done  func()                // a step is done
	Save  func() error
}

// Run continues to the end of the last epoch. When ctx ends it saves and returns ctx's error.
func (t *Training) Run(ctx context.Context, l Loop) error {
	for total := l.Steps * l.Epochs; *l.Step < total; {
		err := ctx.Err()
		if err == nil {
			err = l.One(ctx)
		}
		if err != nil && ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), l.Save())
		} else if err != nil {
			return err
		}
		if *l.Step%l.Steps == 0 {
			if err := l.Epoch(*l.Step / l.Steps); err != nil {
				return err
			}
		}
		l.Done()
		if t.Session.Due != nil && *l.Step < total && t.Session.Due() {
			if err := l.Save(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Validate reports an epoch: its accuracy on the validation classes, where these choose, of which the best is kept.
func (t *Training) Validate(m method.Model, validation *method.Data, pt *method.Point) error {
	if validation == nil || validation.Len() == 0 || t.Session.Choice != nil {
		return nil
	}
	accuracy, err := method.Accuracy(m, validation)
	if err != nil {
		return fmt.Errorf("epoch %d: %w", pt.Done, err)
	}
	pt.Accuracy, pt.Validated = accuracy, true
	if accuracy > t.Accuracy || t.Best == 0 {
		t.KeepBest(pt.Done, accuracy)
	}
	return nil
}

// Report hands a point to the session.
func (t *Training) Report(pt method.Point) error {
	if t.Session.Point == nil {
		return nil
	}
	return t.Session.Point(pt)
}

// Exact writes a number with as many digits as give it back.
func Exact(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// Save gives the state to the session, with values and tensors of the method's own; the best parameters only where they are new.
func (t *Training) Save(values map[string]string, more ...safetensors.Tensor) error {
	if t.Session.Save == nil {
		return nil
	}
	mark := strconv.Itoa(t.Best)
	values["step"], values["first"] = strconv.Itoa(t.Step), Exact(t.First)
	values["best_at"], values["best_accuracy"] = mark, Exact(t.Accuracy)
	state := &method.State{Values: values, Tensors: slices.Concat(
		t.tensors("parameter/", func(i int) []float32 { return t.Parameters[i].Values }),
		t.tensors("moment1/", func(i int) []float32 { return t.moment1[i] }),
		t.tensors("moment2/", func(i int) []float32 { return t.moment2[i] }), more)}
	var best *method.State
	if t.Best > t.saved {
		best = &method.State{Values: map[string]string{"best_at": mark, "best_accuracy": Exact(t.Accuracy)},
			Tensors: t.tensors("parameter/", func(i int) []float32 { return t.best[i] })}
	}
	if err := t.Session.Save(state, best); err != nil {
		return err
	}
	t.saved = t.Best
	return nil
}

func (t *Training) tensors(prefix string, values func(i int) []float32) []safetensors.Tensor {
	var all []safetensors.Tensor
	for i, p := range t.Parameters {
		all = append(all, safetensors.Tensor{Name: prefix + p.Name, Shape: p.Shape, F32: values(i)})
	}
	return all
}

// Values are those of a checkpoint. The first that is no number is kept as the error.
type Values struct {
	of  map[string]string
	Err error
}

// Number is a value of a checkpoint.
func (v *Values) Number(name string) float64 {
	x, err := strconv.ParseFloat(v.of[name], 64)
	if err != nil && v.Err == nil {
		v.Err = fmt.Errorf("the value %q is %q", name, v.of[name])
	}
	return x
}

// mark is that of the best parameters, by the name that it has; checkpoints of version 0.1.0 had two.
func mark(values map[string]string) string {
	if at, ok := values["best_at"]; ok {
		return at
	}
	return values["best_epoch"]
}

// Resume takes up the session's state and gives its values; nil: there is none.
func (t *Training) Resume() (*Values, error) {
	r := t.Session.Resume
	if r == nil {
		return nil, nil
	}
	v := &Values{of: map[string]string{"best_at": mark(r.Values)}}
	for k, x := range r.Values {
		v.of[k] = x
	}
	t.Step, t.Best = int(v.Number("step")), int(v.Number("best_at"))
	t.First, t.Accuracy = v.Number("first"), v.Number("best_accuracy")
	if v.Err != nil {
		return nil, v.Err
	}
	f := &safetensors.File{Tensors: r.Tensors}
	if err := errors.Join(
		t.restore(f, "parameter/", func(i int) []float32 { return t.Parameters[i].Values }),
		t.restore(f, "moment1/", func(i int) []float32 { return t.moment1[i] }),
		t.restore(f, "moment2/", func(i int) []float32 { return t.moment2[i] })); err != nil {
		return nil, err
	}
	if t.Best == 0 {
		return v, nil
	}
	for i, p := range t.Parameters {
		t.best[i] = make([]float32, len(p.Values))
	}
	t.saved = t.Best
	b := t.Session.ResumeBest
	switch {
	case b == nil:
		return nil, errors.New("the best parameters so far are missing")
	case mark(b.Values) != mark(r.Values):
		// Saved by a run that died before it saved the state beside them: that epoch is still to come, and will save
		// them again.
		return v, nil
	}
	return v, t.restore(&safetensors.File{Tensors: b.Tensors}, "parameter/", func(i int) []float32 { return t.best[i] })
}

// restore copies tensors into the parameters' places given by into.
func (t *Training) restore(f *safetensors.File, prefix string, into func(i int) []float32) error {
	for i, p := range t.Parameters {
		x, ok := f.Get(prefix + p.Name)
		switch {
		case !ok:
			return fmt.Errorf("the tensor %q is missing", prefix+p.Name)
		case len(x.F32) != len(p.Values) || !slices.Equal(x.Shape, p.Shape):
			return fmt.Errorf("the tensor %q has the shape %v; the settings ask for %v", prefix+p.Name, x.Shape, p.Shape)
		}
		copy(into(i), x.F32)
	}
	return nil
}
