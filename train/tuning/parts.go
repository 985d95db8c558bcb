package tuning

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"vzsl/internal/lookup"
	"vzsl/train/runs"
)

// Search is a search whose fits are made by several processes, each of which has the fits of the rungs before from the others. No folder
// is written: Tune enters all fits (Options.Fits) into one.
type Search struct{ t *tuning }

// NewSearch draws the folds and the trials of a search. Of the options Dir, Inputs, Budget and Workers are not used.
func NewSearch(o Options) (*Search, error) {
	o.Budget = 0
	if err := o.check(); err != nil {
		return nil, err
	}
	t, err := newTuning(&o)
	return &Search{t}, err
}

// Place is a fit of a rung by the place of its trial among those that reach the rung, the best first, since which trial that is
// depends on the rungs before. On the first rung the place is the trial.
type Place struct{ Rung, Place, Fold int }

func (p Place) String() string { return fmt.Sprintf("rung%d-place%d-fold%d", p.Rung, p.Place, p.Fold) }

// Places are the fits of the search, rung by rung. Where trials fail there are fewer.
func (s *Search) Places() []Place {
	var all []Place
	from, trials := 0, len(s.t.settings)
	for rung, folds := range rungs(len(s.t.folds)) {
		if rung > 0 {
			trials = third(trials)
		}
		for place := range trials {
			for fold := from; fold < folds; fold++ {
				all = append(all, Place{rung, place, fold})
			}
		}
		from = folds
	}
	return all
}

// MayContinue refuses a folder that holds the journal of another search.
func (s *Search) MayContinue(dir string) error {
	path := filepath.Join(dir, JournalFile)
	if there, err := lookup.Exists(path); err != nil || !there {
		return err
	}
	head, err := s.t.header()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("tuning journal: %w", err)
	}
	if line, _, whole := bytes.Cut(text, []byte("\n")); whole && !bytes.Equal(bytes.TrimSpace(line), head) {
		return fmt.Errorf("%s: %w: its settings, trials, folds or data have changed", dir, runs.ErrOtherRun)
	}
	return nil
}

// Add takes fits that were made elsewhere.
func (s *Search) Add(fits ...*Fit) error { return s.t.add(fits, nil) }

// Fit makes a fit of a rung, whose rungs before are complete; nil: trials failed, and none has the place.
func (s *Search) Fit(ctx context.Context, p Place) (*Fit, error) {
	all := rungs(len(s.t.folds))
	if p.Rung < 0 || p.Rung >= len(all) || p.Place < 0 || p.Fold < 0 || p.Fold >= all[p.Rung] {
		return nil, fmt.Errorf("tuning: no fit %v among %d folds", p, len(s.t.folds))
	}
	s.t.mu.Lock()
	alive := make([]int, len(s.t.settings))
	for i := range alive {
		alive[i] = i
	}
	trials := make([]Trial, len(alive))
	for _, folds := range all[:p.Rung] {
		alive = s.t.rank(alive, folds, trials)
		alive = alive[:third(len(alive))]
	}
	s.t.mu.Unlock()
	if p.Place >= len(alive) {
		return nil, nil
	}
	return s.t.fit(ctx, fitKey{alive[p.Place], p.Fold})
}

// Outcome is what the search came to, whose fits have all been added.
func (s *Search) Outcome(ctx context.Context) (*Tuned, error) {
	s.t.only = true
	return s.t.search(ctx)
}

// take enters fits into the journal.
func (t *tuning) take(fits []*Fit) error { return t.add(fits, t.write) }

// add takes fits that do not exist yet, and keeps each by write.
func (t *tuning) add(fits []*Fit, write func(*Fit) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range fits {
		if f.Trial < 0 || f.Trial >= len(t.settings) || f.Fold < 0 || f.Fold >= len(t.folds) {
			return fmt.Errorf("tuning: there is no fit of trial %d on fold %d among %d trials and %d folds", f.Trial, f.Fold, len(t.settings), len(t.folds))
		}
		k := fitKey{f.Trial, f.Fold}
		if was := t.fits[k]; was != nil {
			if was.Failed != f.Failed || !slices.EqualFunc(was.Points, f.Points, func(a, b FitPoint) bool { return reflect.DeepEqual(a, b) }) {
				return fmt.Errorf("tuning: two fits of trial %d on fold %d differ", f.Trial, f.Fold)
			}
			continue
		}
		line := *f
		t.elapsed += line.Seconds // as of one after the other
		line.Elapsed = t.elapsed
		t.fits[k] = &line
		if write != nil {
			if err := write(&line); err != nil {
				return err
			}
		}
	}
	return nil
}
