package pipeline

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"vzsl/pipeline/experiment"
	"vzsl/pipeline/tasks"
	"vzsl/pipeline/workspace"
)

// fewShotSearch is a series of trainings with labelled images of the unseen classes.
type fewShotSearch struct {
	fewShotOptions
	series *experiment.FewShotOptions
}

func (s *fewShotSearch) command() *cobra.Command {
	return &cobra.Command{
		Use:     "fewshot",
		Short:   "divide a few-shot series",
		Example: `  vzsl plan fewshot --dataset cub --split random-1 --shots 0,1,5 --methods vzsl,logistic`,
		Long: `A unit is one training: a method with a number of labelled images per unseen class, of one draw (seed), and its
evaluation. finish writes the report, the same as a single process.`,
	}
}

func (s *fewShotSearch) read(con *cli, cmd *cobra.Command) (err error) {
	s.series, err = s.fewShotOptions.series(con, cmd)
	return err
}

func (s *fewShotSearch) methodNames() []string       { return s.methods }
func (s *fewShotSearch) dataset() string             { return s.run.Dataset.Name }
func (s *fewShotSearch) splits() []*workspace.RunRef { return []*workspace.RunRef{&s.series.Run} }
func (s *fewShotSearch) settings() any               { return s.series.Settings }
func (s *fewShotSearch) parallel() int               { return 1 }

func (s *fewShotSearch) units(con *cli, _ *workspace.RunRef, _ *workspace.Inputs) (units []tasks.Unit, err error) {
	for _, u := range s.series.Units() {
		units = append(units, tasks.Unit{Key: u.String(), Size: 1})
	}
	return units, con.runner().MayFewShot(s.series)
}

func (s *fewShotSearch) unit(key string) (experiment.FewShotUnit, error) {
	for _, u := range s.series.Units() {
		if u.String() == key {
			return u, nil
		}
	}
	return experiment.FewShotUnit{}, fmt.Errorf("the plan's flags have no unit %s", key)
}

func (s *fewShotSearch) do(ctx context.Context, x *searchTasks, u *tasks.Unit) (*tasks.Outcome, error) {
	of, err := s.unit(u.Key)
	if err != nil {
		return nil, err
	}
	in, err := x.inputs(ctx, &s.series.Run)
	if err != nil {
		return nil, err
	}
	scored, err := x.runner().FewShotOne(ctx, s.series, in, of)
	return &tasks.Outcome{Fits: 1, Result: scored, Same: scored}, err
}

func (s *fewShotSearch) finish(ctx context.Context, x *searchTasks) error {
	s.series.Done = map[string]*experiment.Scored{}
	for _, u := range x.p.Units {
		scored := &experiment.Scored{}
		if err := x.p.Result(u.Key, scored); err != nil {
			return err
		}
		s.series.Done[u.Key] = scored
	}
	err := x.kept(func(u *tasks.Unit) (run, sha256 string) {
		scored := s.series.Done[u.Key]
		return scored.Run, scored.Model
	})
	if err != nil {
		return err
	}
	if _, err := x.inputs(ctx, &s.series.Run); err != nil {
		return err
	}
	return runFewShot(ctx, x.cli, s.series)
}
