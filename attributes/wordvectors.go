package attributes

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"vzsl/features"
)

// WordOptions say how word vectors are read and looked up.
type WordOptions struct {
	Format string // one of WordFormats; "" is auto
	// Phrases are the words to look up for a class in place of its name: a phrase, or a synset's lemmas with commas between.
	Phrases  map[string]string
	Progress func(done, total int) // bytes of the file
}

// WordTable is what was found of classes in a file of word vectors. A class without any vector has a row of NaN.
type WordTable struct {
	Table
	Matches    []WordMatch // one per class
	Format     string      // of the file
	Vocabulary int         // words in it
}

// WordMatch says which words gave a class its vector.
type WordMatch struct {
	Class string
	Words []string // one, or several whose vectors' mean it is; none: the class is unknown
	Left  []string // words of the phrase that the file does not have and the mean is without
}

// Unknown are the classes without a vector.
func (t *WordTable) Unknown() []string {
	var u []string
	for _, m := range t.Matches {
		if len(m.Words) == 0 {
			u = append(u, m.Class)
		}
	}
	return u
}

// ReadWords reads the vectors of classes from a file of word vectors (word2vec binary or text, fastText .vec, GloVe; gzip of
// each) in one pass that keeps the wanted words alone.
//
// A class's name is looked up as it is, then with underscores, spaces or hyphens between its words, in lower case and with
// capitals; of a lemma list ("tench, Tinca tinca") the whole, then each lemma in order. Where none is in the vocabulary, the
// class gets the mean of the words of the first lemma all of whose words are there, else of the first that has any.
func ReadWords(ctx context.Context, path string, classes []string, o WordOptions) (*WordTable, error) {
	f, size, err := openWords(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := readWords(ctx, path, f, size, classes, o)
	if err != nil {
		return nil, err
	}
	t.Source, t.Kind = filepath.Base(path)+", word vectors", features.KindWords
	return t, nil
}

func readWords(ctx context.Context, path string, src io.Reader, size int64, classes []string, o WordOptions) (*WordTable, error) {
	var hook func(int64)
	if o.Progress != nil {
		hook = func(n int64) { o.Progress(int(n), int(size)) }
	}
	f, err := newWordFile(path, src, size, o.Format, ctx.Err, hook)
	if err != nil {
		return nil, err
	}
	w := newWanted()
	plans := make([][]plan, len(classes))
	seen := make(map[string]bool, len(classes))
	for i, c := range classes {
		if seen[c] {
			return nil, fmt.Errorf("class %q is requested twice", c)
		}
		seen[c] = true
		phrase := c
		if p := o.Phrases[c]; p != "" {
			phrase = p
		}
		plans[i] = planLookup(lemmas(phrase), w)
	}
	words, notes, err := f.scan(w)
	if err == nil && words == 0 {
		err = fmt.Errorf("%s holds no words: the download is incomplete, get it again", path)
	}
	if err != nil {
		return nil, err
	}
	t := &WordTable{Format: f.format, Vocabulary: words}
	t.Classes, t.Notes = append([]string{}, classes...), notes
	prefix := wordBlock(path)
	for k := range f.dim {
		t.Names = append(t.Names, fmt.Sprintf("%s_%03d", prefix, k+1))
	}
	for i, c := range classes {
		m, v := resolve(plans[i], w, f.dim)
		m.Class = c
		t.Matches = append(t.Matches, m)
		t.Values = append(t.Values, v)
	}
	return t, nil
}

// wordBlock names the values of a file by its name without what says the format.
func wordBlock(path string) string {
	name := filepath.Base(path)
	for {
		ext := filepath.Ext(name)
		switch strings.ToLower(ext) {
		case ".gz", ".bin", ".txt", ".vec":
			if name = strings.TrimSuffix(name, ext); name != "" {
				continue
			}
		}
		break
	}
	if name == "" {
		return "words"
	}
	return name
}

// plan is a lemma by places in the set of wanted words.
type plan struct {
	forms []place
	words []struct {
		name  string
		forms []place
	}
}

type place struct {
	slot int
	word string
}

func planLookup(ls []lemma, w *wanted) []plan {
	put := func(forms []string) []place {
		p := make([]place, len(forms))
		for i, s := range forms {
			p[i] = place{w.slot(s), s}
		}
		return p
	}
	plans := make([]plan, len(ls))
	for i, l := range ls {
		plans[i].forms = put(l.forms)
		for _, forms := range l.words {
			plans[i].words = append(plans[i].words, struct {
				name  string
				forms []place
			}{forms[0], put(forms)})
		}
	}
	return plans
}

// resolve takes the best of what was found.
func resolve(plans []plan, w *wanted, dim int) (WordMatch, []float32) {
	found := func(forms []place) (place, bool) {
		for _, p := range forms {
			if w.vec[p.slot] != nil {
				return p, true
			}
		}
		return place{}, false
	}
	for _, p := range plans {
		if at, ok := found(p.forms); ok {
			return WordMatch{Words: []string{at.word}}, append([]float32{}, w.vec[at.slot]...)
		}
	}
	for _, partly := range []bool{false, true} {
		for _, p := range plans {
			var m WordMatch
			sum := make([]float64, dim)
			for _, word := range p.words {
				at, ok := found(word.forms)
				if !ok {
					m.Left = append(m.Left, word.name)
					continue
				}
				m.Words = append(m.Words, at.word)
				for k, v := range w.vec[at.slot] {
					sum[k] += float64(v)
				}
			}
			if len(m.Words) == 0 || len(m.Left) > 0 && !partly {
				continue
			}
			v := make([]float32, dim)
			for k := range v {
				v[k] = float32(sum[k] / float64(len(m.Words)))
			}
			return m, v
		}
	}
	none := make([]float32, dim)
	for k := range none {
		none[k] = float32(math.NaN())
	}
	return WordMatch{}, none
}
