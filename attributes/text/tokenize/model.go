package tokenize

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

func newModel(b json.RawMessage) (model, error) {
	var c struct {
		Type      string          `json:"type"`
		Vocab     json.RawMessage `json:"vocab"`
		Merges    json.RawMessage `json:"merges"`
		Unknown   *string         `json:"unk_token"`
		UnknownID *int            `json:"unk_id"`
		Prefix    *string         `json:"continuing_subword_prefix"`
		Suffix    string          `json:"end_of_word_suffix"`
		Fuse      bool            `json:"fuse_unk"`
		Bytes     bool            `json:"byte_fallback"`
		Whole     bool            `json:"ignore_merges"`
		Longest   *int            `json:"max_input_chars_per_word"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, err
	}
	if c.Type == "" { // older files leave it out
		switch {
		case c.Merges != nil:
			c.Type = "BPE"
		case c.Longest != nil:
			c.Type = "WordPiece"
		}
	}
	if c.Type == "Unigram" {
		return newUnigram(c.Vocab, c.UnknownID, c.Bytes)
	}
	v, err := newVocabulary(c.Vocab, c.Unknown)
	if err != nil {
		return nil, err
	}
	switch c.Type {
	case "BPE":
		prefix := ""
		if c.Prefix != nil {
			prefix = *c.Prefix
		}
		m := &bpe{vocabulary: v, prefix: prefix, suffix: c.Suffix, fuse: c.Fuse, whole: c.Whole}
		if c.Bytes {
			m.bytes = byteTokens(v.id)
		}
		return m, m.read(c.Merges)
	case "WordPiece":
		m := &wordPiece{vocabulary: v, prefix: "##", longest: 100}
		if c.Prefix != nil {
			m.prefix = *c.Prefix
		}
		if c.Longest != nil {
			m.longest = *c.Longest
		}
		if v.unknown < 0 {
			return nil, errors.New("a WordPiece vocabulary without a token for unknown words")
		}
		return m, nil
	case "WordLevel":
		return wordLevel{v}, nil
	}
	return nil, fmt.Errorf("%q is not known", c.Type)
}

// vocabulary has an id for each token; unknown is that of the token for what is not in it, -1 where there is none.
type vocabulary struct {
	tokens  map[string]int32
	unknown int32
	largest int32
}

func newVocabulary(b json.RawMessage, unknown *string) (vocabulary, error) {
	v := vocabulary{unknown: -1, largest: -1}
	if err := json.Unmarshal(b, &v.tokens); err != nil {
		return v, fmt.Errorf("its vocabulary: %w", err)
	}
	if len(v.tokens) == 0 {
		return v, errors.New("its vocabulary is empty")
	}
	for t, id := range v.tokens {
		if id < 0 || id > maxID {
			return v, fmt.Errorf("its token %q has the id %d", t, id)
		}
		v.largest = max(v.largest, id)
	}
	if unknown != nil {
		if id, ok := v.tokens[*unknown]; ok {
			v.unknown = id
		}
	}
	return v, nil
}

func (v *vocabulary) id(token string) (int32, bool) {
	id, ok := v.tokens[token]
	return id, ok
}

func (v *vocabulary) unk() int32 { return v.unknown }

func (v *vocabulary) size() int { return int(v.largest) + 1 }

// wordPiece takes, from the left, the longest piece that is in the vocabulary; a word that cannot be made up so is unknown as a whole.
type wordPiece struct {
	vocabulary
	prefix  string // of pieces that continue a word
	longest int    // characters; longer words are unknown
}

func (m *wordPiece) pieces(word string, ids []int32) []int32 {
	if utf8.RuneCountInString(word) > m.longest {
		return append(ids, m.unknown)
	}
	before := len(ids)
	for from := 0; from < len(word); {
		to, id, found := len(word), int32(0), false
		for from < to {
			s := word[from:to]
			if from > 0 {
				s = m.prefix + s
			}
			if id, found = m.tokens[s]; found {
				break
			}
			_, n := utf8.DecodeLastRuneInString(word[from:to])
			to -= n
		}
		if !found {
			return append(ids[:before], m.unknown)
		}
		ids = append(ids, id)
		from = to
	}
	return ids
}

// wordLevel knows whole words alone.
type wordLevel struct{ vocabulary }

func (m wordLevel) pieces(word string, ids []int32) []int32 {
	id, ok := m.tokens[word]
	if !ok {
		id = m.unknown
	}
	if id < 0 {
		return ids
	}
	return append(ids, id)
}

func (m wordLevel) id(token string) (int32, bool) { return m.vocabulary.id(token) }
func (m wordLevel) unk() int32                    { return m.unknown }
func (m wordLevel) size() int                     { return m.vocabulary.size() }

// byteTokens are the ids of <0x00> to <0xFF>; nil where one is missing.
func byteTokens(id func(string) (int32, bool)) *[256]int32 {
	var t [256]int32
	for b := range t {
		i, ok := id(fmt.Sprintf("<0x%02X>", b))
		if !ok {
			return nil
		}
		t[b] = i
	}
	return &t
}

// unigram takes the pieces whose scores, the logarithms of their probabilities, have the largest sum.
type unigram struct {
	tokens  map[string]int32
	scores  []float64
	unknown int32
	least   float64 // score of a character that is not in the vocabulary
	longest int     // bytes of a piece
	bytes   *[256]int32
}

func newUnigram(b json.RawMessage, unknown *int, bytes bool) (model, error) {
	var rows []json.RawMessage
	if err := json.Unmarshal(b, &rows); err != nil {
		return nil, fmt.Errorf("its vocabulary: %w", err)
	}
	if len(rows) == 0 || len(rows) > maxID {
		return nil, fmt.Errorf("its vocabulary has %d pieces", len(rows))
	}
	m := &unigram{tokens: make(map[string]int32, len(rows)), unknown: -1}
	lowest := math.Inf(1)
	for i, r := range rows {
		var piece string
		var score float64
		if err := json.Unmarshal(r, &[]any{&piece, &score}); err != nil {
			return nil, fmt.Errorf("piece %d of its vocabulary: %w", i, err)
		}
		m.tokens[piece] = int32(i)
		m.scores = append(m.scores, score)
		m.longest = max(m.longest, len(piece))
		lowest = min(lowest, score)
	}
	m.least = lowest - 10
	if unknown != nil {
		if *unknown < 0 || *unknown >= len(rows) {
			return nil, fmt.Errorf("its unknown piece has the index %d of %d", *unknown, len(rows))
		}
		m.unknown = int32(*unknown)
	}
	if bytes {
		m.bytes = byteTokens(m.id)
	}
	return m, nil
}

func (m *unigram) id(token string) (int32, bool) {
	id, ok := m.tokens[token]
	return id, ok
}

func (m *unigram) unk() int32 { return m.unknown }

func (m *unigram) size() int { return len(m.scores) }

func (m *unigram) pieces(word string, ids []int32) []int32 {
	type node struct {
		score float64
		from  int
		id    int32 // -1: nothing ends here
	}
	best := make([]node, len(word)+1)
	for i := range best {
		best[i].id = -2
	}
	reach := func(to int, n node) {
		if best[to].id == -2 || n.score > best[to].score {
			best[to] = n
		}
	}
	for at := 0; at < len(word); {
		_, width := utf8.DecodeRuneInString(word[at:])
		single := false
		for to := at + width; to <= len(word) && to-at <= m.longest; {
			if id, ok := m.tokens[word[at:to]]; ok && id != m.unknown {
				reach(to, node{best[at].score + m.scores[id], at, id})
				single = single || to == at+width
			}
			if to == len(word) {
				break
			}
			_, n := utf8.DecodeRuneInString(word[to:])
			to += n
		}
		if !single {
			reach(at+width, node{best[at].score + m.least, at, -1})
		}
		at += width
	}
	var path []node
	for to := len(word); to > 0; to = best[to].from {
		path = append(path, best[to])
	}
	end := len(word)
	fused := false
	at := 0
	for i := len(path) - 1; i >= 0; i-- {
		next := end
		if i > 0 {
			next = path[i-1].from
		}
		switch {
		case path[i].id >= 0:
			ids = append(ids, path[i].id)
			fused = false
		case m.bytes != nil:
			for _, b := range []byte(word[at:next]) {
				ids = append(ids, m.bytes[b])
			}
		case m.unknown >= 0 && !fused: // as many as follow each other are one
			ids = append(ids, m.unknown)
			fused = true
		}
		at = next
	}
	return ids
}
