package workspace

import (
	"cmp"
	"context"
	"errors"
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
	Gloss     string // file of WordNet's glosses, in place of File
	Model     string // folder of the model; "": no texts
	Templates []string
	textencoder.Options
}

// Check refuses what goes with no text model, and options that there are not.
func (x *Texts) Check() error {
	switch {
	case x.File != "" && x.Gloss != "":
		return usage.Errorf("--text and --gloss cannot be combined")
	case x.Model != "":
	case x.Gloss != "":
		return usage.Errorf("--gloss needs --text-model: the folder of the model that encodes texts")
	case x.File != "":
		return usage.Errorf("--text %s needs --text-model: the folder of the model that encodes texts", x.File)
	case len(x.Templates) > 0:
		return usage.Errorf("--template needs --text-model: the folder of the model that encodes texts")
	case x.Options != (textencoder.Options{}):
		return usage.Errorf("--text-pool, --text-output and --text-tokens need --text-model")
	}
	if x.Tokens < 0 {
		return usage.Errorf("--text-tokens %d: must be a positive number of tokens", x.Tokens)
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

// TextEncoder is an open text model with the templates that texts are put into.
type TextEncoder struct {
	w         *Workspace
	name      string // of the model's folder
	encoder   *textencoder.Encoder
	Source    features.TextModel
	Templates []string
}

// OpenTexts opens the text model. plain tells that what it is given are names, which are put into a template where none is asked for.
func (w *Workspace) OpenTexts(x *Texts, plain bool) (*TextEncoder, error) {
	asked := x.Templates
	if plain && len(asked) == 0 {
		asked = []string{"photo"}
	}
	templates, err := text.Templates(asked)
	if err != nil {
		return nil, usage.Errorf("--template: %v", err)
	}
	e, err := textencoder.Open(x.Model, x.Options)
	if err != nil {
		return nil, err
	}
	source, err := e.Source()
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return &TextEncoder{w, filepath.Base(x.Model), e, source, templates}, nil
}

// Close releases the model's memory.
func (e *TextEncoder) Close() error { return e.encoder.Close() }

// Describe returns the classes' vectors as a table of one description by texts.
func (e *TextEncoder) Describe(ctx context.Context, d *text.Descriptions) (*attributes.Table, error) {
	p := e.w.Begin("texts", "texts")
	t, err := text.Embed(ctx, d, e.Templates, e.encoder, features.KindText, p.Done)
	p.End()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.name, err)
	}
	t.Source = fmt.Sprintf("%s by %s", d.Source, e.Source.Name)
	t.Blocks = []attributes.Block{{Name: t.Source, Width: len(t.Names), Kind: features.KindText, Text: &features.TextSource{Model: e.Source, Templates: e.Templates}}}
	return t, nil
}

// describeTexts returns the vectors of texts of a dataset's classes, or of their names.
func (w *Workspace) describeTexts(ctx context.Context, ds *datasets.Dataset, phrases map[string]string, x *Texts) (*attributes.Table, *TextUsed, error) {
	d := namesOf(ds.ClassNames(), phrases)
	said, err := x.Read(ds.ClassNames(), wnidsOf(ds))
	if err != nil {
		return nil, nil, err
	}
	if said != nil {
		d = said
	}
	e, err := w.OpenTexts(x, said == nil)
	if err != nil {
		return nil, nil, err
	}
	defer e.Close()
	t, err := e.Describe(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	used := &TextUsed{File: cmp.Or(x.File, x.Gloss), Templates: e.Templates, Model: e.Source}
	for _, list := range d.Texts {
		used.Texts += len(list)
	}
	return t, used, nil
}

// Read reads what is said of classes, whose WordNet ids may be nil; nil: nothing but their names.
func (x *Texts) Read(classes, wnids []string) (*text.Descriptions, error) {
	switch {
	case x.File != "":
		return text.Read(x.File, classes)
	case x.Gloss != "":
		return text.Glosses(x.Gloss, classes, wnids)
	}
	return nil, nil
}

// wnidsOf are the classes' WordNet ids; nil: the dataset has none.
func wnidsOf(ds *datasets.Dataset) []string {
	var ids []string
	for _, c := range ds.Classes {
		if c.WNID == "" {
			return nil
		}
		ids = append(ids, c.WNID)
	}
	return ids
}

// namesOf describes classes by their names or, where there are any, by phrases in place of them.
func namesOf(classes []string, phrases map[string]string) *text.Descriptions {
	d := text.Names(classes)
	for i, class := range classes {
		if p := phrases[class]; p != "" {
			d.Texts[i] = []string{text.Readable(p)}
		}
	}
	return d
}
