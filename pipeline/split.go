package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"vzsl/datasets"
	"vzsl/datasets/shards"
)

func newSplit(con *console) *cobra.Command {
	var ds datasetFlags
	var o splitOptions
	cmd := &cobra.Command{
		Use:   "split",
		Short: "seen and unseen classes to a role for every image",
		Long: `Writes features/<dataset>/splits/<name>.parquet: every image's role (train, validation, test_seen,
test_unseen). The features stay as they are, so one extraction serves every split.

  --split standard               the dataset's published split
  --split NAME --seen F --unseen F   your own: class names, one a line

Some of the seen classes are held out for validation, drawn by --seed: hyper-parameters are chosen
on them, never on the unseen classes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := ds.checkName(); err != nil {
				return err
			}
			if err := checkFolderName("split", o.name); err != nil {
				return err
			}
			if (o.seen == "") != (o.unseen == "") {
				return usagef("--seen and --unseen go together: two files of class names, one a line")
			}
			roles, err := con.makeRoles(cmd.Context(), ds.name, o)
			if err != nil {
				return err
			}
			path := con.rolesFile(ds.name, o.name)
			if err := shards.WriteRoles(path, roles); err != nil {
				return err
			}
			counts := map[shards.Role]int{}
			for _, r := range roles.Roles {
				counts[r]++
			}
			res := struct {
				File       string              `json:"file"`
				Provenance string              `json:"provenance"`
				Seen       int                 `json:"seen_classes"`
				Validation int                 `json:"validation_classes"`
				Unseen     int                 `json:"unseen_classes"`
				Images     map[shards.Role]int `json:"images"`
			}{path, roles.Provenance, len(roles.Seen), len(roles.Validation), len(roles.Unseen), counts}
			if counts[shards.RoleTestUnseen] == 0 {
				con.log.Warn("no image belongs to an unseen class: this split can be trained on but not evaluated", "split", o.name)
			}
			return con.result(res, func(w io.Writer) {
				fmt.Fprintf(w, "%s: %d seen classes (%d of them for validation), %d unseen; images: %d train, %d validation, %d test seen, %d test unseen\n",
					path, res.Seen, res.Validation, res.Unseen,
					counts[shards.RoleTrain], counts[shards.RoleValidation], counts[shards.RoleTestSeen], counts[shards.RoleTestUnseen])
			})
		},
	}
	ds.addName(cmd)
	f := cmd.Flags()
	f.StringVar(&o.name, "split", "standard", "`name` of the split")
	f.StringVar(&o.layout, "layout", "", "dataset whose published split 'standard' means (default: the dataset's name)")
	f.StringVar(&o.seen, "seen", "", "`file` of the seen classes' names, one a line")
	f.StringVar(&o.unseen, "unseen", "", "`file` of the unseen classes' names, one a line")
	f.Float64Var(&o.validation, "validation", 0.2, "`share` of the seen classes held out for validation (below 1), or their number")
	f.Float64Var(&o.testSeen, "test-seen", 0, "`share` of each seen class's images held out for the generalised test")
	f.Uint64Var(&o.seed, "seed", 1, "draws validation classes and held-out images")
	must(cmd.MarkFlagFilename("seen", "txt"))
	must(cmd.MarkFlagFilename("unseen", "txt"))
	return cmd
}

type splitOptions struct {
	name, layout         string
	seen, unseen         string
	validation, testSeen float64
	seed                 uint64
}

// makeRoles builds a split from the class table and the images of every network's shards.
func (c *console) makeRoles(ctx context.Context, dataset string, o splitOptions) (*shards.Roles, error) {
	table, err := c.readClassTable(dataset)
	if err != nil {
		return nil, err
	}
	split := datasets.Split{}
	switch {
	case o.seen != "":
		split, err = datasets.ReadSplit(o.seen, o.unseen, table.Classes)
	case o.name == "standard":
		split.Seen, split.Unseen, split.Provenance, err = datasets.StandardSplit(cmp.Or(o.layout, dataset), table.Classes)
	default:
		err = usagef("--split %s: give its class lists with --seen and --unseen; only 'standard' is built in", o.name)
	}
	if err != nil {
		return nil, err
	}
	split.Name, split.Dataset, split.Seed = o.name, dataset, o.seed
	split.TestSeenFraction = o.testSeen
	if o.validation >= 1 {
		split.ValidationClasses = int(o.validation)
	} else {
		split.ValidationFraction = o.validation
	}
	networks, err := c.networks(dataset)
	if err != nil {
		return nil, err
	}
	if len(networks) == 0 {
		return nil, c.noFeatures(dataset)
	}
	dirs := make([]string, len(networks))
	for i, n := range networks {
		dirs[i] = c.networkDir(dataset, n)
	}
	images, err := datasets.CollectImages(ctx, dirs)
	if err != nil {
		return nil, err
	}
	return split.Roles(table.Classes, images)
}

// readClassTable reads a dataset's class table.
func (c *console) readClassTable(dataset string) (*shards.ClassTable, error) {
	path := c.classTable(dataset)
	table, err := shards.ReadClassTable(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: no class table there; run 'vzsl attributes --dataset %s' first", path, dataset)
	}
	return table, err
}
