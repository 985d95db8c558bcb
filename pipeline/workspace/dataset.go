package workspace

import (
	"fmt"
	"path/filepath"
	"slices"

	"vzsl/datasets"
	"vzsl/features/convert"
	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
)

// Dataset names a dataset and says where it lies on the disk and how.
type Dataset struct {
	Name   string
	Folder string // "": data/<name>
	Layout string // "": see Infer
	// Of its classes:
	ClassFile string         // their descriptions, in place of the dataset's own; "": none
	Columns   convert.Choice // of that file
	Matrix    string         // AwA's attributes: which; "": the continuous ones
	Missing   string         // what becomes of missing values: see MissingWays; "": auto
	Pictures  bool           // they are read: which are absent is said
}

// WhereToGet names the official page of a dataset, by layout.
var WhereToGet = map[string]string{
	"cub":      "run 'vzsl download cub', or get CUB_200_2011.tgz from https://www.vision.caltech.edu/datasets/cub_200_2011/, unpack it and give its folder as --data (make: DATA=path/to/CUB_200_2011)",
	"xlsa17":   "run 'vzsl download xlsa17', or get xlsa17.zip from https://www.mpi-inf.mpg.de/departments/computer-vision-and-machine-learning/research/zero-shot-learning/zero-shot-learning-the-good-the-bad-and-the-ugly, unpack it and give the folder of one dataset, xlsa17/data/CUB, as --data",
	"awa1":     "run 'vzsl download awa1', or get AwA-base.tar.bz2 and AwA-features-vgg19.tar.bz2 by way of https://cvml.ista.ac.at/AwA/ (its pictures are not handed round), unpack them and give the folder Animals_with_Attributes as --data",
	"awa2":     "run 'vzsl download awa2', or get AwA2-base.zip and AwA2-data.zip from https://cvml.ista.ac.at/AwA2/, unpack them and give the folder Animals_with_Attributes2 as --data",
	"sun":      "run 'vzsl download sun', or get SUNAttributeDB.tar.gz and SUNAttributeDB_Images.tar.gz from https://cs.brown.edu/~gmpatter/sunattributes.html, unpack them into one folder and give it as --data",
	"flo":      "run 'vzsl download flo', or get 102flowers.tgz and imagelabels.mat from https://www.robots.ox.ac.uk/~vgg/data/flowers/102/, unpack the one beside the other and give their folder as --data",
	"imagenet": "get ILSVRC2012_img_train.tar and ILSVRC2012_devkit_t12.tar.gz from https://image-net.org/download-images (an account is needed), unpack them (a folder per wnid) and give the folder that holds both as --data",
	"folder":   "give a folder of your own, one folder of images per class, as --data (make: DATA=path)",
}

// OpenDataset reads a dataset.
func (w *Workspace) OpenDataset(d *Dataset) (*datasets.Dataset, error) {
	if err := usage.FolderName("dataset", d.Name); err != nil {
		return nil, err
	}
	d.Infer()
	if err := usage.OneOf("layout", d.Layout, datasets.Layouts()...); err != nil {
		return nil, err
	}
	if there, err := lookup.Exists(d.Folder); err != nil {
		return nil, fmt.Errorf("the dataset's folder: %w", err)
	} else if !there {
		return nil, fmt.Errorf("%s: no dataset there%s; %s", d.Folder, d.DidYouMean(), WhereToGet[d.Layout])
	}
	p := w.Begin("read the dataset in "+d.Folder, "")
	ds, err := d.Read()
	p.End()
	if err != nil {
		return nil, err
	}
	ds.Name = d.Name
	notes := ds.Notes
	if d.Pictures {
		notes = slices.Concat(notes, ds.Unpictured)
	}
	for _, note := range notes {
		w.Log.Info(note, "dataset", d.Name)
	}
	return ds, nil
}

// DidYouMean asks whether a dataset that is not there was to be one that is there, or one that is known.
func (d *Dataset) DidYouMean() string {
	if slices.Contains(datasets.Layouts(), d.Name) {
		return ""
	}
	return usage.DidYouMean(d.Name, slices.Concat(Offered("data", "*"), datasets.Layouts()))
}

// Infer fills in where the dataset lies, and the layout: that of xlsa17 where its files lie, but for a dataset called like a
// layout whose own files lie there too; else the one that is called like the dataset, else that of an own folder.
func (d *Dataset) Infer() {
	if d.Folder == "" {
		d.Folder = filepath.Join("data", d.Name)
	}
	lies := func(name string) bool { // what cannot be looked at is told when the dataset is read
		there, _ := lookup.Exists(filepath.Join(d.Folder, name))
		return there
	}
	own := slices.Contains(datasets.Layouts(), d.Name)
	files := own && (lies("classes.txt") || lies("images.mat") || lies("imagelabels.mat"))
	switch {
	case d.Layout != "":
	case lies(datasets.XLSA17Splits) && !files:
		d.Layout = "xlsa17"
	case own:
		d.Layout = d.Name
	default:
		d.Layout = "folder"
	}
}

// Read reads the dataset where Infer found it.
func (d *Dataset) Read() (*datasets.Dataset, error) {
	if format, err := convert.Detect(d.ClassFile); d.Layout == "folder" && err == nil && (format == "csv" || format == "text" || format == "parquet" || format == "arrow") {
		// The file may name classes that have no images: they belong to the dataset too.
		return datasets.OpenFolder(d.Folder, d.ClassFile, d.Columns)
	}
	return datasets.Open(d.Layout, d.Folder)
}

// Remembered are folder and layout as a command has to give them again; "" where the dataset's name alone does.
func (d *Dataset) Remembered() (folder, layout string) {
	plain, given := Dataset{Name: d.Name}, *d
	plain.Infer()
	given.Infer()
	if given.Folder != plain.Folder {
		folder = given.Folder
	}
	plain = Dataset{Name: d.Name, Folder: given.Folder}
	if plain.Infer(); given.Layout != plain.Layout {
		layout = given.Layout
	}
	return folder, layout
}

// ImageRoot is the folder of a dataset's pictures; "" where none was named and none is where it would be: a report does without them.
func (w *Workspace) ImageRoot(d *Dataset) (string, error) {
	plain := Dataset{Name: d.Name}
	plain.Infer()
	d.Infer()
	there, err := lookup.Exists(d.Folder)
	switch {
	case err == nil && !there && d.Folder == plain.Folder:
		return "", nil
	case err == nil && !there:
		err = fmt.Errorf("--data %s: no such folder", d.Folder)
	case err == nil:
		var ds *datasets.Dataset
		if ds, err = datasets.Open(d.Layout, d.Folder); err == nil {
			return ds.ImageRoot, nil
		}
	}
	if d.Folder == plain.Folder { // nobody asked for it
		w.Log.Warn("the report is without pictures", "data", d.Folder, "error", err)
		return "", nil
	}
	return "", err
}
