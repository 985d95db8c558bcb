package pipeline

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"vzsl/features"
	"vzsl/internal/lookup"
)

func newVerify(con *cli) *cobra.Command {
	return &cobra.Command{
		Use:     "verify DIR",
		Short:   "re-read every shard and check it",
		Example: `  vzsl verify features/cub`,
		Long: `Re-reads the shards of features below DIR (one network's folder, a dataset's or all features):
checksums, row counts, finite values, unique images, labels that are in the class table.
Every problem is listed; with any, the command fails.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dirs, err := shardDirs(args[0])
			if err != nil {
				return err
			}
			var all []*features.Verification
			problems := 0
			for _, dir := range dirs {
				bar := con.Begin("verify "+filepath.Base(dir), "rows")
				v, err := features.Verify(cmd.Context(), dir, bar.Done)
				bar.End()
				if err != nil {
					return err
				}
				all = append(all, v)
				problems += len(v.Problems)
			}
			err = con.result(all, func(w io.Writer) {
				for _, v := range all {
					fmt.Fprintf(w, "%s: %d parts, %d rows", v.Dir, v.Parts, v.Rows)
					if v.Skipped > 0 {
						fmt.Fprintf(w, ", %d images skipped at extraction", v.Skipped)
					}
					if len(v.Problems) == 0 {
						fmt.Fprintln(w, ": all well")
						continue
					}
					fmt.Fprintf(w, ": %d problems\n", len(v.Problems))
					for _, p := range v.Problems {
						fmt.Fprintf(w, "  %s\n", p)
					}
				}
			})
			if err != nil {
				return err
			}
			if problems > 0 {
				return fmt.Errorf("%s: %d problems found; remove the parts named and run the extraction again", args[0], problems)
			}
			return nil
		},
	}
}

// shardDirs finds the folders of shards at or below dir.
func shardDirs(dir string) ([]string, error) {
	for _, pattern := range []string{"", "*/", "*/*/"} {
		found, err := lookup.Below(dir, pattern+"manifest.json")
		if err != nil {
			return nil, err
		}
		if len(found) == 0 && pattern == "" {
			found, err = lookup.Below(dir, "part-*.parquet")
			if err != nil {
				return nil, err
			}
			found = found[:min(len(found), 1)]
		}
		if len(found) > 0 {
			for i := range found {
				found[i] = filepath.Dir(found[i])
			}
			return found, nil
		}
	}
	return nil, fmt.Errorf("%s: no shards there (no manifest.json, no part-*.parquet); give a folder that 'vzsl extract' or 'vzsl import' wrote", dir)
}
