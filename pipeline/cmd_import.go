package pipeline

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/internal/version"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

// importOptions are the flags of an import of foreign tables.
type importOptions struct {
	convert.Import
	ds       workspace.Dataset
	variable string
}

func newImport(con *cli) *cobra.Command {
	cmd := newImportOf(con, "", &cobra.Command{
		Use:   "import FILE...",
		Short: "import features that other programs computed",
		Example: `  vzsl import features.npy --dataset birds --data birds --labels labels.npy --images images.txt
  vzsl import features.npz --dataset birds --data birds --labels :y --images :files
  vzsl import embeddings/ --dataset birds --data birds          # Parquet files, partitioned or not
  vzsl import new.npy --dataset birds --network vit             # no labels: to be predicted`,
		Long: `Makes shards of features that another program computed: NumPy (.npy, .npz), MATLAB (.mat, version 5 to 7),
Parquet, Arrow and Feather, text with or without a header (.csv, .tsv, .txt), or AwA's folder of one text
file per image. Several files, or a folder of them, are concatenated.

Columns are found by the flags, otherwise by the usual names: image names (image, file, path, filename, ...),
classes (class, label, category, target, y, ...: names where it holds text, numbers where it holds whole
numbers), features (a column of vectors, or the columns of numbers). The columns used and left
out are reported; an ambiguous column is an error that names the flag to set.`,
		Annotations: details(`Without labels the class of a row is that of its image: by the dataset's own list of images, by a folder
in its path or by the start of its file name (n01440764_26.JPEG). Numeric labels are those of the dataset's
own files or rows of its classes.csv, from 1 or from 0, whichever is the only possibility. Labels that
contradict the image's class are refused. Rows with a missing or non-finite value are skipped and listed.

The classes are those of the dataset given by --data and --layout; no image is needed.`),
	})
	for _, format := range convert.Formats() { // the older commands, which also check the format
		cmd.AddCommand(newImportOf(con, format, &cobra.Command{
			Use: format + " FILE...", Hidden: true,
			Short: "import only files of this format",
		}))
	}
	cmd.AddCommand(newImportXLSA17(con))
	return cmd
}

// newImportOf makes the command that imports files of a format ("": whichever they are of) with the classes of a dataset.
func newImportOf(con *cli, format string, cmd *cobra.Command) *cobra.Command {
	o := importOptions{Import: convert.Import{Program: version.Program(), Format: format}}
	cmd.Args = cobra.MinimumNArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Files = args
		return runImport(cmd.Context(), con, &o)
	}
	addDataset(cmd, &o.ds)
	addImportFlags(cmd, &o.Import)
	addColumnFlags(cmd, &o.Columns)
	f := cmd.Flags()
	f.StringVar(&o.variable, "variable", "", "`name` of the matrix in a .mat or .npz (the same as --feature-column)")
	f.StringSliceVar(&o.Labels, "labels", nil, "`file` of the rows' labels (several for several files): one label per line, or any format above; FILE:NAME for a column or variable of it, :NAME for one in the features' own file")
	f.StringVar(&o.Kind, "label-kind", convert.LabelAuto, "what the labels are: name, id (numbers of the dataset's files or rows of classes.csv, from 1) or index (the same, from 0) (default: the only possibility)")
	f.StringVar(&o.LabelNames, "label-names", "", "`file` of the class names of numeric labels, that of the first number on the first line")
	f.StringSliceVar(&o.Images, "images", nil, "`file` of the rows' image names, in the same forms as the labels (default: the table's own, otherwise row numbers)")
	f.BoolVar(&o.Unlabelled, "unlabelled", false, "import without classes: the rows are for prediction, not for training")
	for _, flag := range []string{"labels", "images", "label-names"} {
		must(cmd.MarkFlagFilename(flag, "npy", "txt", "csv", "mat", "npz", "parquet", "arrow"))
	}
	rare(cmd, "layer", "recipe", "shard-rows", "variable", "label-kind", "label-names", "ignore-column", "image-column", "class-column", "label-column")
	return cmd
}

