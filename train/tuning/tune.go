// Package tuning searches the settings of a method on the seen classes.
package tuning

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"vzsl/features"
	"vzsl/internal/custody"
	"vzsl/internal/lookup"
	"vzsl/train/method"
	"vzsl/train/problem"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

// Options say what a search for settings is over.
type Options struct {
	settings.Settings          // of the first trial; what the search leaves alone
	Pinned            []string // settings that are not searched, by their toml names
	// Choice is what an inductive search chose, from whose settings a transductive one continues; nil otherwise.
	Choice   method.Choice
	Dir      string // where its journal is kept
	Force    bool   // start over in a folder that holds another search
	Features problem.Features
	Classes  *features.ClassTable
	Roles    *features.Split
	Inputs   *features.Record // as of Options

	Trials  int           // settings tried on the first fold
	Folds   int           // parts of the seen classes, each held out in turn
	Budget  time.Duration // no fit begins when the search has taken this long, interruptions left out; each rung has its part; 0: none
	Workers int           // fits at a time; 0: one for each processor
	Fits    []*Fit        // made by other processes (see Search): they are entered into the journal

	Progress func(done, total int) // a fit is done; first called, before any is, with those there are
	// Working tells how far the fits at work are, each 0..1.
	Working func(parts []float64)
	Trial   func(Trial) // a trial has all fits of its rung
	Log     *slog.Logger
}

// check refuses what cannot be searched.
func (o *Options) check() error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := o.Validate(); err != nil {
		return err
	}
	if o.Trials < 1 || o.Folds < 2 {
		return fmt.Errorf("tuning with %d trials and %d folds: at least one trial and two folds are needed", o.Trials, o.Folds)
	}
	return nil
}

// Trial is one set of settings and what it reached.
type Trial struct {
	Number   int            `json:"trial"`
	Searched map[string]any `json:"settings"` // the searched ones
	Folds    int            `json:"folds"`    // it was fitted on
	Choice   method.Choice  `json:"choice"`   // epochs or coefficients, the same for all folds
	// Accuracy is the mean over the folds of the mean per-class top-1 among the classes held out, 0..1, with Choice;
	// Deviation its standard deviation over the folds.
	Accuracy  float64 `json:"accuracy"`
	Deviation float64 `json:"deviation"`
	Seconds   float64 `json:"seconds"`         // of its fits
	Failed    string  `json:"error,omitempty"` // a fit failed so, and the trial is out
}

// Tuned is the outcome of a search.
type Tuned struct {
	Settings settings.Settings // the best trial's
	Choice   method.Choice     // the best trial's
	Best     Trial
	Trials   []Trial
	Fits     int     // there are; more than this call made where it continued with an earlier one's
	Seconds  float64 // of all fits
	Elapsed  float64 // seconds that the search took, with fits beside each other, interruptions left out
	// Classes are those that were held out in turn: the seen classes with images.
	Classes int
	Cut     bool // the budget ended the search early
}

// Record is what the run trained with the search's outcome keeps of it.
func (t *Tuned) Record() *runs.TunedRecord {
	return &runs.TunedRecord{Trials: len(t.Trials), Folds: t.Best.Folds, Fits: t.Fits, Classes: t.Classes, Seed: t.Settings.Seed,
		Trial: t.Best.Number, Accuracy: t.Best.Accuracy, Deviation: t.Best.Deviation, Choice: t.Choice}
}

// Tune searches settings on the seen classes alone: random search and successive halving. The seen classes with images
// are cut into folds. Every trial, the settings as they are and random ones of the method's space, is fitted with the
// first fold held out; the best third with further folds held out; and so on until the last have been fitted with every
// fold held out. The best by the mean over the folds wins. The test classes take no part, and neither do the split's
// own validation classes as such: they are seen classes like the others.
//
// Each finished fit is kept in the folder's journal; a search that was interrupted continues from it to the same outcome.
func Tune(ctx context.Context, o Options) (_ *Tuned, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	hold, err := custody.Open(ctx, o.Dir, o.Force, features.InputsDir)
	if err != nil {
		if custody.IsDamaged(err) {
			err = fmt.Errorf("%w: tune again with force", err)
		}
		return nil, fmt.Errorf("tuning folder: %w", err)
	}
	defer func() { err = errors.Join(err, hold.Close()) }()
	if o.Inputs != nil {
		k := runs.Keeper{Folder: hold, Features: &o.Features, Classes: &o.Classes, Roles: &o.Roles, Now: o.Inputs, Force: o.Force}
		if k.Begun, err = lookup.Exists(filepath.Join(o.Dir, JournalFile)); err != nil {
			return nil, fmt.Errorf("tuning folder: %w", err)
		}
		if _, err := k.Custody(ctx); err != nil {
			return nil, err
		}
	}
	t, err := newTuning(&o)
	if err != nil {
		return nil, err
	}
	t.hold = hold
	if err := t.open(); err != nil {
		return nil, err
	}
	defer t.journal.Close()
	if err := t.take(o.Fits); err != nil {
		return nil, err
	}
	out, err := t.search(ctx)
	if err != nil {
		return nil, err
	}
	if err := hold.List(JournalFile); err != nil {
		return nil, fmt.Errorf("tuning journal: %w", err)
	}
	trials, err := t.table()
	if err != nil {
		return nil, err
	}
	return out, hold.Write(trials)
}

