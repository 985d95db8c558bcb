package tokenize

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// splitter splits pieces of text into words; first tells that they begin the text.
type splitter func(pieces []string, first bool) []string

// each makes a splitter of what is done with one piece.
func each(f func(string) []string) splitter {
	return func(pieces []string, _ bool) []string {
		var out []string
		for _, p := range pieces {
			out = append(out, f(p)...)
		}
		return out
	}
}

func newSplitter(b json.RawMessage) (splitter, error) { return splitterAt(b, 0) }

func splitterAt(b json.RawMessage, depth int) (splitter, error) {
	if absent(b) {
		return nil, nil
	}
	var c struct {
		Type        string            `json:"type"`
		Split       *bool             `json:"split"`
		Pretokens   []json.RawMessage `json:"pretokenizers"`
		Pattern     *pattern          `json:"pattern"`
		Behavior    string            `json:"behavior"`
		Invert      bool              `json:"invert"`
		PrefixSpace *bool             `json:"add_prefix_space"`
		UseRegex    *bool             `json:"use_regex"`
		Replacement string            `json:"replacement"`
		Scheme      string            `json:"prepend_scheme"`
		Individual  bool              `json:"individual_digits"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, err
	}
	on := func(p *bool) bool { return p == nil || *p }
	switch c.Type {
	case "Sequence":
		all, err := sequence(c.Pretokens, depth, splitterAt)
		if err != nil {
			return nil, err
		}
		return func(pieces []string, first bool) []string {
			for _, f := range all {
				pieces = f(pieces, first)
			}
			return pieces
		}, nil
	case "BertPreTokenizer":
		return each(func(s string) []string {
			var out []string
			for _, w := range strings.FieldsFunc(s, unicode.IsSpace) {
				out = append(out, divided(w, runs(w, isPunctuation, true), isolated)...)
			}
			return out
		}), nil
	case "WhitespaceSplit":
		return each(func(s string) []string { return strings.FieldsFunc(s, unicode.IsSpace) }), nil
	case "Whitespace":
		return each(func(s string) []string {
			var out []string
			for _, w := range strings.FieldsFunc(s, unicode.IsSpace) {
				out = append(out, divided(w, runs(w, isWord, false), isolated)...)
			}
			return out
		}), nil
	case "Punctuation":
		how, err := behaviour(c.Behavior, isolated)
		return each(func(s string) []string { return divided(s, runs(s, isPunctuation, true), how) }), err
	case "Digits":
		return each(func(s string) []string { return divided(s, runs(s, unicode.IsNumber, c.Individual), isolated) }), nil
	case "Split":
		find, err := c.Pattern.compile()
		if err != nil {
			return nil, err
		}
		how, err := behaviour(c.Behavior, "")
		return each(func(s string) []string {
			return divide(s, segments(s, find(s), c.Invert), how)
		}), err
	case "ByteLevel":
		var find func(string) []span
		if on(c.UseRegex) {
			var err error
			if find, err = expression(gptWords); err != nil {
				return nil, err
			}
		}
		return each(func(s string) []string {
			if on(c.PrefixSpace) && !strings.HasPrefix(s, " ") {
				s = " " + s
			}
			words := []string{s}
			if find != nil {
				words = divided(s, find(s), isolated)
			}
			for i, w := range words {
				words[i] = asBytes(w)
			}
			return words
		}), nil
	case "Metaspace":
		return metaspace(c.Replacement, c.Scheme, on(c.PrefixSpace), on(c.Split))
	}
	return nil, fmt.Errorf("%q is not known", c.Type)
}

// gptWords is GPT-2's: contractions, words, numbers and signs, each with the space before it, and white space.
const gptWords = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// metaspace is SentencePiece's: spaces become a sign that can be seen, which words begin with.
func metaspace(sign, scheme string, prefix, split bool) (splitter, error) {
	if sign == "" {
		sign = "▁"
	}
	if scheme == "" { // as older files say it
		if scheme = "never"; prefix {
			scheme = "always"
		}
	}
	if scheme != "always" && scheme != "first" && scheme != "never" {
		return nil, fmt.Errorf("prepend_scheme %q of the Metaspace pre-tokenizer is unknown", scheme)
	}
	return func(pieces []string, first bool) []string {
		var out []string
		for i, s := range pieces {
			s = strings.ReplaceAll(s, " ", sign)
			if !strings.HasPrefix(s, sign) && (scheme == "always" || scheme == "first" && first && i == 0) {
				s = sign + s
			}
			if !split {
				out = append(out, s)
				continue
			}
			find, _ := (&pattern{String: &sign}).compile()
			out = append(out, divided(s, find(s), withNext)...)
		}
		return out
	}, nil
}

// What becomes of the places where a text is split.
const (
	removed      = "removed"
	isolated     = "isolated"
	withPrevious = "mergedwithprevious"
	withNext     = "mergedwithnext"
	contiguous   = "contiguous"
)

func behaviour(name, usual string) (string, error) {
	switch b := strings.ToLower(name); b {
	case removed, isolated, withPrevious, withNext, contiguous:
		return b, nil
	case "":
		if usual != "" {
			return usual, nil
		}
	}
	return "", fmt.Errorf("the behavior %q of a split is not known", name)
}

// segment is a part of a text that is split at (found), or one between such.
type segment struct {
	span
	found bool
}

// segments are all parts of a text, in their order. Where they are inverted, it is split at what is between the places found.
func segments(s string, found []span, invert bool) []segment {
	var out []segment
	at := 0
	for _, f := range found {
		if at < f.from {
			out = append(out, segment{span{at, f.from}, invert})
		}
		if f.from < f.to {
			out = append(out, segment{f, !invert})
		}
		at = f.to
	}
	if at < len(s) {
		out = append(out, segment{span{at, len(s)}, invert})
	}
	return out
}

// divided splits a text at the places found.
func divided(s string, found []span, how string) []string {
	return divide(s, segments(s, found, false), how)
}

func divide(s string, parts []segment, how string) []string {
	var words []span
	for i, p := range parts {
		last := len(words) - 1
		before := i > 0 && parts[i-1].found
		switch {
		case how == removed && p.found:
		case how == contiguous && i > 0 && before == p.found,
			how == withPrevious && p.found && i > 0 && !before:
			words[last].to = p.to
		case how == withNext && !p.found && i > 0 && before:
			words[last].to = p.to // the place before it began the word
		default:
			words = append(words, p.span)
		}
	}
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = s[w.from:w.to]
	}
	return out
}

// runs are the places of characters of a kind, each by itself or as many as follow each other.
func runs(s string, is func(rune) bool, single bool) []span {
	var out []span
	for i, r := range s {
		if !is(r) {
			continue
		}
		n := len(string(r))
		if k := len(out) - 1; !single && k >= 0 && out[k].to == i {
			out[k].to += n
		} else {
			out = append(out, span{i, i + n})
		}
	}
	return out
}

// isPunctuation is BERT's: Unicode's, and all signs of ASCII.
func isPunctuation(r rune) bool {
	return r > ' ' && r < 0x7F && !unicode.IsLetter(r) && !unicode.IsDigit(r) || unicode.Is(unicode.P, r)
}

// byteSigns are the characters that stand for bytes, as GPT-2 has it: those of Latin-1 that can be seen for themselves, others
// from U+0100 on for the rest.
var byteSigns = func() (signs [256]rune) {
	next := rune(256)
	for b := range rune(256) {
		if b >= '!' && b <= '~' || b >= '¡' && b <= '¬' || b >= '®' {
			signs[b] = b
		} else {
			signs[b] = next
			next++
		}
	}
	return signs
}()

func asBytes(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(byteSigns[s[i]])
	}
	return b.String()
}
