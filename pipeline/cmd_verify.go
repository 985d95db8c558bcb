package pipeline

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vzsl/pipeline/verify"
)

func newVerify(con *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "verify [DIR...]",
		Short: "read everything again and check every byte",
		Example: `  vzsl verify
  vzsl verify features/cub runs/cub-standard-vzsl`,
		Long: `Reads features, class tables, splits, runs, searches, reports and exports again, all below --out or those
in and below the folders DIR, and checks every byte against the checksums that were written with them
(SHA256SUMS in each folder; class tables and splits carry theirs). Beyond that it looks at the rows of
shards (finite values, unique images, labels in the class table), at whether a model, its settings and
its record belong together, and at whether a report's metrics follow from its predictions.

Every problem is listed, with the stage that wrote the file and the command that makes it again; with
any, the command fails.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, dirs []string) error {
			if len(dirs) == 0 {
				dirs = []string{con.Dir}
			}
			v := verify.Verifier{W: con.Workspace}
			all := []*verify.Folder{}
			for _, dir := range dirs {
				found, err := v.Below(cmd.Context(), dir)
				if err != nil {
					return err
				}
				all = append(all, found...)
			}
			folders, problems := 0, 0
			for _, f := range all {
				if len(f.Problems) > 0 {
					folders, problems = folders+1, problems+len(f.Problems)
				}
			}
			err := con.result(all, func(w io.Writer) {
				for _, f := range all {
					sayVerified(w, f)
				}
			})
			if err != nil {
				return err
			}
			if problems > 0 {
				return fmt.Errorf("%d problems found, in %d of %d folders; the commands beside them make the files again", problems, folders, len(all))
			}
			return nil
		},
	}
}

func sayVerified(w io.Writer, f *verify.Folder) {
	fmt.Fprintf(w, "%s (%s): ", f.Dir, f.Stage)
	if s := f.Features; s != nil {
		fmt.Fprintf(w, "%d parts, %d rows", s.Parts, s.Rows)
		if s.Skipped > 0 {
			fmt.Fprintf(w, ", %d images skipped at extraction", s.Skipped)
		}
	} else {
		fmt.Fprintf(w, "%d files", f.Files)
	}
	if len(f.Problems) == 0 {
		fmt.Fprintln(w, ": all well")
	} else {
		fmt.Fprintf(w, ": %d problems\n", len(f.Problems))
	}
	command := ""
	for i, p := range f.Problems {
		fmt.Fprintf(w, "  %s: %s\n", p.File, p.What)
		command = p.Command
		if i+1 == len(f.Problems) || f.Problems[i+1].Command != command {
			fmt.Fprintf(w, "    made again by: %s\n", command)
		}
	}
	for _, n := range f.Notes {
		fmt.Fprintf(w, "  note: %s\n", n)
	}
}
