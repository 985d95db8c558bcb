package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"vzsl/pipeline/experiment"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

type trainOptions struct {
	run    workspace.RunRef
	preset string
	force  bool
	seeds  int
	tuned  string
}

func newTrain(con *cli) *cobra.Command {
	var o trainOptions
	var plan, task string
	cmd := &cobra.Command{
		Use:     "train",
		Short:   "train a model on the seen classes of a split",
		Example: `  vzsl train --dataset cub --method devise --set epochs=30`,
		Long: `Trains a method on the seen classes of a split and writes runs/<run>/: model.safetensors, config.toml
(all settings), metrics.jsonl (one line per epoch), checkpoints.

Two fits: the first holds out the validation classes and uses them for selection (for VZSL: the number of epochs);
the second (--refit) trains on all seen classes with the selected values. Unseen classes are not used, except for
the shots of a few-shot split (vzsl split --shots), which are added in the second fit.

--seeds N trains models with --seed and the next N-1 seeds in runs/<run>/seed-<seed>/; evaluate then reports mean,
standard deviation and 95 % interval. --tuned RUN uses the settings that 'vzsl tune' selected for a run.

Training can be stopped at any time: the same command resumes from the last checkpoint and writes the same bytes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if plan != "" || task != "" {
				return runSearchTask(cmd, con, plan, task)
			}
			settings, tuned, err := o.read(con, cmd)
			if err != nil {
				return err
			}
			return runTrain(cmd.Context(), con, &o.run, settings, tuned, o.seeds, o.force)
		},
	}
	o.addFlags(cmd)
	addTask(cmd, &plan, &task)
	return cmd
}

func (o *trainOptions) addFlags(cmd *cobra.Command) {
	addRun(cmd, &o.run)
	f := cmd.Flags()
	f.StringVar(&o.preset, "preset", "default", "settings to start from: "+usage.Or(settings.Presets()))
	f.BoolVar(&o.force, "force", false, "start over in a run folder that holds another run")
	f.IntVar(&o.seeds, "seeds", 0, "number of `models` to train, with consecutive seeds from --seed")
	f.StringVar(&o.tuned, "tuned", "", "tuned `run` whose settings are used")
	addSettings(f)
}

// read returns the settings that the flags say, and the search that chose them.
func (o *trainOptions) read(con *cli, cmd *cobra.Command) (settings.Settings, *runs.TunedRecord, error) {
	s, err := con.chosenSettings(cmd.Flags(), o.preset, o.run.Method)
	if err != nil {
		return s, nil, err
	}
	var tuned *runs.TunedRecord
	if o.tuned != "" {
		if err := con.onlySeed(cmd.Flags(), s.Method); err != nil {
			return s, nil, err
		}
		seed := s.Seed
		if s, tuned, err = con.runner().ReadTuned(o.tuned, o.run.Method); err != nil {
			return s, nil, err
		}
		if cmd.Flags().Changed("seed") {
			s.Seed = seed
		}
		o.run.Transductive = s.Transductive
	}
	if err := s.Validate(); err != nil {
		return s, nil, usage.Wrap(err)
	}
	if o.seeds < 0 {
		return s, nil, usage.Errorf("--seeds %d: must be at least 1, the number of models to train", o.seeds)
	}
	return s, tuned, nil
}

func runTrain(ctx context.Context, con *cli, r *workspace.RunRef, settings settings.Settings, tuned *runs.TunedRecord, seeds int, force bool) error {
	name, err := r.Name()
	if err != nil {
		return err
	}
	in, err := con.OpenInputs(ctx, r)
	if err != nil {
		return err
	}
	defer in.Close()
	if seeds == 0 {
		if s, err := workspace.Seeds(con.RunDir(name)); err != nil || len(s) > 0 {
			return errors.Join(err, fmt.Errorf("%s holds a run of several seeds: add --seeds, or give another --run", con.RunDir(name)))
		}
		t, err := con.runner().Train(ctx, name, in, settings, tuned, force)
		if err != nil {
			return err
		}
		return con.result(t, func(w io.Writer) { sayTrained(w, t) })
	}
	all, err := con.runner().TrainSeeds(ctx, name, in, settings, tuned, seeds, force, false)
	if err != nil {
		return err
	}
	return con.trainedSeeds(name, all)
}

// trainedSeeds prints the models of several seeds.
func (c *cli) trainedSeeds(name string, all []*experiment.TrainedRun) error {
	out := struct {
		Run   string                   `json:"run"`
		Seeds []*experiment.TrainedRun `json:"seeds"`
	}{name, all}
	return c.result(out, func(w io.Writer) {
		for _, t := range all {
			sayTrained(w, t)
		}
	})
}

func sayTrained(w io.Writer, t *experiment.TrainedRun) {
	fmt.Fprintf(w, "%s: %s trained on %d classes, %d images", t.Model, t.Method, t.Classes, t.Images)
	if t.Shots > 0 {
		fmt.Fprintf(w, ", %d of each unseen class", t.Shots)
	}
	if t.Reused {
		fmt.Fprint(w, " (already trained)")
	} else {
		fmt.Fprintf(w, " in %.1f s", t.Seconds)
	}
	fmt.Fprintln(w)
	if t.ValidationClasses > 0 {
		fmt.Fprintf(w, "selected on %d validation classes (%.1f%% mean per class):", t.ValidationClasses, 100*t.Accuracy)
		for _, k := range slices.Sorted(maps.Keys(t.Choice)) {
			fmt.Fprintf(w, " %s %g", k, t.Choice[k])
		}
		fmt.Fprintln(w)
	}
}
