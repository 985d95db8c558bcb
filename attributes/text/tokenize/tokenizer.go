package tokenize

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Tokenizer turns text into ids. It may be used from several goroutines.
type Tokenizer struct {
	path       string
	added      []addedToken
	normalise  normaliser // nil: none
	split      splitter   // nil: none
	model      model
	head, tail []int32 // special tokens around every text
	max        int     // ids of a text at most, special ones too; 0: no limit
	left       bool    // a text that is too long loses its beginning
	pad        int32   // -1: the file names none
	size       int
	ids        func(token string) (int32, bool)
}

// Encoding is a text as ids, special tokens included.
type Encoding struct {
	IDs     []int32
	Unknown int // tokens for what the vocabulary does not have
	Cut     int // ids that were cut off, because the text is longer than the model takes
	Own     int // ids of the text itself, without those before and after it, before any was cut off
}

// model splits a word into pieces of the vocabulary.
type model interface {
	pieces(word string, ids []int32) []int32
	id(token string) (int32, bool)
	unk() int32 // the id for what is not in the vocabulary; -1: none
	size() int  // one more than the largest id
}

// files are the names under which a folder may hold a tokenizer, the first that is there is taken.
var files = []string{"tokenizer.json", "bpe_simple_vocab_16e6.txt.gz", "bpe_simple_vocab_16e6.txt"}

// Open reads a tokenizer.json, CLIP's merges file (.txt, .txt.gz), or the first of [Files] in a folder.
func Open(path string) (*Tokenizer, error) {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		found := ""
		for _, name := range files {
			_, err := os.Stat(filepath.Join(path, name))
			if err == nil {
				found = filepath.Join(path, name)
				break
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("looking for a tokenizer: %w", err)
			}
		}
		if found == "" {
			return nil, fmt.Errorf("%s holds no tokenizer (%s): get it from where the model was published: %w", path, strings.Join(files, " or "), fs.ErrNotExist)
		}
		path = found
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a tokenizer: %w", err)
	}
	var t *Tokenizer
	if strings.HasSuffix(path, ".json") {
		t, err = parse(b)
	} else {
		t, err = parseMerges(b)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	t.path = path
	return t, nil
}

// file is tokenizer.json.
type file struct {
	Added      []addedToken    `json:"added_tokens"`
	Normalizer json.RawMessage `json:"normalizer"`
	Split      json.RawMessage `json:"pre_tokenizer"`
	Post       json.RawMessage `json:"post_processor"`
	Model      json.RawMessage `json:"model"`
	Truncation *struct {
		Max       int    `json:"max_length"`
		Direction string `json:"direction"`
	} `json:"truncation"`
	Padding *struct {
		ID int32 `json:"pad_id"`
	} `json:"padding"`
}

func parse(b []byte) (*Tokenizer, error) {
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("it is not a tokenizer.json: %w", err)
	}
	if len(f.Model) == 0 {
		return nil, errors.New("it has no model: it is another file, or incomplete")
	}
	t := &Tokenizer{pad: -1}
	var err error
	if t.normalise, err = newNormaliser(f.Normalizer); err != nil {
		return nil, fmt.Errorf("its normalizer: %w", err)
	}
	if t.split, err = newSplitter(f.Split); err != nil {
		return nil, fmt.Errorf("its pre-tokenizer: %w", err)
	}
	if t.model, err = newModel(f.Model); err != nil {
		return nil, fmt.Errorf("its model: %w", err)
	}
	if err := t.add(f.Added); err != nil {
		return nil, err
	}
	if t.head, t.tail, err = t.special(f.Post, 0); err != nil {
		return nil, fmt.Errorf("its post-processor: %w", err)
	}
	if f.Truncation != nil {
		if t.max, t.left = f.Truncation.Max, strings.EqualFold(f.Truncation.Direction, "left"); t.max < 0 {
			return nil, fmt.Errorf("it cuts texts to %d tokens", t.max)
		}
	}
	if f.Padding != nil {
		t.pad = f.Padding.ID
	}
	return t, nil
}

// add takes the added tokens, which have ids of their own or those of the model.
func (t *Tokenizer) add(tokens []addedToken) error {
	t.size = t.model.size()
	own := map[string]int32{}
	for _, a := range tokens {
		if a.Content == "" {
			continue // as the original does: it would be found everywhere
		}
		if a.ID < 0 || a.ID > maxID {
			return fmt.Errorf("its added token %q has the id %d", a.Content, a.ID)
		}
		own[a.Content] = a.ID
		t.size = max(t.size, int(a.ID)+1)
		a.found = a.Content
		if a.Normalized && t.normalise != nil {
			a.found = t.normalise(a.Content)
		}
		if a.found != "" {
			t.added = append(t.added, a)
		}
	}
	t.ids = func(token string) (int32, bool) {
		if id, ok := own[token]; ok {
			return id, true
		}
		return t.model.id(token)
	}
	return nil
}

// maxID bounds the ids that are read.
const maxID = 1 << 24

// Encode returns the ids of a text, special tokens included, cut to limit ids and to what the file itself allows; 0 is no limit.
func (t *Tokenizer) Encode(text string, limit int) Encoding {
	var ids []int32
	unknown := 0
	for i, p := range t.parts(strings.ToValidUTF8(text, "\uFFFD")) {
		if p.token >= 0 {
			ids = append(ids, p.token)
			continue
		}
		words := []string{p.text}
		if t.split != nil {
			words = t.split(words, i == 0)
		}
		for _, w := range words {
			if w == "" {
				continue
			}
			from := len(ids)
			ids = t.model.pieces(w, ids)
			for _, id := range ids[from:] {
				if id == t.model.unk() {
					unknown++
				}
			}
		}
	}
	if t.max > 0 && (limit <= 0 || t.max < limit) {
		limit = t.max
	}
	e := Encoding{Unknown: unknown, Own: len(ids)}
	if room := limit - len(t.head) - len(t.tail); limit > 0 && len(ids) > max(room, 0) {
		room = max(room, 0)
		e.Cut = len(ids) - room
		if t.left {
			ids = ids[e.Cut:]
		} else {
			ids = ids[:room]
		}
	}
	e.IDs = append(append(append(make([]int32, 0, len(ids)+len(t.head)+len(t.tail)), t.head...), ids...), t.tail...)
	return e
}

// Path is the file that the tokenizer was read from.
func (t *Tokenizer) Path() string { return t.path }

// Size is one more than the largest id.
func (t *Tokenizer) Size() int { return t.size }

// ID is the id of a token of the vocabulary.
func (t *Tokenizer) ID(token string) (int32, bool) { return t.ids(token) }

// Pad is the id that the file fills up with; false where it names none.
func (t *Tokenizer) Pad() (int32, bool) { return t.pad, t.pad >= 0 }

// Limit is the number of ids that the file itself cuts a text to; 0 where it does not.
func (t *Tokenizer) Limit() int { return t.max }
