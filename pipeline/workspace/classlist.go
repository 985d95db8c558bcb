package workspace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/internal/delimited"
	"vzsl/pipeline/usage"
	"vzsl/predict"
	"vzsl/train/runs"
)

// ClassOptions say which classes a picture may show.
type ClassOptions struct {
	File    string         // of the classes; "": the unseen ones of the run's split
	Columns convert.Choice // of the file
	Seen    bool           // the classes that the model was trained on, too
	Descriptions
}

// ClassList are the classes to choose from. seen are those among them that the model was trained on.
func (w *Workspace) ClassList(ctx context.Context, in *Inputs, model *runs.Predictor, o *ClassOptions) (*predict.Classes, error) {
	if err := usage.OneOf("words-format", o.Format, attributes.WordFormats()...); err != nil {
		return nil, err
	}
	all := &predict.Classes{}
	have := map[string]bool{}
	add := func(name string, vector []float32) {
		if !have[name] {
			have[name] = true
			all.Names, all.Vectors = append(all.Names, name), append(all.Vectors, vector)
		}
	}
	if o.File != "" {
		t, err := w.readClassList(ctx, model, o)
		if err != nil {
			return nil, err
		}
		w.CompareUnits(in, model, t)
		for i, name := range t.Classes {
			add(name, t.Values[i])
		}
	} else if len(o.Words) > 0 {
		return nil, usage.Errorf("--words goes with --classes, the names to look up")
	}
	if o.File == "" || o.Seen {
		if err := in.Complete(); err != nil {
			return nil, err
		}
		table, err := in.Classes.SelectAttributes(model.Attributes())
		if err != nil {
			return nil, err
		}
		var names []string
		if o.File == "" {
			names = append(names, in.Roles.Unseen...)
			if len(in.Added) > 0 {
				w.Log.Info("the classes to choose from are the unseen ones of the split that the run was trained on: those described since are not among them; a file of classes, --classes, takes any", "described since", usage.FirstOf(in.Added))
			}
		}
		if o.Seen {
			names = append(names, model.Seen()...)
		}
		for _, name := range names {
			if i := slices.Index(table.Classes, name); i < 0 {
				return nil, fmt.Errorf("the class table has no class %q: it has changed since the run was trained; run attributes and train again", name)
			} else if o.File != "" && have[name] {
				w.Log.Info("a class described in --classes is one that the model was trained on: the description given now counts", "class", name)
			} else {
				add(name, table.Values[i])
			}
		}
	}
	// Missing values are for the model to fill or refuse, once and not at every picture.
	if err := model.CheckClasses(all.Names, all.Vectors); err != nil {
		return nil, err
	}
	for i, v := range all.Vectors {
		if _, err := model.NormaliseClass(v); err != nil {
			return nil, fmt.Errorf("class %q: %w", all.Names[i], err)
		}
	}
	return all, nil
}

// readClassList reads --classes and looks its names up in --words.
func (w *Workspace) readClassList(ctx context.Context, model *runs.Predictor, o *ClassOptions) (*attributes.Table, error) {
	described, err := readDescribed(o.File, o.Columns)
	if err != nil {
		return nil, err
	}
	tables := []*attributes.Table{described}
	if len(described.Classes) == 0 {
		return nil, fmt.Errorf("%s: no classes there", o.File)
	}
	ds := &datasets.Dataset{Name: o.File}
	for _, name := range described.Classes {
		ds.Classes = append(ds.Classes, datasets.Class{Name: name})
	}
	phrases, err := w.readPhrases(o.Names, ds)
	if err != nil {
		return nil, err
	}
	for _, file := range o.Words {
		t, _, err := w.readWords(ctx, file, described.Classes, phrases, &o.Descriptions)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	joined, err := attributes.Join(tables...)
	if err != nil {
		return nil, err
	}
	t, err := joined.Select(model.Attributes())
	var missing *attributes.MissingAttributesError
	if errors.As(err, &missing) {
		return nil, fmt.Errorf("%w; write their values for each class, or, where the model was trained on word vectors, name their file with --words", err)
	}
	if err != nil {
		return nil, err
	}
	for _, note := range t.Notes {
		w.Log.Info(note)
	}
	return t, nil
}

// readDescribed reads all classes of a file: our own class table, another Parquet, a CSV, or a list of names.
func readDescribed(path string, columns convert.Choice) (*attributes.Table, error) {
	format, err := convert.Detect(path)
	if err != nil {
		return nil, err
	}
	if format == "parquet" {
		if own, err := features.ReadClassTable(path); err == nil {
			return &attributes.Table{Names: own.Attributes, Classes: own.Classes, Values: own.Values, Source: path}, nil
		}
	}
	if strings.EqualFold(filepath.Ext(path), ".txt") {
		names, err := datasets.ReadClassList(path)
		return namesOnly(path, names), err
	}
	if format != "csv" && format != "text" {
		return attributes.ReadFile(path, attributes.FileOptions{Columns: columns})
	}
	r, err := delimited.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if len(r.Header()) > 1 {
		return attributes.ReadFile(path, attributes.FileOptions{Columns: columns})
	}
	var names []string
	if h := r.Header()[0]; !slices.Contains([]string{"class", "classes", "name"}, strings.ToLower(h)) {
		names = append(names, h) // a list without a header
	}
	for {
		f, _, err := r.Next()
		if errors.Is(err, io.EOF) {
			return namesOnly(path, names), nil
		}
		if err != nil {
			return nil, err
		}
		if slices.Contains(names, f[0]) {
			return nil, fmt.Errorf("%s: class %q is there twice", r.At(0), f[0])
		}
		names = append(names, f[0])
	}
}

func namesOnly(path string, names []string) *attributes.Table {
	return &attributes.Table{Classes: names, Values: make([][]float32, len(names)), Source: path}
}
