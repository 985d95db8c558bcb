package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"vzsl/internal/custody"
	"vzsl/internal/lock"
	"vzsl/pipeline/experiment"
	"vzsl/pipeline/tasks"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

// compareSearch is a comparison on one split or several, whose units are the methods on each.
type compareSearch struct {
	compareOptions
	names    []string // of splits
	compared []*experiment.CompareOptions
}

func (s *compareSearch) command() *cobra.Command {
	return &cobra.Command{
		Use:     "compare",
		Short:   "divide a comparison",
		Example: `  vzsl plan compare --dataset cub --splits random-1,random-2,random-3 --methods eszsl,devise,vzsl`,
		Long: `A unit is one method on one split: its search, its models of all seeds, their evaluation. The budget of a search is
counted in fits (--trials, --folds), not in seconds, so that results do not depend on the machines. finish writes
the comparison of each split, with the same metrics as a single process.`,
	}
}

func (s *compareSearch) addFlags(cmd *cobra.Command) {
	s.compareOptions.addFlags(cmd)
	cmd.Flags().StringSliceVar(&s.names, "splits", nil, "`names` of the splits, separated by commas (default: that of --split)")
}

func (s *compareSearch) read(con *cli, cmd *cobra.Command) error {
	names := s.names
	if len(names) == 0 {
		names = []string{s.run.Split}
	}
	if len(names) > 1 && s.run.Run != "" {
		return usage.Errorf("--run names one comparison, but there are %d splits; leave it out", len(names))
	}
	s.compared = nil
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return usage.Errorf("--splits: duplicate %s", name)
		}
		if len(s.names) > 0 { // as the comparison of this split alone would have been given it
			if err := cmd.Flags().Set("split", name); err != nil {
				return err
			}
		}
		e, err := s.comparison(con, cmd, "splits")
		if err != nil {
			return err
		}
		s.compared = append(s.compared, e)
	}
	return nil
}

func (s *compareSearch) methodNames() []string { return s.methods }
func (s *compareSearch) dataset() string       { return s.run.Dataset.Name }
func (s *compareSearch) parallel() int         { return 1 } // the fits of a method's search are made beside each other

func (s *compareSearch) splits() (all []*workspace.RunRef) {
	for _, e := range s.compared {
		all = append(all, &e.Run)
	}
	return all
}

func (s *compareSearch) settings() any {
	return []any{s.compared[0].Settings, s.compared[0].Pinned}
}

func (s *compareSearch) units(con *cli, r *workspace.RunRef, _ *workspace.Inputs) (units []tasks.Unit, err error) {
	name, err := r.NameOfSeveral("compare", s.methods)
	if err != nil {
		return nil, err
	}
	if err := experiment.Writable(con.ReportDir(name)); err != nil {
		return nil, err
	}
	for _, m := range s.methods {
		if err := con.runner().MayTune(name+"/"+m, s.seeds, false); err != nil {
			return nil, err
		}
		units = append(units, tasks.Unit{Key: r.Split + "+" + m, Size: s.Trials * s.Folds})
	}
	return units, nil
}

func (s *compareSearch) do(ctx context.Context, x *searchTasks, u *tasks.Unit) (*tasks.Outcome, error) {
	split, method, _ := strings.Cut(u.Key, "+")
	at := slices.IndexFunc(s.compared, func(e *experiment.CompareOptions) bool { return e.Run.Split == split })
	if at < 0 {
		return nil, fmt.Errorf("the plan has no split %s", split)
	}
	e := s.compared[at]
	i := slices.IndexFunc(e.Settings, func(s settings.Settings) bool { return s.Method == method })
	if i < 0 {
		return nil, fmt.Errorf("the plan has no method %s", method)
	}
	in, err := x.inputs(ctx, &e.Run)
	if err != nil {
		return nil, err
	}
	row, err := x.runner().CompareOne(ctx, e, in, i)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case passing(err) || errors.Is(err, runs.ErrOtherRun) || row == nil:
		return nil, err
	case err != nil:
		x.Log.Warn("the method failed; the comparison will list the error", "method", method, "split", split, "error", err)
		row.Error = err.Error()
		return &tasks.Outcome{Error: row.Error, Result: row, Same: row.Error}, nil
	}
	same := *row
	same.Tuning, same.Trained = 0, 0
	if same.Best != nil {
		best := *same.Best
		best.Seconds = 0
		same.Best = &best
	}
	return &tasks.Outcome{Fits: row.Fits, Result: row, Same: same}, nil
}

// finish writes the comparison of each split.
func (s *compareSearch) finish(ctx context.Context, x *searchTasks) error {
	var all []*experiment.Comparison
	for _, e := range s.compared {
		e.Done = map[string]*experiment.ComparedMethod{}
		for _, m := range s.methods {
			row := &experiment.ComparedMethod{}
			if err := x.p.Result(e.Run.Split+"+"+m, row); err != nil {
				return err
			}
			e.Done[m] = row
		}
		out, err := x.runner().Compare(ctx, e)
		if err != nil {
			return err
		}
		all = append(all, out)
	}
	err := x.result(all, func(w io.Writer) {
		for _, out := range all {
			printComparison(w, out)
		}
	})
	if err != nil {
		return err
	}
	return failedMethods(all...)
}

// passing tells of an error that the next try may not meet: it is the machine's, and not the method's.
func passing(err error) bool {
	var held *lock.HeldError
	var path *fs.PathError
	var system syscall.Errno // also of a rename, a lock, a mapped file
	return errors.As(err, &held) || errors.As(err, &path) || errors.As(err, &system) || custody.IsDamaged(err)
}
