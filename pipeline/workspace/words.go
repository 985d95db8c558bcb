package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/pipeline/usage"
)

// WordsUsed says how the classes were found in a file of word vectors.
type WordsUsed struct {
	File       string              `json:"file"`
	Format     string              `json:"format"`
	Dim        int                 `json:"dim"`
	Vocabulary int                 `json:"vocabulary"`
	Found      int                 `json:"found"`
	Averaged   map[string][]string `json:"averaged,omitempty"` // class to the words
	Partly     map[string][]string `json:"partly,omitempty"`   // class to the words that its mean is without
	Unknown    []string            `json:"unknown,omitempty"`
}

func (w *Workspace) readWords(ctx context.Context, file string, classes []string, phrases map[string]string, o *Descriptions) (*attributes.Table, *WordsUsed, error) {
	p := w.Begin("read "+filepath.Base(file), "bytes")
	t, err := attributes.ReadWords(ctx, file, classes, attributes.WordOptions{Format: o.Format, Phrases: phrases, Progress: p.Done})
	p.End()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w; 'vzsl download --list' lists word vectors", err)
	}
	if err != nil {
		return nil, nil, err
	}
	u := &WordsUsed{File: file, Format: t.Format, Dim: len(t.Names), Vocabulary: t.Vocabulary, Averaged: map[string][]string{}, Partly: map[string][]string{}, Unknown: t.Unknown()}
	for _, m := range t.Matches {
		switch {
		case len(m.Words) > 1 || len(m.Left) > 0:
			u.Averaged[m.Class] = m.Words
			if len(m.Left) > 0 {
				u.Partly[m.Class] = m.Left
				w.Log.Debug("described without", "class", m.Class, "words", strings.Join(m.Left, " "))
			}
		case len(m.Words) == 1:
			u.Found++
			w.Log.Debug("found", "class", m.Class, "word", m.Words[0])
		}
	}
	if len(u.Partly) > 0 {
		w.Log.Warn(fmt.Sprintf("%d classes are described by the mean of only some of their words, as the other words have no vector (listed with --verbose or --json)", len(u.Partly)),
			"classes", usage.FirstOf(slices.Sorted(maps.Keys(u.Partly))))
	}
	allowed := o.MaxUnknown
	if allowed < 1 {
		allowed *= float64(len(classes))
	}
	if n := len(u.Unknown); float64(n) > allowed {
		return nil, nil, fmt.Errorf("%s: no vector for %d of the %d classes: %s; give other words for them with --names, or allow them with --max-unknown %d (their values are then missing)",
			file, n, len(classes), usage.FirstOf(u.Unknown), n)
	} else if n > 0 {
		w.Log.Warn("classes without a word vector: their values are missing", "classes", usage.FirstOf(u.Unknown))
	}
	return &t.Table, u, nil
}

// readPhrases reads --names and says which of its lines count for nothing: a class that such a line was meant for keeps the
// vector of its own name.
func (w *Workspace) readPhrases(path string, ds *datasets.Dataset) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	wnids := make([]string, len(ds.Classes))
	for i, class := range ds.Classes {
		wnids[i] = class.WNID
	}
	p, err := attributes.ReadPhrases(path, ds.ClassNames(), wnids)
	if err != nil {
		return nil, fmt.Errorf("--names: %w", err)
	}
	if len(p.Of) == 0 {
		return nil, fmt.Errorf("%s: no line starts with a class name of %s, such as %q; write lines class<tab>phrase", path, ds.Name, ds.Classes[0].Name)
	}
	for _, note := range p.Notes {
		w.Log.Info(note, "file", path)
	}
	if n := len(p.Unmatched); n > 0 {
		w.Log.Warn(fmt.Sprintf("%d of the %d lines of --names do not start with a class name and were skipped", n, p.Lines), "file", path, "lines", usage.FirstOf(p.Unmatched))
	}
	return p.Of, nil
}
