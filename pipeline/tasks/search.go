package tasks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"vzsl/internal/kernels"
	"vzsl/internal/version"
)

// PlanSearch plans a command whose parts are independent of each other.
func PlanSearch(command string, flags []string, out string, units []Unit) *Plan {
	return &Plan{Format: planFormat, Command: command, Flags: flags, Out: out, Program: version.Program(), Kernels: kernels.Level(),
		Tasks: len(units), Made: time.Now().UTC().Round(time.Second), Units: units}
}

// Outcome is the outcome of a unit of a search.
type Outcome struct {
	Fits   int
	Result any    // used by finish
	Same   any    // the reproducible part of Result, without times: equal in every task
	Error  string // of a unit that fails on every attempt: it is stored in the result and the task continues
}

// Run carries out the unfinished units of a task; it returns how many were done before and how many it has done.
func (p *Plan) Run(ctx context.Context, t Task, do func(ctx context.Context, u *Unit) (*Outcome, error)) (before, now int, err error) {
	if err := p.Here(); err != nil {
		return 0, 0, err
	}
	began := time.Now().UTC().Round(time.Millisecond)
	for i := range p.Units {
		u := &p.Units[i]
		if !t.Has(i) {
			continue
		}
		if n, err := p.Note(u.Key); err != nil {
			return before, now, err
		} else if n != nil {
			before++
			continue
		}
		if err := p.start(t, Start{Began: began, Done: before + now}); err != nil {
			return before, now, err
		}
		start := time.Now()
		out, err := do(ctx, u)
		if err != nil {
			return before, now, err
		}
		same, err := json.Marshal(out.Same)
		if err != nil {
			return before, now, err
		}
		result, err := json.Marshal(out.Result)
		if err != nil {
			return before, now, err
		}
		sum := sha256.Sum256(same)
		err = p.done(&Note{Key: u.Key, Computed: out.Fits, SHA256: hex.EncodeToString(sum[:]), Seconds: time.Since(start).Seconds(), Task: t.String(), Error: out.Error, Result: result})
		if err != nil {
			return before, now, err
		}
		now++
	}
	return before, now, p.start(t, Start{Began: began, Done: before + now, Ended: true})
}

// Complete returns a *MissingError if units are not done.
func (p *Plan) Complete() error {
	var missing []int
	for i, u := range p.Units {
		n, err := p.Note(u.Key)
		if err != nil {
			return err
		}
		if n == nil {
			missing = append(missing, i)
		}
	}
	return p.missing(missing)
}
