package pipeline

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vzsl/datasets/catalog"
	"vzsl/pipeline/experiment"
	"vzsl/pipeline/usage"
)

type compareOptions struct {
	tuneFlags
	methods    []string
	published  string
	plan, task string
}

func newCompare(con *cli) *cobra.Command {
	var o compareOptions
	cmd := &cobra.Command{
		Use:     "compare",
		Short:   "compare methods, each tuned within the same budget",
		Example: `  vzsl compare --dataset cub --methods eszsl,devise,vzsl --set devise.epochs=30`,
		Long: `Tunes every method as 'vzsl tune' does, all on the same folds and within the same budget, trains --seeds models
of each with the best settings, evaluates them, and writes one table, reports/<name>/: report.html, compare.json,
compare.csv, compare.md, compare.tex (LaTeX, booktabs).

The table has each metric with its standard deviation and the mean's 95 % interval over seeds (over images for a
single training), the validation accuracy that the settings were selected by, the published result, and the times. A
setting that is given is not searched. Finished fits and models are kept: the command can be stopped and run again at
any time. A method that fails is listed with its error, the others continue, and the exit code is 3.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.plan != "" || o.task != "" {
				return runSearchTask(cmd, con, o.plan, o.task)
			}
			e, err := o.comparison(con, cmd)
			if err != nil {
				return err
			}
			return runCompare(cmd.Context(), con, e)
		},
	}
	o.addFlags(cmd)
	addTask(cmd, &o.plan, &o.task)
	return cmd
}

func (o *compareOptions) addFlags(cmd *cobra.Command) {
	addRuns(cmd, &o.run, "compare")
	f := cmd.Flags()
	addMethods(cmd, &o.methods, append([]string{"all"}, experiment.ComparableMethods()...), "all")
	o.addSearch(cmd, 90*time.Second) // all methods on CUB then take five quarters of an hour on two cores
	f.IntVar(&o.seeds, "seeds", 5, "`number` of models per method, with consecutive seeds from --seed")
	f.StringVar(&o.published, "published", "", "`dataset` whose published results to show: "+usage.Or(catalog.PublishedDatasets())+" (default: the one of --dataset's name)")
	addSettings(f)
	must(f.MarkHidden("method"))
	must(f.MarkHidden("transductive"))
}

// comparison is what the flags say, of which those named are not the command's.
func (o *compareOptions) comparison(con *cli, cmd *cobra.Command, but ...string) (*experiment.CompareOptions, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	settings, err := con.settingsOfSeveral(cmd.Flags(), o.preset, o.methods)
	if err != nil {
		return nil, err
	}
	for i := range settings {
		if settings[i].Transductive {
			return nil, usage.Errorf("--transductive: compare supports the inductive setting only; leave the flag out")
		}
	}
	e := &experiment.CompareOptions{Search: o.Search, Run: o.run, Settings: settings, Seeds: o.seeds, Published: o.published,
		Command: con.Command("compare", con.givenSettings(cmd, o.methods, append(but, planFlags...)...)...)}
	for _, m := range o.methods {
		pinned, err := con.given(cmd.Flags(), m)
		if err != nil {
			return nil, err
		}
		e.Pinned = append(e.Pinned, pinned)
	}
	return e, nil
}

func (o *compareOptions) check() error {
	if slices.Contains(o.methods, "all") {
		o.methods = experiment.ComparableMethods()
	}
	if err := checkMethods(o.methods); err != nil {
		return err
	}
	if o.seeds < 1 {
		return usage.Errorf("--seeds %d: must be at least 1", o.seeds)
	}
	if o.published != "" {
		if err := usage.OneOf("published", o.published, catalog.PublishedDatasets()...); err != nil {
			return err
		}
	}
	return o.Check()
}

// checkMethods refuses none, one twice, and one that cannot be compared.
func checkMethods(names []string) error {
	if len(names) == 0 {
		return usage.Errorf("--methods: give at least one method")
	}
	for i, m := range names {
		if err := usage.OneOf("methods", m, experiment.ComparableMethods()...); err != nil {
			return err
		}
		if slices.Contains(names[:i], m) {
			return usage.Errorf("--methods: duplicate %s", m)
		}
	}
	return nil
}

func runCompare(ctx context.Context, con *cli, o *experiment.CompareOptions) error {
	out, err := con.runner().Compare(ctx, o)
	if err != nil {
		return err
	}
	if err := con.result(out, func(w io.Writer) { printComparison(w, out) }); err != nil {
		return err
	}
	return failedMethods(out)
}

func printComparison(w io.Writer, out *experiment.Comparison) {
	t := out.Table()
	fmt.Fprintf(w, "%s: %s\n", out.Name, t.Caption)
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, strings.Join(t.Head, "\t"))
	for _, row := range t.Rows {
		for _, c := range row {
			fmt.Fprint(columns, strings.TrimSpace(c.Text+" "+c.Small)+"\t")
		}
		fmt.Fprintln(columns)
	}
	_ = columns.Flush() // as with all that is printed
	for _, m := range out.Methods {
		if m.Error != "" {
			fmt.Fprintf(w, "%s failed: %s\n", m.Title, m.Error)
		}
	}
	fmt.Fprintf(w, "report: %s\n", out.HTML)
}

// failedMethods is the error where methods of comparisons failed.
func failedMethods(all ...*experiment.Comparison) error {
	var failed []string
	for _, out := range all {
		for _, m := range out.Methods {
			if m.Error != "" {
				failed = append(failed, m.Method+": "+m.Error)
			}
		}
	}
	if failed != nil {
		return fmt.Errorf("%w: %s", errSkipped, strings.Join(failed, "\n"))
	}
	return nil
}
