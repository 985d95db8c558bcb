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

func newTrain(con *cli) *cobra.Command {
	var r workspace.RunRef
	var preset string
	var force bool
	var seeds int
	var tunedRun string
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
			settings, err := con.chosenSettings(cmd.Flags(), preset, r.Method)
			if err != nil {
				return err
			}
			var tuned *runs.TunedRecord
			if tunedRun != "" {
				if err := con.onlySeed(cmd.Flags(), settings.Method); err != nil {
					return err
				}
				seed := settings.Seed
				if settings, tuned, err = con.runner().ReadTuned(tunedRun, r.Method); err != nil {
					return err
				}
				if cmd.Flags().Changed("seed") {
					settings.Seed = seed
				}
				r.Transductive = settings.Transductive
			}
			if err := settings.Validate(); err != nil {
				return usage.Wrap(err)
			}
			if seeds < 0 {
				return usage.Errorf("--seeds %d: must be at least 1, the number of models to train", seeds)
			}
			return runTrain(cmd.Context(), con, &r, settings, tuned, seeds, force)
		},
	}
	addRun(cmd, &r)
	f := cmd.Flags()
	f.StringVar(&preset, "preset", "default", "settings to start from: "+usage.Or(settings.Presets()))
	f.BoolVar(&force, "force", false, "start over in a run folder that holds another run")
	f.IntVar(&seeds, "seeds", 0, "number of `models` to train, with consecutive seeds from --seed")
	f.StringVar(&tunedRun, "tuned", "", "tuned `run` whose settings are used")
	addSettings(f)
	return cmd
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
	out := struct {
		Run   string                   `json:"run"`
		Seeds []*experiment.TrainedRun `json:"seeds"`
	}{name, all}
	return con.result(out, func(w io.Writer) {
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
