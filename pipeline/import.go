package pipeline

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"vzsl/datasets"
	"vzsl/datasets/shards"
)

func newImport(con *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "features that other programs computed to the same shards",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newImportNPY(con))
	return cmd
}

func newImportNPY(con *console) *cobra.Command {
	var ds datasetFlags
	o := datasets.NPYImport{Program: program}
	cmd := &cobra.Command{
		Use:   "npy FEATURES.npy",
		Short: "a NumPy matrix of features, one row per image",
		Long: `Makes shards of a NumPy matrix (float32 or float64, one row per image), with the rows' labels and
image names. The classes are those of the dataset that --data and --layout name; no image file is
needed. Rows with a value that is not finite are skipped and listed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("label-kind", o.Kind, datasets.LabelKinds()...); err != nil {
				return err
			}
			o.Features = args[0]
			if o.Network == "" {
				o.Network = networkName(o.Features)
			}
			if err := checkFolderName("network", o.Network); err != nil {
				return err
			}
			d, err := ds.open(con)
			if err != nil {
				return err
			}
			o.Dataset, o.Classes = d.Name, d.Classes
			o.Out = con.networkDir(d.Name, o.Network)
			hook, end := con.progress("import", "rows")
			o.Progress = hook
			m, err := datasets.ImportNPY(cmd.Context(), o)
			end()
			if err != nil {
				return err
			}
			r := struct {
				Folder  string `json:"folder"`
				Dataset string `json:"dataset"`
				Dim     int    `json:"dim"`
				Images  int    `json:"images"`
				Skipped int    `json:"skipped"`
				Shards  int    `json:"shards"`
			}{o.Out, d.Name, m.Source.Dim, m.Rows, m.Skipped, len(m.Parts)}
			err = con.result(r, func(w io.Writer) {
				fmt.Fprintf(w, "%s: %d rows in %d shards, %d-d\n", r.Folder, r.Images, r.Shards, r.Dim)
				if r.Skipped > 0 {
					fmt.Fprintf(w, "%d rows skipped, see %s\n", r.Skipped, filepath.Join(r.Folder, "skipped.csv"))
				}
			})
			if err == nil && r.Skipped > 0 {
				return errSkipped
			}
			return err
		},
	}
	ds.add(cmd)
	f := cmd.Flags()
	f.StringVar(&o.Labels, "labels", "", "`file` of the rows' labels: .npy, or text with one a line (default: the folder in each image's name)")
	f.StringVar(&o.Kind, "label-kind", datasets.LabelID, "what the labels are: id (numbers of the dataset's files, from 1), index (places in the class list, from 0) or name")
	f.StringVar(&o.Images, "images", "", "`file` of the rows' image names, one a line (default: row numbers)")
	f.StringVar(&o.Network, "network", "", "`name` of what computed the features: their folder's (default: the file's)")
	f.StringVar(&o.Layer, "layer", "", "`name` of the layer they are from, for the record")
	f.StringVar(&o.Recipe, "recipe", "", "`name` of the preprocessing, for the record")
	f.IntVar(&o.ShardRows, "shard-rows", shards.DefaultShardRows, "rows per shard")
	f.BoolVar(&o.Force, "force", false, "discard features there that were made from something else")
	must(cmd.MarkFlagFilename("labels", "npy", "txt", "csv"))
	must(cmd.MarkFlagFilename("images", "npy", "txt", "csv"))
	return cmd
}
