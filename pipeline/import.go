package pipeline

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"vzsl/datasets"
	"vzsl/features"
)

func newImport(con *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "features that other programs computed to the same shards",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newImportNPY(con), newImportNPZ(con), newImportMAT(con), newImportParquet(con), newImportCSV(con), newImportText(con), newImportXLSA17(con))
	return cmd
}

// importer is one kind of file that features come in.
type importer func(ctx context.Context, o datasets.Import) (*features.Manifest, error)

// newImportOf makes the command that imports one kind of file with the classes of a dataset.
func newImportOf(con *console, cmd *cobra.Command, run importer, more func(cmd *cobra.Command, o *datasets.Import)) *cobra.Command {
	var ds datasetFlags
	o := datasets.Import{Program: program}
	cmd.Args = cobra.ExactArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Features = args[0]
		if err := checkImport(&o); err != nil {
			return err
		}
		d, err := ds.open(con)
		if err != nil {
			return err
		}
		o.Dataset, o.Classes = d.Name, d.Classes
		o.Out = con.networkDir(d.Name, o.Network)
		m, err := con.runImport(cmd.Context(), o, run)
		if err != nil {
			return err
		}
		return con.imported(importResult{Folder: o.Out, Dataset: d.Name}, m)
	}
	ds.add(cmd)
	addImportFlags(cmd, &o)
	if more != nil {
		more(cmd, &o)
	}
	return cmd
}

// checkImport refuses flags that cannot be.
func checkImport(o *datasets.Import) error {
	if o.Kind != "" {
		if err := oneOf("label-kind", o.Kind, datasets.LabelKinds()...); err != nil {
			return err
		}
	}
	if o.Network == "" {
		o.Network = networkName(o.Features)
	}
	if o.ShardRows < 1 {
		return usagef("--shard-rows %d: a shard holds at least one row", o.ShardRows)
	}
	return checkFolderName("network", o.Network)
}

// addImportFlags adds what every import is told.
func addImportFlags(cmd *cobra.Command, o *datasets.Import) {
	f := cmd.Flags()
	f.StringVar(&o.Network, "network", "", "`name` of what computed the features: their folder's (default: the file's)")
	f.StringVar(&o.Layer, "layer", "", "`name` of the layer they are from, for the record")
	f.StringVar(&o.Recipe, "recipe", "", "`name` of the preprocessing, for the record")
	f.IntVar(&o.ShardRows, "shard-rows", features.DefaultShardRows, "rows per shard")
	f.BoolVar(&o.Force, "force", false, "discard features there that were made from something else")
}

// addListFlags adds what says which row is which image.
func addListFlags(cmd *cobra.Command, o *datasets.Import) {
	f := cmd.Flags()
	f.StringVar(&o.Labels, "labels", "", "`file` of the rows' labels: .npy, text with one a line, or a variable of a .mat or .npz as file.mat:name, "+
		"one of the features' own file as :name (default: the folder in each image's name)")
	f.StringVar(&o.Kind, "label-kind", datasets.LabelID, "what the labels are: id (numbers of the dataset's files, from 1), index (places in the class list, from 0) or name")
	f.StringVar(&o.Images, "images", "", "`file` of the rows' image names, given as the labels are (default: row numbers)")
	must(cmd.MarkFlagFilename("labels", "npy", "txt", "csv", "mat", "npz"))
	must(cmd.MarkFlagFilename("images", "npy", "txt", "csv", "mat", "npz"))
}

func newImportNPY(con *console) *cobra.Command {
	return newImportOf(con, &cobra.Command{
		Use:   "npy FEATURES.npy",
		Short: "a NumPy matrix of features, one row per image",
		Long: `Makes shards of a NumPy matrix (float32 or float64, one row per image), with the rows' labels and
image names. The classes are those of the dataset that --data and --layout name; no image file is
needed. Rows with a value that is not finite are skipped and listed.`,
	}, datasets.ImportNPY, addListFlags)
}

func newImportNPZ(con *console) *cobra.Command {
	return newImportOf(con, &cobra.Command{
		Use:   "npz FEATURES.npz",
		Short: "a matrix of a NumPy archive, one row per image",
		Long: `Makes shards of a matrix of a NumPy archive (numpy.savez, savez_compressed), as 'import npy' does of one
alone. Labels and names may be arrays of the same archive: --labels :y --images :files.`,
	}, datasets.ImportNPZ, func(cmd *cobra.Command, o *datasets.Import) {
		addListFlags(cmd, o)
		cmd.Flags().StringVar(&o.Variable, "variable", "", "`name` of the matrix (default: the only one)")
	})
}

