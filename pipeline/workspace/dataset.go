package workspace

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"vzsl/datasets"
	"vzsl/datasets/catalog"
	"vzsl/datasets/source"
	"vzsl/datasets/xlsa17"
	"vzsl/features/convert"
	"vzsl/internal/lookup"
	"vzsl/internal/store"
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
	// Of a source in place of a folder:
	DataColumns source.DataColumns
	ClassNames  string // file of the names that numbers stand for
}

// OpenDataset reads a dataset.
func (w *Workspace) OpenDataset(ctx context.Context, d *Dataset) (*datasets.Dataset, error) {
	if err := usage.FolderName("dataset", d.Name); err != nil {
		return nil, err
	}
	d.Infer()
	if err := usage.OneOf("layout", d.Layout, catalog.Layouts()...); err != nil {
		return nil, err
	}
	if err := d.checkSource(); err != nil {
		return nil, err
	}
	if there, err := lookup.Exists(d.Folder); source.Is(d.Folder) {
		// it says itself what is not there
	} else if err != nil {
		return nil, fmt.Errorf("the dataset's folder: %w", err)
	} else if !there {
		return nil, fmt.Errorf("%s: no dataset found%s; %s", d.Folder, d.DidYouMean(), catalog.Lookup(d.Layout).Obtain)
	}
	p := w.Begin("read the dataset in "+d.Folder, "")
	ds, err := d.Read(ctx, w.Stores, p.Done)
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

// DidYouMean asks whether a dataset that does not exist was to be one that is there, or one that is known.
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
	if path, local := store.Local(d.Folder); local {
		d.Folder = path
	}
	lies := func(name string) bool { // what cannot be looked at is told when the dataset is read
		there, _ := lookup.Exists(filepath.Join(d.Folder, name))
		return there
	}
	own := slices.Contains(catalog.Layouts(), d.Name)
	files := slices.ContainsFunc(catalog.Lookup(d.Name).Marks, lies)
	switch {
	case d.Layout != "":
	case source.Is(d.Folder):
		d.Layout = catalog.Folder
	case lies(xlsa17.SplitsFile) && !files:
		d.Layout = catalog.XLSA17
	case own:
		d.Layout = d.Name
	default:
		d.Layout = catalog.Folder
	}
}

// checkSource refuses what goes with another kind of --data.
func (d *Dataset) checkSource() error {
	switch is := source.Is(d.Folder); {
	case is && d.Layout != catalog.Folder:
		return usage.Errorf("--data %s: layout %[2]s is only supported in a local folder; download it", d.Folder, d.Layout)
	case !is && (d.DataColumns != source.DataColumns{}):
		return usage.Errorf("--data-columns needs tar files, Parquet or a list, but --data %s is a folder", d.Folder)
	case !is && d.ClassNames != "":
		return usage.Errorf("--class-names needs tar files, Parquet or a list whose classes are numbers, but --data %s is a folder", d.Folder)
	}
	return nil
}

// Read reads the dataset where Infer found it. progress is told of a source's files.
func (d *Dataset) Read(ctx context.Context, stores *store.Opener, progress func(done, total int)) (*datasets.Dataset, error) {
	if source.Is(d.Folder) {
		o := d.Source(stores)
		o.Progress = progress
		return source.Open(ctx, d.Folder, o)
	}
	if d.Layout == catalog.Folder && d.classTable() != "" {
		return datasets.OpenFolder(d.Folder, d.ClassFile, d.Columns)
	}
	return catalog.Open(d.Layout, d.Folder)
}

// Source are the options of a source in place of a folder.
func (d *Dataset) Source(stores *store.Opener) source.Options {
	return source.Options{Stores: stores, DataColumns: d.DataColumns, Names: d.ClassNames, ClassFile: d.classTable(), Columns: d.Columns}
}

// classTable is the file of class descriptions where it may name classes that have no images: they belong to the dataset too.
func (d *Dataset) classTable() string {
	switch format, err := convert.Detect(d.ClassFile); {
	case err != nil:
	case format == "csv", format == "text", format == "parquet", format == "arrow":
		return d.ClassFile
	}
	return ""
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

// ImageRoot is the folder of a dataset's images; "" where none was named and none is where it would be: a report does without them.
func (w *Workspace) ImageRoot(d *Dataset) (string, error) {
	plain := Dataset{Name: d.Name}
	plain.Infer()
	d.Infer()
	if source.Is(d.Folder) {
		w.Log.Info("the report has no images: they must be in a local folder", "data", d.Folder)
		return "", nil
	}
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
		w.Log.Warn("the report has no images", "data", d.Folder, "error", err)
		return "", nil
	}
	return "", err
}
