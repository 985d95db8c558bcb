package pipeline

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"vzsl/extract"
	"vzsl/features"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/verify"
	"vzsl/pipeline/workspace"
)

func newVerify(con *cli) *cobra.Command {
	var ds workspace.Dataset
	var check string
	cmd := &cobra.Command{
		Use:   "verify [DIR...]",
		Short: "verify the checksums of all files",
		Example: `  vzsl verify
  vzsl verify features/cub runs/cub-standard-vzsl`,
		Long: `Reads all features, class tables, splits, runs, searches, reports, exports and plans below --out, or in and
below the folders DIR, and compares every byte with the checksums that were written with them (SHA256SUMS in
each folder; class tables, splits and the files of plans contain theirs). It also checks the rows of shards (finite values, unique
images, labels in the class table), that a model, its settings and its record belong together, and that
a report's metrics follow from its predictions.

Every problem is listed, with the stage that wrote the file and the command that rebuilds it; the command
fails if there is any.

With --data the dataset's images are compared with those that the features were computed from: images that
were added, changed or removed since are problems too.`,
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
				if ds.Folder != "" {
					for _, f := range found {
						if err := con.verifyImages(cmd.Context(), f, ds, features.Check(check)); err != nil {
							return err
						}
					}
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
				return fmt.Errorf("%d problems found in %d of %d folders; the listed commands rebuild the files", problems, folders, len(all))
			}
			return nil
		},
	}
	addData(cmd, &ds)
	addLayout(cmd, &ds)
	f := cmd.Flags()
	f.Lookup("data").Usage = "`folder` of the dataset, to compare its images with the features"
	f.StringVar(&check, "check", string(features.CheckHash), "with --data: how changed images are detected: "+usage.Or(features.Checks()))
	must(cmd.RegisterFlagCompletionFunc("check", cobra.FixedCompletions(features.Checks(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// verifyImages compares the images of a dataset with the features of one of its folders.
func (c *cli) verifyImages(ctx context.Context, f *verify.Folder, ds workspace.Dataset, check features.Check) error {
	if err := usage.OneOf("check", string(check), features.Checks()...); err != nil {
		return err
	}
	if f.Features == nil || f.Features.Source.Imported() {
		return nil
	}
	m, err := features.ReadManifest(f.Dir)
	if err != nil || !m.Complete {
		return nil //nolint:nilerr // verification said so
	}
	ds.Name = m.Source.Dataset
	set, err := c.OpenDataset(ctx, &ds)
	if err != nil {
		return err
	}
	what := ""
	if m.Grows() {
		p := c.Begin("compare the images with "+f.Dir, "")
		s, err := features.Stale(ctx, f.Dir, m, extract.Growing(set, check))
		p.End()
		if err != nil {
			return err
		}
		if s.Any() {
			what = "stale: " + s.String()
		}
	} else {
		f.Notes = append(f.Notes, "the features are of version 0.1.0, which did not record their image files")
		if m.Source.DatasetSHA256 != set.SHA256() {
			what = "stale: the images of the dataset have changed"
		}
	}
	if what != "" {
		f.Problems = append(f.Problems, verify.Problem{File: filepath.Join(f.Dir, "manifest.json"), What: what, Stage: verify.StageExtract,
			Command: c.Command("extract", "--dataset", ds.Name, "--data", ds.Folder, "--network", m.Source.Network)})
	}
	return nil
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
		fmt.Fprintln(w, ": no problems")
	} else {
		fmt.Fprintf(w, ": %d problems\n", len(f.Problems))
	}
	for i, p := range f.Problems {
		fmt.Fprintf(w, "  %s: %s\n", p.File, p.What)
		command := p.Command
		if i+1 == len(f.Problems) || f.Problems[i+1].Command != command {
			fmt.Fprintf(w, "    rebuild with: %s\n", command)
		}
	}
	for _, n := range f.Notes {
		fmt.Fprintf(w, "  note: %s\n", n)
	}
}
