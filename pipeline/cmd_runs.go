package pipeline

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"vzsl/pipeline/experiment"
	"vzsl/pipeline/runlist"
	"vzsl/pipeline/usage"
)

func newRuns(con *cli) *cobra.Command {
	var dataset string
	var stale bool
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "all runs and reports, what they are of and whether that has changed; removes and renames them",
		Example: `  vzsl runs
  vzsl runs rename cub-standard-vzsl first
  vzsl runs remove first --yes`,
		Long: `Lists the runs and reports below --out, the newest first: dataset, split, method, network, the accuracy that it is known
by with its 95 % interval (of several methods that of the best), age, size, and state: begun, trained, evaluated, or
a report without its run. A run or report is stale where the features, class table, split or model that it was made
from are others now; the lines after the table say what has changed and what mends it.

Runs of several seeds, comparisons, few-shot series, audits and pages of several runs are a line each.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listRuns(cmd.Context(), con, dataset, stale) },
	}
	f := cmd.Flags()
	f.StringVar(&dataset, "dataset", "", "`name` of the dataset whose runs to list (default: all)")
	f.BoolVar(&stale, "stale", false, "those alone that are stale")
	cmd.AddCommand(newRunsRemove(con), newRunsRename(con))
	return cmd
}

func listRuns(ctx context.Context, con *cli, dataset string, stale bool) error {
	bar := con.Begin("runs", "runs")
	all, err := runlist.List(ctx, con.Workspace, bar.Done)
	bar.End()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(r *runlist.Run) bool {
		return dataset != "" && r.Dataset != dataset || stale && len(r.Stale) == 0
	})
	if all == nil {
		all = []*runlist.Run{}
	}
	return con.result(struct {
		Runs []*runlist.Run `json:"runs"`
	}{all}, func(w io.Writer) {
		if len(all) == 0 {
			fmt.Fprintln(w, "no runs and no reports are there; 'vzsl train' and 'vzsl evaluate' make them")
			return
		}
		columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(columns, "RUN\tKIND\tDATASET\tSPLIT\tMETHOD\tNETWORK\tTOP-1\tINTERVAL\tAGE\tSIZE\tSTATE")
		for _, r := range all {
			value, interval, state := "–", "–", r.State
			if f := r.Figure; f != nil {
				value, interval = experiment.Points(f.Value), experiment.Between(f.Interval)
			}
			if len(r.Stale) > 0 {
				state += ", stale"
			}
			methods := strings.Join(r.Methods, ", ")
			if len(r.Methods) > 2 {
				methods = fmt.Sprintf("%d methods", len(r.Methods))
			}
			fmt.Fprintln(columns, strings.Join([]string{r.Name, r.Kind, dash(r.Dataset), dash(r.Split), dash(methods), dash(r.Network), value, interval,
				runlist.Age(r.Newest()), runlist.Size(r.Bytes), state}, "\t"))
		}
		_ = columns.Flush() // as with all that is printed
		for _, r := range all {
			if len(r.Stale) > 0 {
				fmt.Fprintf(w, "\n%s is stale: %s\n", r.Name, r.Reason())
			}
		}
	})
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func newRunsRemove(con *cli) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:     "remove RUN...",
		Short:   "runs and their reports away, for good",
		Example: `  vzsl runs remove first second --yes`,
		Long: `Removes runs/<run> and reports/<run> with all below them. Without --yes it only says what would be removed. What a
process is writing in is refused.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, names []string) error {
			all, err := runlist.ToRemove(con.Workspace, names)
			if err != nil {
				return err
			}
			if yes {
				if err := runlist.Remove(all); err != nil {
					return err
				}
			}
			return con.result(struct {
				Removed bool              `json:"removed"`
				Runs    []runlist.Removed `json:"runs"`
			}{yes, all}, func(w io.Writer) {
				what := "removed"
				if !yes {
					what = "would be removed with --yes"
				}
				for _, r := range all {
					fmt.Fprintf(w, "%s: %s %s (%s)\n", r.Name, usage.And(r.Folders), what, runlist.Size(r.Bytes))
				}
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "remove them")
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return con.RunNames(), cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

func newRunsRename(con *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rename RUN NAME",
		Short:   "a run and its report to another name",
		Example: `  vzsl runs rename cub-standard-vzsl first`,
		Long: `Moves runs/<run> and reports/<run> to another name and builds the report again, as its page names the run. Comparisons,
few-shot series and audits are found by their own names: their commands take --run NAME.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := runlist.Rename(cmd.Context(), con.Workspace, names[0], names[1]); err != nil {
				return err
			}
			return con.result(map[string]string{"run": names[1], "was": names[0]}, func(w io.Writer) {
				fmt.Fprintf(w, "%s is now %s\n", names[0], names[1])
			})
		},
	}
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return con.RunNames(), cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}
