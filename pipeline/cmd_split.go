package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/datasets/catalog"
	"vzsl/datasets/splits"
	"vzsl/datasets/xlsa17"
	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

func newSplit(con *cli) *cobra.Command {
	var ds workspace.Dataset
	var o splitOptions
	cmd := &cobra.Command{
		Use:     "split",
		Short:   "split classes into seen and unseen, and give every image a role",
		Example: `  vzsl split --dataset cub --split standard`,
		Long: `Writes features/<dataset>/splits/<name>.parquet: every image's role (train, validation, test_seen,
test_unseen). The features are not changed, so one extraction serves all splits.

  --split standard                   the dataset's published split
                                     (` + catalog.SplitsHelp() + `)
  --split proposed --xlsa17 DIR      the one of Xian et al., from a folder of xlsa17, for your own features:
                                     images are matched by the names in res101.mat or, without that file,
                                     in a list in its order (--images LIST)
  --split pictured                   classes with images are seen, those that are only described are unseen
  --split NAME --seen F --unseen F   your own: class names or wnids, one per line
  --split NAME --images FILE         your own, by image: a table with the columns image,role (CSV or Parquet), or
                                     CUB's train_test_split.txt; with --seen and --unseen it only selects the test
                                     images of seen classes
  --random K --unseen-classes N      K splits, random-1 and so on, each with N unseen classes drawn with --seed`,
		Annotations: details(`The roles in a table of images are train, validation, test_seen, test_unseen, test (one of these two, by
class), shot and none. Classes with training images are seen; images that the table does not list are not
used. Validation uses whole classes: if the table has no such role, they are drawn at random.

--extend gives roles to images that were added to the split's classes after it was made: test_unseen, validation or
train by class, and test_seen for the held-out fraction of seen classes. Other images keep their roles.

A split that runs were trained on is only replaced with --force.

--shots K makes it a few-shot split: --shot-pool images of each unseen class are excluded from the test, and
K of them are used for training, with their labels. The test images are the same for every K; the K shots
are a subset of the K + 1 shots.

Some of the seen classes, drawn with --seed, are held out for validation: hyper-parameters are selected
on them, never on the unseen classes.`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(&ds, cmd.Flags().Changed("split")); err != nil {
				return err
			}
			if o.extend {
				return con.extendSplit(cmd.Context(), ds.Name, o)
			}
			o.fewShot = cmd.Flags().Changed("shots")
			o.command = workspace.CommandLine("split", givenFlags(cmd)...)
			if o.random == 0 {
				return con.writeSplit(cmd.Context(), ds.Name, o)
			}
			seed, base := o.seed, o.name
			for k := range o.random {
				o.name, o.seed = fmt.Sprintf("%s-%d", base, k+1), seed+uint64(k)
				if err := con.writeSplit(cmd.Context(), ds.Name, o); err != nil {
					return err
				}
			}
			return nil
		},
	}
	addDatasetName(cmd, &ds)
	f := cmd.Flags()
	f.StringVar(&o.name, "split", "standard", "`name` of the split")
	f.StringVar(&o.layout, "layout", "", "dataset whose published split is used for 'standard' (default: the dataset's name)")
	f.StringVar(&o.seen, "seen", "", "`file` of the seen classes' names or wnids, one per line")
	f.StringVar(&o.unseen, "unseen", "", "`file` of the unseen classes' names or wnids, one per line")
	f.StringVar(&o.images, "images", "", "`file` of the images' roles: a table image,role (CSV or Parquet), or CUB's train_test_split.txt; with --xlsa17: image names in the order of res101.mat, to replace that file")
	f.StringVar(&o.xlsa17, "xlsa17", "", "`folder` of xlsa17 to read the split from: res101.mat has the image names, att_splits.mat their roles")
	f.IntVar(&o.fold, "fold", 0, "with --xlsa17: validation classes from valclasses`N`.txt (default: those of val_loc, otherwise 1)")
	f.IntVar(&o.random, "random", 0, "number of `splits` to make, with unseen classes drawn with seed, seed + 1, ...")
	f.IntVar(&o.unseenClasses, "unseen-classes", 0, "with --random: `number` of unseen classes")
	f.Float64Var(&o.validation, "validation", 0.2, "`fraction` of the seen classes held out for validation (below 1), or their number")
	f.Float64Var(&o.testSeen, "test-seen", 0, "`fraction` of each seen class's images held out for the generalised test")
	f.IntVar(&o.shots, "shots", 0, "few-shot: number of labelled `images` per unseen class for training")
	f.IntVar(&o.pool, "shot-pool", splits.DefaultShotPool, "with --shots: `images` per unseen class to draw the shots from, excluded from the test")
	f.Uint64Var(&o.seed, "seed", 1, "random seed for validation classes and held-out images")
	f.BoolVar(&o.extend, "extend", false, "give added images a role in an existing split; other images keep theirs")
	f.StringVar(&o.as, "as", "", "with --extend: `name` of the extended split (default: replace the one of --split)")
	f.BoolVar(&o.force, "force", false, "replace a split that runs were trained on")
	must(cmd.MarkFlagFilename("seen", "txt"))
	must(cmd.MarkFlagFilename("unseen", "txt"))
	must(cmd.MarkFlagFilename("images", "csv", "tsv", "txt", "parquet"))
	must(cmd.MarkFlagDirname("xlsa17"))
	rare(cmd, "as", "fold", "layout", "shot-pool")
	return cmd
}

