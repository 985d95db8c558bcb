package workspace

import (
	"fmt"
	"path/filepath"
	"slices"

	"vzsl/datasets"
	"vzsl/datasets/catalog"
	"vzsl/datasets/xlsa17"
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

// OpenDataset reads a dataset.
func (w *Workspace) OpenDataset(d *Dataset) (*datasets.Dataset, error) {
	if err := usage.FolderName("dataset", d.Name); err != nil {
		return nil, err
	}
	d.Infer()
	if err := usage.OneOf("layout", d.Layout, catalog.Layouts()...); err != nil {
		return nil, err
	}
	if there, err := lookup.Exists(d.Folder); err != nil {
		return nil, fmt.Errorf("the dataset's folder: %w", err)
	} else if !there {
		return nil, fmt.Errorf("%s: no dataset there%s; %s", d.Folder, d.DidYouMean(), catalog.Lookup(d.Layout).Obtain)
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
	if slices.Contains(catalog.Layouts(), d.Name) {
		return ""
	}
	return usage.DidYouMean(d.Name, slices.Concat(Offered("data", "*"), catalog.Layouts()))
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
	own := slices.Contains(catalog.Layouts(), d.Name)
	files := slices.ContainsFunc(catalog.Lookup(d.Name).Marks, lies)
	switch {
	case d.Layout != "":
	case lies(xlsa17.SplitsFile) && !files:
		d.Layout = catalog.XLSA17
	case own:
		d.Layout = d.Name
	default:
		d.Layout = catalog.Folder
	}
}

// Read reads the dataset where Infer found it.
func (d *Dataset) Read() (*datasets.Dataset, error) {
	if format, err := convert.Detect(d.ClassFile); d.Layout == catalog.Folder && err == nil && (format == "csv" || format == "text" || format == "parquet" || format == "arrow") {
		// The file may name classes that have no images: they belong to the dataset too.
		return datasets.OpenFolder(d.Folder, d.ClassFile, d.Columns)
	}
	return catalog.Open(d.Layout, d.Folder)
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
		if ds, err = catalog.Open(d.Layout, d.Folder); err == nil {
			return ds.ImageRoot, nil
		}
	}
	if d.Folder == plain.Folder { // nobody asked for it
		w.Log.Warn("the report is without pictures", "data", d.Folder, "error", err)
		return "", nil
	}
	return "", err
}
