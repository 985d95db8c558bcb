package pipeline

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"vzsl/pipeline/experiment"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
	"vzsl/train/settings"
	"vzsl/train/tuning"
)

type tuneFlags struct {
	experiment.Search
	run    workspace.RunRef
	preset string
	seeds  int
	from   string
}

func newTune(con *cli) *cobra.Command {
	var t tuneFlags
	var plan, task string
	cmd := &cobra.Command{
		Use:     "tune",
		Short:   "tune a method's settings on the seen classes, then train with the best",
		Example: `  vzsl tune --dataset cub --method sje --trials 9 --budget 10m`,
		Long: `Searches the settings of a method on the seen classes and trains with the best. Writes runs/<run>/ as train
does, and runs/<run>/tuning/: fits.jsonl (the journal), trials.parquet (every fit).

The seen classes are divided into --folds folds. --trials sets of settings, first the given ones, then random ones,
are fitted with the first fold held out; the best third with each of three folds held out in turn; the best third of
these with every fold. The settings with the best mean over folds are selected. A setting that is given is not
searched. Test images and unseen classes are not used. --transductive searches only the transductive settings,
starting from a tuned inductive run (--from). The search can be stopped at any time: the same command resumes it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if plan != "" || task != "" {
				return runSearchTask(cmd, con, plan, task)
			}
			settings, choice, pinned, err := t.read(con, cmd)
			if err != nil {
				return err
			}
			return runTune(cmd.Context(), con, &t, settings, choice, pinned)
		},
	}
	t.addFlags(cmd)
	must(cmd.RegisterFlagCompletionFunc("from", con.completion(con.runNames)))
	addTask(cmd, &plan, &task)
	return cmd
}

func (t *tuneFlags) addFlags(cmd *cobra.Command) {
	addRun(cmd, &t.run)
	f := cmd.Flags()
	t.addSearch(cmd, 0)
	f.IntVar(&t.seeds, "seeds", 0, "number of `models` to train with the best settings, with consecutive seeds from --seed")
	f.StringVar(&t.from, "from", "", "with --transductive: the tuned inductive `run` to start from (default: the run of the same name without -transductive)")
	addSettings(f)
}

// read returns the settings that the flags say, what an inductive search chose, and the settings that are not searched.
func (t *tuneFlags) read(con *cli, cmd *cobra.Command) (settings.Settings, map[string]float64, []string, error) {
	s, err := con.chosenSettings(cmd.Flags(), t.preset, t.run.Method)
	if err != nil {
		return s, nil, nil, err
	}
	var choice map[string]float64
	if t.run.Transductive {
		if s, choice, err = con.inductive(t); err != nil {
			return s, nil, nil, err
		}
		if err := con.apply(cmd.Flags(), &s); err != nil {
			return s, nil, nil, err
		}
	}
	if err := s.Validate(); err != nil {
		return s, nil, nil, usage.Wrap(err)
	}
	if err := t.Check(); err != nil {
		return s, nil, nil, err
	}
	if t.seeds < 0 {
		return s, nil, nil, usage.Errorf("--seeds %d: must not be negative", t.seeds)
	}
	pinned, err := con.given(cmd.Flags(), s.Method)
	return s, choice, pinned, err
}

// addSearch adds the flags of a search, with its default budget.
func (t *tuneFlags) addSearch(cmd *cobra.Command, budget time.Duration) {
	f := cmd.Flags()
	f.StringVar(&t.preset, "preset", "default", "settings to start from: "+usage.Or(settings.Presets()))
	f.IntVar(&t.Trials, "trials", 27, "`number` of sets of settings tried on the first fold")
	f.IntVar(&t.Folds, "folds", 5, "number of folds of the seen classes")
	f.DurationVar(&t.Budget, "budget", budget, "start no further fit after a method's search has run this long, not counting interruptions, e.g. 30m (0: no limit); with less time, fewer settings are tried, the best of them on as many folds as time allows")
	f.IntVar(&t.Workers, "workers", 0, "fits in parallel (default: one per processor)")
	f.BoolVar(&t.Force, "force", false, "start over in a run folder that holds another run or search")
}

// inductive reads the settings and the choice that a transductive search continues from.
func (c *cli) inductive(t *tuneFlags) (settings.Settings, map[string]float64, error) {
	from := t.run
	from.Transductive, from.Run = false, t.from
	name, err := from.Name()
	if err != nil {
		return settings.Settings{}, nil, err
	}
	return c.runner().Inductive(name, t.run.Method)
}

func runTune(ctx context.Context, con *cli, t *tuneFlags, settings settings.Settings, choice map[string]float64, pinned []string) error {
	name, err := t.run.Name()
	if err != nil {
		return err
	}
	if err := con.runner().MayTune(name, t.seeds, t.Force); err != nil {
		return err
	}
	in, err := con.OpenInputs(ctx, &t.run)
	if err != nil {
		return err
	}
	defer in.Close()
	tuned, err := con.runner().Tune(ctx, name, in, &t.Search, settings, choice, pinned)
	if err != nil {
		return err
	}
	var models []*experiment.TrainedRun
	if t.seeds > 0 {
		models, err = con.runner().TrainSeeds(ctx, name, in, tuned.Settings, tuned.Record(), t.seeds, t.Force, true)
	} else {
		var one *experiment.TrainedRun
		one, err = con.runner().TrainSearched(ctx, name, in, tuned.Settings, tuned.Record(), t.Force)
		models = append(models, one)
	}
	if err != nil {
		return err
	}
	return con.tuned(name, settings.Method, tuned, models)
}

// tuned prints what a search came to.
func (c *cli) tuned(name, method string, tuned *tuning.Tuned, models []*experiment.TrainedRun) error {
	out := struct {
		Run     string                   `json:"run"`
		Models  []*experiment.TrainedRun `json:"models"`
		Method  string                   `json:"method"`
		Best    tuning.Trial             `json:"best"`
		Classes int                      `json:"held_out_classes"`
		Fits    int                      `json:"fits"`
		Seconds float64                  `json:"seconds_of_fits"`
		Cut     bool                     `json:"cut_by_budget"`
		Trials  []tuning.Trial           `json:"trials"`
	}{name, models, method, tuned.Best, tuned.Classes, tuned.Fits, tuned.Seconds, tuned.Cut, tuned.Trials}
	return c.result(out, func(w io.Writer) {
		fmt.Fprintf(w, "best of %d trials: %.1f%% (+-%.1f over %d folds) mean per class among held-out seen classes\n",
			len(out.Trials), 100*out.Best.Accuracy, 100*out.Best.Deviation, out.Best.Folds)
		for _, k := range slices.Sorted(maps.Keys(out.Best.Searched)) {
			fmt.Fprintf(w, "  %s = %v\n", k, out.Best.Searched[k])
		}
		for _, k := range slices.Sorted(maps.Keys(out.Best.Choice)) {
			fmt.Fprintf(w, "  %s = %v (selected)\n", k, out.Best.Choice[k])
		}
		for _, m := range models {
			fmt.Fprintf(w, "%s: %s trained on %d classes, %d images\n", m.Model, m.Method, m.Classes, m.Images)
		}
	})
}
