package tasks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vzsl/internal/kernels"
	"vzsl/internal/version"
)

// PlanSearch plans a command whose units, or those of one stage, are independent of each other. The number of tasks is that of the
// units of the largest stage.
func PlanSearch(command string, flags []string, out string, units []Unit) *Plan {
	p := &Plan{Format: planFormat, Command: command, Flags: flags, Out: out, Program: version.Program(), Kernels: kernels.Level(),
		Tasks: 1, Made: time.Now().UTC().Round(time.Second), Units: units, Inputs: map[string]string{}}
	of := map[int]int{}
	for _, u := range units {
		of[u.Stage]++
		p.Tasks = max(p.Tasks, of[u.Stage])
	}
	return p
}

// Outcome is the outcome of a unit of a search.
type Outcome struct {
	Fits   int
	Result any    // used by finish
	Same   any    // the reproducible part of Result, without times: equal in every task
	Error  string // of a unit that fails on every attempt: it is stored in the result and the task continues
}

// Ran is the progress of a task.
type Ran struct {
	Before  int // units done before
	Now     int // units done by this call
	Waiting int // units that depend on unfinished units of other tasks
}

// Run carries out the unfinished units of a task, several at a time, stage by stage. A stage whose earlier stages are not complete is
// not started.
func (p *Plan) Run(ctx context.Context, t Task, workers int, do func(ctx context.Context, u *Unit) (*Outcome, error)) (ran Ran, err error) {
	if err := p.here(); err != nil {
		return ran, err
	}
	alive := p.begin(t)
	defer alive.stop()
	var mu sync.Mutex
	for _, stage := range p.stages() {
		due, before, err := p.due(t, stage)
		if err != nil {
			return ran, err
		}
		mu.Lock()
		ran.Before += before
		alive.at(ran.Before + ran.Now)
		mu.Unlock()
		if len(due) == 0 {
			continue
		}
		if open, err := p.open(stage); err != nil {
			return ran, err
		} else if !open {
			ran.Waiting += len(due)
			continue
		}
		g, below := errgroup.WithContext(ctx)
		g.SetLimit(max(1, workers))
		for _, u := range due {
			g.Go(func() error {
				if below.Err() != nil {
					return context.Cause(below)
				}
				if err := p.one(below, t, u, do); err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				ran.Now++
				alive.at(ran.Before + ran.Now)
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return ran, err
		}
	}
	return ran, nil
}

// Stages returns the number of stages.
func (p *Plan) Stages() int { return len(p.stages()) }

// stages returns the numbers of the plan's stages.
func (p *Plan) stages() []int {
	var all []int
	for _, u := range p.Units {
		all = append(all, u.Stage)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// due returns the unfinished units of a task in a stage, and the number of finished ones.
func (p *Plan) due(t Task, stage int) (due []*Unit, done int, err error) {
	for i := range p.Units {
		u := &p.Units[i]
		if !t.Has(i) || u.Stage != stage {
			continue
		}
		switch n, err := p.note(u.Key); {
		case err != nil:
			return nil, 0, err
		case n != nil:
			done++
		default:
			due = append(due, u)
		}
	}
	return due, done, nil
}

// open reports whether all units of earlier stages are done.
func (p *Plan) open(stage int) (bool, error) {
	for _, u := range p.Units {
		if u.Stage >= stage {
			continue
		}
		if n, err := p.note(u.Key); err != nil || n == nil {
			return false, err
		}
	}
	return true, nil
}

// one carries out a unit and notes it.
func (p *Plan) one(ctx context.Context, t Task, u *Unit, do func(ctx context.Context, u *Unit) (*Outcome, error)) error {
	start := time.Now()
	out, err := do(ctx, u)
	if err != nil {
		return err
	}
	same, err := json.Marshal(out.Same)
	if err != nil {
		return err
	}
	result, err := json.Marshal(out.Result)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(same)
	return p.done(&note{Key: u.Key, Computed: out.Fits, SHA256: hex.EncodeToString(sum[:]), Seconds: time.Since(start).Seconds(), Task: t.String(), Error: out.Error, Result: result})
}

// Complete returns a *MissingError if units are not done.
func (p *Plan) Complete() error {
	missing, err := p.undone()
	if err != nil {
		return err
	}
	return p.missing(missing)
}

// undone returns the indices of the unfinished units.
func (p *Plan) undone() (units []int, err error) {
	for i, u := range p.Units {
		n, err := p.note(u.Key)
		if err != nil {
			return nil, err
		}
		if n == nil {
			units = append(units, i)
		}
	}
	return units, nil
}

// Result reads the result of a finished unit into to.
func (p *Plan) Result(key string, to any) error {
	n, err := p.note(key)
	if err != nil {
		return err
	}
	if n == nil || n.Result == nil {
		return fmt.Errorf("%s has no result: remove it and run its task again: %s", p.notePath(key), p.Again(key))
	}
	if err := json.Unmarshal(n.Result, to); err != nil {
		return fmt.Errorf("%s is damaged (%w): remove it and run its task again: %s", p.notePath(key), err, p.Again(key))
	}
	return nil
}

// Drop removes the notes of units whose files are gone, so that their tasks compute them again, and returns the error that lists them.
func (p *Plan) Drop(units []int) error {
	for _, u := range units {
		if err := os.Remove(p.notePath(p.Units[u].Key)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return p.missing(units)
}
