package pipeline

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"vzsl/extract"
	"vzsl/features"
	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

func newVerify(con *cli) *cobra.Command {
	var ds workspace.Dataset
	var check string
	cmd := &cobra.Command{
		Use:     "verify DIR",
		Short:   "re-read every shard and check it",
		Example: `  vzsl verify features/cub`,
		Long: `Re-reads the shards of features below DIR (one network's folder, a dataset's or all features):
checksums, row counts, finite values, unique images, labels that are in the class table.
Every problem is listed; with any, the command fails. With --data the images are compared with those that the
features were computed of: what was added, changed or removed since is a problem too.`,
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
				if ds.Folder != "" {
					if err := con.verifyImages(cmd.Context(), dir, ds, features.Check(check), v); err != nil {
						return err
					}
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
	addData(cmd, &ds)
	addLayout(cmd, &ds)
	f := cmd.Flags()
	f.Lookup("data").Usage = "`folder` of the dataset, to compare its images with the features"
	f.StringVar(&check, "check", string(features.CheckHash), "with --data: how changed images are found: "+usage.Or(features.Checks()))
	must(cmd.RegisterFlagCompletionFunc("check", cobra.FixedCompletions(features.Checks(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// verifyImages compares the images of a dataset with the features in dir.
func (c *cli) verifyImages(ctx context.Context, dir string, ds workspace.Dataset, check features.Check, v *features.Verification) error {
	if err := usage.OneOf("check", string(check), features.Checks()...); err != nil {
		return err
	}
	m, err := features.ReadManifest(dir)
	if err != nil || !m.Complete { // verification said so
		return nil
	}
	ds.Name = m.Source.Dataset
	set, err := c.OpenDataset(&ds)
	if err != nil {
		return err
	}
	if !m.Grows() {
		if !m.Source.Imported() && m.Source.DatasetSHA256 != set.SHA256() {
			v.Problems = append(v.Problems, "stale: the dataset has other images than these features: extract again")
		}
		v.Notes = append(v.Notes, "the features do not say what the files of their images were")
		return nil
	}
	p := c.Begin("compare the images with "+dir, "")
	s, err := features.Stale(ctx, dir, m, extract.Growing(set, check))
	p.End()
	if err == nil && s.Any() {
		v.Problems = append(v.Problems, fmt.Sprintf("stale: %s; extract again", s))
	}
	return err
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
