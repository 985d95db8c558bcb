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
		Short: "list runs and reports and whether their inputs have changed; remove and rename them",
		Example: `  vzsl runs
  vzsl runs rename cub-standard-vzsl first
  vzsl runs remove first --yes`,
		Long: `Lists the runs and reports below --out, newest first: dataset, split, method, network, main accuracy with its 95 %
interval (the best method's where there are several), age, size, and state: begun (not finished), trained, evaluated,
or report (without its run). A run or report is stale if the features, class table, split or model that it was made
from have changed; the lines after the table tell what has changed and which command updates it.

Runs of several seeds, comparisons, few-shot series, audits and pages of several runs take one line each.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listRuns(cmd.Context(), con, dataset, stale) },
	}
	f := cmd.Flags()
	f.StringVar(&dataset, "dataset", "", "`name` of the dataset whose runs are listed (default: all)")
	f.BoolVar(&stale, "stale", false, "list only stale runs and reports")
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
			fmt.Fprintln(w, "there are no runs or reports yet; 'vzsl train' and 'vzsl evaluate' create them")
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
		Short:   "delete runs and their reports permanently",
		Example: `  vzsl runs remove first second --yes`,
		Long: `Deletes runs/<run> and reports/<run>. Without --yes it only shows what would be deleted. Folders that a process is
writing to are refused.`,
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
		Short:   "rename a run and its report",
		Example: `  vzsl runs rename cub-standard-vzsl first`,
		Long: `Renames runs/<run> and reports/<run> and rebuilds the report, whose page contains the name. Comparisons, few-shot
series and audits cannot be renamed: repeat their commands with --run NAME.`,
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
