//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// broken is what a campaign of faults of the file system counted.
type broken struct {
	Faults    int            `json:"faults"` // of one operation, or of all from one on
	ByFault   map[string]int `json:"by_fault"`
	Failed    int            `json:"commands_that_failed"` // with 1 and an error
	GotOver   int            `json:"commands_that_got_over_it"`
	Different int            `json:"files_that_differ"` // after the same command was run again without a fault
	Missing   int            `json:"files_missing"`
	Left      int            `json:"files_left_behind"`
	Stuck     int            `json:"stuck"`
	Silent    int            `json:"faults_not_told"` // the command ended with 0 and other files than undisturbed
	Unhelpful int            `json:"errors_without_advice"`
	Found     []string       `json:"found,omitempty"`
}

func (r *broken) find(kind *int, format string, args ...any) {
	*kind++
	if len(r.Found) < 100 {
		r.Found = append(r.Found, fmt.Sprintf(format, args...))
	}
}

// breakFiles lets operations of the file system fail below every stage: perStage moments for every kind of fault, and afterwards runs
// the same command again without any.
func (c *campaign) breakFiles(ctx context.Context, perStage int, only string) (*broken, error) {
	w, err := c.world(ctx, 6)
	if err != nil {
		return nil, err
	}
	below := filepath.Join(c.work, "below")
	if err := os.MkdirAll(below, 0o755); err != nil {
		return nil, err
	}
	f, err := mountFaulty(below, filepath.Join(c.work, "mounted"))
	if err != nil {
		return nil, err
	}
	defer f.server.Unmount() //nolint:errcheck // the folder goes with it
	stages := w.stages()
	chosen := choose(stages, only)
	if len(chosen) == 0 {
		return nil, fmt.Errorf("unknown stage %s", only)
	}
	stages = stages[:chosen[len(chosen)-1]+1]
	r := &broken{ByFault: map[string]int{}}
	before, after := filepath.Join(c.work, "before"), filepath.Join(c.work, "after")
	for i, s := range stages {
		if err := refill(before, below); err != nil {
			return r, err
		}
		if _, err := c.must(ctx, f.dir, append(s.args, "--quiet")...); err != nil {
			return r, err
		}
		if err := refill(after, below); err != nil {
			return r, err
		}
		if slices.Contains(chosen, i) {
			want, err := readTree(after)
			if err != nil {
				return r, err
			}
			for _, kind := range faults {
				if err := c.breakStage(ctx, f, s, kind, before, below, want, perStage, r); err != nil || c.over(ctx) {
					return r, err
				}
			}
			if err := refill(below, after); err != nil {
				return r, err
			}
		}
		fmt.Fprintf(c.log, "%s: %d faults: %d files differ, %d missing, %d left, %d stuck, %d not told, %d without advice\n", s.name, r.Faults, r.Different, r.Missing, r.Left, r.Stuck, r.Silent, r.Unhelpful)
	}
	if r.Different+r.Missing+r.Left+r.Stuck+r.Silent+r.Unhelpful > 0 {
		return r, errFound
	}
	return r, ctx.Err()
}

// refill makes the folder to, which stays, a copy of from.
func refill(to, from string) error {
	entries, err := os.ReadDir(to)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}

// breakStage lets a stage meet one kind of fault, at moments spread over its operations.
func (c *campaign) breakStage(ctx context.Context, f *faultyFS, s stage, kind fault, before, below string, want tree, moments int, r *broken) error {
	args := append(s.args, "--quiet")
	most := limits{time: 2 * time.Minute}
	if err := refill(below, before); err != nil {
		return err
	}
	f.set(kind, 0)
	if o, err := c.call(ctx, f.dir, most, args...); err != nil || o.code != 0 {
		return errors.Join(err, fmt.Errorf("vzsl %s: exit code %d: %s", s.name, o.code, o.stderr))
	}
	operations, _ := f.counts()
	for k := range min(moments, operations) {
		at := 1 + k
		if operations > moments {
			at = 1 + k*operations/moments + c.rng.IntN(operations/moments)
		}
		if err := refill(below, before); err != nil {
			return err
		}
		f.set(kind, at)
		o, err := c.call(ctx, f.dir, most, args...)
		_, failed := f.counts()
		f.set(fault{}, 0)
		what := fmt.Sprintf("%s at operation %d of %d, vzsl %s", kind.name, at, operations, s.name)
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return nil //nolint:nilerr // stopped
		case failed == 0, strings.Contains(o.stderr, "cd: "): // the shell could not enter the folder
			continue // or it had fewer operations than before: their number depends on timing
		}
		r.Faults++
		r.ByFault[kind.name]++
		told := (o.code == 1 || o.code == 3) && (o.code == 3 || strings.Contains("\n"+o.stderr, "\nvzsl: ")) && !o.panicked()
		switch {
		case o.hung:
			r.find(&r.Stuck, "%s: does not end", what)
		case told && o.code == 1 && !strings.Contains(o.stderr, "again") && !strings.Contains(o.stderr, "make room"):
			r.find(&r.Unhelpful, "%s: %.500s", what, o.stderr)
			fallthrough
		case told:
			r.Failed++
		case o.code == 0:
			r.GotOver++
			if got, err := readTree(below); err != nil {
				r.find(&r.Silent, "%s: exit code 0, %v", what, err)
			} else if differ, missing, _ := want.compare(got); len(differ)+len(missing) > 0 {
				r.find(&r.Silent, "%s: exit code 0, but %v differ, %v are missing", what, differ, missing)
			}
		default:
			r.find(&r.Stuck, "%s: exit code %d: %.500s", what, o.code, o.stderr)
		}
		// All is well again.
		if o, err = c.call(ctx, f.dir, most, args...); err != nil {
			return err
		}
		if !s.finished(o) {
			r.find(&r.Stuck, "%s: then without a fault: exit code %d: %.500s", what, o.code, o.stderr)
			continue
		}
		got, err := readTree(below)
		if err != nil {
			r.find(&r.Different, "%s: %v", what, err)
			continue
		}
		differ, missing, left := want.compare(got)
		if len(differ) > 0 {
			r.find(&r.Different, "%s: then without a fault: %v differ", what, differ)
		}
		if len(missing) > 0 {
			r.find(&r.Missing, "%s: then without a fault: %v are missing", what, missing)
		}
		if len(left) > 0 {
			r.find(&r.Left, "%s: then without a fault: %v were left behind", what, left)
		}
	}
	return nil
}
