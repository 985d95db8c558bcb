package pipeline

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"vzsl/pipeline/experiment"
	"vzsl/pipeline/tasks"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

// trainSearch is the training of models with several seeds.
type trainSearch struct {
	trainOptions
	of    settings.Settings
	tuned *runs.TunedRecord
}

func (s *trainSearch) command() *cobra.Command {
	return &cobra.Command{
		Use:     "train",
		Short:   "divide the training of several seeds",
		Example: `  vzsl plan train --dataset cub --split random-1 --method vzsl --seeds 10`,
		Long: `A unit is the model of one seed of 'vzsl train --seeds'. finish checks that all models are there; 'vzsl evaluate' then
reports mean and standard deviation.`,
	}
}

func (s *trainSearch) read(con *cli, cmd *cobra.Command) (err error) {
	if s.seeds < 1 {
		return usage.Errorf("--seeds is missing: a single training cannot be divided; use 'vzsl train'")
	}
	s.of, s.tuned, err = s.trainOptions.read(con, cmd)
	return err
}

func (s *trainSearch) methodNames() []string       { return []string{s.run.Method} }
func (s *trainSearch) dataset() string             { return s.run.Dataset.Name }
func (s *trainSearch) splits() []*workspace.RunRef { return []*workspace.RunRef{&s.run} }
func (s *trainSearch) settings() any               { return []any{s.of, s.tuned} }
func (s *trainSearch) parallel() int               { return 1 }

func seedKey(seed uint64) string { return fmt.Sprintf("seed-%d", seed) }

// keys are the units, by their seeds.
func (s *trainSearch) keys() (all []string) {
	for n := range s.seeds {
		all = append(all, seedKey(s.of.Seed+uint64(n)))
	}
	return all
}

func (s *trainSearch) units(con *cli, r *workspace.RunRef, _ *workspace.Inputs) (units []tasks.Unit, err error) {
	name, err := r.Name()
	if err != nil {
		return nil, err
	}
	if err := experiment.Writable(con.RunDir(name)); err != nil {
		return nil, err
	}
	for _, key := range s.keys() {
		units = append(units, tasks.Unit{Key: key, Size: 1})
	}
	return units, con.runner().MayTrainSeeds(name, s.of, s.seeds, false, false)
}

func (s *trainSearch) do(ctx context.Context, x *searchTasks, u *tasks.Unit) (*tasks.Outcome, error) {
	name, err := s.run.Name()
	if err != nil {
		return nil, err
	}
	in, err := x.inputs(ctx, &s.run)
	if err != nil {
		return nil, err
	}
	return trainUnit(ctx, x, name, in, s.of, s.tuned, s.seeds, u.Key, false)
}

// trainUnit trains the model of a seed, by its unit's key.
func trainUnit(ctx context.Context, x *searchTasks, run string, in *workspace.Inputs, of settings.Settings, tuned *runs.TunedRecord, seeds int, key string, searched bool) (*tasks.Outcome, error) {
	for range seeds {
		if seedKey(of.Seed) == key {
			m, err := x.runner().TrainOne(ctx, workspace.SeedRun(run, of.Seed), in, of, tuned, searched)
			if err != nil {
				return nil, err
			}
			return &tasks.Outcome{Fits: 1, Result: m, Same: m.Untimed()}, nil
		}
		of.Seed++
	}
	return nil, fmt.Errorf("the plan's flags have no unit %s", key)
}

func (s *trainSearch) finish(ctx context.Context, x *searchTasks) error {
	models, err := x.models(s.keys()...)
	if err != nil {
		return err
	}
	name, err := s.run.Name()
	if err != nil {
		return err
	}
	return x.trainedSeeds(name, trainedRuns(models))
}

func trainedRuns(models []*experiment.TaskModel) (all []*experiment.TrainedRun) {
	for _, m := range models {
		all = append(all, &m.TrainedRun)
	}
	return all
}
