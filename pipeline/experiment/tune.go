package experiment

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"vzsl/features"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
	"vzsl/train/runs"
	"vzsl/train/settings"
	"vzsl/train/tuning"
)

// Search is the budget of a search for settings.
type Search struct {
	Trials, Folds int           // settings tried, parts of the seen classes
	Budget        time.Duration // no fit begins after it; 0: no limit
	Workers       int           // fits at a time; 0: one for each processor
	Force         bool          // start over in a folder that holds another run or search
	Fits          []*tuning.Fit // that tasks have made
}

// Check refuses a search of nothing.
func (s *Search) Check() error {
	if s.Trials < 1 || s.Folds < 2 || s.Budget < 0 {
		return usage.Errorf("--trials %d --folds %d --budget %v: give at least one trial, two folds and a budget of 0 or more", s.Trials, s.Folds, s.Budget)
	}
	return nil
}

// Tune searches a run's settings, or continues with a search.
func (x *Runner) Tune(ctx context.Context, name string, in *workspace.Inputs, s *Search, settings settings.Settings, choice map[string]float64, pinned []string) (*tuning.Tuned, error) {
	x.Log.Info("tune", "run", name, "method", settings.Method, "split", in.Roles.Name, "trials", s.Trials, "folds", s.Folds, "seen", len(in.Roles.Seen))
	p := x.Begin("tune "+name, "fits")
	defer p.End()
	record, err := features.NewRecord(ctx, &in.Inputs)
	if err != nil {
		return nil, err
	}
	o := x.tuningOptions(in, s, settings, choice, pinned)
	o.Dir, o.Inputs, o.Force, o.Fits, o.Progress = filepath.Join(x.RunDir(name), workspace.TuningDir), record, s.Force, s.Fits, p.Done
	o.Working = func(parts []float64) {
		words := make([]string, len(parts))
		for i, part := range parts {
			words[i] = fmt.Sprintf("%.0f%%", 100*part)
		}
		p.Say("at work " + strings.Join(words, " "))
	}
	tuned, err := tuning.Tune(ctx, o)
	p.End()
	if errors.Is(err, runs.ErrOtherRun) {
		return nil, fmt.Errorf("%w; --force starts over there, --run NAME uses another folder", err)
	}
	if err == nil && tuned.Cut {
		x.Log.Warn("the budget cut the search short", "run", name, "folds", tuned.Best.Folds)
	}
	return tuned, err
}

func (x *Runner) tuningOptions(in *workspace.Inputs, s *Search, settings settings.Settings, choice map[string]float64, pinned []string) tuning.Options {
	return tuning.Options{
		Settings: settings, Pinned: pinned, Choice: choice, Features: in.Features, Classes: in.Classes, Roles: in.Roles,
		Trials: s.Trials, Folds: s.Folds, Budget: s.Budget, Workers: s.Workers, Log: x.Log,
		Trial: func(t tuning.Trial) {
			x.Log.Debug("trial", "trial", t.Number, "folds", t.Folds, "accuracy", fmt.Sprintf("%.1f%%", 100*t.Accuracy),
				"choice", fmt.Sprint(t.Choice), "settings", fmt.Sprint(t.Searched))
		},
	}
}

// TuneParts is the search of a run's settings, for tasks that make its fits.
func (x *Runner) TuneParts(in *workspace.Inputs, s *Search, settings settings.Settings, choice map[string]float64, pinned []string) (*tuning.Search, error) {
	return tuning.NewSearch(x.tuningOptions(in, s, settings, choice, pinned))
}

// ReadTuned reads a tuned run's settings; it must be one of the method.
func (x *Runner) ReadTuned(run, method string) (settings.Settings, *runs.TunedRecord, error) {
	s, tuned, err := runs.ReadTuned(x.RunDir(run))
	if err == nil && s.Method != method {
		err = fmt.Errorf("%s is a run of the method %s, not %s", x.RunDir(run), s.Method, method)
	}
	return s, tuned, err
}

// Inductive reads the settings and the choice of a tuned inductive run, which a transductive search continues from.
func (x *Runner) Inductive(run, method string) (settings.Settings, map[string]float64, error) {
	s, tuned, err := x.ReadTuned(run, method)
	if err != nil {
		return s, nil, fmt.Errorf("a transductive search starts from a tuned inductive run: %w", err)
	}
	s.Transductive = true
	return s, tuned.Choice, nil
}
