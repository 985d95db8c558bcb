package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"vzsl/features"
	"vzsl/pipeline/experiment"
	"vzsl/pipeline/tasks"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
	"vzsl/train/runs"
)

// search is a command that 'vzsl plan' divides into units which are independent of each other, or of those of their stage.
type search interface {
	command() *cobra.Command // of the plan, without its flags
	addFlags(cmd *cobra.Command)
	// read checks what the flags say. It is called by the plan, by each task and by finish.
	read(con *cli, cmd *cobra.Command) error
	methodNames() []string
	dataset() string
	splits() []*workspace.RunRef
	// settings are what has to be the same for all tasks, and is not in the flags alone.
	settings() any
	// units are those on one of the splits. The folders that they write are looked at.
	units(con *cli, r *workspace.RunRef, in *workspace.Inputs) ([]tasks.Unit, error)
	// do carries out a unit.
	do(ctx context.Context, x *searchTasks, u *tasks.Unit) (*tasks.Outcome, error)
	parallel() int // units at a time
	// finish writes and prints what one process would.
	finish(ctx context.Context, x *searchTasks) error
}

// searches are those that there are, by their commands.
func searches() map[string]func() search {
	return map[string]func() search{
		"compare": func() search { return &compareSearch{} }, "tune": func() search { return &tuneSearch{} },
		"fewshot": func() search { return &fewShotSearch{} }, "train": func() search { return &trainSearch{} },
	}
}

func newPlanSearch(con *cli, of func() search) *cobra.Command {
	s := of()
	var p planOptions
	cmd := s.command()
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runPlanSearch(cmd, con, of, s, &p) }
	s.addFlags(cmd)
	p.addFlags(cmd)
	cmd.Flags().Lookup("tasks").Usage = "`number` of tasks (default: one per unit)"
	return cmd
}

func runPlanSearch(cmd *cobra.Command, con *cli, of func() search, s search, p *planOptions) error {
	ctx := cmd.Context()
	if p.tasks < 0 {
		return usage.Errorf("--tasks %d: must not be negative", p.tasks)
	}
	if f := cmd.Flags().Lookup("budget"); f != nil {
		if f.Changed && f.Value.String() != "0s" {
			return usage.Errorf("--budget %s: a time limit would make results depend on the machine; use --trials and --folds", f.Value)
		}
		if err := cmd.Flags().Set("budget", "0s"); err != nil {
			return err
		}
	}
	if cmd.Flags().Changed("force") {
		return usage.Errorf("--force: tasks keep what other tasks have finished; remove the old run ('vzsl runs remove') or give another --run")
	}
	if err := s.read(con, cmd); err != nil {
		return err
	}
	plan := tasks.PlanSearch(cmd.Name(), con.givenSettings(cmd, s.methodNames(), planFlags...), con.Address(con.Dir), nil)
	if err := con.replays(plan.Flags, of(), s); err != nil {
		return err
	}
	inputs := map[string]string{}
	var err error
	if inputs[inputSettings], err = settingsSHA256(s); err != nil {
		return err
	}
	var units []tasks.Unit
	for _, r := range s.splits() {
		in, err := con.OpenInputs(ctx, r) // what is missing is said now
		if err != nil {
			return err
		}
		more, err := s.units(con, r, in)
		if err == nil {
			inputs[inputOf(r)], err = recordSHA256(ctx, in)
		}
		in.Close()
		if err != nil {
			return err
		}
		units = append(units, more...)
	}
	plan = tasks.PlanSearch(plan.Command, plan.Flags, plan.Out, units)
	plan.Inputs = inputs
	if p.tasks > 0 {
		plan.Divide(p.tasks)
	}
	if p.to == "" {
		p.to = filepath.Join(con.Dir, "plans", s.dataset()+"-"+cmd.Name())
	} else if p.to, err = con.Local(p.to); err != nil {
		return err
	}
	path, err := plan.Write(p.to, nil, p.replace)
	if err != nil {
		return err
	}
	return con.planned(path, plan)
}

// The names of a plan's inputs.
const inputSettings = "the settings"

func inputOf(r *workspace.RunRef) string {
	return "the features, class table or split of split " + r.Split
}

func recordSHA256(ctx context.Context, in *workspace.Inputs) (string, error) {
	r, err := features.NewRecord(ctx, &in.Inputs)
	if err != nil {
		return "", err
	}
	return r.SHA256(), nil
}