func newImportMAT(con *console) *cobra.Command {
	return newImportOf(con, &cobra.Command{
		Use:   "mat FEATURES.mat",
		Short: "a matrix of a MATLAB file (version 5 to 7)",
		Long: `Makes shards of a matrix of a MATLAB file: a column per image, as MATLAB has it, or a row where only
that fits the number of labels or names. Its variables labels and image_files are used where they are
there and no others are named (--labels :name). Versions 7.3 and 4 are refused with the command that
converts them.`,
	}, datasets.ImportMAT, func(cmd *cobra.Command, o *datasets.Import) {
		addListFlags(cmd, o)
		cmd.Flags().StringVar(&o.Variable, "variable", "", "`name` of the matrix (default: features, or the only one)")
	})
}

func newImportParquet(con *console) *cobra.Command {
	var c datasets.Columns
	return newImportOf(con, &cobra.Command{
		Use:   "parquet FILE",
		Short: "a Parquet file of another tool, or a folder of them",
		Long: `Makes shards of a Parquet file, or of all those of a folder in the order of their names: a column of
image names, one of classes (names, or numbers as --label-kind says), and the features as a column of
lists of equal length or as a column each.`,
	}, func(ctx context.Context, o datasets.Import) (*features.Manifest, error) {
		return datasets.ImportParquet(ctx, o, c)
	},
		func(cmd *cobra.Command, o *datasets.Import) {
			addColumnFlags(cmd, &c)
			cmd.Flags().StringVar(&c.Feature, "feature-column", "", "`name` of the column of lists (default: the only one, else every column of floating point)")
			cmd.Flags().StringVar(&o.Kind, "label-kind", datasets.LabelID, "what classes given as numbers are: id (of the dataset's files, from 1) or index (places in the class list, from 0)")
			cmd.Flags().StringVar(&o.Images, "images", "", "`file` of image names where the table has none (default: row numbers)")
		})
}

func newImportCSV(con *console) *cobra.Command {
	var c datasets.Columns
	return newImportOf(con, &cobra.Command{
		Use:   "csv FILE",
		Short: "a table of text: image, class, a column per feature",
		Long: `Makes shards of a table of text with a header, separated by comma, semicolon or tab: a column of image
names, one of classes, every other one a feature.`,
	}, func(ctx context.Context, o datasets.Import) (*features.Manifest, error) {
		return datasets.ImportCSV(ctx, o, c)
	},
		func(cmd *cobra.Command, o *datasets.Import) {
			addColumnFlags(cmd, &c)
			cmd.Flags().StringVar(&o.Kind, "label-kind", datasets.LabelName, "what the classes are: name, id (numbers of the dataset's files, from 1) or index (places in the class list, from 0)")
			cmd.Flags().StringVar(&o.Images, "images", "", "`file` of image names where the table has none (default: row numbers)")
		})
}

func addColumnFlags(cmd *cobra.Command, c *datasets.Columns) {
	cmd.Flags().StringVar(&c.Image, "image-column", "", "`name` of the column of image names (default: image, file, path, filename, ...)")
	cmd.Flags().StringVar(&c.Class, "class-column", "", "`name` of the column of classes (default: class, label, category, ...; without one, the folder in each image's name)")
}

func newImportText(con *console) *cobra.Command {
	return newImportOf(con, &cobra.Command{
		Use:   "text DIR",
		Short: "a text file per image, <class>/<image>.txt (AwA's features)",
		Long: `Makes shards of a folder of features as Animals with Attributes hands them round, Features/vgg19 with a
folder per class and a text file per image, its values separated by blanks, commas or line ends. Images
are called like the files, with .jpg.`,
	}, datasets.ImportText, nil)
}

// runImport runs an import with its progress shown.
func (c *console) runImport(ctx context.Context, o datasets.Import, run importer) (*features.Manifest, error) {
	hook, end := c.progress("import", "rows")
	defer end()
	o.Progress = hook
	return run(ctx, o)
}

// importResult is what an import prints.
type importResult struct {
	Folder  string `json:"folder"`
	Dataset string `json:"dataset"`
	Dim     int    `json:"dim"`
	Images  int    `json:"images"`
	Skipped int    `json:"skipped"`
	Shards  int    `json:"shards"`
	Classes string `json:"class_table,omitempty"` // where those were made too
	Split   string `json:"split,omitempty"`
}

func (c *console) imported(r importResult, m *features.Manifest) error {
	r.Dim, r.Images, r.Skipped, r.Shards = m.Source.Dim, m.Rows, m.Skipped, len(m.Parts)
	err := c.result(r, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %d rows in %d shards, %d-d\n", r.Folder, r.Images, r.Shards, r.Dim)
		for _, file := range []string{r.Classes, r.Split} {
			if file != "" {
				fmt.Fprintln(w, file)
			}
		}
		if r.Skipped > 0 {
			fmt.Fprintf(w, "%d rows skipped, see %s\n", r.Skipped, filepath.Join(r.Folder, "skipped.csv"))
		}
	})
	if err == nil && r.Skipped > 0 {
		return errSkipped
	}
	return err
}
