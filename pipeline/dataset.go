package pipeline

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/datasets"
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
	cmd.Flags().StringVar(&d.name, "dataset", "cub", "`name` of the dataset: the folder below features/")
}

func (d *datasetFlags) add(cmd *cobra.Command) {
	d.addName(cmd)
	d.addLayout(cmd)
	cmd.Flags().StringVar(&d.data, "data", "", "`folder` of the dataset (default data/<dataset>)")
	must(cmd.MarkFlagDirname("data"))
}

func (d *datasetFlags) addLayout(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.layout, "layout", "", "how the dataset's folder is laid out: "+usage.Or(datasets.Layouts())+
		" (default: xlsa17 where its files lie, else the dataset's name where that is a layout, else folder)")
	must(cmd.RegisterFlagCompletionFunc("layout", cobra.FixedCompletions(datasets.Layouts(), cobra.ShellCompDirectiveNoFileComp)))
}

// checkName refuses a dataset name that would leave the features folder.
func (d *datasetFlags) checkName() error {
	return usage.FolderName("dataset", d.name)
}

// whereToGet names the official page of a dataset, by layout.
var whereToGet = map[string]string{
	"cub":      "run 'vzsl download cub', or get CUB_200_2011.tgz from https://www.vision.caltech.edu/datasets/cub_200_2011/, unpack it and give its folder as --data (make: DATA=path/to/CUB_200_2011)",
	"xlsa17":   "run 'vzsl download xlsa17', or get xlsa17.zip from https://www.mpi-inf.mpg.de/departments/computer-vision-and-machine-learning/research/zero-shot-learning/zero-shot-learning-the-good-the-bad-and-the-ugly, unpack it and give the folder of one dataset, xlsa17/data/CUB, as --data",
	"awa1":     "run 'vzsl download awa1', or get AwA-base.tar.bz2 and AwA-features-vgg19.tar.bz2 by way of https://cvml.ista.ac.at/AwA/ (its pictures are not handed round), unpack them and give the folder Animals_with_Attributes as --data",
	"awa2":     "run 'vzsl download awa2', or get AwA2-base.zip and AwA2-data.zip from https://cvml.ista.ac.at/AwA2/, unpack them and give the folder Animals_with_Attributes2 as --data",
	"sun":      "run 'vzsl download sun', or get SUNAttributeDB.tar.gz and SUNAttributeDB_Images.tar.gz from https://cs.brown.edu/~gmpatter/sunattributes.html, unpack them into one folder and give it as --data",
	"flo":      "run 'vzsl download flo', or get 102flowers.tgz and imagelabels.mat from https://www.robots.ox.ac.uk/~vgg/data/flowers/102/, unpack the one beside the other and give their folder as --data",
	"imagenet": "get ILSVRC2012_img_train.tar and ILSVRC2012_devkit_t12.tar.gz from https://image-net.org/download-images (an account is needed), unpack them (a folder per wnid) and give the folder that holds both as --data",
	"folder":   "give a folder of your own, one folder of images per class, as --data (make: DATA=path)",
}

func (d *datasetFlags) open(con *console) (*datasets.Dataset, error) {
	if err := d.checkName(); err != nil {
		return nil, err
	}
	d.infer()
	if err := usage.OneOf("layout", d.layout, datasets.Layouts()...); err != nil {
		return nil, err
	}
	if there, err := lookup.Exists(d.data); err != nil {
		return nil, fmt.Errorf("the dataset's folder: %w", err)
	} else if !there {
		return nil, fmt.Errorf("%s: no dataset there%s; %s", d.data, meantData(d), whereToGet[d.layout])
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
	if slices.Contains(datasets.Layouts(), d.name) {
		return ""
	}
	return usage.DidYouMean(d.name, slices.Concat(offered("data", "*"), datasets.Layouts()))
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
	own := slices.Contains(datasets.Layouts(), d.name)
	files := own && (lies("classes.txt") || lies("images.mat") || lies("imagelabels.mat"))
	switch {
	case d.layout != "":
	case lies(datasets.XLSA17Splits) && !files:
		d.layout = "xlsa17"
	case own:
		d.layout = d.name
	default:
		d.layout = "folder"
	}
}

func (d *datasetFlags) read() (*datasets.Dataset, error) {
	if format, err := convert.Detect(d.csv); d.layout == "folder" && err == nil && (format == "csv" || format == "text" || format == "parquet" || format == "arrow") {
		// The file may name classes that have no images: they belong to the dataset too.
		return datasets.OpenFolder(d.data, d.csv, d.columns)
	}
	return datasets.Open(d.layout, d.data)
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
