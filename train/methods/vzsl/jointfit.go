package vzsl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"strconv"
	"strings"

	"vzsl/train/method"
	"vzsl/train/methods/plda"
	"vzsl/train/safetensors"
)

// jointFit is a joint model's fit under way. The learned block is trained up to three times, each a stage of its own to continue
// from: on part of the seen classes, where nothing else tells the scores' deviations; on all of them; and, in the transductive
// setting, again with the unlabelled images whose class is nearly certain.
type jointFit struct {
	c     *Config
	p     *method.Problem
	q     *method.Problem // of the closed block: its view of the attributes
	s     *method.Session
	found map[string]float64 // what later stages need of earlier ones: kept in every checkpoint
	notes []string           // of the grid
	sure  []float32          // of the unlabelled images: their class, -1 where it is not certain
}

const (
	stageMeasure = iota
	stageLearn
	stageLearnAnew
)

// The names of a choice beside the closed form's own.
const (
	choiceEpochs    = "epochs"
	choiceClosed    = "closed" // 0: without the closed block
	choiceWeight    = "learned_weight"
	choiceClosedSD  = "closed_deviation"
	choiceLearnedSD = "learned_deviation"
)

// certain is the probability from which on an unlabelled image is trained on as one of its class.
const certain = 0.9

func (m *Config) fitJoint(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	c := *m
	if s.Choice != nil && s.Choice[choiceClosed] == 0 {
		return m.fitLearned(ctx, p, s)
	}
	if own := *s; plda.Foreign(p, s.Choice) {
		own.Choice = nil
		s = &own
	}
	f := &jointFit{c: &c, p: p, q: oneView(p, lastView), s: s, found: map[string]float64{}}
	if r := s.Resume; r != nil {
		if err := f.resume(r); err != nil {
			return nil, fmt.Errorf("resuming: %w", err)
		}
	}
	fit := f.inductive
	if p.Unlabelled != nil {
		fit = f.transductive
	}
	o, err := fit(ctx)
	if errors.Is(err, plda.ErrUnfit) {
		f.log().Warn("the closed-form block is left out", "why", err)
		alone := *s
		if s.Choice != nil {
			alone.Choice = method.Choice{choiceEpochs: s.Choice[choiceEpochs]}
		}
		if r := s.Resume; r != nil && r.Values["joint_stage"] != "" {
			alone.Resume = nil
		}
		return m.fitLearned(ctx, p, &alone)
	}
	return o, err
}

// fitLearned fits the learned block alone.
func (m *Config) fitLearned(ctx context.Context, p *method.Problem, s *method.Session) (*method.Outcome, error) {
	plain := *m
	plain.Closed = false
	inner := *s
	if s.Choice != nil {
		inner.Choice = maps.Clone(s.Choice)
		delete(inner.Choice, choiceClosed)
	}
	o, err := plain.Fit(ctx, p, &inner)
	if err == nil {
		o.Choice[choiceClosed] = 0
	}
	return o, err
}

// validates reports whether something is to be chosen.
func (f *jointFit) validates() bool {
	return f.s.Choice == nil && f.p.Validation != nil && f.p.Validation.Len() > 0
}

// weights are those of the learned block to try: the one chosen, or in the zero-shot setting the grid's, elsewhere its first.
func (f *jointFit) weights() []float64 {
	if w, ok := f.s.Choice[choiceWeight]; ok {
		return []float64{w}
	}
	if f.validates() && f.p.Few == nil && f.p.Unlabelled == nil {
		return f.c.LearnedWeight
	}
	return f.c.LearnedWeight[:1]
}

// learn trains the learned block for all its epochs.
func (f *jointFit) learn(ctx context.Context, stage int, train method.Data) (*Model, error) {
	c := *f.c
	c.Closed = false
	s := &method.Session{Choice: method.Choice{choiceEpochs: float64(c.Epochs)}, Due: f.s.Due, Log: f.s.Log}
	stages, at := 1, 0 // that report
	if f.p.Unlabelled != nil {
		stages = 2
	}
	if stage == stageLearnAnew {
		at = 1
	}
	if f.s.Step != nil {
		s.Step = func(done, total int) { f.s.Step(at*total+done, stages*total) }
	}
	if f.s.Point != nil && stage != stageMeasure {
		s.Point = func(p method.Point) error {
			p.Done, p.Total = p.Done+at*c.Epochs, stages*c.Epochs
			return f.s.Point(p)
		}
	}
	if f.s.Save != nil {
		s.Save = func(state, _ *method.State) error { return f.s.Save(f.state(stage, state), nil) }
	}
	if r := f.s.Resume; r != nil && r.Values["joint_stage"] == strconv.Itoa(stage) {
		s.Resume = r
	}
	o, err := c.Fit(ctx, &method.Problem{Train: train, Seed: f.p.Seed, Views: f.p.Views}, s)
	if err != nil {
		return nil, err
	}
	return o.Model.(*Model), nil
}

