package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"vzsl/features"
	"vzsl/internal/lookup"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// The phases of a run, as metrics and checkpoints name them.
const (
	phaseChoose = "choose" // on the training classes, by the validation classes
	phaseRefit  = "refit"  // on all seen classes
)

// Options are a run's settings, data and hooks.
type Options struct {
	Settings
	Dir      string // the run folder
	Force    bool   // begin anew in a folder that holds another run, or this one
	Features Features
	Classes  *features.ClassTable
	Roles    *features.Roles
	// Inputs is the record of the three, made by features.NewRecord; nil: the folder keeps none. A folder that holds one of the
	// same inputs in another order goes on in its order.
	Inputs *features.Record

	// Tuned, if not nil, says what a search chose on folds of the seen classes: the run is the refit alone.
	Tuned *TunedRecord

	// CheckpointEvery is the time between two checkpoints while a fit is under way; 0 means 30 seconds, negative after
	// every step. One is always written at the end of a fit and when ctx ends.
	CheckpointEvery time.Duration

	Progress func(phase string, done, total int) // a step of a phase is done
	Epoch    func(Epoch)                         // an epoch, or a point of a grid, is done
	Log      *slog.Logger
}

// Epoch is one line of metrics.jsonl.
type Epoch struct {
	Phase     string // choose, refit
	Epoch, Of int
	Values    map[string]float64 // loss, kl, margin, reconstruction; of a grid its coefficients
	Accuracy  float64            // mean per-class top-1 among the validation classes, 0..1, if Validated
	Validated bool
	Seconds   float64 // since the last
	DataWait  float64 // the share of them that training stood still for want of data
}

// Result is a finished run.
type Result struct {
	Model    string // path of model.safetensors
	Method   string
	Choice   map[string]float64 // what validation chose: epochs, or gamma and lambda
	Accuracy float64            // mean per-class top-1 among the validation classes, 0..1, of the choice
	// ValidationClasses is the number of classes Accuracy is over; 0: nothing was chosen.
	ValidationClasses int
	// Temperature makes probabilities of scores: softmax(score / Temperature). It is fitted on the validation classes with
	// the model that was not trained on them; 0: there were none.
	Temperature float64
	// Constant is that of calibrated stacking, taken off the scores of seen classes; nil where the split tests none of
	// their images or nothing was chosen.
	Constant *float64
	Refit    bool // the model is trained on the validation classes too
	Shots    int  // of the few-shot setting: labelled images of each unseen class; 0: zero-shot
	Classes  int  // the model is trained on
	Images   int
	Seconds  float64  // of this call
	DataWait float64  // the share of the epochs' time that training stood still for want of data, in this call
	Notes    []string // what a reader of the results should know of the choice
	Reused   bool     // the folder held this run, complete; nothing was trained
}

