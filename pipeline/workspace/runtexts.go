package workspace

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/attributes"
	"vzsl/attributes/text"
	"vzsl/extract/textencoder"
	"vzsl/features"
	"vzsl/internal/delimited"
	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
	"vzsl/train/runs"
)

// textsOf is the part of a run's class vectors that a text model gave, with its first attribute; nil: none.
func textsOf(in *Inputs, model *runs.Predictor) (b *features.Block, first string) {
	if in.Classes == nil {
		return nil, ""
	}
	b, from := in.Classes.TextBlock()
	if b == nil || !slices.Contains(model.Attributes(), in.Classes.Attributes[from]) {
		return nil, ""
	}
	return b, in.Classes.Attributes[from]
}

// openRunTexts opens the text model that gave a run's class vectors: the one named, or the one of its name below models/. Another
// than the run was trained with is refused by what its files say.
func (w *Workspace) openRunTexts(b *features.Block, x *Texts) (*TextEncoder, error) {
	src := b.Text.Model
	path := x.Model
	if path == "" {
		var err error
		if path, err = w.textModelPlace(src.Name); err != nil {
			return nil, err
		}
	}
	o := x.Options
	if o == (textencoder.Options{}) {
		o = textencoder.Options{Output: src.Output, Pool: src.Pool, Tokens: src.Tokens}
	}
	e, err := w.OpenTexts(&Texts{Model: path, Templates: b.Text.Templates, Options: o}, false)
	if err != nil {
		return nil, err
	}
	if !b.Text.Same(&features.TextSource{Model: e.Source}) {
		return nil, errors.Join(fmt.Errorf("%s is not the text model that gave the class vectors that the run was trained on, %s (network %.12s..., tokenizer %.12s..., output %s): give that model with --text-model",
			path, src.Name, src.SHA256, src.Tokenizer, src.Output), e.Close())
	}
	return e, nil
}

// noTextModelError: the folder of a run's text model is not where models are.
type noTextModelError string

func (e noTextModelError) Error() string { return string(e) }

func (w *Workspace) textModelPlace(name string) (string, error) {
	places := slices.Compact([]string{filepath.Join("models", name), filepath.Join(w.Dir, "models", name)})
	for _, p := range places {
		if there, err := lookup.Exists(p); err != nil {
			return "", fmt.Errorf("the text model %s: %w", name, err)
		} else if there {
			return p, nil
		}
	}
	return "", noTextModelError(fmt.Sprintf("the run's class vectors were made by the text model %s, which was not found in %s: give its folder with --text-model", name, strings.Join(places, " or ")))
}

// Speaker describes classes that come up while a program runs by words.
type Speaker struct {
	Kind    string // one of the kinds of [features.Block]
	Model   string // the text model's name
	Lookup  func(ctx context.Context, class, phrase string) ([]float32, error)
	encoder *TextEncoder
}

// Close releases the text model's memory.
func (s *Speaker) Close() error {
	if s == nil || s.encoder == nil {
		return nil
	}
	return s.encoder.Close()
}

// OpenSpeaker returns what makes vectors of a class's name, or of a phrase or sentence in its place: the text model that the run was
// trained with, or the files of word vectors that are named. nil: the run was trained on neither, or they are not at hand, which is said.
func (w *Workspace) OpenSpeaker(in *Inputs, model *runs.Predictor, o *ClassOptions) (*Speaker, error) {
	if len(o.Words) > 0 {
		return &Speaker{Kind: features.KindWords, Lookup: func(ctx context.Context, class, phrase string) ([]float32, error) {
			return lookUpWords(ctx, model, o, class, phrase)
		}}, nil
	}
	b, _ := textsOf(in, model)
	if b == nil {
		if o.Text.Model != "" {
			return nil, usage.Errorf("--text-model: the run was not trained on vectors of texts")
		}
		return nil, nil
	}
	e, err := w.openRunTexts(b, &o.Text)
	var nowhere noTextModelError
	if errors.As(err, &nowhere) {
		w.Log.Warn("classes cannot be described by words here: " + err.Error())
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Speaker{Kind: features.KindText, Model: e.Source.Name, encoder: e, Lookup: func(ctx context.Context, class, phrase string) ([]float32, error) {
		d := text.Names([]string{class})
		if phrase = strings.TrimSpace(phrase); phrase != "" {
			d.Texts[0] = []string{phrase}
		}
		t, err := text.Embed(ctx, d, e.Templates, e.encoder, features.KindText, nil)
		if err != nil {
			return nil, err
		}
		return spread(t, model.Attributes()), nil
	}}, nil
}

// lookUpWords finds a class's vector in the files of word vectors.
func lookUpWords(ctx context.Context, model *runs.Predictor, o *ClassOptions, class, phrase string) ([]float32, error) {
	var tables []*attributes.Table
	for _, file := range o.Words {
		t, err := attributes.ReadWords(ctx, file, []string{class}, attributes.WordOptions{Format: o.Format, Phrases: map[string]string{class: phrase}})
		if err != nil {
			return nil, err
		}
		if len(t.Unknown()) > 0 {
			return nil, errors.New(`the word vectors have no such word; {"phrase": "other, words"} looks up others instead`)
		}
		tables = append(tables, &t.Table)
	}
	joined, err := attributes.Join(tables...)
	if err != nil {
		return nil, err
	}
	return spread(joined, model.Attributes()), nil
}

// spread is a table's first class in the order of a model's attributes; those that the table does not have are NaN.
func spread(t *attributes.Table, names []string) []float32 {
	at := make(map[string]int, len(t.Names))
	for i, n := range t.Names {
		at[n] = i
	}
	row := make([]float32, len(names))
	for k, n := range names {
		row[k] = float32(math.NaN())
		if i, ok := at[n]; ok {
			row[k] = t.Values[0][i]
		}
	}
	return row
}

// sentences reads a table whose columns beside the classes are texts; nil: it is none.
func sentences(path string) (*text.Descriptions, error) {
	if !strings.EqualFold(filepath.Ext(path), ".csv") && !strings.EqualFold(filepath.Ext(path), ".tsv") {
		return nil, nil
	}
	t, err := delimited.Open(path)
	if err != nil {
		return nil, err
	}
	header := t.Header()
	_ = t.Close()
	if len(header) < 2 || slices.ContainsFunc(header[1:], func(h string) bool {
		return !slices.Contains([]string{"text", "texts", "description", "sentence"}, strings.ToLower(h))
	}) {
		return nil, nil
	}
	return text.Read(path, nil)
}