// state adds the stage and what it needs of the earlier ones to a training's state.
func (f *jointFit) state(stage int, s *method.State) *method.State {
	out := &method.State{Values: maps.Clone(s.Values), Tensors: s.Tensors}
	out.Values["joint_stage"] = strconv.Itoa(stage)
	for k, v := range f.found {
		out.Values["joint_"+k] = strconv.FormatFloat(v, 'g', -1, 64)
	}
	if len(f.notes) > 0 {
		out.Values["joint_notes"] = strings.Join(f.notes, "\n")
	}
	if f.sure != nil {
		out.Tensors = append(out.Tensors, safetensors.Tensor{Name: "joint_sure", Shape: []int{len(f.sure)}, F32: f.sure})
	}
	return out
}

func (f *jointFit) resume(r *method.State) error {
	for _, k := range append(f.closedKeys(), choiceClosedSD, choiceLearnedSD, "accuracy") {
		text, ok := r.Values["joint_"+k]
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("the value %q is %q", k, text)
		}
		f.found[k] = v
	}
	if text := r.Values["joint_notes"]; text != "" {
		f.notes = strings.Split(text, "\n")
	}
	if t, ok := (&safetensors.File{Tensors: r.Tensors}).Get("joint_sure"); ok {
		f.sure = append([]float32(nil), t.F32...)
	}
	return nil
}

func (f *jointFit) closedKeys() []string { return []string{"shrink", "ridge", "floor"} }

// resumes reports whether the fit continues in a stage.
func (f *jointFit) resumes(stage int) bool {
	return f.s.Resume != nil && f.s.Resume.Values["joint_stage"] == strconv.Itoa(stage)
}

func (f *jointFit) log() *slog.Logger {
	if f.s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return f.s.Log
}

// seen are the samples of the classes that are known by more than a few images.
func (f *jointFit) seen() method.Data {
	if f.p.Few == nil {
		return f.p.Train
	}
	return some(&f.p.Train, func(label int) bool { return !f.p.Few[label] })
}

