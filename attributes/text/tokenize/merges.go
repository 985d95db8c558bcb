package tokenize

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// CLIP as it was published: 49,408 tokens with the two that begin and end a text, and 77 ids.
const (
	clipTokens  = 49408
	clipContext = 77
	clipBegin   = "<|startoftext|>"
	clipEnd     = "<|endoftext|>"
)

// clipWords is how CLIP's own code splits a text.
const clipWords = `'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`

// parseMerges reads CLIP's merges file, gzip or text: a line with the version, then a merge a line. Its vocabulary is the 256
// bytes, the same at a word's end, and what the first 48,894 merges make.
func parseMerges(b []byte) (*Tokenizer, error) {
	if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		if b, err = io.ReadAll(io.LimitReader(z, 1<<26)); err != nil {
			return nil, fmt.Errorf("unpacking: %w", err)
		}
	}
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n"), "\n")
	if !strings.Contains(lines[0], "version") || len(lines) < 2 {
		return nil, errors.New("it is not a merges file: expected a first line with a version, then two tokens per line")
	}
	lines = lines[1:min(len(lines), 1+clipTokens-2*256-2)]
	v := vocabulary{tokens: map[string]int32{}}
	put := func(token string) error {
		if _, twice := v.tokens[token]; twice {
			return fmt.Errorf("it forms the token %q twice", token)
		}
		v.tokens[token] = int32(len(v.tokens))
		v.largest = v.tokens[token]
		return nil
	}
	const end = "</w>"
	for _, suffix := range []string{"", end} {
		for _, b := range clipBytes() {
			if err := put(string(byteSigns[b]) + suffix); err != nil {
				return nil, err
			}
		}
	}
	for _, l := range lines {
		if err := put(strings.Replace(l, " ", "", 1)); err != nil {
			return nil, err
		}
	}
	for _, s := range []string{clipBegin, clipEnd} {
		if err := put(s); err != nil {
			return nil, err
		}
	}
	begin, last := v.tokens[clipBegin], v.tokens[clipEnd]
	v.unknown = last
	m := &bpe{vocabulary: v, suffix: end}
	merges, err := json.Marshal(lines)
	if err != nil {
		return nil, err
	}
	if err := m.read(merges); err != nil {
		return nil, err
	}
	t := &Tokenizer{model: m, head: []int32{begin}, tail: []int32{last}, max: clipContext, pad: 0}
	if t.normalise, err = newNormaliser([]byte(`{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},{"type":"Lowercase"}]}`)); err != nil {
		return nil, err
	}
	words, err := expression(clipWords)
	if err != nil {
		return nil, err
	}
	t.split = each(func(s string) []string {
		parts := divide(s, segments(s, words(s), true), removed)
		for i, p := range parts {
			parts[i] = asBytes(p)
		}
		return parts
	})
	return t, t.add([]addedToken{{ID: begin, Content: clipBegin}, {ID: last, Content: clipEnd}})
}

// clipBytes is the order of the bytes in CLIP's vocabulary: those that stand for themselves first.
func clipBytes() []byte {
	var own, others []byte
	for b := range 256 {
		if byteSigns[b] == rune(b) {
			own = append(own, byte(b))
		} else {
			others = append(others, byte(b))
		}
	}
	return append(own, others...)
}
