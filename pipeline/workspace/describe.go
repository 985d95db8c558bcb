package workspace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/datasets/catalog"
	"vzsl/features"
)

// Descriptions say what the classes are described by.
type Descriptions struct {
	Words      []string // files of word vectors
	Format     string   // of them
	Names      string   // file of what to look up for a class in place of its name
	Own        bool     // the dataset's own attributes too, before the word vectors
	Text       Texts    // what a text model is given; none without a model
	MaxUnknown float64  // share of the classes (below 1), or their number, that may have no word vector
}

// What becomes of missing values in the class table.
const (
	MissingAuto  = "auto"
	MissingKeep  = "keep"
	MissingError = "error"
	MissingCopy  = "copy"
)

// MissingWays lists them.
func MissingWays() []string { return []string{MissingAuto, MissingKeep, MissingError, MissingCopy} }

// Settle treats missing values as --missing says; "" is auto.
func Settle(t *attributes.Table, missing string) error {
	switch {
	case t.Missing() == 0 || missing == MissingKeep:
		return nil
	case missing == MissingCopy, missing != MissingError && t.OfAwA():
		return t.FillAwA()
	case missing == MissingError:
		return fmt.Errorf("%s: %w", t.Source, &attributes.GapsError{Gaps: attributes.Gaps(t.Names, t.Classes, t.Values),
			Remedy: "--missing keep leaves them to training (for AwA, --missing copy copies antelope's from lion)"})
	}
	return nil
}

// Describe reads all descriptions asked for and puts them side by side.
func (w *Workspace) Describe(ctx context.Context, d *Dataset, ds *datasets.Dataset, o *Descriptions) (*attributes.Table, []WordsUsed, *TextUsed, error) {
	var tables []*attributes.Table
	if len(o.Words) == 0 && o.Text.Model == "" || o.Own || d.ClassFile != "" {
		own, err := d.OwnDescription(ds)
		if err != nil {
			return nil, nil, nil, err
		}
		if err := Settle(own, d.Missing); err != nil {
			return nil, nil, nil, err
		}
		own.Kind = features.KindAttributes
		tables = append(tables, own)
	}
	phrases, err := w.readPhrases(o.Names, ds)
	if err != nil {
		return nil, nil, nil, err
	}
	var used []WordsUsed
	for _, file := range o.Words {
		t, u, err := w.readWords(ctx, file, ds.ClassNames(), phrases, o)
		if err != nil {
			return nil, nil, nil, err
		}
		tables, used = append(tables, t), append(used, *u)
	}
	var texts *TextUsed
	if o.Text.Model != "" {
		t, u, err := w.describeTexts(ctx, ds, phrases, &o.Text)
		if err != nil {
			return nil, nil, nil, err
		}
		tables, texts = append(tables, t), u
	}
	t, err := attributes.Join(tables...)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, note := range t.Notes {
		w.Log.Info(note, "dataset", d.Name)
	}
	return t, used, texts, nil
}

// OwnDescription is the CSV or Parquet file where one is named, else what the dataset's layout holds.
func (d *Dataset) OwnDescription(ds *datasets.Dataset) (*attributes.Table, error) {
	if describe := catalog.Lookup(d.Layout).Describe; d.ClassFile == "" && describe != nil {
		return describe(ds.Root, ds.ClassNames(), d.Matrix)
	}
	csv := d.ClassFile
	if csv == "" {
		csv = filepath.Join(ds.Root, datasets.ClassFile)
		if _, err := os.Stat(csv); errors.Is(err, os.ErrNotExist) {
			return nil, UndescribedError{csv}
		}
	}
	return attributes.ReadFile(csv, attributes.FileOptions{Classes: ds.ClassNames(), Numbered: ds.Numbered(), Columns: d.Columns})
}

// UndescribedError: the dataset says nothing of its classes.
type UndescribedError struct{ file string }

func (e UndescribedError) Error() string {
	return e.file + ": no class descriptions found; write a CSV with a header (class,attribute,...) and one row per class, give one with --csv, or use the class names with word vectors (--words) or a text model (--text-model)"
}

// ClassTable is the table of a dataset's classes with these descriptions.
func ClassTable(d *datasets.Dataset, t *attributes.Table) *features.ClassTable {
	var wnids []string
	for _, c := range d.Classes {
		wnids = append(wnids, c.WNID)
	}
	return t.ClassTable(d.Name, wnids)
}

// ReadClassTable reads a dataset's class table.
func (w *Workspace) ReadClassTable(dataset string) (*features.ClassTable, error) {
	path := w.ClassTableFile(dataset)
	table, err := features.ReadClassTable(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, absentError(fmt.Sprintf("%s: no class table found%s; run 'vzsl attributes --dataset %s' first", path, w.didYouMeanDataset(dataset), dataset))
	}
	if err != nil {
		return nil, w.unreadable(err, "attributes", "--dataset", dataset)
	}
	if table.Dataset != "" && table.Dataset != dataset {
		return nil, fmt.Errorf("%s is the class table of %s, stored under another name; '%s' makes the one of this dataset", path, table.Dataset, w.Command("attributes", "--dataset", dataset))
	}
	return table, nil
}
