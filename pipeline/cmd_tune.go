package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vzsl/features"
	"vzsl/pipeline/usage"
	"vzsl/train/runs"
	"vzsl/train/settings"
	"vzsl/train/tuning"
)

// tuningDir is the folder of a search below its run.
const tuningDir = "tuning"

type tuneFlags struct {
	run           runFlags
	preset        string
	trials, folds int
	budget        time.Duration
	workers       int
	seeds         int
	force         bool
	from          string
}

func newTune(con *console) *cobra.Command {
	var t tuneFlags
	cmd := &cobra.Command{
		Use:   "tune",
		Short: "search a method's settings on the seen classes, then train with the best",
		Long: `Searches the settings of a method on the seen classes and trains with the best. Writes runs/<run>/ as train
does, and runs/<run>/tuning/: fits.jsonl (the journal), trials.parquet (every fit).

  vzsl tune --dataset cub --method sje --trials 9 --budget 10m

The seen classes are cut into --folds parts. --trials sets of settings, the first those given, the others drawn at
random, are fitted with the first part held out; the best third with three parts held out in turn; the best third
of these with all of them. The best mean over the parts wins. A setting that is given is not searched. No test
image and no unseen class takes part. --transductive searches the transductive settings alone, starting from a tuned
inductive run (--from). Stop it at any moment: the same command goes on.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := con.chosenSettings(cmd.Flags(), t.preset, t.run.method)
			if err != nil {
				return err
			}
			var choice map[string]float64
			if t.run.transductive {
				if settings, choice, err = t.inductive(con); err != nil {
					return err
				}
				if err := con.apply(cmd.Flags(), &settings); err != nil {
					return err
				}
			}
			if err := settings.Validate(); err != nil {
				return usage.Wrap(err)
			}
			if err := t.checkSearch(); err != nil {
				return err
			}
			pinned, err := con.given(cmd.Flags(), settings.Method)
			if err != nil {
				return err
			}
			return runTune(cmd.Context(), con, &t, settings, choice, pinned)
		},
	}
	t.run.ds.addName(cmd)
	t.run.add(cmd)
	f := cmd.Flags()
	t.addSearch(cmd, 0)
	f.IntVar(&t.seeds, "seeds", 0, "train so many `models` with what was found, with seeds from --seed on")
	f.StringVar(&t.from, "from", "", "with --transductive: the tuned inductive `run` to go on from (default: the run of the same names without -transductive)")
	must(cmd.RegisterFlagCompletionFunc("from", con.completion(con.runNames)))
	addSettings(f)
	return cmd
}

// addSearch adds the flags of a search, with its default budget.
func (t *tuneFlags) addSearch(cmd *cobra.Command, budget time.Duration) {
	f := cmd.Flags()
	f.StringVar(&t.preset, "preset", "default", "settings to start from: "+usage.Or(settings.Presets()))
	f.IntVar(&t.trials, "trials", 27, "`number` of settings tried on the first part")
	f.IntVar(&t.folds, "folds", 5, "parts of the seen classes")
	f.DurationVar(&t.budget, "budget", budget, "begin no fit when a method's search has taken this long, interruptions left out, e.g. 30m (0: no limit); with less time fewer settings are tried, the best of them on as many parts as it allows")
	f.IntVar(&t.workers, "workers", 0, "fits at a time (default: one for each processor)")
	f.BoolVar(&t.force, "force", false, "begin anew in a run folder that holds another run or search")
}

func (t *tuneFlags) checkSearch() error {
	if t.trials < 1 || t.folds < 2 || t.budget < 0 {
		return usage.Errorf("--trials %d --folds %d --budget %v: at least one trial and two folds are needed, and no time below 0", t.trials, t.folds, t.budget)
	}
	return nil
}

// readTuned reads a tuned run's settings; it must be one of the method.
func (c *console) readTuned(run, method string) (settings.Settings, *runs.TunedRecord, error) {
	s, tuned, err := runs.ReadTuned(c.runDir(run))
	if err == nil && s.Method != method {
		err = fmt.Errorf("%s is a run of the method %s, not %s", c.runDir(run), s.Method, method)
	}
	return s, tuned, err
}

// inductive reads the settings and the choice that a transductive search goes on from.
func (t *tuneFlags) inductive(con *console) (settings.Settings, map[string]float64, error) {
	from := t.run
	from.transductive, from.run = false, t.from
	name, err := from.name()
	if err != nil {
		return settings.Settings{}, nil, err
	}
	s, tuned, err := con.readTuned(name, t.run.method)
	if err != nil {
		return s, nil, fmt.Errorf("a transductive search goes on from a tuned inductive run: %w", err)
	}
	s.Transductive = true
	return s, tuned.Choice, nil
}

// onlySeed refuses settings beside those of a tuned run.
func (c *console) onlySeed(fs *pflag.FlagSet, methodName string) error {
	all, err := c.assignments(fs, methodName)
	for _, a := range all {
		if a.name != "seed" && a.name != "transductive" {
			return usage.Errorf("%s and --tuned: a tuned run decides all settings but the seed", a.where)
		}
	}
	return err
}

// trainSearched is train with what a search found. A model of the same folder's search, trained when that had gone less far,
// gives way.
func (c *console) trainSearched(ctx context.Context, name string, in *inputs, settings settings.Settings, tuned *runs.TunedRecord, force bool) (*trainedRun, error) {
	t, err := c.train(ctx, name, in, settings, tuned, force)
	if errors.Is(err, runs.ErrOtherRun) {
		if _, _, not := runs.ReadTuned(c.runDir(name)); not == nil {
			c.log.Info("the search has gone on since this model was trained: it is trained anew", "run", name)
			return c.train(ctx, name, in, settings, tuned, true)
		}
	}
	return t, err
}

func runTune(ctx context.Context, con *console, t *tuneFlags, settings settings.Settings, choice map[string]float64, pinned []string) error {
	name, err := t.run.name()
	if err != nil {
		return err
	}
	if err := con.tunable(name, t.seeds, t.force); err != nil {
		return err
	}
	in, err := con.openInputs(ctx, &t.run)
	if err != nil {
		return err
	}
	defer in.close()
	tuned, err := con.tune(ctx, name, in, t, settings, choice, pinned)
	if err != nil {
		return err
	}
	var models []*trainedRun
	if t.seeds > 0 {
		models, err = con.trainSeeds(ctx, name, in, tuned.Settings, tuned.Record(), t.seeds, t.force, true)
	} else {
		var one *trainedRun
		one, err = con.trainSearched(ctx, name, in, tuned.Settings, tuned.Record(), t.force)
		models = append(models, one)
	}
	if err != nil {
		return err
	}
	out := struct {
		Run     string         `json:"run"`
		Models  []*trainedRun  `json:"models"`
		Method  string         `json:"method"`
		Best    tuning.Trial   `json:"best"`
		Classes int            `json:"held_out_classes"`
		Fits    int            `json:"fits"`
		Seconds float64        `json:"seconds_of_fits"`
		Cut     bool           `json:"cut_by_budget"`
		Trials  []tuning.Trial `json:"trials"`
	}{name, models, settings.Method, tuned.Best, tuned.Classes, tuned.Fits, tuned.Seconds, tuned.Cut, tuned.Trials}
	return con.result(out, func(w io.Writer) {
		fmt.Fprintf(w, "best of %d trials: %.1f%% (+-%.1f over %d folds) mean per class among held-out seen classes\n",
			len(out.Trials), 100*out.Best.Accuracy, 100*out.Best.Deviation, out.Best.Folds)
		for _, k := range slices.Sorted(maps.Keys(out.Best.Searched)) {
			fmt.Fprintf(w, "  %s = %v\n", k, out.Best.Searched[k])
		}
		for _, k := range slices.Sorted(maps.Keys(out.Best.Choice)) {
			fmt.Fprintf(w, "  %s = %v (chosen)\n", k, out.Best.Choice[k])
		}
		for _, m := range models {
			fmt.Fprintf(w, "%s: %s trained on %d classes, %d images\n", m.Model, m.Method, m.Classes, m.Images)
		}
	})
}

// tune searches a run's settings, or goes on with a search.
func (c *console) tune(ctx context.Context, name string, in *inputs, t *tuneFlags, settings settings.Settings, choice map[string]float64, pinned []string) (*tuning.Tuned, error) {
	c.log.Info("tune", "run", name, "method", settings.Method, "split", t.run.split, "trials", t.trials, "folds", t.folds, "seen", len(in.Roles.Seen))
	p := c.follow("tune "+name, "fits")
	defer p.end()
	record, err := features.NewRecord(ctx, &in.Inputs)
	if err != nil {
		return nil, err
	}
	tuned, err := tuning.Tune(ctx, tuning.Options{
		Settings: settings, Pinned: pinned, Choice: choice, Dir: filepath.Join(c.runDir(name), tuningDir), Force: t.force,
		Features: in.Features, Classes: in.Classes, Roles: in.Roles, Inputs: record,
		Trials: t.trials, Folds: t.folds, Budget: t.budget, Workers: t.workers,
		Progress: p.done, Log: c.log,
		Working: func(parts []float64) {
			words := make([]string, len(parts))
			for i, x := range parts {
				words[i] = fmt.Sprintf("%.0f%%", 100*x)
			}
			p.say("at work " + strings.Join(words, " "))
		},
		Trial: func(x tuning.Trial) {
			c.log.Debug("trial", "trial", x.Number, "folds", x.Folds, "accuracy", fmt.Sprintf("%.1f%%", 100*x.Accuracy),
				"choice", fmt.Sprint(x.Choice), "settings", fmt.Sprint(x.Searched))
		},
	})
	p.end()
	if errors.Is(err, runs.ErrOtherRun) {
		return nil, fmt.Errorf("%w; --force begins anew there, --run NAME takes another folder", err)
	}
	if err == nil && tuned.Cut {
		c.log.Warn("the budget cut the search short", "run", name, "folds", tuned.Best.Folds)
	}
	return tuned, err
}
