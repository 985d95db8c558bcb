package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/features"
	"vzsl/pipeline/usage"
	"vzsl/train"
	"vzsl/train/methods"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

// runFlags name a run and what it is of.
type runFlags struct {
	ds             datasetFlags
	network, split string
	method, run    string
	descriptions   string // the descriptions to take of the class table; "": all
	transductive   bool
}

func (r *runFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.split, "split", "standard", "`name` of the split")
	f.StringVar(&r.method, "method", "vzsl", "method ('vzsl methods' lists them)")
	r.addDescriptions(cmd)
	f.BoolVar(&r.transductive, "transductive", false, "the unseen classes' test images join the training, without their labels")
	f.StringVar(&r.network, "network", "", "`name` of the network whose features to take (default: the only one there is)")
	f.StringVar(&r.run, "run", "", "`name` of the run: its folder below runs/ and reports/ (default <dataset>-<split>-<method>[-transductive][-<descriptions>])")
	must(cmd.RegisterFlagCompletionFunc("method", cobra.FixedCompletions(methods.Names(), cobra.ShellCompDirectiveNoFileComp)))
}

func (r *runFlags) addDescriptions(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.descriptions, "descriptions", "", "descriptions to take of the class table, with a + between them: attributes, text, words (default: all that it has)")
	must(cmd.RegisterFlagCompletionFunc("descriptions", cobra.FixedCompletions([]string{features.KindAttributes, features.KindText, features.KindWords}, cobra.ShellCompDirectiveNoFileComp)))
}

// suffix is what the choice of descriptions puts after a run's name.
func (r *runFlags) suffix() string {
	if r.descriptions == "" {
		return ""
	}
	return "-" + strings.Map(func(c rune) rune {
		if c == '/' || c == '\\' || c == ' ' || c == ':' {
			return '_'
		}
		return c
	}, r.descriptions)
}

// name is the run's name: the one given, or the one that dataset, split and method make.
func (r *runFlags) name() (string, error) {
	if err := r.ds.checkName(); err != nil {
		return "", err
	}
	if err := usage.FolderName("split", r.split); err != nil {
		return "", err
	}
	if err := usage.OneOf("method", r.method, methods.Names()...); err != nil {
		return "", err
	}
	if r.run == "" {
		name := r.ds.name + "-" + r.split + "-" + r.method
		if r.transductive {
			name += "-transductive"
		}
		return name + r.suffix(), nil
	}
	for folder := range strings.SplitSeq(r.run, "/") { // a seed's run is below that of its method
		if err := usage.FolderName("run", folder); err != nil {
			return "", err
		}
	}
	return r.run, nil
}

// addSeveral adds the flags of a command that makes several runs in folders of its own.
func (r *runFlags) addSeveral(cmd *cobra.Command, kind string) {
	r.ds.addName(cmd)
	f := cmd.Flags()
	f.StringVar(&r.split, "split", "standard", "`name` of the split")
	f.StringVar(&r.network, "network", "", "`name` of the network whose features to take (default: the only one there is)")
	r.addDescriptions(cmd)
	f.StringVar(&r.run, "run", "", "`name` of the folders below runs/ and reports/ (default <dataset>-<split>-"+kind+")")
}

// nameOfSeveral is the name of these folders.
func (r *runFlags) nameOfSeveral(kind string, methods []string) (string, error) {
	r.method = methods[0]
	name, err := r.name()
	if r.run == "" {
		name = r.ds.name + "-" + r.split + "-" + kind + r.suffix()
	}
	return name, err
}

