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
	"vzsl/attributes/text"
	"vzsl/datasets"
	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/internal/delimited"
	"vzsl/pipeline/usage"
	"vzsl/predict"
	"vzsl/train/runs"
)

// ClassOptions say which classes an image may show.
type ClassOptions struct {
	File    string         // of the classes; "": the unseen ones of the run's split
	Columns convert.Choice // of the file
	Named   []string       // more classes, by their name, or NAME=TEXT
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
	given := o.File != "" || len(o.Named) > 0 || o.Text.File != ""
	if given {
		t, err := w.readClassList(ctx, in, model, o)
		if err != nil {
			return nil, err
		}
		w.compareUnits(in, model, t)
		for i, name := range t.Classes {
			add(name, t.Values[i])
		}
	} else if len(o.Words) > 0 {
		return nil, usage.Errorf("--words needs --classes: the names to look up")
	}
	if !given || o.Seen {
		if err := in.Complete(); err != nil {
			return nil, err
		}
		table, err := in.Classes.SelectAttributes(model.Attributes())
		if err != nil {
			return nil, err
		}
		var names []string
		if !given {
			names = append(names, in.Roles.Unseen...)
			if len(in.Added) > 0 {
				w.Log.Info("the candidate classes are the unseen classes of the split that the run was trained on, without classes described later; add these with --classes or --class", "described since", usage.FirstOf(in.Added))
			}
		}
		if o.Seen {
			names = append(names, model.Seen()...)
		}
		for _, name := range names {
			if i := slices.Index(table.Classes, name); i < 0 {
				return nil, fmt.Errorf("the class table has no class %q: it has changed since the run was trained; run attributes, then retrain", name)
			} else if given && have[name] {
				w.Log.Info("a class in --classes or --class is one that the model was trained on: the given description is used", "class", name)
			} else {
				add(name, table.Values[i])
			}
		}
	}
	// Missing values are for the model to fill or refuse, once and not at every image.
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

// readClassList reads --classes, --text and --class, and looks names up in --words or gives them, or what is said of them, to the
// text model.
func (w *Workspace) readClassList(ctx context.Context, in *Inputs, model *runs.Predictor, o *ClassOptions) (*attributes.Table, error) {
	block, first := textsOf(in, model)
	if block == nil && (o.Text.File != "" || o.Text.Model != "") {
		return nil, usage.Errorf("--text and --text-model: the run was not trained on vectors of texts; describe the classes by its attributes")
	}
	described, said, err := listed(o, block != nil)
	if err != nil {
		return nil, err
	}
	if len(described.Classes) == 0 {
		return nil, fmt.Errorf("%s: no classes in the file; add one row per class", described.Source)
	}
	tables := []*attributes.Table{described}
	ds := &datasets.Dataset{Name: described.Source}
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
	if block != nil && !slices.Contains(described.Names, first) {
		d := namesOf(described.Classes, phrases)
		for i, class := range described.Classes {
			if list := said[class]; list != nil {
				d.Texts[i] = list
			}
		}
		e, err := w.openRunTexts(block, &o.Text)
		if err != nil {
			return nil, err
		}
		defer e.Close()
		t, err := e.Describe(ctx, d)
		if err != nil {
			return nil, err
		}
		t.Texts = nil
		tables = append(tables, t)
	}
	joined, err := attributes.Join(tables...)
	if err != nil {
		return nil, err
	}
	t, err := joined.Select(model.Attributes())
	var missing *attributes.MissingAttributesError
	if errors.As(err, &missing) {
		return nil, fmt.Errorf("%w; write their values for each class or, if the model was trained on word vectors, give their file with --words", err)
	}
	if err != nil {
		return nil, err
	}
	for _, note := range t.Notes {
		w.Log.Info(note)
	}
	return t, nil
}

// listed returns the classes of --classes, --text and --class with the attributes that these give, and what is said of each.
func listed(o *ClassOptions, texts bool) (*attributes.Table, map[string][]string, error) {
	t := namesOnly("--class", nil)
	said := map[string][]string{}
	take := func(d *text.Descriptions) {
		for i, c := range d.Classes {
			said[c] = d.Texts[i]
		}
	}
	if o.File != "" {
		var d *text.Descriptions
		var err error
		if texts {
			if d, err = sentences(o.File); err != nil {
				return nil, nil, err
			}
		}
		if d != nil {
			take(d)
			t = namesOnly(o.File, d.Classes)
		} else if t, err = readDescribed(o.File, o.Columns); err != nil {
			return nil, nil, err
		}
	}
	if o.Text.File != "" {
		var wanted []string // those of the file
		if o.File != "" {
			wanted = t.Classes
		}
		d, err := text.Read(o.Text.File, wanted)
		if err != nil {
			return nil, nil, err
		}
		take(d)
		t.Notes = append(t.Notes, d.Notes...)
		if o.File == "" {
			t = namesOnly(o.Text.File, d.Classes)
		}
	}
	for _, n := range o.Named {
		name, sentence, _ := strings.Cut(n, "=")
		name, sentence = strings.TrimSpace(name), strings.TrimSpace(sentence)
		switch {
		case name == "":
			return nil, nil, usage.Errorf("--class %q: give a class name, or NAME=TEXT", n)
		case sentence != "" && !texts:
			return nil, nil, usage.Errorf("--class %q: the run was not trained on vectors of texts; describe the class by its attributes (--classes)", n)
		case len(t.Names) > 0:
			return nil, nil, usage.Errorf("--class %s: the classes of %s have attributes, which this class lacks: add it to that file", name, t.Source)
		case slices.Contains(t.Classes, name):
			return nil, nil, usage.Errorf("--class %s: the class is there already; give it once", name)
		}
		t.Classes, t.Values = append(slices.Clip(t.Classes), name), append(t.Values, nil)
		if sentence != "" {
			said[name] = []string{sentence}
		}
	}
	return t, said, nil
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
			return nil, fmt.Errorf("%s: class %q occurs twice; remove one", r.At(0), f[0])
		}
		names = append(names, f[0])
	}
}

func namesOnly(path string, names []string) *attributes.Table {
	return &attributes.Table{Classes: names, Values: make([][]float32, len(names)), Source: path}
}
