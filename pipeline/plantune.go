package pipeline

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/spf13/cobra"

	"vzsl/pipeline/tasks"
	"vzsl/pipeline/workspace"
	"vzsl/train/settings"
	"vzsl/train/tuning"
)

// tuneSearch is a search for settings, whose units are its fits, rung by rung, and then the models.
type tuneSearch struct {
	tuneFlags
	of     settings.Settings
	choice map[string]float64
	pinned []string

	mu       sync.Mutex
	parts    *tuning.Search
	places   map[string]tuning.Place
	added    int // stages whose fits parts has
	outcome  *tuning.Tuned
	failed   error // in place of an outcome
	training sync.Mutex
}

func (s *tuneSearch) command() *cobra.Command {
	return &cobra.Command{
		Use:     "tune",
		Short:   "divide a search for settings",
		Example: `  vzsl plan tune --dataset cub --split random-1 --method vzsl --trials 81 --seeds 5`,
		Long: `A unit is one fit: a set of settings with one fold held out. The search has rungs (see 'vzsl tune'): which settings are
fitted on further folds depends on all fits of the rung before. The units of a rung therefore form a stage, and those
of the next stage can run when all of them are done; the last stage trains the models. Run the same array once per
stage: a task does what can be done, and finish lists, with exit code 3, the tasks of the next stage. With
a single task (--tasks 1) all stages follow each other. The budget is counted in fits (--trials, --folds), not in seconds.
finish writes what a single process would have written.`,
	}
}

func (s *tuneSearch) read(con *cli, cmd *cobra.Command) (err error) {
	s.of, s.choice, s.pinned, err = s.tuneFlags.read(con, cmd)
	return err
}

func (s *tuneSearch) methodNames() []string       { return []string{s.run.Method} }
func (s *tuneSearch) dataset() string             { return s.run.Dataset.Name }
func (s *tuneSearch) splits() []*workspace.RunRef { return []*workspace.RunRef{&s.run} }
func (s *tuneSearch) settings() any               { return []any{s.of, s.choice, s.pinned} }

func (s *tuneSearch) parallel() int {
	if s.Workers > 0 {
		return s.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// modelKey is the unit that trains the one model.
const modelKey = "model"

// models are the units of the last stage.
func (s *tuneSearch) models() (keys []string) {
	for n := range s.seeds {
		keys = append(keys, seedKey(s.of.Seed+uint64(n)))
	}
	if s.seeds == 0 {
		keys = []string{modelKey}
	}
	return keys
}

func (s *tuneSearch) units(con *cli, r *workspace.RunRef, in *workspace.Inputs) (units []tasks.Unit, err error) {
	name, err := r.Name()
	if err != nil {
		return nil, err
	}
	if err := con.runner().MayTune(name, s.seeds, false); err != nil {
		return nil, err
	}
	parts, err := con.runner().TuneParts(in, &s.Search, s.of, s.choice, s.pinned)
	if err != nil {
		return nil, err
	}
	if err := parts.MayContinue(filepath.Join(con.RunDir(name), workspace.TuningDir)); err != nil {
		return nil, fmt.Errorf("%w; give another --run, or remove that one", err)
	}
	last := 0
	for _, p := range parts.Places() {
		units = append(units, tasks.Unit{Key: p.String(), Size: 1, Stage: p.Rung})
		last = p.Rung
	}
	for _, key := range s.models() {
		units = append(units, tasks.Unit{Key: key, Size: 1, Stage: last + 1})
	}
	return units, nil
}

// open has the search with the fits of all stages before one.
func (s *tuneSearch) open(ctx context.Context, x *searchTasks, stage int) (*workspace.Inputs, error) {
	in, err := x.inputs(ctx, &s.run)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts == nil {
		if s.parts, err = x.runner().TuneParts(in, &s.Search, s.of, s.choice, s.pinned); err != nil {
			return nil, err
		}
		s.places = map[string]tuning.Place{}
		for _, p := range s.parts.Places() {
			s.places[p.String()] = p
		}
	}
	if s.added < stage {
		fits, err := x.fits(stage)
		if err != nil {
			return nil, err
		}
		if err := s.parts.Add(fits...); err != nil {
			return nil, tasks.Permanent(err)
		}
		s.added = stage
	}
	return in, nil
}

// fits are those that tasks made in the stages before one.
func (x *searchTasks) fits(stage int) (all []*tuning.Fit, err error) {
	for _, u := range x.p.Units {
		if u.Stage >= stage {
			continue
		}
		var f *tuning.Fit
		if err := x.p.Result(u.Key, &f); err != nil {
			return nil, err
		}
		if f != nil { // its trial failed before
			all = append(all, f)
		}
	}
	return all, nil
}

func (s *tuneSearch) do(ctx context.Context, x *searchTasks, u *tasks.Unit) (*tasks.Outcome, error) {
	in, err := s.open(ctx, x, u.Stage)
	if err != nil {
		return nil, err
	}
	if place, ok := s.places[u.Key]; ok {
		f, err := s.parts.Fit(ctx, place)
		if err != nil || f == nil {
			return &tasks.Outcome{}, err
		}
		same := *f
		same.Seconds = 0
		return &tasks.Outcome{Fits: 1, Result: f, Same: same}, nil
	}
	s.training.Lock() // one model at a time
	defer s.training.Unlock()
	if s.outcome == nil && s.failed == nil {
		s.outcome, s.failed = s.parts.Outcome(ctx)
	}
	if s.failed != nil { // finish says the same
		return &tasks.Outcome{Error: s.failed.Error(), Same: s.failed.Error()}, nil
	}
	name, err := s.run.Name()
	if err != nil {
		return nil, err
	}
	if u.Key != modelKey {
		return trainUnit(ctx, x, name, in, s.outcome.Settings, s.outcome.Record(), s.seeds, u.Key, true)
	}
	m, err := x.runner().TrainOne(ctx, name, in, s.outcome.Settings, s.outcome.Record(), true)
	if err != nil {
		return nil, err
	}
	return &tasks.Outcome{Fits: 1, Result: m, Same: m.Untimed()}, nil
}

func (s *tuneSearch) finish(ctx context.Context, x *searchTasks) error {
	name, err := s.run.Name()
	if err != nil {
		return err
	}
	in, err := x.inputs(ctx, &s.run)
	if err != nil {
		return err
	}
	last := x.p.Units[len(x.p.Units)-1].Stage
	if s.Fits, err = x.fits(last); err != nil {
		return err
	}
	tuned, err := x.runner().Tune(ctx, name, in, &s.Search, s.of, s.choice, s.pinned)
	if err != nil {
		return err
	}
	models, err := x.models(s.models()...)
	if err != nil {
		return err
	}
	return x.tuned(name, s.of.Method, tuned, trainedRuns(models))
}
