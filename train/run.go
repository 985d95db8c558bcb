package train

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"vzsl/features"
	"vzsl/internal/lookup"
	"vzsl/internal/rejection"
	"vzsl/train/method"
	"vzsl/train/problem"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

// Options are a run's settings, data and hooks.
type Options struct {
	settings.Settings
	Dir      string // the run folder
	Force    bool   // start over in a folder that holds another run, or this one
	Features problem.Features
	Classes  *features.ClassTable
	Roles    *features.Split
	// Inputs is the record of the three, made by features.NewRecord; nil: the folder keeps none. A folder that holds one of the
	// same inputs in another order continues in its order.
	Inputs *features.Record

	// Tuned, if not nil, says what a search chose on folds of the seen classes: the run is the refit alone.
	Tuned *runs.TunedRecord

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
	DataWait  float64 // the fraction of them in which training waited for data
}

// Run trains in o.Dir. In a folder that holds the same run unfinished it continues; finished, it returns its result.
// When ctx ends it saves a checkpoint and returns ctx's error.
func Run(ctx context.Context, o Options) (_ *runs.Result, err error) {
	began := time.Now()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Dir == "" {
		return nil, errors.New("train: a folder is needed; Fit trains without one")
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	hold, err := runs.Hold(ctx, o.Dir, o.Force)
	if err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	defer func() { err = errors.Join(err, hold.Close()) }()
	recorded := ""
	if o.Inputs != nil {
		k := runs.Keeper{Folder: hold, Features: &o.Features, Classes: &o.Classes, Roles: &o.Roles, Now: o.Inputs}
		begun, err := lookup.Exists(filepath.Join(o.Dir, runs.ConfigFile))
		if err != nil {
			return nil, fmt.Errorf("run folder: %w", err)
		}
		k.Begun = begun && !o.Force
		if recorded, err = k.Custody(ctx); err != nil {
			return nil, err
		}
	}
	p, r, err := o.problem()
	if err != nil {
		return nil, err
	}
	r.Tuned, r.Data.InputsSHA256 = o.Tuned, recorded
	f, complete, err := runs.Open(hold, r, o.Force)
	if err != nil {
		return nil, err
	}
	if complete {
		if err := f.Sealed(r); err != nil {
			return nil, err
		}
		m, err := runs.Load(o.Dir)
		if err != nil {
			return nil, err
		}
		res := m.Result()
		res.Model, res.Reused = f.Model(), true
		return &res, nil
	}
	if err := f.OpenMetrics(); err != nil {
		return nil, err
	}
	defer f.Close() // after an error; the end of a run closes and checks

	run := &run{o: &o, p: p, f: f, r: r}
	res, err := run.fits(ctx)
	if err != nil {
		return nil, err
	}
	res.Model, res.Seconds = f.Model(), time.Since(began).Seconds()
	res.DataWait = run.waited / max(run.fitted, 1e-9)
	return res, nil
}

// Fit trains as Run does, but in memory: nothing is read or written, and Options' Dir, Force and Inputs are not used. The model is
// the one that a run folder would hold. When ctx ends the training is lost.
func Fit(ctx context.Context, o Options) (*runs.Predictor, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	p, r, err := o.problem()
	if err != nil {
		return nil, err
	}
	r.Tuned = o.Tuned
	f, err := runs.InMemory(r)
	if err != nil {
		return nil, err
	}
	if _, err := (&run{o: &o, p: p, f: f, r: r}).fits(ctx); err != nil {
		return nil, err
	}
	return f.Predictor()
}

func (o *Options) check() error {
	if o.Features == nil || o.Classes == nil || o.Roles == nil {
		return errors.New("train: features, class table and roles are required")
	}
	return o.Validate()
}

// problem lays the split over features and class table, and records what the run depends on.
func (o *Options) problem() (*problem.Builder, *runs.Record, error) {
	p, err := problem.New(o.Features, o.Classes, o.Roles, o.Transductive)
	if err != nil {
		return nil, nil, err
	}
	if err := p.Complete(&o.Settings, o.Classes, o.Log); err != nil {
		return nil, nil, err
	}
	r := runs.NewRecord(&o.Settings, o.Features.Source())
	r.Data.Dim, r.Data.Split, r.Data.Train, r.Data.Validation = o.Features.Dim(), o.Roles.Name, len(p.Train), len(p.Validation)
	r.Data.Unlabelled = len(p.Unlabelled)
	r.Data.Shots = len(p.Shots)
	if p.MostShots > 0 && len(p.Validation) > 0 && !o.Refit {
		return nil, nil, fmt.Errorf("split %q is a few-shot split: its shots are used in the refit, which is switched off; give --refit", o.Roles.Name)
	}
	if r.Data.FeaturesSHA256, r.Data.ClassesSHA256, r.Data.SplitSHA256, err = p.Digests(o.Classes); err != nil {
		return nil, nil, err
	}
	return p, r, nil
}

type run struct {
	o *Options
	p *problem.Builder
	f *runs.Folder
	r *runs.Record

	waited, fitted float64 // seconds: for data, in epochs
}

// fitted is a fit's outcome with what belongs to it.
type fitted struct {
	*method.Outcome
	*problem.Problem
	temperature float64 // by the validation classes; 0: none
	rejection   []rejection.Point
}

func (r *run) fits(ctx context.Context) (*runs.Result, error) {
	validated := len(r.p.Validation) > 0
	again := validated && r.o.Refit
	if !validated && r.o.Tuned == nil {
		r.o.Log.Warn("the split has no validation images: nothing is selected, training uses the epochs of the settings", "split", r.o.Roles.Name)
	}
	var last *fitted
	err := r.weigh(ctx)
	if err != nil {
		return nil, err
	}
	if t := r.o.Tuned; t != nil {
		again, r.f.Choice, r.f.Accuracy = true, t.Choice, t.Accuracy
	} else if r.f.Phase != runs.PhaseRefit {
		if last, err = r.fit(ctx, runs.PhaseChoose); err != nil {
			return nil, err
		}
		r.f.Choice, r.f.Accuracy, r.f.Temperature = last.Choice, last.Accuracy, last.temperature
		r.f.Rejection = last.rejection
		r.f.Notes = last.Notes
		if r.f.Weights != "" {
			r.f.Choice = r.withWeights(r.f.Choice)
		}
	}
	// A split that tests images of seen classes needs the constant; a tuned run has no temperature yet. With shots there is
	// no class whose images are all unknown.
	if again && r.f.Phase != runs.PhaseRefit && r.p.MostShots == 0 && (generalised(r.o.Roles) || r.o.Tuned != nil) {
		if err := r.calibrate(ctx); err != nil {
			return nil, err
		}
	}
	if again {
		if last, err = r.fit(ctx, runs.PhaseRefit); err != nil {
			return nil, err
		}
	}
	res := &runs.Result{Notes: r.f.Notes, Method: r.o.Method, Choice: r.f.Choice, Temperature: r.f.Temperature, Rejection: r.f.Rejection, Constant: r.f.Constant, Refit: again, Shots: r.p.MostShots, Classes: len(last.Classes), Images: last.Train.Len()}
	switch {
	case r.o.Tuned != nil:
		res.Accuracy, res.ValidationClasses = r.f.Accuracy, r.o.Tuned.Classes
	case validated:
		res.Accuracy, res.ValidationClasses = r.f.Accuracy, r.p.Pictured(r.p.Validation)
	}
	return res, r.f.Finish(r.r, last.Problem, last.Model, r.o.Classes.Attributes, res)
}

// fit is one of the two fits.
func (r *run) fit(ctx context.Context, phase string) (*fitted, error) {
	var held []string
	if phase == runs.PhaseChoose {
		held = r.o.Roles.Validation
	}
	g, err := r.p.Build(&r.o.Settings, held)
	if err != nil {
		return nil, err
	}
	s := &method.Session{Log: r.o.Log}
	if phase == runs.PhaseRefit {
		s.Choice = r.f.Choice
	}
	if r.f.Phase == phase {
		s.Resume, s.ResumeBest = r.f.State, r.f.Best
		if s.Resume != nil {
			r.o.Log.Info("resuming from a checkpoint", "phase", phase, "epochs done", r.f.Lines)
		}
	}
	r.hooks(s, phase)
	o, err := r.o.Config.Fit(ctx, &g.Problem, s)
	r.f.State, r.f.Best = nil, nil // their memory
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", r.o.Method, phase, err)
	}
	m := &fitted{Outcome: o, Problem: g}
	if v := g.Validation; v != nil {
		if m.temperature, err = fitTemperature(o.Model, v); err != nil {
			return nil, fmt.Errorf("%s, calibration: %w", r.o.Method, err)
		}
		if m.rejection, err = fitRejection(o.Model, g.Train.Attributes, v, r.o.Seed); err != nil {
			return nil, fmt.Errorf("%s, thresholds: %w", r.o.Method, err)
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
		return r.f.Save(phase, state, best)
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
		return r.f.WriteMetrics(line)
	}
}
