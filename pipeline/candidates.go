package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/internal/delimited"
	"vzsl/pipeline/usage"
	"vzsl/predict"
	"vzsl/train/runs"
)

// candidateFlags say which classes a picture may show.
type candidateFlags struct {
	classes string
	seen    bool
	columns convert.Choice
	descriptionFlags
}

func (o *candidateFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.classes, "classes", "", "`file` of the classes to choose from: a CSV (class,attribute,...) or Parquet with the model's attributes, in any order, or the names alone where it was trained on word vectors (default: the split's unseen classes)")
	addDescriptionColumnFlags(cmd, &o.columns)
	f.BoolVar(&o.seen, "seen", false, "the classes that the model was trained on are to choose from, too")
	f.StringSliceVar(&o.words, "words", nil, "`file` of word vectors, the one that the class table was made of, to look the names in --classes up in")
	f.StringVar(&o.format, "words-format", attributes.WordsAuto, "format of the word vectors: "+usage.Or(attributes.WordFormats()))
	f.StringVar(&o.names, "names", "", "`file` of what to look up for a class in place of its name, a line each: class<tab>phrase, phrase")
	must(cmd.MarkFlagFilename("classes", "csv", "tsv", "txt", "parquet"))
	must(cmd.MarkFlagFilename("words", "bin", "txt", "vec", "gz"))
}

// candidates are the classes to choose from. seen are those among them that the model was trained on.
func (c *console) candidates(ctx context.Context, in *inputs, model *runs.Predictor, o *candidateFlags) (*predict.Classes, error) {
	if err := usage.OneOf("words-format", o.format, attributes.WordFormats()...); err != nil {
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
	if o.classes != "" {
		t, err := c.readCandidates(ctx, model, o)
		if err != nil {
			return nil, err
		}
		c.compareUnits(in, model, t)
		for i, name := range t.Classes {
			add(name, t.Values[i])
		}
	} else if len(o.words) > 0 {
		return nil, usage.Errorf("--words goes with --classes, the names to look up")
	}
	if o.classes == "" || o.seen {
		if err := in.known(); err != nil {
			return nil, err
		}
		table, err := in.Classes.SelectAttributes(model.Attributes())
		if err != nil {
			return nil, err
		}
		var names []string
		if o.classes == "" {
			names = append(names, in.Roles.Unseen...)
			if len(in.added) > 0 {
				c.log.Info("the classes to choose from are the unseen ones of the split that the run was trained on: those described since are not among them; a file of classes, --classes, takes any", "described since", usage.FirstOf(in.added))
			}
		}
		if o.seen {
			names = append(names, model.Seen()...)
		}
		for _, name := range names {
			if i := slices.Index(table.Classes, name); i < 0 {
				return nil, fmt.Errorf("the class table has no class %q: it has changed since the run was trained; run attributes and train again", name)
			} else if o.classes != "" && have[name] {
				c.log.Info("a class described in --classes is one that the model was trained on: the description given now counts", "class", name)
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

// readCandidates reads --classes and looks its names up in --words.
func (c *console) readCandidates(ctx context.Context, model *runs.Predictor, o *candidateFlags) (*attributes.Table, error) {
	described, err := readDescribed(o.classes, o.columns)
	if err != nil {
		return nil, err
	}
	tables := []*attributes.Table{described}
	if len(described.Classes) == 0 {
		return nil, fmt.Errorf("%s: no classes there", o.classes)
	}
	ds := &datasets.Dataset{Name: o.classes}
	for _, name := range described.Classes {
		ds.Classes = append(ds.Classes, datasets.Class{Name: name})
	}
	phrases, err := c.readPhrases(o.names, ds)
	if err != nil {
		return nil, err
	}
	for _, file := range o.words {
		t, _, err := c.readWords(ctx, file, described.Classes, phrases, &o.descriptionFlags)
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
		c.log.Info(note)
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