func runImport(ctx context.Context, con *cli, o *importOptions) error {
	if o.variable != "" {
		o.Columns.Features = append(o.Columns.Features, o.variable)
	}
	if err := checkImport(&o.Import); err != nil {
		return err
	}
	for _, file := range o.Files {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("features: %w", err)
		}
	}
	d, err := con.OpenDataset(ctx, &o.ds)
	if err != nil {
		return err
	}
	o.Dataset, o.Known = d.Name, convert.Known{Classes: d.Classes, Images: d.Images}
	o.Out = con.NetworkDir(d.Name, o.Network)
	r := importResult{Folder: o.Out, Dataset: d.Name}
	o.Say = func(line string) {
		r.Taken = append(r.Taken, line)
		con.Log.Info(line)
	}
	m, err := con.runImport(ctx, o.Import, convert.Run)
	if err != nil {
		return err
	}
	return con.imported(r, m)
}

// checkImport refuses flags that cannot be.
func checkImport(o *convert.Import) error {
	if o.Kind != convert.LabelAuto {
		if err := usage.OneOf("label-kind", o.Kind, convert.LabelKinds()...); err != nil {
			return err
		}
	}
	if o.Unlabelled && len(o.Labels) > 0 {
		return usage.Errorf("--unlabelled and --labels cannot be combined")
	}
	if o.Network == "" && len(o.Files) > 0 {
		o.Network = stem(o.Files[0])
	}
	if o.ShardRows < 1 {
		return usage.Errorf("--shard-rows %d: must be at least 1", o.ShardRows)
	}
	return usage.FolderName("network", o.Network)
}

// stem is a file's name without its folder and extension.
func stem(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// addImportFlags adds what every import is told.
func addImportFlags(cmd *cobra.Command, o *convert.Import) {
	f := cmd.Flags()
	f.StringVar(&o.Network, "network", "", "`name` of the network that computed the features, and of their folder (default: the file's)")
	f.StringVar(&o.Layer, "layer", "", "`name` of the layer that they are from, recorded only")
	f.StringVar(&o.Recipe, "recipe", "", "`name` of the preprocessing, recorded only")
	f.IntVar(&o.ShardRows, "shard-rows", features.DefaultShardRows, "rows per shard")
	f.BoolVar(&o.Force, "force", false, "discard existing features of another source")
}

// addColumnFlags adds what says which column of a table of features is what.
func addColumnFlags(cmd *cobra.Command, c *convert.Choice) {
	f := cmd.Flags()
	f.StringVar(&c.Image, "image-column", "", "`name` of the column of image names")
	f.StringVar(&c.Class, "class-column", "", "`name` of the column of class names")
	f.StringVar(&c.Label, "label-column", "", "`name` of the column of class numbers")
	f.StringSliceVar(&c.Features, "feature-column", nil, "`name` of the column of vectors, or names or patterns ('f*') of the columns of numbers")
	f.StringSliceVar(&c.Ignore, "ignore-column", nil, "`name` or pattern of columns to leave out")
}

// runImport runs an import with its progress shown.
func (c *cli) runImport(ctx context.Context, o convert.Import, run func(context.Context, convert.Import) (*features.Manifest, error)) (*features.Manifest, error) {
	bar := c.Begin("import", "rows")
	defer bar.End()
	o.Progress = bar.Done
	return run(ctx, o)
}

// importResult is what an import prints.
type importResult struct {
	Folder  string   `json:"folder"`
	Dataset string   `json:"dataset"`
	Dim     int      `json:"dim"`
	Images  int      `json:"images"`
	Skipped int      `json:"skipped"`
	Shards  int      `json:"shards"`
	Taken   []string `json:"taken,omitempty"`       // what was taken for what, and what was left out
	Classes string   `json:"class_table,omitempty"` // where those were made too
	Split   string   `json:"split,omitempty"`
}

func (c *cli) imported(r importResult, m *features.Manifest) error {
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

// addDescriptionColumnFlags adds what says which column of a table of class descriptions is what.
func addDescriptionColumnFlags(cmd *cobra.Command, c *convert.Choice) {
	f := cmd.Flags()
	f.StringVar(&c.Class, "class-column", "", "`name` of the column of class names (default: class, class_name, name, ...)")
	f.StringSliceVar(&c.Features, "attribute-column", nil, "`name` of the column of vectors, or names or patterns ('has_*') of the columns of numbers (default: all)")
	f.StringSliceVar(&c.Ignore, "ignore-column", nil, "`name` or pattern of columns to leave out")
}