// newTuning draws the folds and the settings of all trials.
func newTuning(o *Options) (*tuning, error) {
	p, err := problem.New(o.Features, o.Classes, o.Roles, o.Transductive)
	if err != nil {
		return nil, err
	}
	if err := p.Complete(&o.Settings, o.Classes, o.Log); err != nil {
		return nil, err
	}
	t := &tuning{o: o, p: p, fits: map[fitKey]*Fit{}, parts: map[fitKey]float64{}}
	if t.folds, err = p.Folds(o.Folds, o.Seed); err != nil {
		return nil, err
	}
	return t, t.trials()
}

type fitKey struct{ trial, fold int }

type tuning struct {
	o        *Options
	p        *problem.Builder
	folds    [][]string
	space    []method.Dimension
	settings []settings.Settings // of each trial

	hold    *custody.Folder // that no other process writes into
	journal *os.File
	chain   []byte     // checksum of the journal's last line
	summed  bool       // its lines have checksums
	mu      sync.Mutex // guards fits, elapsed and the journal
	fits    map[fitKey]*Fit
	only    bool               // no fit is made: all have to be there
	parts   map[fitKey]float64 // how far the fits at work are
	began   time.Time          // earlier than this call by what the search took before
	elapsed float64
}

// trials draws all settings.
func (t *tuning) trials() error {
	space := t.o.Config.Space()
	if c, ok := t.o.Config.(method.Transductive); ok && t.o.Transductive {
		space = c.TransductiveSpace()
	}
	t.space = pinned(space, t.o.Pinned)
	first := t.o.Settings
	if first.Weights == settings.WeightsAuto {
		grid, err := settings.WeightGrid(len(t.o.Classes.BlockWidths()))
		if err != nil {
			return err
		}
		d := method.Dimension{Setting: "weights"}
		for _, w := range grid {
			d.Values = append(d.Values, w)
		}
		t.space = append(t.space, d)
		first.Weights = grid[0]
	}
	t.settings = []settings.Settings{first}
	for i := 1; i < t.o.Trials && len(t.space) > 0; i++ {
		s, err := draw(&first, t.space, t.o.Seed, i)
		if err != nil {
			return fmt.Errorf("trial %d: %w", i, err)
		}
		t.settings = append(t.settings, s)
	}
	if t.o.Trials > 1 && len(t.space) == 0 {
		t.o.Log.Info("this method has nothing to search except the grid of each fit: one trial", "method", t.o.Method)
	}
	return nil
}

// rungs are the numbers of folds that the trials still alive are fitted on, one after the other.
func rungs(folds int) []int {
	var r []int
	for n := 1; n < folds; n *= 3 {
		r = append(r, n)
	}
	return append(r, folds)
}

func (t *tuning) search(ctx context.Context) (*Tuned, error) {
	t.began = time.Now().Add(-time.Duration(t.elapsed * float64(time.Second)))
	var alive []int
	for i := range t.settings {
		alive = append(alive, i)
	}
	rungs := rungs(len(t.folds))
	until, total, left := make([]int, len(rungs)), 0, len(alive) // fits planned up to the end of each rung
	for i, folds := range rungs {
		if i > 0 {
			left = third(left)
			folds -= rungs[i-1]
		}
		total += left * folds
		until[i] = total
	}
	if t.o.Progress != nil {
		t.o.Progress(len(t.fits), total)
	}
	out := &Tuned{Trials: make([]Trial, len(t.settings))}
	for _, f := range t.folds {
		out.Classes += len(f)
	}
	var best Trial
	for i, folds := range rungs {
		if i > 0 {
			alive = alive[:third(len(alive))]
		}
		var jobs []fitKey
		for _, trial := range alive {
			for fold := range folds {
				if t.fits[fitKey{trial, fold}] == nil {
					jobs = append(jobs, fitKey{trial, fold})
				}
			}
		}
		// Each rung has its part of the budget: a search cut short tries fewer settings, but the best of them on several folds.
		limit := max(min(t.o.Budget, 1), t.o.Budget*time.Duration(until[i])/time.Duration(total)) // 0 of a budget of 0 alone
		cut, err := t.work(ctx, jobs, total, limit)
		if err != nil {
			return nil, err
		}
		out.Cut = out.Cut || cut
		if cut && i > 0 { // of the trials, the best first, those that were fitted on all folds go on
			alive = slices.DeleteFunc(alive, func(n int) bool {
				for fold := range folds {
					if t.fits[fitKey{n, fold}] == nil {
						return true
					}
				}
				return false
			})
			if len(alive) == 0 { // the rung before decides
				break
			}
		}
		judged := alive
		alive = t.rank(judged, folds, out.Trials)
		for _, n := range judged {
			if t.o.Trial != nil {
				t.o.Trial(out.Trials[n])
			}
		}
		if len(alive) == 0 && i == 0 {
			return nil, fmt.Errorf("no trial could be fitted; the first failed with: %s", out.Trials[0].Failed)
		}
		if len(alive) == 0 { // the last ones failed on further folds: the rung before decides
			break
		}
		best = out.Trials[alive[0]]
	}
	out.Settings, out.Best, out.Choice = t.settings[best.Number], best, best.Choice
	out.Fits, out.Elapsed = len(t.fits), t.elapsed
	for _, f := range t.fits {
		out.Seconds += f.Seconds
	}
	return out, nil
}