// inductive fits the zero-shot and the few-shot setting.
func (f *jointFit) inductive(ctx context.Context) (*method.Outcome, error) {
	if err := f.measure(ctx); err != nil {
		return nil, err
	}
	learned, err := f.learn(ctx, stageLearn, f.seen())
	if err != nil {
		return nil, err
	}
	out := &method.Outcome{Accuracy: -1}
	if !f.validates() {
		_, err := f.c.Grid(ctx, f.q, &method.Session{Choice: f.s.Choice}, func(c method.Choice, closed *plda.Model, _, _ int) (float64, error) {
			c = maps.Clone(c)
			c[choiceEpochs], c[choiceClosed] = float64(f.c.Epochs), 1
			c[choiceClosedSD], c[choiceLearnedSD] = f.found[choiceClosedSD], f.found[choiceLearnedSD]
			c[choiceWeight] = f.weights()[0]
			*out = method.Outcome{Model: newJoint(f.c, learned, closed, c[choiceClosedSD], c[choiceLearnedSD], c[choiceWeight]), Choice: c}
			return 0, nil
		})
		return out, err
	}
	v, ofClosed := f.p.Validation, f.q.Validation
	kl, err := scored(learned, v, v.Attributes)
	if err != nil {
		return nil, err
	}
	learnedSD := positive(method.Deviation(kl, len(v.Attributes)))
	// A block is left out, or counts less, where that is better by more than the accuracy's own standard error: some twenty classes
	// tell no finer.
	value := math.Inf(-1)
	handicapped := func(accuracy float64) float64 {
		return accuracy - math.Sqrt(accuracy*(1-accuracy)/float64(v.Len()))
	}
	if f.p.Few == nil { // the learned block without the shots is no answer to the few-shot setting
		c := method.Choice{choiceEpochs: float64(f.c.Epochs), choiceClosed: 0}
		*out = method.Outcome{Model: learned, Choice: c, Accuracy: method.AccuracyOf(kl, v)}
		value = handicapped(out.Accuracy)
		if err := f.point(method.Point{Done: 1, Total: 1, Values: map[string]float64{choiceClosed: 0}, Choice: c, Accuracy: out.Accuracy, Validated: true}); err != nil {
			return nil, err
		}
	}
	notes, err := f.c.Grid(ctx, f.q, f.s, func(c method.Choice, closed *plda.Model, done, total int) (float64, error) {
		before, err := scored(closed.WithoutImages(), v, ofClosed.Attributes)
		if err != nil {
			return 0, err
		}
		joint := newJoint(f.c, learned, closed, positive(method.Deviation(before, len(v.Attributes))), learnedSD, f.c.LearnedWeight[0])
		l := before
		if f.p.Few != nil {
			if l, err = scored(closed, v, ofClosed.Attributes); err != nil {
				return 0, err
			}
		}
		best := 0.0
		for k, weight := range f.weights() {
			w, sum := weight*closed.BesideOthers(ofClosed.Attributes), make([]float64, len(l))
			for i := range l {
				sum[i] = l[i]/joint.closedSD + w*kl[i]/learnedSD
			}
			pt := method.Point{Done: done, Total: total, Values: maps.Clone(c), Choice: maps.Clone(c), Accuracy: method.AccuracyOf(sum, v), Validated: true,
				Measured: method.Choice{choiceClosedSD: joint.closedSD, choiceLearnedSD: learnedSD}}
			pt.Values[choiceWeight] = weight
			pt.Choice[choiceEpochs], pt.Choice[choiceClosed], pt.Choice[choiceWeight] = float64(f.c.Epochs), 1, weight
			worth := pt.Accuracy
			if k > 0 {
				worth = handicapped(worth)
			}
			best = max(best, worth)
			if worth > value || worth == value && out.Choice[choiceClosed] == 0 {
				value = worth
				chosen := *joint
				chosen.weight = weight
				*out = method.Outcome{Model: &chosen, Choice: maps.Clone(pt.Choice), Accuracy: pt.Accuracy}
				maps.Copy(out.Choice, pt.Measured)
			}
			if err := f.point(pt); err != nil {
				return 0, err
			}
		}
		return best, nil
	})
	if out.Notes = notes; err == nil && out.Choice[choiceClosed] == 0 {
		f.log().Info("accuracy on the validation classes is better without the closed-form block: it is left out", "accuracy", fmt.Sprintf("%.1f%%", 100*out.Accuracy))
	}
	return out, err
}

func (f *jointFit) point(p method.Point) error {
	if f.s.Point == nil {
		return nil
	}
	return f.s.Point(p)
}

// measure finds the deviations of the two scores where neither validation classes nor a choice tell them: a fifth of the seen
// classes is held out of a fit of its own.
func (f *jointFit) measure(ctx context.Context) error {
	if f.validates() {
		return nil
	}
	if a, b := f.s.Choice[choiceClosedSD], f.s.Choice[choiceLearnedSD]; a > 0 && b > 0 {
		f.found[choiceClosedSD], f.found[choiceLearnedSD] = a, b
		return nil
	}
	if f.found[choiceClosedSD] > 0 && f.found[choiceLearnedSD] > 0 {
		return nil // by an earlier stage
	}
	all := f.seen()
	if len(all.Attributes) < 4 {
		f.log().Warn("too few seen classes to hold some out and compare the scores of the two blocks: the scores are used unscaled", "classes", len(all.Attributes))
		f.found[choiceClosedSD], f.found[choiceLearnedSD] = 1, 1
		return nil
	}
	held := func(l int) bool { return l%5 == 1 || len(all.Attributes) < 10 && l%2 == 1 }
	train, out := some(&all, func(l int) bool { return !held(l) }), some(&all, held)
	f.log().Info("there are no validation classes to compare the two blocks' scores on: a fifth of the seen classes is first held out for this", "classes", len(out.Attributes))
	learned, err := f.learn(ctx, stageMeasure, train)
	if err != nil {
		return err
	}
	kl, err := scored(learned, &out, out.Attributes)
	if err != nil {
		return err
	}
	f.found[choiceLearnedSD] = positive(method.Deviation(kl, len(out.Attributes)))
	ofClosed := oneView(&method.Problem{Train: train, Validation: &out, Views: f.p.Views}, lastView)
	if _, err := f.c.Grid(ctx, &method.Problem{Train: ofClosed.Train, Seed: f.p.Seed}, &method.Session{Choice: f.s.Choice}, func(_ method.Choice, closed *plda.Model, _, _ int) (float64, error) {
		l, err := scored(closed, &out, ofClosed.Validation.Attributes)
		f.found[choiceClosedSD] = positive(method.Deviation(l, len(out.Attributes)))
		return 0, err
	}); err != nil {
		return err
	}
	return nil
}