type splitOptions struct {
	name, layout         string
	seen, unseen, images string
	command              string // as given
	validation, testSeen float64
	seed                 uint64
	xlsa17               string
	fold                 int
	random               int
	unseenClasses        int
	fewShot              bool
	shots, pool          int
	force                bool
	extend               bool
	as                   string
}

func (o *splitOptions) check(ds *workspace.Dataset, named bool) error {
	if err := usage.FolderName("dataset", ds.Name); err != nil {
		return err
	}
	if o.random > 0 && !named {
		o.name = "random"
	} else if o.xlsa17 != "" && !named {
		o.name = "proposed"
	}
	if err := usage.FolderName("split", o.name); err != nil {
		return err
	}
	ways := 0
	for _, given := range []bool{o.seen != "" || o.unseen != "" || o.images != "" && o.xlsa17 == "", o.xlsa17 != "", o.random != 0} {
		if given {
			ways++
		}
	}
	switch {
	case (o.seen == "") != (o.unseen == ""):
		return usage.Errorf("--seen and --unseen must be given together: two files of class names, one per line")
	case o.extend && ways > 0:
		return usage.Errorf("--extend cannot be combined with --seen, --unseen, --images, --xlsa17 or --random")
	case o.as != "" && !o.extend:
		return usage.Errorf("--as needs --extend: it names the extended split")
	case ways > 1:
		return usage.Errorf("--seen and --unseen or --images, --xlsa17 and --random are different ways to split: give only one")
	case o.images != "" && !named && o.xlsa17 == "":
		return usage.Errorf("--images needs --split: the name of the new split")
	case o.images != "" && o.testSeen > 0:
		return usage.Errorf("--test-seen cannot be combined with --images, which lists the test images")
	case o.random < 0 || o.fold < 0:
		return usage.Errorf("--random and --fold must not be negative")
	case o.random > 0 && o.unseenClasses < 1:
		return usage.Errorf("--random needs --unseen-classes: the number of unseen classes per split")
	}
	return nil
}

// writeSplit makes one split and prints what it is.
func (c *cli) writeSplit(ctx context.Context, dataset string, o splitOptions) error {
	roles, err := c.makeRoles(ctx, dataset, o)
	if err != nil {
		return err
	}
	roles.Command = o.command
	path := c.SplitFile(dataset, o.name)
	if err := c.WriteSplit(roles, o.force); err != nil {
		return err
	}
	counts := map[features.Role]int{}
	for _, r := range roles.Roles {
		counts[r]++
	}
	res := struct {
		File       string                `json:"file"`
		Provenance string                `json:"provenance"`
		Seen       int                   `json:"seen_classes"`
		Validation int                   `json:"validation_classes"`
		Unseen     int                   `json:"unseen_classes"`
		Images     map[features.Role]int `json:"images"`
	}{path, roles.Provenance, len(roles.Seen), len(roles.Validation), len(roles.Unseen), counts}
	if counts[features.RoleTestUnseen] == 0 {
		c.Log.Warn("no image belongs to an unseen class: this split can be used for training but not for evaluation", "split", o.name)
	}
	return c.result(res, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %d seen classes (%d of them for validation), %d unseen; images: %d train, %d validation, %d test seen, %d test unseen\n",
			path, res.Seen, res.Validation, res.Unseen,
			counts[features.RoleTrain], counts[features.RoleValidation], counts[features.RoleTestSeen], counts[features.RoleTestUnseen])
		if o.fewShot {
			fmt.Fprintf(w, "few-shot: %d training images of unseen classes, %d per class\n", counts[features.RoleShot], o.shots)
		}
		if o.xlsa17 != "" {
			fmt.Fprintln(w, roles.Provenance)
		}
	})
}

