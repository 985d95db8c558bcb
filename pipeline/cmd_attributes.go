package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/datasets/catalog"
	"vzsl/features"
	"vzsl/pipeline/usage"
)

// descriptionFlags name what the classes are described by.
type descriptionFlags struct {
	words      []string
	format     string
	names      string
	own        bool
	maxUnknown float64
	text       textFlags
}

func newAttributes(con *console) *cobra.Command {
	var ds datasetFlags
	var o descriptionFlags
	cmd := &cobra.Command{
		Use:   "attributes",
		Short: "class descriptions to the class table",
		Long: `  vzsl attributes --dataset birds                                                            attributes
  vzsl attributes --dataset birds --text-model models/clip-vit-base-patch32 --template birds  names
  vzsl attributes --dataset birds --text sentences.csv --text-model models/all-MiniLM-L6-v2    sentences

Reads the dataset's class descriptions and writes features/<dataset>/classes.parquet: one row per
class, its attributes as they are given (raw values; missing ones are NaN). Normalisation belongs to
training, where it is fitted on the seen classes.

` + catalog.DescriptionsHelp() + `
--csv takes a file instead: CSV, Parquet, Arrow, NumPy, MATLAB, and xlsa17's .mat files, such as
sent_splits.mat with its sentence vectors.

  --words FILE          word vectors of the classes' names, in place of attributes: word2vec (binary or
                        text), fastText .vec, GloVe, or gzip of each; several files are put side by side
  --own --words FILE    the dataset's own attributes, then word vectors; training normalises each for itself

A name is looked up as it is, with underscores, spaces or hyphens between its words, in lower case, with
capitals; of a list ("tench, Tinca tinca") each in order; last as the mean of its words' vectors. What
is to be looked up in place of a class's name stands in --names: lines "class<tab>phrase, phrase".

  --text-model FOLDER   vectors that a text encoder gives the classes' names: CLIP's or SigLIP's text tower, MiniLM,
                        BGE, E5, ... as ONNX, with tokenizer.json (or CLIP's merges file) and its config files
  --text FILE           sentences in place of names: a CSV (class,text), a class in several rows where there are
                        several; or a folder with a file CLASS.txt each, a text a line
  --template TEXT       what a name or text is put into: "a photo of a {}, a type of bird.", or a built-in set; several
                        are averaged
  --own                 the dataset's own attributes too; 'vzsl train --descriptions text' takes a part of the table

Names are made readable: "001.Black_footed_Albatross" is "black footed albatross". The table says which texts, templates
and model its vectors were made of.

Missing values stay missing here; training refuses them or takes the mean over the seen classes
(--missing there). AwA's four, antelope's colours, are taken from lion, as the authors' own code does: a note
says so, --missing keep leaves them out.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := usage.OneOf("words-format", o.format, attributes.WordFormats()...); err != nil {
				return err
			}
			if err := usage.OneOf("matrix", ds.matrix, catalog.Matrices()...); err != nil {
				return err
			}
			if err := usage.OneOf("missing", ds.missing, missingWays()...); err != nil {
				return err
			}
			if o.maxUnknown < 0 {
				return usage.Errorf("--max-unknown %v: it is a share of the classes (below 1) or their number", o.maxUnknown)
			}
			if err := o.text.check(); err != nil {
				return err
			}
			if o.own && len(o.words) == 0 && o.text.model == "" {
				return usage.Errorf("--own goes with --words or --text-model: alone, the dataset's own attributes are what is read anyway")
			}
			d, err := ds.open(con)
			if err != nil {
				return err
			}
			table, words, texts, err := ds.describe(cmd.Context(), con, d, &o)
			if err != nil {
				return err
			}
			path := con.classTable(ds.name)
			if err := features.WriteClassTable(path, classTable(d, table)); err != nil {
				return err
			}
			res := struct {
				File       string      `json:"file"`
				Classes    int         `json:"classes"`
				Attributes int         `json:"attributes"`
				Missing    int         `json:"missing"`
				Source     string      `json:"source"`
				Words      []wordsUsed `json:"words,omitempty"`
				Text       *textUsed   `json:"text,omitempty"`
			}{path, len(table.Classes), len(table.Names), table.Missing(), table.Source, words, texts}
			return con.result(res, func(w io.Writer) {
				fmt.Fprintf(w, "%s: %d classes, %d attributes, %d values missing\n", path, res.Classes, res.Attributes, res.Missing)
				for _, u := range words {
					fmt.Fprintf(w, "%s: %d values a word; %d classes found, %d as the mean of their words, %d unknown\n",
						u.File, u.Dim, u.Found, len(u.Averaged), len(u.Unknown))
				}
				if u := texts; u != nil {
					fmt.Fprintf(w, "%s: %d texts in %d templates, %d values each", u.Model.Name, u.Texts, max(1, len(u.Templates)), u.Model.Width)
					if len(u.Model.Towers) > 0 {
						fmt.Fprint(w, "; its folder has the network for images that shares their space (--method clip)")
					}
					fmt.Fprintln(w)
				}
			})
		},
	}
	ds.add(cmd)
	o.text.add(cmd)
	f := cmd.Flags()
	f.StringVar(&ds.csv, "csv", "", "`file` of class descriptions instead of the dataset's own: CSV with a header class,attribute,..., Parquet, Arrow, NumPy or MATLAB")
	addDescriptionColumnFlags(cmd, &ds.columns)
	f.StringVar(&ds.matrix, "matrix", catalog.Matrices()[0], "AwA: the `matrix` to take, continuous (0..100) or binary")
	f.StringVar(&ds.missing, "missing", missingAuto, "missing values: auto (AwA's four are copied, others kept), keep (training fills them, or refuses), error, or copy (AwA: antelope's colours from lion, as its authors' code does)")
	f.StringSliceVar(&o.words, "words", nil, "`file` of word vectors to describe the classes by")
	f.StringVar(&o.format, "words-format", attributes.WordsAuto, "format of the word vectors: "+usage.Or(attributes.WordFormats()))
	f.StringVar(&o.names, "names", "", "`file` of what to look up for a class in place of its name, a line each: class<tab>phrase, phrase")
	f.BoolVar(&o.own, "own", false, "with --words or --text-model: the dataset's own attributes too, before the others")
	f.Float64Var(&o.maxUnknown, "max-unknown", 0, "`share` of the classes (below 1), or their number, that may have no word vector; their values are missing")
	must(cmd.MarkFlagFilename("csv", "csv", "tsv", "txt", "parquet", "mat"))
	must(cmd.MarkFlagFilename("words", "bin", "txt", "vec", "gz"))
	must(cmd.MarkFlagFilename("names", "txt", "tsv", "csv"))
	must(cmd.RegisterFlagCompletionFunc("words-format", cobra.FixedCompletions(attributes.WordFormats(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// describe reads all descriptions asked for and puts them side by side.
func (d *datasetFlags) describe(ctx context.Context, con *console, ds *datasets.Dataset, o *descriptionFlags) (*attributes.Table, []wordsUsed, *textUsed, error) {
	var tables []*attributes.Table
	if len(o.words) == 0 && o.text.model == "" || o.own || d.csv != "" {
		own, err := d.ownDescription(ds)
		if err != nil {
			return nil, nil, nil, err
		}
		if err := settle(own, d.missing); err != nil {
			return nil, nil, nil, err
		}
		own.Kind = features.KindAttributes
		tables = append(tables, own)
	}
	phrases, err := con.readPhrases(o.names, ds)
	if err != nil {
		return nil, nil, nil, err
	}
	var used []wordsUsed
	for _, file := range o.words {
		t, u, err := con.readWords(ctx, file, ds.ClassNames(), phrases, o)
		if err != nil {
			return nil, nil, nil, err
		}
		tables, used = append(tables, t), append(used, *u)
	}
	var texts *textUsed
	if o.text.model != "" {
		t, u, err := con.describeTexts(ctx, ds, phrases, &o.text)
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
		con.log.Info(note, "dataset", d.name)
	}
	return t, used, texts, nil
}

// ownDescription is the CSV or Parquet file where one is named, else what the dataset's layout holds.
func (d *datasetFlags) ownDescription(ds *datasets.Dataset) (*attributes.Table, error) {
	if describe := catalog.Lookup(d.layout).Describe; d.csv == "" && describe != nil {
		return describe(ds.Root, ds.ClassNames(), d.matrix)
	}
	csv := d.csv
	if csv == "" {
		csv = filepath.Join(ds.Root, datasets.ClassFile)
		if _, err := os.Stat(csv); errors.Is(err, os.ErrNotExist) {
			return nil, undescribedError{csv}
		}
	}
	return attributes.ReadFile(csv, attributes.FileOptions{Classes: ds.ClassNames(), Numbered: ds.Numbered(), Columns: d.columns})
}

// undescribedError: the dataset says nothing of its classes.
type undescribedError struct{ csv string }

func (e undescribedError) Error() string {
	return e.csv + ": no class descriptions there; write a CSV with a header (class,attribute,...) and a row per class, name one with --csv, or describe the classes by their names: with word vectors (--words) or a text model (--text-model)"
}

// wordsUsed says how the classes were found in a file of word vectors.
type wordsUsed struct {
	File       string              `json:"file"`
	Format     string              `json:"format"`
	Dim        int                 `json:"dim"`
	Vocabulary int                 `json:"vocabulary"`
	Found      int                 `json:"found"`
	Averaged   map[string][]string `json:"averaged,omitempty"` // class to the words
	Partly     map[string][]string `json:"partly,omitempty"`   // class to the words that its mean is without
	Unknown    []string            `json:"unknown,omitempty"`
}

func (c *console) readWords(ctx context.Context, file string, classes []string, phrases map[string]string, o *descriptionFlags) (*attributes.Table, *wordsUsed, error) {
	hook, end := c.progress("read "+filepath.Base(file), "bytes")
	t, err := attributes.ReadWords(ctx, file, classes, attributes.WordOptions{Format: o.format, Phrases: phrases, Progress: hook})
	end()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w; 'vzsl download --list' names sets of word vectors", err)
	}
	if err != nil {
		return nil, nil, err
	}
	u := &wordsUsed{File: file, Format: t.Format, Dim: len(t.Names), Vocabulary: t.Vocabulary, Averaged: map[string][]string{}, Partly: map[string][]string{}, Unknown: t.Unknown()}
	for _, m := range t.Matches {
		switch {
		case len(m.Words) > 1 || len(m.Left) > 0:
			u.Averaged[m.Class] = m.Words
			if len(m.Left) > 0 {
				u.Partly[m.Class] = m.Left
				c.log.Debug("described without", "class", m.Class, "words", strings.Join(m.Left, " "))
			}
		case len(m.Words) == 1:
			u.Found++
			c.log.Debug("found", "class", m.Class, "word", m.Words[0])
		}
	}
	if len(u.Partly) > 0 {
		c.log.Warn(fmt.Sprintf("%d classes are described by the mean of some of their words only, the others have no vector (--verbose, --json name them)", len(u.Partly)),
			"classes", usage.FirstOf(slices.Sorted(maps.Keys(u.Partly))))
	}
	allowed := o.maxUnknown
	if allowed < 1 {
		allowed *= float64(len(classes))
	}
	if n := len(u.Unknown); float64(n) > allowed {
		return nil, nil, fmt.Errorf("%s: no vector for %d of the %d classes: %s; give other words for them with --names, or allow so many with --max-unknown %d (their values are then missing)",
			file, n, len(classes), usage.FirstOf(u.Unknown), n)
	} else if n > 0 {
		c.log.Warn("classes without a word vector: their values are missing", "classes", usage.FirstOf(u.Unknown))
	}
	return &t.Table, u, nil
}

func classTable(d *datasets.Dataset, t *attributes.Table) *features.ClassTable {
	var wnids []string
	for _, c := range d.Classes {
		wnids = append(wnids, c.WNID)
	}
	return t.ClassTable(d.Name, wnids)
}
