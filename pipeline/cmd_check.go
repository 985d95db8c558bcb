package pipeline

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vzsl/pipeline/inspect"
	"vzsl/pipeline/workspace"
)

func newCheck(con *cli) *cobra.Command {
	var ds workspace.Dataset
	cmd := &cobra.Command{
		Use:     "check DATASET [DIR]",
		Short:   "check a dataset: what is present, missing or inconsistent, and what to run next",
		Example: `  vzsl check cub`,
		Long: `Checks a dataset's folder before hours are spent on it: whether all files are present and readable, whether
the numbers of classes, images and attributes are those published, which images are listed but not found or found
but not listed, which classes have no description, and which stages are done. It ends with the next command to
run. Nothing is changed.

DIR is the dataset's folder, by default data/<dataset>. Exit code 3: something is inconsistent.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ds.Name = args[0]
			if len(args) == 2 {
				ds.Folder = args[1]
			}
			return runCheck(cmd.Context(), con, &ds)
		},
	}
	f := cmd.Flags()
	addLayout(cmd, &ds)
	addSource(cmd, &ds)
	f.StringVar(&ds.ClassFile, "csv", "", "`file` of class descriptions instead of the dataset's own")
	return cmd
}

func runCheck(ctx context.Context, con *cli, ds *workspace.Dataset) error {
	found, err := inspect.Run(ctx, con.Workspace, ds)
	if err != nil {
		return err
	}
	if err := con.result(found, func(w io.Writer) { sayFindings(w, found) }); err != nil {
		return err
	}
	switch {
	case !found.Usable:
		return fmt.Errorf("%s: not usable yet; next: %s", ds.Folder, found.Next)
	case len(found.Problems) > 0:
		return errSkipped
	}
	return nil
}

// sayFindings writes the findings on one screen.
func sayFindings(w io.Writer, c *inspect.Findings) {
	fmt.Fprintf(w, "%s in %s, laid out as %s\n", c.Dataset, c.Folder, c.Layout)
	for _, s := range []struct {
		head  string
		lines []string
	}{{"there", c.There}, {"missing", c.Missing}, {"does not fit", c.Problems}, {"note", c.Notes}} {
		const most = 6
		for i, line := range s.lines {
			if i == most && len(s.lines) > most+1 {
				fmt.Fprintf(w, "  %-13s and %d more (--json lists all)\n", s.head, len(s.lines)-most)
				break
			}
			fmt.Fprintf(w, "  %-13s %s\n", s.head, line)
		}
	}
	if c.NextHint != "" {
		fmt.Fprintf(w, "  %-13s %s\n", "first", c.NextHint)
	}
	fmt.Fprintf(w, "next: %s\n", c.Next)
}