// extendSplit gives images that were added roles in a split that is there.
func (c *cli) extendSplit(ctx context.Context, dataset string, o splitOptions) error {
	was, err := c.ReadSplit(dataset, o.name)
	if err != nil {
		return err
	}
	images, err := c.imagesWithFeatures(ctx, dataset)
	if err != nil {
		return err
	}
	roles, added, err := splits.Extend(was, images)
	if err != nil {
		return err
	}
	if o.as != "" {
		if err := usage.FolderName("as", o.as); err != nil {
			return err
		}
		roles.Name = o.as
	}
	n := len(roles.Images) - len(was.Images)
	if n > 0 || roles.Name != was.Name {
		if err := c.WriteSplit(roles, o.force); err != nil {
			return err
		}
	}
	res := struct {
		File  string                `json:"file"`
		Added map[features.Role]int `json:"added"`
	}{c.SplitFile(dataset, roles.Name), added}
	return c.result(res, func(w io.Writer) {
		if n == 0 {
			fmt.Fprintf(w, "%s: all images of its classes already have a role\n", res.File)
			return
		}
		fmt.Fprintf(w, "%s: %s more: %d train, %d validation, %d test seen, %d test unseen\n", res.File, usage.Counted(n, "image"),
			added[features.RoleTrain], added[features.RoleValidation], added[features.RoleTestSeen], added[features.RoleTestUnseen])
	})
}

// imagesWithFeatures are the images of the shards of every network that has all of its own, if one has.
func (c *cli) imagesWithFeatures(ctx context.Context, dataset string) ([]splits.Labelled, error) {
	networks, err := c.Networks(dataset)
	if err != nil {
		return nil, err
	}
	if len(networks) == 0 {
		return nil, c.NoFeatures(dataset)
	}
	var dirs, unfinished []string
	for _, n := range networks {
		dir := c.NetworkDir(dataset, n)
		if m, err := features.ReadManifest(dir); err == nil && !m.Complete {
			unfinished = append(unfinished, dir)
			continue
		}
		dirs = append(dirs, dir)
	}
	if len(dirs) == 0 {
		dirs = unfinished // the error says how to finish them
	} else if len(unfinished) > 0 {
		c.Log.Warn("features that are not complete are left out: images that only they have get no role", "features", unfinished)
	}
	p := c.Begin("read the images of the features", "")
	defer p.End()
	return splits.CollectImages(ctx, dirs)
}

// makeRoles builds a split from the class table and the images of every network's shards.
func (c *cli) makeRoles(ctx context.Context, dataset string, o splitOptions) (*features.Split, error) {
	table, err := c.ReadClassTable(dataset)
	if err != nil {
		return nil, err
	}
	images, err := c.imagesWithFeatures(ctx, dataset)
	if err != nil {
		return nil, err
	}
	var split splits.Definition
	published := cmp.Or(o.layout, dataset)
	switch {
	case o.xlsa17 != "":
	case o.images != "" && o.seen == "": // the roles say it
	case o.seen != "":
		split, err = splits.ReadLists(o.seen, o.unseen, table.Classes, table.WNIDs)
	case o.name == workspace.PicturedSplit:
		split, err = splits.Pictured(table.Classes, images)
	case o.random > 0:
		split, err = splits.Random(table.Classes, images, o.unseenClasses, o.seed)
	case o.name == "standard" || slices.Contains(catalog.PublishedSplits(published), o.name):
		split.Seen, split.Unseen, split.Provenance, err = catalog.PublishedSplit(o.name, published, table.Classes, table.WNIDs)
	case o.name == "proposed":
		err = usage.Errorf("--split proposed: give the folder of xlsa17 with --xlsa17")
	default:
		builtIn := append([]string{"standard", "proposed", workspace.PicturedSplit}, others(published)...)
		err = usage.Errorf("--split %s%s: give its class lists with --seen and --unseen; built in are %s", o.name, usage.DidYouMean(o.name, builtIn), usage.And(builtIn))
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
	var roles *features.Split
	if o.xlsa17 != "" {
		x, err := xlsa17.Open(o.xlsa17, "", "")
		if err != nil {
			return nil, err
		}
		if o.images != "" {
			names, err := convert.ReadImageNames(o.images)
			if err != nil {
				return nil, err
			}
			if err := x.NameImages(o.images, names, images); err != nil {
				return nil, err
			}
		}
		roles, err = x.Split(split, o.fold, table.Classes, images)
		if err != nil {
			return nil, err
		}
	} else if o.images != "" {
		rows, err := splits.ReadImageRoles(o.images)
		if err != nil {
			return nil, err
		}
		split.Provenance = strings.TrimPrefix(split.Provenance+"; roles of images from "+filepath.Base(o.images), "; ")
		if roles, err = split.AssignByImage(rows, table.Classes, images); err != nil {
			return nil, err
		}
		c.Log.Info("roles of images", "file", o.images, "provenance", roles.Provenance)
	} else if roles, err = split.Assign(table.Classes, images); err != nil {
		return nil, err
	}
	if !o.fewShot {
		return roles, nil
	}
	return splits.AddShots(roles, images, o.shots, o.pool, o.seed)
}

// others are a dataset's published splits but the standard one.
func others(dataset string) []string {
	return slices.DeleteFunc(catalog.PublishedSplits(dataset), func(n string) bool { return n == "standard" })
}
