//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// tortured is what a campaign of kills counted.
type tortured struct {
	Kills       int            `json:"kills"`       // SIGKILL, at a random moment of a command that had not ended
	Interrupted int            `json:"interrupted"` // SIGTERM, SIGHUP or SIGINT, to which a command has to end with 130
	ByCommand   map[string]int `json:"by_command"`
	Resumed     int            `json:"resumed"` // commands that were resumed to their end and compared
	Different   int            `json:"files_that_differ"`
	Missing     int            `json:"files_missing"`
	Left        int            `json:"files_left_behind"`
	Stuck       int            `json:"stuck"` // the same command could not continue, or did not end
	Found       []string       `json:"found,omitempty"`
}

func (r *tortured) find(kind *int, format string, args ...any) {
	*kind++
	if len(r.Found) < 100 {
		r.Found = append(r.Found, fmt.Sprintf(format, args...))
	}
}

// torture ends commands at random moments, takes them up again by the same command, and compares every file with an undisturbed run's.
func (c *campaign) torture(ctx context.Context, kills int, only string) (*tortured, error) {
	w, err := c.world(ctx, 6)
	if err != nil {
		return nil, err
	}
	stages := w.stages()
	chosen := choose(stages, only)
	if len(chosen) == 0 {
		return nil, fmt.Errorf("unknown stage %s", only)
	}
	stages = stages[:chosen[len(chosen)-1]+1]
	// The undisturbed runs: before[i] is what the i-th stage finds.
	before, took := make([]string, len(stages)+1), make([]time.Duration, len(stages))
	for i := range before {
		before[i] = filepath.Join(c.work, "before", fmt.Sprintf("%02d", i))
	}
	if err := os.MkdirAll(before[0], 0o755); err != nil {
		return nil, err
	}
	disturbed := filepath.Join(c.work, "disturbed") // all run here, so that commands and paths in what they write are the same
	for i, s := range stages {
		if err := replace(disturbed, before[i]); err != nil {
			return nil, err
		}
		o, err := c.must(ctx, disturbed, append(s.args, "--quiet")...)
		if err != nil {
			return nil, err
		}
		took[i] = o.took
		if err := replace(before[i+1], disturbed); err != nil {
			return nil, err
		}
	}
	r := &tortured{ByCommand: map[string]int{}}
	for turn := 0; r.Kills < kills && !c.over(ctx); turn++ {
		i := chosen[turn%len(chosen)]
		if err := c.disturb(ctx, stages[i], before[i], disturbed, took[i], r); err != nil {
			return r, err
		}
		want, err := readTree(before[i+1])
		if err != nil {
			return r, err
		}
		got, err := readTree(disturbed)
		if err != nil {
			r.find(&r.Different, "vzsl %s: %v", stages[i].name, err)
			continue
		}
		r.Resumed++
		differ, missing, left := want.compare(got)
		for _, name := range differ {
			r.find(&r.Different, "vzsl %s: %s differs from an undisturbed run's", stages[i].name, name)
		}
		for _, name := range missing {
			r.find(&r.Missing, "vzsl %s: %s is missing", stages[i].name, name)
		}
		for _, name := range left {
			r.find(&r.Left, "vzsl %s: %s was left behind", stages[i].name, name)
		}
		if len(differ)+len(missing) > 0 {
			if err := replace(filepath.Join(c.work, "kept", fmt.Sprint(turn, "-", stages[i].name)), disturbed); err != nil {
				return r, err
			}
		}
		if turn%50 == 49 {
			fmt.Fprintf(c.log, "%d kills, %d interruptions: %d files differ, %d missing, %d left, %d stuck\n", r.Kills, r.Interrupted, r.Different, r.Missing, r.Left, r.Stuck)
		}
	}
	if r.Different+r.Missing+r.Left+r.Stuck > 0 {
		return r, errFound
	}
	return r, ctx.Err()
}

// disturb runs a stage to its end, after one to four signals.
func (c *campaign) disturb(ctx context.Context, s stage, before, dir string, took time.Duration, r *tortured) error {
	if err := replace(dir, before); err != nil {
		return err
	}
	args := append(s.args, "--quiet")
	for range 1 + c.rng.IntN(4) {
		signal := syscall.SIGKILL
		if c.rng.IntN(4) == 0 {
			signal = []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT}[c.rng.IntN(3)]
		}
		after := time.Duration(c.rng.Float64() * 1.1 * float64(took))
		o, err := c.call(ctx, dir, limits{time: time.Minute + 20*took, end: func(p *os.Process) func() {
			t := time.AfterFunc(after, func() { _ = p.Signal(signal) })
			return func() { t.Stop() }
		}}, args...)
		if err != nil {
			return err
		}
		switch {
		case o.hung:
			r.find(&r.Stuck, "vzsl %s did not end within %v; sent: %v", s.name, time.Minute+20*took, signal)
			return nil
		case s.finished(o):
			return nil // it had ended before
		case o.signal == syscall.SIGKILL:
			r.Kills++
			r.ByCommand[s.name]++
		case o.signal == signal, o.code == 130 && signal != syscall.SIGKILL: // the first: before the command could ask for it
			r.Interrupted++
		default:
			r.find(&r.Stuck, "vzsl %s, after %v: exit code %d: %s", strings.Join(args, " "), signal, o.code, o.stderr)
			return nil
		}
	}
	o, err := c.call(ctx, dir, limits{time: time.Minute + 20*took}, args...)
	if err != nil {
		return err
	}
	if !s.finished(o) {
		r.find(&r.Stuck, "vzsl %s does not go on: exit code %d: %s", strings.Join(args, " "), o.code, o.stderr)
	}
	return nil
}
