package pipeline

import (
	"github.com/spf13/cobra"

	"vzsl/attributes/text"
	"vzsl/extract/textencoder"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

// addTextModel adds the flag that names a text model.
func addTextModel(cmd *cobra.Command, x *workspace.Texts) {
	f := cmd.Flags()
	f.StringVar(&x.Model, "text-model", "", "`folder` of a text model: an ONNX network, its tokenizer.json and config files (or the ONNX file in it)")
	must(cmd.MarkFlagDirname("text-model"))
}

// addTexts adds the flags that name texts of classes and the model that makes vectors of them.
func addTexts(cmd *cobra.Command, x *workspace.Texts) {
	addTextModel(cmd, x)
	f := cmd.Flags()
	f.StringVar(&x.File, "text", "", "`file` of texts that describe the classes, with --text-model: a CSV (class,text), or a folder with CLASS.txt (default: class names)")
	f.StringVar(&x.Gloss, "gloss", "", "`file` of WordNet's glosses (data.noun, or lines wnid<tab>gloss) for classes with WordNet ids, such as ImageNet's: each is described as \"name: gloss\"")
	f.StringArrayVar(&x.Templates, "template", nil, "prompt `text` with {} in place of the class name or text, or the name of a built-in set: "+usage.Or(text.Sets())+"; several are averaged (default for names: photo)")
	f.StringVar(&x.Pool, "text-pool", "", "`way` of pooling the token vectors of a text: "+usage.Or(textencoder.Poolings())+" (default: as in the model's files)")
	f.StringVar(&x.Output, "text-output", "", "`name` of the text model's output to use (default: its embedding)")
	f.IntVar(&x.Tokens, "text-tokens", 0, "`number` of tokens that texts are truncated to (default: as in the model's files)")
	must(cmd.RegisterFlagCompletionFunc("template", cobra.FixedCompletions(text.Sets(), cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("text-pool", cobra.FixedCompletions(textencoder.Poolings(), cobra.ShellCompDirectiveNoFileComp)))
}