func settingsSHA256(s search) (string, error) {
	text, err := json.Marshal(s.settings())
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

// readFlags makes s what a plan's flags say, without the settings file: what that said stands in the plan.
func (c *cli) readFlags(flags []string, s search) error {
	cmd := &cobra.Command{Use: s.command().Name()}
	s.addFlags(cmd)
	if err := cmd.ParseFlags(flags); err != nil {
		return usage.Wrap(err)
	}
	bare := *c
	bare.fileSettings, bare.fromFile = nil, nil
	return s.read(&bare, cmd)
}

// replays refuses flags that, alone, would mean something else than with the settings file.
func (c *cli) replays(flags []string, again, s search) error {
	if err := c.readFlags(flags, again); err != nil {
		return err
	}
	want, err := settingsSHA256(s)
	if err != nil {
		return err
	}
	if got, err := settingsSHA256(again); err != nil || got != want {
		return errors.Join(err, usage.Errorf("the settings file and the flags (--set) give the same setting in different ways, which a plan cannot keep apart: give it once"))
	}
	return nil
}

// searchTasks are a plan's tasks as one process carries them out, or finishes them.
type searchTasks struct {
	*cli
	p *tasks.Plan
	s search

	mu sync.Mutex
	in map[string]*workspace.Inputs // by split, as far as opened
}

func (c *cli) openSearch(p *tasks.Plan) (*searchTasks, error) {
	of := searches()[p.Command]
	if of == nil {
		return nil, usage.Errorf("it is a plan of %s, which this version cannot divide", p.Command)
	}
	x := &searchTasks{cli: c, p: p, s: of(), in: map[string]*workspace.Inputs{}}
	if err := c.readFlags(p.Flags, x.s); err != nil {
		return nil, err
	}
	sum, err := settingsSHA256(x.s)
	if err != nil {
		return nil, err
	}
	return x, p.Same(inputSettings, sum)
}

func (x *searchTasks) close() {
	for _, in := range x.in {
		in.Close()
	}
}

// inputs are what a run is made from: they have to be the plan's.
func (x *searchTasks) inputs(ctx context.Context, r *workspace.RunRef) (*workspace.Inputs, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if in := x.in[r.Split]; in != nil {
		return in, nil
	}
	in, err := x.OpenInputs(ctx, r)
	if err != nil {
		return nil, err
	}
	sum, err := recordSHA256(ctx, in)
	if err == nil {
		err = x.p.Same(inputOf(r), sum)
	}
	if err != nil {
		in.Close()
		return nil, err
	}
	x.in[r.Split] = in
	return in, nil
}

func runSearchTask(cmd *cobra.Command, con *cli, path, text string) error {
	p, t, err := con.openTask(cmd, path, text)
	if err != nil {
		return err
	}
	x, err := con.openSearch(p)
	if err != nil {
		return err
	}
	defer x.close()
	ran, err := p.Run(cmd.Context(), t, x.s.parallel(), func(ctx context.Context, u *tasks.Unit) (*tasks.Outcome, error) {
		began := time.Now()
		con.Log.Info("begin", "unit", u.Key)
		out, err := x.s.do(ctx, x, u)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, runs.ErrOtherRun):
			return nil, tasks.Permanent(err)
		case err != nil:
			return nil, err
		}
		con.Log.Info("done", "unit", u.Key, "in", time.Since(began).Round(10*time.Millisecond))
		return out, nil
	})
	if err != nil {
		return err
	}
	r := struct {
		Task    string `json:"task"`
		Units   int    `json:"units"`
		Now     int    `json:"done_now"`
		Waiting int    `json:"waiting"`
	}{t.String(), ran.Before + ran.Now, ran.Now, ran.Waiting}
	return con.result(r, func(w io.Writer) {
		fmt.Fprintf(w, "task %s: %s done, %d of them now", t, usage.Counted(r.Units, "unit"), r.Now)
		if r.Waiting > 0 {
			fmt.Fprintf(w, "; %d more depend on units of other tasks that are not done: run the task again after these", r.Waiting)
		}
		fmt.Fprintln(w)
	})
}

func (c *cli) finishSearch(ctx context.Context, p *tasks.Plan) error {
	x, err := c.openSearch(p)
	if err != nil {
		return err
	}
	defer x.close()
	if err := p.Complete(); err != nil {
		return err
	}
	return x.s.finish(ctx, x)
}

// models are what tasks trained, by their units, which have to be there still.
func (x *searchTasks) models(keys ...string) (all []*experiment.TaskModel, err error) {
	for _, key := range keys {
		m := &experiment.TaskModel{}
		if err := x.p.Result(key, m); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, x.kept(func(u *tasks.Unit) (run, sha256 string) {
		for i, key := range keys {
			if key == u.Key {
				return all[i].Run, all[i].SHA256
			}
		}
		return "", ""
	})
}

// kept checks that the models of units are those that tasks trained. Of those that are gone the tasks have to be run again.
func (x *searchTasks) kept(modelOf func(u *tasks.Unit) (run, sha256 string)) error {
	var gone []int
	for i := range x.p.Units {
		run, sum := modelOf(&x.p.Units[i])
		if run == "" {
			continue
		}
		there, err := x.runner().TasksModel(run, sum)
		var other *experiment.OtherModelError
		switch {
		case errors.As(err, &other):
			return tasks.Permanent(err)
		case err != nil:
			return err
		case !there:
			gone = append(gone, i)
		}
	}
	return x.p.Drop(gone)
}
