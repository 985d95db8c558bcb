package pipeline

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/pipeline/experiment"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

func newReport(con *cli) *cobra.Command {
	var ds workspace.Dataset
	var to, groups string
	cmd := &cobra.Command{
		Use:     "report RUN...",
		Short:   "rebuild a report from stored results, or show several runs on one page",
		Example: `  vzsl report cub-standard-vzsl`,
		Long: `Rebuilds reports/<run>/report.html from the results of 'vzsl evaluate' in the same folder (report.json and
predictions.parquet) and from the training metrics; features and model are not needed. With --data the
report shows images.

For several runs it writes one page with a comparison table, and with published results on the same classes
where there are any: reports/<to>/report.html. The runs' own reports are not changed.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, runs []string) error {
			for _, name := range runs {
				if !filepath.IsLocal(name) || name == "." {
					return usage.Errorf("%q is not a run name; give the name of a folder in reports/", name)
				}
			}
			if len(runs) > 1 && groups != "" {
				return usage.Errorf("--groups needs a single run")
			}
			if len(runs) > 1 {
				return con.compareRuns(cmd.Context(), runs, to)
			}
			if cmd.Flags().Changed("to") {
				return usage.Errorf("--to needs several runs; the report of one run is in its own folder")
			}
			return con.rebuild(cmd.Context(), filepath.ToSlash(filepath.Clean(runs[0])), &ds, groups)
		},
	}
	addLayout(cmd, &ds)
	addData(cmd, &ds)
	addGroupsOf(cmd, &groups)
	cmd.Flags().StringVar(&to, "to", "compared", "`name` of the folder below reports/ for the page of several runs")
	return cmd
}

// rebuild builds the report of a run, of one seed or several, again.
func (c *cli) rebuild(ctx context.Context, name string, ds *workspace.Dataset, groups string) error {
	x := c.runner()
	stored, seeds, err := x.StoredReports(ctx, name)
	if err != nil {
		return err
	}
	if groups != "" {
		for _, s := range stored {
			if err := x.Group(s, groups); err != nil {
				return err
			}
		}
	}
	if len(seeds) == 0 {
		paths, err := x.Rebuild(name, stored[0], ds)
		if err != nil {
			return err
		}
		return c.evaluated(name, stored[0].Result, paths)
	}
	out, err := x.RebuildSeeds(name, stored, seeds, ds)
	if err != nil {
		return err
	}
	return c.evaluatedSeeds(out)
}

// compareRuns makes the page of several runs.
func (c *cli) compareRuns(ctx context.Context, names []string, to string) error {
	out, err := c.runner().CompareRuns(ctx, names, to)
	if err != nil {
		return err
	}
	return c.result(out, func(w io.Writer) {
		for _, r := range out.Runs {
			var figures []string
			for _, f := range r.Figures {
				figures = append(figures, fmt.Sprintf("%s %s%%", f.Name, experiment.Points(f.Mean)))
			}
			fmt.Fprintf(w, "%s (%s): %s\n", r.Run, r.Method, strings.Join(figures, "; "))
		}
		fmt.Fprintf(w, "report: %s\n", out.HTML)
	})
}
