package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/internal/lock"
	"vzsl/pipeline/experiment"
	"vzsl/pipeline/tasks"
	"vzsl/pipeline/usage"
	"vzsl/train/settings"
)

func newPlanCompare(con *cli) *cobra.Command {
	var o compareOptions
	var p planOptions
	var splits []string
	cmd := &cobra.Command{
		Use:     "compare",
		Short:   "divide a comparison",
		Example: `  vzsl plan compare --dataset cub --splits random-1,random-2,random-3 --methods eszsl,devise,vzsl`,
		Long: `A unit is one method on one split: its search, its models of all seeds, their evaluation. The budget of a search is
counted in fits (--trials, --folds), not in seconds, so that results do not depend on the machines. finish writes
the comparison of each split, with the same metrics as a single process.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Budget > 0 && cmd.Flags().Changed("budget") {
				return usage.Errorf("--budget %v: a time limit would make results depend on the machine; use --trials and --folds", o.Budget)
			}
			o.Budget = 0
			if len(splits) == 0 {
				splits = []string{o.run.Split}
			}
			if len(splits) > 1 && o.run.Run != "" {
				return usage.Errorf("--run names one comparison, but there are %d splits; leave it out", len(splits))
			}
			e, err := o.comparison(con, cmd)
			if err != nil {
				return err
			}
			var units []tasks.Unit
			for _, s := range splits {
				r := e.Run
				r.Split = s
				in, err := con.OpenInputs(cmd.Context(), &r) // what is missing is said now
				if err != nil {
					return err
				}
				in.Close()
				for _, m := range o.methods {
					units = append(units, tasks.Unit{Key: s + "+" + m, Size: o.Trials * o.Folds, Flags: []string{"--split=" + s}})
				}
			}
			flags := append(con.givenSettings(cmd, o.methods, append([]string{"split", "splits", "methods", "budget"}, planFlags...)...),
				"--budget=0s", "--methods="+strings.Join(o.methods, ","))
			plan := tasks.PlanSearch(tasks.KindCompare, flags, con.Dir, units)
			if p.tasks > 0 {
				plan.Divide(p.tasks)
			}
			if p.to == "" {
				p.to = filepath.Join(con.Dir, "plans", o.run.Dataset.Name+"-compare")
			}
			path, err := plan.Write(p.to, nil, p.replace)
			if err != nil {
				return err
			}
			return con.planned(path, plan)
		},
	}
	o.addFlags(cmd)
	p.addFlags(cmd)
	cmd.Flags().StringSliceVar(&splits, "splits", nil, "`names` of the splits, separated by commas (default: that of --split)")
	return cmd
}

// comparisonOf is the planned comparison of a unit's split.
func (c *cli) comparisonOf(p *tasks.Plan, u *tasks.Unit) (*experiment.CompareOptions, error) {
	var o compareOptions
	cmd := &cobra.Command{Use: "compare"}
	o.addFlags(cmd)
	if err := cmd.ParseFlags(slices.Concat(p.Flags, u.Flags)); err != nil {
		return nil, usage.Wrap(err)
	}
	c.fileSettings = nil // they stand in the plan
	return o.comparison(c, cmd)
}

func runCompareTask(cmd *cobra.Command, con *cli, path, text string) error {
	p, t, err := con.openTask(cmd, path, text)
	if err != nil {
		return err
	}
	before, now, err := p.Run(cmd.Context(), t, func(ctx context.Context, u *tasks.Unit) (*tasks.Outcome, error) {
		e, err := con.comparisonOf(p, u)
		if err != nil {
			return nil, err
		}
		_, method, _ := strings.Cut(u.Key, "+")
		i := slices.IndexFunc(e.Settings, func(s settings.Settings) bool { return s.Method == method })
		if i < 0 {
			return nil, fmt.Errorf("the plan has no method %s", method)
		}
		row, err := con.runner().CompareOne(ctx, e, i)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case passing(err):
			return nil, err
		case err != nil:
			con.Log.Warn("the method failed; the comparison will list the error", "method", method, "split", e.Run.Split, "error", err)
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
	})
	if err != nil {
		return err
	}
	r := struct {
		Task  string `json:"task"`
		Units int    `json:"units"`
		Now   int    `json:"done_now"`
	}{t.String(), before + now, now}
	return con.result(r, func(w io.Writer) {
		fmt.Fprintf(w, "task %s: %s done, %d of them now\n", t, usage.Counted(r.Units, "unit"), r.Now)
	})
}

// finishCompare writes the comparison of each split of a plan.
func (c *cli) finishCompare(ctx context.Context, p *tasks.Plan) error {
	if err := p.Complete(); err != nil {
		return err
	}
	var all []*experiment.Comparison
	done := map[string]bool{}
	for i := range p.Units {
		u := &p.Units[i]
		split, _, _ := strings.Cut(u.Key, "+")
		if done[split] {
			continue
		}
		done[split] = true
		e, err := c.comparisonOf(p, u)
		if err != nil {
			return err
		}
		if e.Done, err = comparedRows(p, split); err != nil {
			return err
		}
		out, err := c.runner().Compare(ctx, e)
		if err != nil {
			return err
		}
		all = append(all, out)
	}
	err := c.result(all, func(w io.Writer) {
		for _, out := range all {
			printComparison(w, out)
		}
	})
	if err != nil {
		return err
	}
	return failedMethods(all...)
}

// comparedRows are the rows of a split's comparison, as the tasks noted them.
func comparedRows(p *tasks.Plan, split string) (map[string]*experiment.ComparedMethod, error) {
	rows := map[string]*experiment.ComparedMethod{}
	for _, u := range p.Units {
		of, method, _ := strings.Cut(u.Key, "+")
		if of != split {
			continue
		}
		n, err := p.Note(u.Key)
		if err != nil {
			return nil, err
		}
		var row experiment.ComparedMethod
		if n == nil || json.Unmarshal(n.Result, &row) != nil || row.Method != method {
			return nil, fmt.Errorf("the record of %s has no result: run its task again", u.Key)
		}
		rows[method] = &row
	}
	return rows, nil
}

// passing tells of an error that the next try may not meet: it is the machine's, and not the method's.
func passing(err error) bool {
	var held *lock.HeldError
	var path *fs.PathError
	return errors.As(err, &held) || errors.As(err, &path)
}
