package pipeline

import (
	"github.com/spf13/cobra"

	"vzsl/attributes"
	"vzsl/extract/engine/onnxruntime"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

// addPictures adds the flags that say how images become features.
func addPictures(cmd *cobra.Command, p *workspace.PictureOptions) {
	f := cmd.Flags()
	f.StringVar(&p.Model, "model", "", "`file` or folder of the run's network (default: models/<network>.onnx or models/<network>, here or below --out)")
	f.StringVar(&p.Recipe, "recipe", "", "preprocessing, for a run on imported features that do not record it: a name, optionally with a size (caffe-224), or the text of a whole recipe (default: as in the model's folder)")
	f.IntVar(&p.Batch, "batch", 0, "most images per call of the engine (default: chosen by the program)")
	f.IntVar(&p.Workers, "workers", 0, "images decoded in parallel (default: one per processor)")
	addEngine(cmd, &p.Engine)
	must(cmd.MarkFlagFilename("model", "onnx"))
}

// addEngine adds the flags that say what computes the network.
func addEngine(cmd *cobra.Command, e *workspace.Engine) {
	f := cmd.Flags()
	f.StringVar(&e.Name, "engine", "native", "inference engine: "+usage.Or(workspace.Engines()))
	f.StringVar(&e.ORT.Library, "ort-library", "", "`file` of ONNX Runtime's shared library, for the engine onnxruntime (default: "+onnxruntime.LibraryVariable+" in the environment)")
	f.StringVar(&e.ORT.Provider, "ort-provider", "cpu", "its execution provider: "+usage.Or(onnxruntime.Providers()))
	must(cmd.RegisterFlagCompletionFunc("engine", cobra.FixedCompletions(workspace.Engines(), cobra.ShellCompDirectiveNoFileComp)))
}

// addClassList adds the flags that say which classes an image may show.
func addClassList(cmd *cobra.Command, o *workspace.ClassOptions) {
	f := cmd.Flags()
	f.StringVar(&o.File, "classes", "", "`file` of the candidate classes: a CSV (class,attribute,...) or Parquet with the model's attributes, in any order; only names, if it was trained on word vectors; names or texts (class,text), if it was trained on texts (default: the split's unseen classes)")
	addDescriptionColumnFlags(cmd, &o.Columns)
	f.StringArrayVar(&o.Named, "class", nil, "a candidate class, by `name` or as NAME=TEXT, if the model was trained on texts or word vectors (repeatable)")
	addTextModel(cmd, &o.Text)
	f.StringVar(&o.Text.File, "text", "", "`file` of texts of the candidate classes, if the model was trained on texts: a CSV (class,text), or a folder with CLASS.txt")
	f.BoolVar(&o.Seen, "seen", false, "also use the classes that the model was trained on as candidates")
	f.StringSliceVar(&o.Words, "words", nil, "`file` of word vectors for the names in --classes: the same file as for the class table")
	f.StringVar(&o.Format, "words-format", attributes.WordsAuto, "format of the word vectors: "+usage.Or(attributes.WordFormats()))
	f.StringVar(&o.Names, "names", "", "`file` of phrases to look up instead of class names, one line per class: class<tab>phrase, phrase")
	must(cmd.MarkFlagFilename("classes", "csv", "tsv", "txt", "parquet"))
	must(cmd.MarkFlagFilename("words", "bin", "txt", "vec", "gz"))
}

// addMissing is the flag of the commands that name images.
func (o *predictOptions) addMissing(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.Missing, "missing", "", "missing values of the candidate classes: "+usage.Or(attributes.MissingPolicies())+
		" (the mean over the training classes) (default: as in training)")
}
