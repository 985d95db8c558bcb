package workspace

import (
	"context"
	"fmt"
	"path/filepath"

	"vzsl/attributes"
	"vzsl/attributes/text"
	"vzsl/datasets"
	"vzsl/extract/textencoder"
	"vzsl/features"
	"vzsl/pipeline/usage"
)

// Texts name texts of classes and the model that makes vectors of them.
type Texts struct {
	File      string // "": the classes' names
	Model     string // folder of the model; "": no texts
	Templates []string
	textencoder.Options
}

// Check refuses what goes with no text model, and options that there are not.
func (x *Texts) Check() error {
	switch {
	case x.Model != "":
	case x.File != "":
		return usage.Errorf("--text %s goes with --text-model: the folder of the model that makes vectors of texts", x.File)
	case len(x.Templates) > 0:
		return usage.Errorf("--template goes with --text-model: the folder of the model that makes vectors of texts")
	case x.Options != (textencoder.Options{}):
		return usage.Errorf("--text-pool, --text-output and --text-tokens go with --text-model")
	}
	if x.Tokens < 0 {
		return usage.Errorf("--text-tokens %d: a number of tokens is wanted", x.Tokens)
	}
	if x.Pool != "" {
		if err := usage.OneOf("text-pool", x.Pool, textencoder.Poolings()...); err != nil {
			return err
		}
	}
	_, err := text.Templates(x.Templates)
	if err != nil {
		return usage.Errorf("--template: %v", err)
	}
	return nil
}

// TextUsed says what was made of texts.
type TextUsed struct {
	File      string             `json:"file,omitempty"`
	Texts     int                `json:"texts"` // of all classes, before templates
	Templates []string           `json:"templates,omitempty"`
	Model     features.TextModel `json:"model"`
}

// describeTexts gives the vectors of texts of a dataset's classes, or of their names.
func (w *Workspace) describeTexts(ctx context.Context, ds *datasets.Dataset, phrases map[string]string, x *Texts) (*attributes.Table, *TextUsed, error) {
	d := text.Names(ds.ClassNames())
	asked := x.Templates
	if x.File != "" {
		var err error
		if d, err = text.Read(x.File, ds.ClassNames()); err != nil {
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
	e, err := textencoder.Open(x.Model, x.Options)
	if err != nil {
		return nil, nil, err
	}
	defer e.Close()
	source, err := e.Source()
	if err != nil {
		return nil, nil, err
	}
	p := w.Begin("texts", "texts")
	t, err := text.Embed(ctx, d, templates, e, features.KindText, p.Done)
	p.End()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Base(x.Model), err)
	}
	t.Source = fmt.Sprintf("%s by %s", d.Source, source.Name)
	t.Blocks = []attributes.Block{{Name: t.Source, Width: len(t.Names), Kind: features.KindText, Text: &features.TextSource{Model: source, Templates: templates}}}
	used := &TextUsed{File: x.File, Templates: templates, Model: source}
	for _, list := range d.Texts {
		used.Texts += len(list)
	}
	return t, used, nil
}
