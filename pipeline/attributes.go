package pipeline

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/datasets/shards"
)

func newAttributes(con *console) *cobra.Command {
	var ds datasetFlags
	cmd := &cobra.Command{
		Use:   "attributes",
		Short: "class descriptions to the class table",
		Long: `Reads the dataset's class descriptions and writes features/<dataset>/classes.parquet: one row per
class, its attributes as they are given (raw values; missing ones are NaN). Normalisation belongs to
training, where it is fitted on the seen classes.

CUB: the 312 percentages of attributes/class_attribute_labels_continuous.txt.
Own folder: a CSV with a header (class,attribute,...), by default classes.csv in the dataset's folder;
it may describe classes that have no images.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			d, err := ds.open(con)
			if err != nil {
				return err
			}
			table, err := ds.describe(d)
			if err != nil {
				return err
			}
			path := con.classTable(ds.name)
			if err := shards.WriteClassTable(path, classTable(d, table)); err != nil {
				return err
			}
			missing := 0
			for _, row := range table.Values {
				for _, v := range row {
					if v != v {
						missing++
					}
				}
			}
			res := struct {
				File       string `json:"file"`
				Classes    int    `json:"classes"`
				Attributes int    `json:"attributes"`
				Missing    int    `json:"missing"`
				Source     string `json:"source"`
			}{path, len(table.Classes), len(table.Names), missing, table.Source}
			return con.result(res, func(w io.Writer) {
				fmt.Fprintf(w, "%s: %d classes, %d attributes, %d values missing\n", path, res.Classes, res.Attributes, missing)
			})
		},
	}
	ds.add(cmd)
	cmd.Flags().StringVar(&ds.csv, "csv", "", "`file` of class descriptions (header: class,attribute,...) instead of the dataset's own")
	must(cmd.MarkFlagFilename("csv", "csv", "tsv", "txt"))
	return cmd
}

// describe reads the class descriptions of a dataset: the CSV where one is named, else what its
// layout holds.
func (d *datasetFlags) describe(ds *datasets.Dataset) (*attributes.Table, error) {
	if d.csv == "" && d.layout == "cub" {
		return attributes.ReadCUB(ds.Root, ds.ClassNames())
	}
	csv := d.csv
	if csv == "" {
		csv = filepath.Join(ds.Root, datasets.ClassFile)
		if _, err := os.Stat(csv); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s: no class descriptions there; write a CSV with a header (class,attribute,...) and a row per class, or name one with --csv", csv)
		}
	}
	return attributes.ReadCSV(csv, ds.ClassNames())
}

func classTable(d *datasets.Dataset, t *attributes.Table) *shards.ClassTable {
	table := &shards.ClassTable{Classes: t.Classes, Attributes: t.Names, Values: t.Values, Dataset: d.Name, Source: t.Source}
	for _, c := range d.Classes {
		table.WNIDs = append(table.WNIDs, c.WNID)
	}
	return table
}
