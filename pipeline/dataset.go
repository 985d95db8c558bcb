package pipeline

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/datasets"
	"vzsl/datasets/catalog"
	"vzsl/datasets/xlsa17"
	"vzsl/features/convert"
	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
)

// datasetFlags name a dataset and say where and how it lies on the disk.
type datasetFlags struct {
	name, layout, data string
	csv                string         // class descriptions, where the command takes any
	columns            convert.Choice // of them
	pictures           bool           // the command reads the pictures, and says which are not there
	matrix, missing    string         // AwA's attributes: which, and what to do about missing values; "": the defaults
}

func (d *datasetFlags) addName(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.name, "dataset", catalog.Default, "`name` of the dataset: the folder below features/")
}

func (d *datasetFlags) add(cmd *cobra.Command) {
	d.addName(cmd)
	d.addLayout(cmd)
	cmd.Flags().StringVar(&d.data, "data", "", "`folder` of the dataset (default data/<dataset>)")
	must(cmd.MarkFlagDirname("data"))
}

func (d *datasetFlags) addLayout(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.layout, "layout", "", "how the dataset's folder is laid out: "+usage.Or(catalog.Layouts())+
		" (default: xlsa17 where its files lie, else the dataset's name where that is a layout, else folder)")
	must(cmd.RegisterFlagCompletionFunc("layout", cobra.FixedCompletions(catalog.Layouts(), cobra.ShellCompDirectiveNoFileComp)))
}

// checkName refuses a dataset name that would leave the features folder.
func (d *datasetFlags) checkName() error {
	return usage.FolderName("dataset", d.name)
}

func (d *datasetFlags) open(con *console) (*datasets.Dataset, error) {
	if err := d.checkName(); err != nil {
		return nil, err
	}
	d.infer()
	if err := usage.OneOf("layout", d.layout, catalog.Layouts()...); err != nil {
		return nil, err
	}
	if there, err := lookup.Exists(d.data); err != nil {
		return nil, fmt.Errorf("the dataset's folder: %w", err)
	} else if !there {
		return nil, fmt.Errorf("%s: no dataset there%s; %s", d.data, meantData(d), catalog.Lookup(d.layout).Obtain)
	}
	p := con.follow("read the dataset in "+d.data, "")
	ds, err := d.read()
	p.end()
	if err != nil {
		return nil, err
	}
	ds.Name = d.name
	notes := ds.Notes
	if d.pictures {
		notes = slices.Concat(notes, ds.Unpictured)
	}
	for _, note := range notes {
		con.log.Info(note, "dataset", d.name)
	}
	return ds, nil
}

// meantData asks whether a dataset that is not there was to be one that is there, or one that is known.
func meantData(d *datasetFlags) string {
	if slices.Contains(catalog.Layouts(), d.name) {
		return ""
	}
	return usage.DidYouMean(d.name, slices.Concat(offered("data", "*"), catalog.Layouts()))
}

// infer fills in where the dataset lies, and the layout: that of xlsa17 where its files lie, but for a dataset called like a
// layout whose own files lie there too; else the one that is called like the dataset, else that of an own folder.
func (d *datasetFlags) infer() {
	if d.data == "" {
		d.data = filepath.Join("data", d.name)
	}
	lies := func(name string) bool { // what cannot be looked at is told when the dataset is read
		there, _ := lookup.Exists(filepath.Join(d.data, name))
		return there
	}
	own := slices.Contains(catalog.Layouts(), d.name)
	files := slices.ContainsFunc(catalog.Lookup(d.name).Marks, lies)
	switch {
	case d.layout != "":
	case lies(xlsa17.SplitsFile) && !files:
		d.layout = catalog.XLSA17
	case own:
		d.layout = d.name
	default:
		d.layout = catalog.Folder
	}
}

func (d *datasetFlags) read() (*datasets.Dataset, error) {
	if format, err := convert.Detect(d.csv); d.layout == catalog.Folder && err == nil && (format == "csv" || format == "text" || format == "parquet" || format == "arrow") {
		// The file may name classes that have no images: they belong to the dataset too.
		return datasets.OpenFolder(d.data, d.csv, d.columns)
	}
	return catalog.Open(d.layout, d.data)
}

// chooseNetwork finds the folder of features to use: the one named, or the only one there is.
func (c *console) chooseNetwork(dataset, network string) (string, error) {
	dir := c.datasetDir(dataset)
	found, err := c.networks(dataset)
	if err != nil {
		return "", err
	}
	switch {
	case network != "":
		if slices.Contains(found, network) {
			return network, nil
		}
		if len(found) == 0 {
			return "", c.noFeatures(dataset)
		}
		return "", usage.Errorf("--network %s: no features of that network in %s%s; there are those of %s", network, dir, usage.DidYouMean(network, found), usage.And(found))
	case len(found) == 0:
		return "", c.noFeatures(dataset)
	case len(found) > 1:
		return "", usage.Errorf("%s holds the features of several networks; choose with --network %s", dir, usage.Or(found))
	}
	return found[0], nil
}

func (c *console) noFeatures(dataset string) error {
	return fmt.Errorf("%s: no features there yet%s; run 'vzsl extract --dataset %s' or 'vzsl import' first", c.datasetDir(dataset), c.meantDataset(dataset), dataset)
}

// meantDataset asks whether a dataset of which nothing is there was to be one of which something is.
func (c *console) meantDataset(dataset string) string {
	there, err := below(filepath.Join(c.out, "features"), "*")
	if err != nil || slices.Contains(there, dataset) {
		return ""
	}
	return usage.DidYouMean(dataset, there)
}

// networks lists the folders of features of a dataset: those with a manifest.
func (c *console) networks(dataset string) ([]string, error) {
	manifests, err := lookup.Below(c.datasetDir(dataset), "*/manifest.json")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range manifests {
		names = append(names, filepath.Base(filepath.Dir(m)))
	}
	return names, nil
}

// splits lists the splits made of a dataset.
func (c *console) splits(dataset string) ([]string, error) {
	names, err := below(filepath.Join(c.datasetDir(dataset), "splits"), "*.parquet")
	for i, file := range names {
		names[i] = strings.TrimSuffix(file, ".parquet")
	}
	return names, err
}
