package pipeline

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"vzsl/attributes"
	"vzsl/attributes/text"
	"vzsl/datasets"
	"vzsl/extract/textencoder"
	"vzsl/features"
	"vzsl/pipeline/usage"
)

// textFlags name texts of classes and the model that makes vectors of them.
type textFlags struct {
	file      string
	model     string
	templates []string
	o         textencoder.Options
}

func (x *textFlags) addModel(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&x.model, "text-model", "", "`folder` of a text model: an ONNX network, its tokenizer.json and config files (or the ONNX file in it)")
	must(cmd.MarkFlagDirname("text-model"))
}

func (x *textFlags) add(cmd *cobra.Command) {
	x.addModel(cmd)
	f := cmd.Flags()
	f.StringVar(&x.file, "text", "", "`file` of what is said of the classes, with --text-model: a CSV (class,text), or a folder with CLASS.txt; default: their names")
	f.StringArrayVar(&x.templates, "template", nil, "`text` with {} where a class's name or text goes, or the name of a built-in set: "+usage.Or(text.Sets())+"; several are averaged (default for names: photo)")
	f.StringVar(&x.o.Pool, "text-pool", "", "`way` to make one vector of those of a text's tokens: "+usage.Or(textencoder.Poolings())+" (default: as the model's files say)")
	f.StringVar(&x.o.Output, "text-output", "", "`name` of the text model's output to take (default: its embedding)")
	f.IntVar(&x.o.Tokens, "text-tokens", 0, "`number` of tokens that a text is cut to (default: as the model's files say)")
	must(cmd.RegisterFlagCompletionFunc("template", cobra.FixedCompletions(text.Sets(), cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("text-pool", cobra.FixedCompletions(textencoder.Poolings(), cobra.ShellCompDirectiveNoFileComp)))
}

func (x *textFlags) check() error {
	switch {
	case x.model != "":
	case x.file != "":
		return usage.Errorf("--text %s goes with --text-model: the folder of the model that makes vectors of texts", x.file)
	case len(x.templates) > 0:
		return usage.Errorf("--template goes with --text-model: the folder of the model that makes vectors of texts")
	case x.o != textencoder.Options{}:
		return usage.Errorf("--text-pool, --text-output and --text-tokens go with --text-model")
	}
	if x.o.Tokens < 0 {
		return usage.Errorf("--text-tokens %d: a number of tokens is wanted", x.o.Tokens)
	}
	if x.o.Pool != "" {
		if err := usage.OneOf("text-pool", x.o.Pool, textencoder.Poolings()...); err != nil {
			return err
		}
	}
	_, err := text.Templates(x.templates)
	if err != nil {
		return usage.Errorf("--template: %v", err)
	}
	return nil
}

// textUsed says what was made of texts.
type textUsed struct {
	File      string             `json:"file,omitempty"`
	Texts     int                `json:"texts"` // of all classes, before templates
	Templates []string           `json:"templates,omitempty"`
	Model     features.TextModel `json:"model"`
}

// describeTexts gives the vectors of texts of a dataset's classes, or of their names.
func (c *console) describeTexts(ctx context.Context, ds *datasets.Dataset, phrases map[string]string, x *textFlags) (*attributes.Table, *textUsed, error) {
	d := text.Names(ds.ClassNames())
	asked := x.templates
	if x.file != "" {
		var err error
		if d, err = text.Read(x.file, ds.ClassNames()); err != nil {
			return nil, nil, err
		}
	} else {
		for i, class := range d.Classes {
			if p := phrases[class]; p != "" {
				d.Texts[i] = []string{text.Readable(p)}
			}
		}
		if len(asked) == 0 {
			asked = []string{"photo"}
		}
	}
	templates, err := text.Templates(asked)
	if err != nil {
		return nil, nil, err
	}
	e, err := textencoder.Open(x.model, x.o)
	if err != nil {
		return nil, nil, err
	}
	defer e.Close()
	source, err := e.Source()
	if err != nil {
		return nil, nil, err
	}
	hook, end := c.progress("texts", "texts")
	t, err := text.Embed(ctx, d, templates, e, features.KindText, hook)
	end()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Base(x.model), err)
	}
	t.Source = fmt.Sprintf("%s by %s", d.Source, source.Name)
	t.Blocks = []attributes.Block{{Name: t.Source, Width: len(t.Names), Kind: features.KindText, Text: &features.TextSource{Model: source, Templates: templates}}}
	used := &textUsed{File: x.file, Templates: templates, Model: source}
	for _, list := range d.Texts {
		used.Texts += len(list)
	}
	return t, used, nil
}
