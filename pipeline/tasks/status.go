package tasks

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vzsl/internal/custody"
)

// Status is the progress of a plan.
type Status struct {
	Plan       string     `json:"plan"`
	Command    string     `json:"command"`
	Tasks      int        `json:"tasks"`
	Units      int        `json:"units"`
	Done       int        `json:"done"`
	Size       int        `json:"size"`      // sum over all units: images to compute, or fits
	SizeDone   int        `json:"size_done"` // sum over the finished units
	Skipped    int        `json:"skipped"`
	Running    []Running  `json:"running"`
	Stragglers []Running  `json:"stragglers"` // running tasks that have spent unusually long on one unit
	Rate       float64    `json:"rate"`       // of all running tasks together: size per second
	Left       float64    `json:"seconds_left"`
	Missing    string     `json:"missing"`         // tasks with unfinished units that can be computed now, in the form of Slurm's --array
	Later      []string   `json:"later,omitempty"` // the same for later stages, in order
	Failed     []string   `json:"failed,omitempty"`
	First      *time.Time `json:"first,omitempty"`
	Last       *time.Time `json:"last,omitempty"`
}

// Running is a task that has started and not ended.
type Running struct {
	Start
	Seconds float64 `json:"seconds"` // spent on the current unit
}

// Status reads the progress of the plan.
func (p *Plan) Status(now time.Time) (*Status, error) {
	s := &Status{Plan: filepath.Join(p.dir, planName), Command: p.Command, Tasks: p.Tasks, Units: len(p.Units), Running: []Running{}, Stragglers: []Running{}}
	size := map[string]int{}
	var seconds []float64
	var took, worked float64
	var left []int
	for i, u := range p.Units {
		s.Size += u.Size
		size[u.Key] = u.Size
		n, err := p.note(u.Key)
		if err != nil {
			return nil, err
		}
		if n == nil {
			left = append(left, i)
			continue
		}
		s.Done++
		s.SizeDone += u.Size
		s.Skipped += n.Skipped
		if n.Error != "" {
			s.Failed = append(s.Failed, n.Key+": "+n.Error)
		}
		if n.Seconds > 0 {
			seconds = append(seconds, n.Seconds)
			took, worked = took+n.Seconds, worked+float64(u.Size)
		}
		begun := n.Finished.Add(-time.Duration(n.Seconds * float64(time.Second)))
		if s.First == nil || begun.Before(*s.First) {
			s.First = &begun
		}
		if s.Last == nil || n.Finished.After(*s.Last) {
			s.Last = &n.Finished
		}
	}
	if s.Done == 0 {
		if err := p.replaced(); err != nil {
			return nil, err
		}
	}
	for i, tasks := range p.byStage(left) {
		if i == 0 {
			s.Missing = Array(tasks)
		} else {
			s.Later = append(s.Later, Array(tasks))
		}
	}
	slices.Sort(seconds)
	usual := time.Minute.Seconds() // if nothing was measured
	if len(seconds) > 0 {
		usual = seconds[len(seconds)/2]
	}
	starts, err := p.starts()
	if err != nil {
		return nil, err
	}
	for _, r := range starts {
		at := Running{r, now.Sub(r.Since).Seconds()}
		if r.Ended || s.Done == s.Units || now.Sub(r.Seen) > beatsLost { // no sign of life: probably killed
			continue
		}
		s.Running = append(s.Running, at)
		if at.Seconds > 3*usual {
			s.Stragglers = append(s.Stragglers, at)
		}
	}
	if took > 0 {
		s.Rate = worked / took * float64(max(1, len(s.Running)))
		s.Left = float64(s.Size-s.SizeDone) / max(s.Rate, 1e-9)
	}
	return s, nil
}

// start reads one file of the tasks' folder.
func (p *Plan) start(name string) (*Start, error) {
	path := filepath.Join(p.dir, startsDir, name)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s Start
	carries, err := custody.DecodeJSON(path, data, &s)
	if err == nil && (p.checked && !carries || carries && name != s.file()) {
		err = &custody.DamagedError{Path: path, Why: "it is not the one that its task wrote"}
	}
	if err != nil {
		return nil, fmt.Errorf("%w; remove it: it only informs, and a task at work writes it again", err)
	}
	return &s, nil
}

// starts reads the latest Start of each task.
func (p *Plan) starts() ([]Start, error) {
	entries, err := os.ReadDir(filepath.Join(p.dir, startsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	last := map[string]Start{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		s, err := p.start(e.Name())
		if err != nil {
			return nil, err
		}
		if !p.owns(s.Plan) { // a task of a plan that was replaced may be at work still
			continue
		}
		s.Plan = ""
		if was, ok := last[s.Task]; !ok || was.Seen.Before(s.Seen) {
			last[s.Task] = *s
		}
	}
	var all []Start
	for _, s := range last {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Start) int { return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.Task, b.Task)) })
	return all, nil
}
