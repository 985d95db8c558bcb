package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/datasets/splits"
	"vzsl/datasets/xlsa17"
	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/internal/version"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

type xlsa17Options struct {
	convert.Import
	dir, dataset     string
	features, splits string
	att              string
	fold             int
	seed             uint64
}

func newImportXLSA17(con *cli) *cobra.Command {
	o := xlsa17Options{Import: convert.Import{Program: version.Program()}}
	cmd := &cobra.Command{
		Use:   "xlsa17 DIR",
		Short: "import a dataset of xlsa17: features, class attributes and the proposed split",
		Long: `Imports a folder of Xian et al.'s xlsa17 (res101.mat and att_splits.mat): the features as shards, the class
attributes as classes.parquet and the proposed split (version 2) as splits/proposed.parquet.

Images are named by their path in the dataset's own images folder, so that the split also fits features
extracted from the images. An existing class table of the same classes is kept and determines the order
of the classes; everything is joined by name.

Validation classes are those of val_loc; --fold 1, 2 or 3 uses valclasses1.txt and so on. A val_loc that
contains test images is repaired, which is recorded in the split's provenance, shown in every report.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dir = args[0]
			return runImportXLSA17(cmd.Context(), con, &o)
		},
	}
	addImportFlags(cmd, &o.Import)
	f := cmd.Flags()
	f.StringVar(&o.dataset, "dataset", "", "`name` of the dataset: the folder below features/ (default: DIR's own, in lower case)")
	f.StringVar(&o.features, "features", xlsa17.FeaturesFile, "`file` of the features, in DIR")
	f.StringVar(&o.splits, "splits", xlsa17.SplitsFile, "`file` of attributes and splits, in DIR")
	f.StringVar(&o.att, "attributes", "", "`matrix` of class attributes: original_att (as in the dataset) or att (unit length) (default: the first that exists)")
	f.IntVar(&o.fold, "fold", 0, "validation classes from valclasses`N`.txt (default: those of val_loc, otherwise 1)")
	f.Uint64Var(&o.seed, "seed", 1, "random seed for drawing validation classes if the files have none")
	must(cmd.RegisterFlagCompletionFunc("features", matFiles))
	must(cmd.RegisterFlagCompletionFunc("splits", matFiles))
	must(cmd.RegisterFlagCompletionFunc("attributes", cobra.FixedCompletions([]cobra.Completion{attributes.XLSA17Original, attributes.XLSA17Unit}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// matFiles offers the files of DIR, where a name without a folder is looked for. What is typed with one, the shell completes.
func matFiles(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return workspace.Offered(args[0], "*.mat"), cobra.ShellCompDirectiveDefault
}

func runImportXLSA17(ctx context.Context, con *cli, o *xlsa17Options) error {
	abs, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	o.dataset = cmp.Or(o.dataset, strings.ToLower(filepath.Base(abs)))
	if err := usage.FolderName("dataset", o.dataset); err != nil {
		return err
	}
	if o.att != "" {
		if err := usage.OneOf("attributes", o.att, attributes.XLSA17Original, attributes.XLSA17Unit); err != nil {
			return err
		}
	}
	if o.fold < 0 {
		return usage.Errorf("--fold %d: must be 1, 2 or 3", o.fold)
	}
	o.Files = []string{o.features}
	if err := checkImport(&o.Import); err != nil {
		return err
	}
	x, err := xlsa17.Open(o.dir, o.features, o.splits)
	if err != nil {
		return err
	}
	for _, note := range x.Notes {
		con.Log.Info(note, "dataset", o.dataset)
	}
	table, err := con.xlsa17Classes(o, x)
	if err != nil {
		return err
	}
	// Everything that can be refused is refused before the features are read.
	images := make([]splits.Labelled, len(x.Images))
	for i, m := range x.Images {
		images[i] = splits.Labelled{Image: m.Path, Class: x.Classes[m.Class].Name}
	}
	split := splits.Definition{Name: "proposed", Dataset: o.dataset, ValidationFraction: splits.DefaultValidationFraction, Seed: o.seed}
	roles, err := x.Split(split, o.fold, table.Classes, images)
	if err != nil {
		return err
	}
	if err := con.MayReplaceSplit(roles, o.Force); err != nil {
		return err
	}
	o.Dataset, o.Out = o.dataset, con.NetworkDir(o.dataset, o.Network)
	for _, c := range table.Classes {
		o.Known.Classes = append(o.Known.Classes, datasets.Class{Name: c})
	}
	m, err := con.runImport(ctx, o.Import, func(ctx context.Context, i convert.Import) (*features.Manifest, error) {
		return x.Import(ctx, i)
	})
	if err != nil {
		return err
	}
	r := importResult{Folder: o.Out, Dataset: o.dataset, Classes: con.ClassTableFile(o.dataset), Split: con.SplitFile(o.dataset, "proposed")}
	if err := features.WriteClassTable(r.Classes, table); err != nil {
		return err
	}
	if err := features.WriteSplit(r.Split, roles); err != nil {
		return err
	}
	con.Log.Info("split proposed", "provenance", roles.Provenance)
	return con.imported(r, m)
}

// xlsa17Classes is the class table: the one that is there, or one of the folder's attributes.
func (c *cli) xlsa17Classes(o *xlsa17Options, x *xlsa17.Folder) (*features.ClassTable, error) {
	names := make([]string, len(x.Classes))
	for i, class := range x.Classes {
		names[i] = class.Name
	}
	path := c.ClassTableFile(o.dataset)
	there, err := features.ReadClassTable(path)
	if err == nil {
		a, b := slices.Sorted(slices.Values(there.Classes)), slices.Sorted(slices.Values(names))
		if !slices.Equal(a, b) {
			return nil, fmt.Errorf("%s has other classes (%d) than %s (%d); give this dataset its own name with --dataset", path, len(a), o.dir, len(b))
		}
		c.Log.Info("the existing class table is kept", "file", path, "source", there.Source)
		return there, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	file := o.splits
	if filepath.Base(file) == file {
		file = filepath.Join(o.dir, file)
	}
	t, err := attributes.ReadXLSA17(file, o.att, names, names)
	if err != nil {
		return nil, err
	}
	if err := workspace.Settle(t, workspace.MissingAuto); err != nil {
		return nil, err
	}
	for _, note := range t.Notes {
		c.Log.Info(note, "dataset", o.dataset)
	}
	return workspace.ClassTable(&datasets.Dataset{Name: o.dataset, Classes: x.Classes}, t), nil
}