// Run trains in o.Dir. In a folder that holds the same run unfinished it goes on; finished, it returns its result.
// When ctx ends it saves a checkpoint and returns ctx's error.
func Run(ctx context.Context, o Options) (*Result, error) {
	began := time.Now()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Dir == "" || o.Features == nil || o.Classes == nil || o.Roles == nil {
		return nil, errors.New("train: folder, features, class table and roles are needed")
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	recorded := ""
	if o.Inputs != nil {
		k := keeper{dir: o.Dir, features: &o.Features, classes: &o.Classes, roles: &o.Roles, now: o.Inputs}
		begun, err := lookup.Exists(filepath.Join(o.Dir, configFile))
		if err != nil {
			return nil, fmt.Errorf("run folder: %w", err)
		}
		k.begun = begun && !o.Force
		if recorded, err = k.custody(ctx); err != nil {
			return nil, err
		}
	}
	p, err := newParts(o.Features, o.Classes, o.Roles, o.Transductive)
	if err != nil {
		return nil, err
	}
	if err := p.complete(&o.Settings, o.Classes, o.Log); err != nil {
		return nil, err
	}
	r := newRecord(&o.Settings, o.Features.Source())
	r.Data.Dim, r.Data.Split, r.Data.Train, r.Data.Validation = o.Features.Dim(), o.Roles.Name, len(p.train), len(p.validation)
	r.Data.Unlabelled = len(p.unlabelled)
	r.Data.Shots = len(p.shots)
	if p.k > 0 && len(p.validation) > 0 && !o.Refit {
		return nil, fmt.Errorf("split %q is a few-shot one: its shots are trained on in the refit, which is switched off", o.Roles.Name)
	}
	if r.Data.FeaturesSHA256, r.Data.ClassesSHA256, r.Data.SplitSHA256, err = p.digests(o.Classes); err != nil {
		return nil, err
	}
	r.Tuned, r.Data.InputsSHA256 = o.Tuned, recorded
	f, complete, err := openFolder(o.Dir, r, o.Force)
	if err != nil {
		return nil, err
	}
	if complete {
		if err := f.sealed(r); err != nil {
			return nil, err
		}
		m, err := Load(o.Dir)
		if err != nil {
			return nil, err
		}
		res := m.result
		res.Model, res.Reused = f.path(modelFile), true
		return &res, nil
	}
	if err := f.openMetrics(); err != nil {
		return nil, err
	}
	defer func() { _ = f.close() }() // after an error; the end of a run closes and checks

	run := &run{o: &o, p: p, f: f, r: r}
	res, err := run.fits(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.close(); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	res.Model, res.Seconds = f.path(modelFile), time.Since(began).Seconds()
	res.DataWait = run.waited / max(run.fitted, 1e-9)
	return res, nil
}

type run struct {
	o *Options
	p *parts
	f *folder
	r *record

	waited, fitted float64 // seconds: for data, in epochs
}

// fitted is a fit's outcome with what belongs to it.
type fitted struct {
	*method.Outcome
	*given
	temperature float64 // by the validation classes; 0: none
}

func (r *run) fits(ctx context.Context) (*Result, error) {
	validated := len(r.p.validation) > 0
	again := validated && r.o.Refit
	if !validated && r.o.Tuned == nil {
		r.o.Log.Warn("the split has no validation images: nothing is chosen, training runs as long as the settings say", "split", r.o.Roles.Name)
	}
	var last *fitted
	var err error
	if t := r.o.Tuned; t != nil {
		again, r.f.choice, r.f.chosen = true, t.Choice, t.Accuracy
	} else if r.f.phase != phaseRefit {
		if last, err = r.fit(ctx, phaseChoose); err != nil {
			return nil, err
		}
		r.f.choice, r.f.chosen, r.f.temperature = last.Choice, last.Accuracy, last.temperature
		r.f.notes = last.Notes
	}
	// A split that tests images of seen classes needs the constant; a tuned run has no temperature yet. With shots there is
	// no class whose images are all unknown.
	if again && r.f.phase != phaseRefit && r.p.k == 0 && (generalised(r.o.Roles) || r.o.Tuned != nil) {
		if err := r.calibrate(ctx); err != nil {
			return nil, err
		}
	}
	if again {
		if last, err = r.fit(ctx, phaseRefit); err != nil {
			return nil, err
		}
	}
	res := &Result{Notes: r.f.notes, Method: r.o.Method, Choice: r.f.choice, Temperature: r.f.temperature, Constant: r.f.constant, Refit: again, Shots: r.p.k, Classes: len(last.classes), Images: last.problem.Train.Len()}
	switch {
	case r.o.Tuned != nil:
		res.Accuracy, res.ValidationClasses = r.f.chosen, r.o.Tuned.Classes
	case validated:
		res.Accuracy, res.ValidationClasses = r.f.chosen, r.p.pictured(r.p.validation)
	}
	return res, r.write(last, res)
}

// fit is one of the two fits.
func (r *run) fit(ctx context.Context, phase string) (*fitted, error) {
	var held []string
	if phase == phaseChoose {
		held = r.o.Roles.Validation
	}
	g, err := r.p.given(&r.o.Settings, held)
	if err != nil {
		return nil, err
	}
	s := &method.Session{Log: r.o.Log}
	if phase == phaseRefit {
		s.Choice = r.f.choice
	}
	if r.f.phase == phase {
		s.Resume, s.ResumeBest = r.f.state, r.f.best
		if s.Resume != nil {
			r.o.Log.Info("going on from a checkpoint", "phase", phase, "epochs done", r.f.lines)
		}
	}
	r.hooks(s, phase)
	o, err := r.o.Config().Method().Fit(ctx, &g.problem, s)
	r.f.state, r.f.best = nil, nil // their memory
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", r.o.Method, phase, err)
	}
	m := &fitted{Outcome: o, given: g}
	if v := g.problem.Validation; v != nil {
		if m.temperature, err = fitTemperature(o.Model, v); err != nil {
			return nil, fmt.Errorf("%s, calibration: %w", r.o.Method, err)
		}
	}
	return m, nil
}

func (r *run) hooks(s *method.Session, phase string) {
	every := r.o.CheckpointEvery
	if every == 0 {
		every = 30 * time.Second
	}
	saved, pointed := time.Now(), time.Now()
	s.Due = func() bool { return time.Since(saved) >= every }
	s.Save = func(state, best *method.State) error {
		defer func() { saved = time.Now() }()
		return r.f.save(phase, state, best)
	}
	if r.o.Progress != nil {
		s.Step = func(done, total int) { r.o.Progress(phase, done, total) }
	}
	s.Point = func(p method.Point) error {
		e := Epoch{Phase: phase, Epoch: p.Done, Of: p.Total, Values: p.Values, Accuracy: p.Accuracy, Validated: p.Validated, Seconds: time.Since(pointed).Seconds()}
		pointed = time.Now()
		e.DataWait = p.Wait.Seconds() / max(e.Seconds, 1e-9)
		r.waited, r.fitted = r.waited+p.Wait.Seconds(), r.fitted+e.Seconds
		line := map[string]any{"phase": phase, "epoch": p.Done, "of": p.Total, "seconds": e.Seconds, "data_wait": e.DataWait}
		for k, v := range p.Values {
			line[k] = v
		}
		if p.Validated {
			line["validation_accuracy"] = p.Accuracy
		}
		if r.o.Epoch != nil {
			r.o.Epoch(e)
		}
		return r.f.write(line)
	}
}

// The model file's metadata.
const (
	modelFormat   = "vzsl-model/1"
	keyFormat     = "format"
	keyMethod     = "method"
	keyConfig     = "config"
	keyNormaliser = "attribute_normaliser"
	keyAttributes = "attribute_names"
	keySeen       = "trained_classes"
	keyChoice     = "choice"
	keyAccuracy   = "validation_accuracy"
	keyClasses    = "validation_classes"
	keyRefit      = "refit"
	keyImages     = "trained_images"
	keyTemp       = "temperature"
	keyShots      = "shots" // left out where there are none
	keyConstant   = "seen_constant"
	keyNotes      = "notes" // left out where there are none
)

// write leaves model.safetensors: all that prediction needs.
func (r *run) write(m *fitted, res *Result) error {
	meta := map[string]string{
		keyFormat: modelFormat, keyMethod: r.o.Method, keyConfig: string(r.f.config),
		keyAccuracy: exact(res.Accuracy), keyClasses: strconv.Itoa(res.ValidationClasses),
		keyRefit: strconv.FormatBool(res.Refit), keyImages: strconv.Itoa(res.Images),
		keyTemp: exact(res.Temperature),
	}
	if res.Shots > 0 {
		meta[keyShots] = strconv.Itoa(res.Shots)
	}
	if res.Constant != nil {
		meta[keyConstant] = exact(*res.Constant)
	}
	if len(res.Notes) > 0 {
		meta[keyNotes] = strings.Join(res.Notes, "\n")
	}
	for key, v := range map[string]any{keyNormaliser: m.normaliser, keyAttributes: r.o.Classes.Attributes, keySeen: m.classes, keyChoice: maps.Clone(r.f.choice)} {
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("model: %w", err)
		}
		meta[key] = string(text)
	}
	if err := safetensors.Write(r.f.path(modelFile), &safetensors.File{Tensors: m.Model.Tensors(), Metadata: meta}); err != nil {
		return err
	}
	return r.f.seal(r.r)
}

// exact writes a number with as many digits as give it back.
func exact(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
