package pipeline

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/datasets/splits"
	"vzsl/pipeline/experiment"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
	"vzsl/train/methods"
	"vzsl/train/settings"
)

type fewShotOptions struct {
	run     workspace.RunRef
	shots   []int
	methods []string
	pool    int
	seeds   int
	preset  string
	force   bool
}

func newFewShot(con *cli) *cobra.Command {
	var o fewShotOptions
	var plan, task string
	cmd := &cobra.Command{
		Use:     "fewshot",
		Short:   "measure accuracy against the number of labelled images per unseen class",
		Example: `  vzsl fewshot --dataset cub --shots 0,1,5 --methods vzsl,logistic`,
		Long: `Trains and evaluates methods on few-shot variants of a split, and writes reports/<name>/: report.html with
the chart, fewshot.json, fewshot.csv.

--pool images of each unseen class are excluded from the test; for each number in --shots, that many of them are used
for training, with their labels. The test images are the same for every number of shots, and smaller sets of shots are
subsets of larger ones. Each of the --seeds draws another pool. 0 shots is the zero-shot setting on the same test
images. Settings are the same for all numbers of shots; 'logistic' learns from the shots alone. The runs are
runs/<name>/<method>-shots<k>/seed-<s>/; finished ones are kept: the command can be stopped and run again at any time.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if plan != "" || task != "" {
				return runSearchTask(cmd, con, plan, task)
			}
			series, err := o.series(con, cmd)
			if err != nil {
				return err
			}
			return runFewShot(cmd.Context(), con, series)
		},
	}
	o.addFlags(cmd)
	addTask(cmd, &plan, &task)
	return cmd
}

func (o *fewShotOptions) addFlags(cmd *cobra.Command) {
	addRuns(cmd, &o.run, "fewshot")
	f := cmd.Flags()
	f.IntSliceVar(&o.shots, "shots", []int{0, 1, 2, 5, 10, 20}, "`numbers` of labelled images per unseen class")
	addMethods(cmd, &o.methods, methods.Names(), "vzsl", "eszsl", "logistic")
	f.IntVar(&o.pool, "pool", splits.DefaultShotPool, "`images` per unseen class to draw the shots from, excluded from the test")
	f.IntVar(&o.seeds, "seeds", 3, "`number` of draws of the shots, each with its own training, with consecutive seeds from --seed")
	f.StringVar(&o.preset, "preset", "default", "settings to start from: "+usage.Or(settings.Presets()))
	f.BoolVar(&o.force, "force", false, "retrain runs that already exist")
	addSettings(f)
	must(f.MarkHidden("method"))
}

// series is what the flags say.
func (o *fewShotOptions) series(con *cli, cmd *cobra.Command) (*experiment.FewShotOptions, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	settings, err := con.settingsOfSeveral(cmd.Flags(), o.preset, o.methods)
	if err != nil {
		return nil, err
	}
	return &experiment.FewShotOptions{Run: o.run, Settings: settings, Shots: o.shots, Pool: o.pool, Seeds: o.seeds, Force: o.force,
		Flags: con.givenSettings(cmd, o.methods, append([]string{"dataset", "split", "run", "network", "shots", "pool", "seeds", "seed", "methods"}, planFlags...)...)}, nil
}

func (o *fewShotOptions) check() error {
	if len(o.methods) == 0 || len(o.shots) == 0 {
		return usage.Errorf("--methods and --shots: give at least one of each")
	}
	for _, m := range o.methods {
		if err := usage.OneOf("methods", m, methods.Names()...); err != nil {
			return err
		}
	}
	slices.Sort(o.shots)
	o.shots, o.methods = slices.Compact(o.shots), slices.Compact(o.methods)
	switch {
	case o.shots[0] < 0:
		return usage.Errorf("--shots %d: must not be negative", o.shots[0])
	case o.shots[len(o.shots)-1] > o.pool:
		return usage.Errorf("--shots %d: the pool has only %d images; give a larger --pool", o.shots[len(o.shots)-1], o.pool)
	case o.seeds < 1:
		return usage.Errorf("--seeds %d: must be at least 1", o.seeds)
	}
	return nil
}

func runFewShot(ctx context.Context, con *cli, o *experiment.FewShotOptions) error {
	res, err := con.runner().FewShot(ctx, o)
	if err != nil {
		return err
	}
	return con.result(res, func(w io.Writer) {
		fmt.Fprintf(w, "%s: top-1, mean per class over %d unseen classes, mean and standard deviation over %s\n%-24s", res.Name, res.Classes, usage.Counted(o.Seeds, "seed"), "shots")
		for _, k := range o.Shots {
			fmt.Fprintf(w, " %12d", k)
		}
		for _, row := range experiment.FewShotTable(o, res) {
			fmt.Fprintf(w, "\n%-24s", row[0].Text)
			for _, c := range row[1:] {
				fmt.Fprintf(w, " %12s", strings.TrimSpace(c.Text+" "+c.Small))
			}
		}
		fmt.Fprintf(w, "\nreport: %s\n", res.HTML)
	})
}