// transductive fits the unlabelled images: expectation and maximisation in the closed block, with the learned one's scores as
// evidence, then the learned block again with the images that are certain, and the former again with its scores.
func (f *jointFit) transductive(ctx context.Context) (*method.Outcome, error) {
	u := f.p.Unlabelled
	if u.Len() == 0 || len(u.Attributes) == 0 {
		return nil, errors.New("the transductive setting needs unlabelled images and the classes they may be of; there are none")
	}
	if u.Dim() != f.p.Train.Dim() {
		return nil, fmt.Errorf("labelled features of %d values and unlabelled ones of %d", f.p.Train.Dim(), u.Dim())
	}
	f.c.WarnPrior(f.p, f.s.Log)
	out := &method.Outcome{Accuracy: -1}
	if !f.resumes(stageLearnAnew) {
		learned, err := f.learn(ctx, stageLearn, f.seen())
		if err != nil {
			return nil, err
		}
		evidence, err := scored(learned, u, u.Attributes)
		if err != nil {
			return nil, err
		}
		var best *plda.Transduced
		if f.notes, err = f.c.Grid(ctx, f.q, f.s, func(c method.Choice, closed *plda.Model, done, total int) (float64, error) {
			t, err := closed.Transduce(ctx, f.q.Unlabelled, &f.c.Config, plda.Evidence{Scores: evidence, Weight: f.weights()[0] / 2})
			if err != nil {
				return 0, err
			}
			accuracy := 0.0
			if f.validates() {
				if accuracy, err = method.Accuracy(f.transduced(learned, t), f.p.Validation); err != nil {
					return 0, err
				}
				// The choice is that of a whole fit: only its last point counts for a search.
				if err := f.point(method.Point{Done: done, Total: total, Values: c, Choice: c, Accuracy: accuracy}); err != nil {
					return 0, err
				}
			}
			if best == nil || accuracy > f.found["accuracy"] {
				best = t
				maps.Copy(f.found, c)
				f.found["accuracy"] = accuracy
			}
			return accuracy, nil
		}); err != nil {
			return nil, err
		}
		f.sure = sure(best.Responsibilities, len(u.Attributes))
	}
	out.Notes = f.notes
	learned, err := f.learn(ctx, stageLearnAnew, f.withSure())
	if err != nil {
		return nil, err
	}
	evidence, err := scored(learned, u, u.Attributes)
	if err != nil {
		return nil, err
	}
	point := method.Choice{}
	for _, k := range f.closedKeys() {
		point[k] = f.found[k]
	}
	_, err = f.c.Grid(ctx, f.q, &method.Session{Choice: point}, func(c method.Choice, closed *plda.Model, _, _ int) (float64, error) {
		t, err := closed.Transduce(ctx, f.q.Unlabelled, &f.c.Config, plda.Evidence{Scores: evidence, Weight: f.weights()[0] / 2})
		if err != nil {
			return 0, err
		}
		c = maps.Clone(c)
		c[choiceEpochs], c[choiceClosed], c[choiceWeight], c[plda.Transductive] = float64(f.c.Epochs), 1, f.weights()[0], 1
		out.Model, out.Choice = f.transduced(learned, t), c
		return 0, nil
	})
	if err != nil {
		return nil, err
	}
	if f.validates() {
		if out.Accuracy, err = method.Accuracy(out.Model, f.p.Validation); err != nil {
			return nil, err
		}
		if err := f.point(method.Point{Done: 1, Total: 1, Values: map[string]float64{"learned_anew": 1}, Choice: out.Choice, Accuracy: out.Accuracy, Validated: true}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (f *jointFit) transduced(learned *Model, t *plda.Transduced) *Joint {
	return newJoint(f.c, learned, t.Model, positive(t.Deviation), positive(t.EvidenceDeviation), f.weights()[0])
}

// positive is a deviation to divide by: scores that do not differ stay as they are.
func positive(x float64) float64 {
	if x > 0 {
		return x
	}
	return 1
}

// withSure are the seen classes' samples with the certain unlabelled ones, over the classes of both.
func (f *jointFit) withSure() method.Data {
	d := f.seen()
	first := len(d.Attributes)
	j := &joined{Samples: d.Samples, more: f.p.Unlabelled}
	for i, c := range f.sure {
		if c >= 0 {
			j.rows, j.labels = append(j.rows, i), append(j.labels, first+int(math.Round(float64(c))))
		}
	}
	return method.Data{Samples: j, Attributes: append(append([][]float32(nil), d.Attributes...), f.p.Unlabelled.Attributes...)}
}
