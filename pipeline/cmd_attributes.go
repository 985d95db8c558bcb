package pipeline

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vzsl/attributes"
	"vzsl/datasets/catalog"
	"vzsl/features"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

func newAttributes(con *cli) *cobra.Command {
	var ds workspace.Dataset
	var o workspace.Descriptions
	cmd := &cobra.Command{
		Use:   "attributes",
		Short: "class descriptions to the class table",
		Example: `  vzsl attributes --dataset birds                                                              # attributes
  vzsl attributes --dataset birds --text-model models/clip-vit-base-patch32 --template birds   # names
  vzsl attributes --dataset birds --text sentences.csv --text-model models/all-MiniLM-L6-v2    # sentences`,
		Long: `Reads the dataset's class descriptions and writes features/<dataset>/classes.parquet: one row per
class with its raw attribute values (missing ones are NaN). Values are normalised in training, where the
normalisation is fitted on the seen classes.`,
		Annotations: details(`` + catalog.DescriptionsHelp() + `
--csv reads a file instead: CSV, Parquet, Arrow, NumPy, MATLAB, and xlsa17's .mat files, such as
sent_splits.mat with its sentence vectors.

  --words FILE          word vectors of the classes' names, in place of attributes: word2vec (binary or
                        text), fastText .vec, GloVe, or a gzip of any; several files are concatenated
  --own --words FILE    the dataset's own attributes followed by word vectors; training normalises each separately

A name is looked up as written, then with underscores, spaces or hyphens between its words, in lower case
and capitalised; a list ("tench, Tinca tinca") is tried in order; the last resort is the mean of its words'
vectors. --names FILE gives other phrases to look up for a class: lines "class<tab>phrase, phrase".

  --text-model FOLDER   embeddings of the class names by a text encoder: CLIP's or SigLIP's text tower, MiniLM,
                        BGE, E5, ... as ONNX, with tokenizer.json (or CLIP's merges file) and its config files
  --text FILE           sentences instead of names: a CSV (class,text), one row per text; or a folder with one file
                        CLASS.txt per class, one text per line
  --gloss FILE          WordNet glosses instead of names, for classes with WordNet ids: data.noun, or lines wnid<tab>gloss
  --template TEXT       the prompt that a name or text is inserted into: "a photo of a {}, a type of bird.", or a built-in set;
                        several are averaged
  --own                 the dataset's own attributes as well; 'vzsl train --descriptions text' trains on part of the table

Names are made readable: "001.Black_footed_Albatross" is "black footed albatross". The table records the texts,
templates and model that its vectors were computed from.

Missing values stay missing here; training refuses them or fills in the mean over the seen classes
(vzsl train --missing). AwA's four missing values, the colours of antelope, are copied from lion, as in the
authors' code, with a note; --missing keep leaves them missing.`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := usage.OneOf("words-format", o.Format, attributes.WordFormats()...); err != nil {
				return err
			}
			if err := usage.OneOf("matrix", ds.Matrix, catalog.Matrices()...); err != nil {
				return err
			}
			if err := usage.OneOf("missing", ds.Missing, workspace.MissingWays()...); err != nil {
				return err
			}
			if o.MaxUnknown < 0 {
				return usage.Errorf("--max-unknown %v: give a fraction of the classes (below 1) or their number", o.MaxUnknown)
			}
			if err := o.Text.Check(); err != nil {
				return err
			}
			if o.Own && len(o.Words) == 0 && o.Text.Model == "" {
				return usage.Errorf("--own needs --words or --text-model: without them the dataset's own attributes are used anyway")
			}
			d, err := con.OpenDataset(cmd.Context(), &ds)
			if err != nil {
				return err
			}
			table, words, texts, err := con.Describe(cmd.Context(), &ds, d, &o)
			if err != nil {
				return err
			}
			path := con.ClassTableFile(ds.Name)
			if err := features.WriteClassTable(path, workspace.ClassTable(d, table)); err != nil {
				return err
			}
			res := struct {
				File       string                `json:"file"`
				Classes    int                   `json:"classes"`
				Attributes int                   `json:"attributes"`
				Missing    int                   `json:"missing"`
				Source     string                `json:"source"`
				Words      []workspace.WordsUsed `json:"words,omitempty"`
				Text       *workspace.TextUsed   `json:"text,omitempty"`
			}{path, len(table.Classes), len(table.Names), table.Missing(), table.Source, words, texts}
			return con.result(res, func(w io.Writer) {
				fmt.Fprintf(w, "%s: %d classes, %d attributes, %d values missing\n", path, res.Classes, res.Attributes, res.Missing)
				for _, u := range words {
					fmt.Fprintf(w, "%s: %d values per word; %d classes found, %d as the mean of their words, %d unknown\n",
						u.File, u.Dim, u.Found, len(u.Averaged), len(u.Unknown))
				}
				if u := texts; u != nil {
					fmt.Fprintf(w, "%s: %d texts in %d templates, %d values each", u.Model.Name, u.Texts, max(1, len(u.Templates)), u.Model.Width)
					if len(u.Model.Towers) > 0 {
						fmt.Fprint(w, "; its folder also has the image network of the same embedding space (--method clip)")
					}
					fmt.Fprintln(w)
				}
			})
		},
	}
	addDataset(cmd, &ds)
	addSource(cmd, &ds)
	addTexts(cmd, &o.Text)
	f := cmd.Flags()
	f.StringVar(&ds.ClassFile, "csv", "", "`file` of class descriptions instead of the dataset's own: CSV with a header class,attribute,..., Parquet, Arrow, NumPy or MATLAB")
	addDescriptionColumnFlags(cmd, &ds.Columns)
	f.StringVar(&ds.Matrix, "matrix", catalog.Matrices()[0], "AwA: the `matrix` to use, continuous (0..100) or binary")
	f.StringVar(&ds.Missing, "missing", workspace.MissingAuto, "missing values: auto (AwA's four are copied, others kept), keep (training fills or refuses them), error, or copy (AwA: antelope's colours from lion, as in its authors' code)")
	f.StringSliceVar(&o.Words, "words", nil, "`file` of word vectors that describe the classes")
	f.StringVar(&o.Format, "words-format", attributes.WordsAuto, "format of the word vectors: "+usage.Or(attributes.WordFormats()))
	f.StringVar(&o.Names, "names", "", "`file` of phrases to look up instead of class names, one line per class: class<tab>phrase, phrase")
	f.BoolVar(&o.Own, "own", false, "with --words or --text-model: also the dataset's own attributes, before the others")
	f.Float64Var(&o.MaxUnknown, "max-unknown", 0, "`fraction` of the classes (below 1), or their number, that may have no word vector; their values are then missing")
	must(cmd.MarkFlagFilename("csv", "csv", "tsv", "txt", "parquet", "mat"))
	must(cmd.MarkFlagFilename("words", "bin", "txt", "vec", "gz"))
	must(cmd.MarkFlagFilename("names", "txt", "tsv", "csv"))
	must(cmd.RegisterFlagCompletionFunc("words-format", cobra.FixedCompletions(attributes.WordFormats(), cobra.ShellCompDirectiveNoFileComp)))
	rare(cmd, "class-column", "attribute-column", "ignore-column", "words-format", "max-unknown", "text-output", "text-tokens", "text-pool", "matrix")
	return cmd
}