func newTrain(con *console) *cobra.Command {
	var r runFlags
	var preset string
	var force bool
	var seeds int
	var tunedRun string
	cmd := &cobra.Command{
		Use:   "train",
		Short: "features, class table and roles to a model",
		Long: `Trains a method on the seen classes of a split and writes runs/<run>/: model.safetensors, config.toml
(all settings), metrics.jsonl (one line per epoch), checkpoints.

  vzsl train --dataset cub --method devise --set epochs=30

Two fits: the first leaves the validation classes out and chooses by them (for VZSL the number of epochs), the
second (--refit) trains again on all seen classes with what was chosen. Unseen classes take no part, but for the
shots of a few-shot split (vzsl split --shots), which join the second fit.

--seeds N trains models with --seed and the N-1 numbers after it into runs/<run>/seed-<seed>/; evaluate then gives
mean, standard deviation and 95 % interval. --tuned RUN takes the settings that 'vzsl tune' found for a run.

Stop it at any moment: the same command resumes from the last checkpoint and writes the same bytes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := con.chosenSettings(cmd.Flags(), preset, r.method)
			if err != nil {
				return err
			}
			var tuned *runs.TunedRecord
			if tunedRun != "" {
				if err := con.onlySeed(cmd.Flags(), settings.Method); err != nil {
					return err
				}
				seed := settings.Seed
				if settings, tuned, err = con.readTuned(tunedRun, r.method); err != nil {
					return err
				}
				if cmd.Flags().Changed("seed") {
					settings.Seed = seed
				}
				r.transductive = settings.Transductive
			}
			if err := settings.Validate(); err != nil {
				return usage.Wrap(err)
			}
			if seeds < 0 {
				return usage.Errorf("--seeds %d: it is the number of models to train", seeds)
			}
			return runTrain(cmd.Context(), con, &r, settings, tuned, seeds, force)
		},
	}
	r.ds.addName(cmd)
	r.add(cmd)
	f := cmd.Flags()
	f.StringVar(&preset, "preset", "default", "settings to start from: "+usage.Or(settings.Presets()))
	f.BoolVar(&force, "force", false, "begin anew in a run folder that holds another run")
	f.IntVar(&seeds, "seeds", 0, "train so many `models`, with seeds from --seed on")
	f.StringVar(&tunedRun, "tuned", "", "a tuned `run` to take all settings from")
	addSettings(f)
	return cmd
}

func runTrain(ctx context.Context, con *console, r *runFlags, settings settings.Settings, tuned *runs.TunedRecord, seeds int, force bool) error {
	name, err := r.name()
	if err != nil {
		return err
	}
	in, err := con.openInputs(ctx, r)
	if err != nil {
		return err
	}
	defer in.close()
	if seeds == 0 {
		if s, err := seedsOf(con.runDir(name)); err != nil || len(s) > 0 {
			return errors.Join(err, fmt.Errorf("%s holds a run of several seeds: give --seeds too, or another --run", con.runDir(name)))
		}
		t, err := con.train(ctx, name, in, settings, tuned, force)
		if err != nil {
			return err
		}
		return con.result(t, t.say)
	}
	all, err := con.trainSeeds(ctx, name, in, settings, tuned, seeds, force, false)
	if err != nil {
		return err
	}
	out := struct {
		Run   string        `json:"run"`
		Seeds []*trainedRun `json:"seeds"`
	}{name, all}
	return con.result(out, func(w io.Writer) {
		for _, t := range all {
			t.say(w)
		}
	})
}

// trainedRun is a run's outcome as it is printed.
type trainedRun struct {
	Run               string             `json:"run"`
	Model             string             `json:"model"`
	Method            string             `json:"method"`
	Seed              uint64             `json:"seed"`
	Choice            map[string]float64 `json:"chosen_on_validation"`
	Accuracy          float64            `json:"validation_accuracy"`
	ValidationClasses int                `json:"validation_classes"`
	Temperature       float64            `json:"temperature,omitempty"`
	Refit             bool               `json:"refit"`
	Shots             int                `json:"shots,omitempty"`
	Classes           int                `json:"classes"`
	Images            int                `json:"images"`
	Seconds           float64            `json:"seconds"`
	DataWait          float64            `json:"data_wait"`
	Reused            bool               `json:"reused"`
}

func (t *trainedRun) say(w io.Writer) {
	fmt.Fprintf(w, "%s: %s trained on %d classes, %d images", t.Model, t.Method, t.Classes, t.Images)
	if t.Shots > 0 {
		fmt.Fprintf(w, ", %d of each unseen class", t.Shots)
	}
	if t.Reused {
		fmt.Fprint(w, " (was there already)")
	} else {
		fmt.Fprintf(w, " in %.1f s", t.Seconds)
	}
	fmt.Fprintln(w)
	if t.ValidationClasses > 0 {
		fmt.Fprintf(w, "chosen on %d validation classes (%.1f%% mean per class):", t.ValidationClasses, 100*t.Accuracy)
		for _, k := range slices.Sorted(maps.Keys(t.Choice)) {
			fmt.Fprintf(w, " %s %g", k, t.Choice[k])
		}
		fmt.Fprintln(w)
	}
}

// train trains one run, or finds it done. tuned is the search that chose the settings, nil without one.
func (c *console) train(ctx context.Context, name string, in *inputs, settings settings.Settings, tuned *runs.TunedRecord, force bool) (*trainedRun, error) {
	c.log.Info("train", "run", name, "method", settings.Method, "split", in.Roles.Name, "network", in.network,
		"dim", in.Features.Dim(), "seen", len(in.Roles.Seen), "validation", len(in.Roles.Validation))
	record, err := features.NewRecord(ctx, &in.Inputs)
	if err != nil {
		return nil, err
	}
	bars := c.phases(name, "steps")
	res, err := train.Run(ctx, train.Options{
		Settings: settings, Dir: c.runDir(name), Force: force, Tuned: tuned,
		Features: in.Features, Classes: in.Classes, Roles: in.Roles, Inputs: record,
		Progress: bars.show, Log: c.log,
		Epoch: func(e train.Epoch) {
			args := []any{"phase", e.Phase, "epoch", fmt.Sprintf("%d/%d", e.Epoch, e.Of)}
			for _, k := range slices.Sorted(maps.Keys(e.Values)) {
				args = append(args, k, fmt.Sprintf("%.4g", e.Values[k]))
			}
			if e.Validated {
				args = append(args, "validation", fmt.Sprintf("%.1f%%", 100*e.Accuracy))
			}
			c.log.Debug("epoch", args...)
		},
	})
	bars.end()
	if errors.Is(err, runs.ErrOtherRun) {
		return nil, fmt.Errorf("%w; --force begins anew there, --run NAME takes another folder", err)
	}
	if err != nil {
		return nil, err
	}
	return &trainedRun{name, res.Model, res.Method, settings.Seed, res.Choice, res.Accuracy, res.ValidationClasses, res.Temperature, res.Refit,
		res.Shots, res.Classes, res.Images, res.Seconds, res.DataWait, res.Reused}, nil
}