// rank judges the trials of a rung by their fits on so many folds into all, and gives those that can continue, the best first.
func (t *tuning) rank(alive []int, folds int, all []Trial) []int {
	for _, n := range alive {
		all[n] = t.judge(n, folds)
	}
	alive = slices.Clone(alive)
	slices.SortStableFunc(alive, func(a, b int) int { return cmp.Compare(all[b].Accuracy, all[a].Accuracy) })
	return slices.DeleteFunc(alive, func(n int) bool { return all[n].Failed != "" || all[n].Choice == nil })
}

// third is how many of the trials of a rung reach the next.
func third(trials int) int { return (trials + 2) / 3 }

// work does the fits and begins none after so much of the search's time, 0 being no limit. cut tells that it ended before
// all had begun.
func (t *tuning) work(ctx context.Context, jobs []fitKey, total int, limit time.Duration) (cut bool, err error) {
	if t.only && len(jobs) > 0 {
		return false, fmt.Errorf("tuning: the fit of trial %d on fold %d is missing", jobs[0].trial, jobs[0].fold)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	workers := t.o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	queue := make(chan fitKey)
	var crew sync.WaitGroup
	for range min(workers, len(jobs)) {
		crew.Go(func() {
			for k := range queue {
				if err := t.one(ctx, k); err != nil {
					stop(err)
					continue // what is queued ends at once
				}
				if t.o.Progress != nil {
					t.mu.Lock()
					t.o.Progress(len(t.fits), total)
					t.mu.Unlock()
				}
			}
		})
	}
	for i, k := range jobs {
		// The very first fit is always made: without one there is no outcome.
		if limit > 0 && (i > 0 || len(t.fits) > 0) && time.Since(t.began) >= limit {
			cut = true
			break
		}
		select {
		case queue <- k:
		case <-ctx.Done():
		}
	}
	close(queue)
	crew.Wait()
	return cut, context.Cause(ctx)
}

// one makes a fit and enters it into the journal.
func (t *tuning) one(ctx context.Context, k fitKey) error {
	line, err := t.fit(ctx, k)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	line.Elapsed = time.Since(t.began).Seconds()
	t.fits[k], t.elapsed = line, line.Elapsed
	return t.write(line)
}

// fit makes a fit.
func (t *tuning) fit(ctx context.Context, k fitKey) (*Fit, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	began := time.Now()
	t.working(k, 0)
	defer t.working(k, -1)
	s := &t.settings[k.trial]
	line := &Fit{Trial: k.trial, Fold: k.fold}
	g, err := t.p.Build(s, t.folds[k.fold])
	if err != nil {
		return nil, err
	}
	_, err = s.Config.Fit(ctx, &g.Problem, &method.Session{Log: t.o.Log, Choice: t.o.Choice, Step: func(done, total int) {
		t.working(k, float64(done)/float64(max(total, 1)))
	}, Point: func(p method.Point) error {
		if p.Validated {
			line.Points = append(line.Points, FitPoint{p.Choice, p.Measured, p.Accuracy})
		}
		return nil
	}})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		// Settings that a method cannot be fitted with are a bad trial, not the end of the search.
		line.Failed, line.Points = err.Error(), nil
		t.o.Log.Warn("trial failed", "trial", k.trial, "fold", k.fold, "error", err)
	}
	line.Seconds = time.Since(began).Seconds()
	return line, nil
}

// working notes how far a fit is; less than 0: it has ended.
func (t *tuning) working(k fitKey, part float64) {
	if t.o.Working == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.parts[k] = part; part < 0 {
		delete(t.parts, k)
	}
	parts := slices.Collect(maps.Values(t.parts))
	slices.Sort(parts)
	t.o.Working(parts)
}
