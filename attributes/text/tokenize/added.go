package tokenize

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is a token that is found in the text before anything else is done with it.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"` // takes the white space before it too
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"` // is looked for in the normalised text
	found      string // what is looked for
}

// part is a piece of text, or a token that was found in it.
type part struct {
	text  string
	token int32 // -1: text
}

// parts cuts the added tokens out of a text: those that are looked for as they stand first, then, in the normalised rest, the others.
func (t *Tokenizer) parts(text string) []part {
	var out []part
	for _, p := range t.cut(text, false) {
		if p.token >= 0 {
			out = append(out, p)
			continue
		}
		if t.normalise != nil {
			p.text = t.normalise(p.text)
		}
		out = append(out, t.cut(p.text, true)...)
	}
	return out
}

// cut finds tokens from the left, at each place the longest.
func (t *Tokenizer) cut(text string, normalized bool) []part {
	var out []part
	from := 0 // of the text that is not yet given out
	for at := 0; at < len(text); {
		a := t.longest(text[at:], normalized)
		if a == nil {
			at++
			continue
		}
		start, end := at, at+len(a.found)
		at = end
		if a.SingleWord {
			before, _ := utf8.DecodeLastRuneInString(text[:start])
			after, _ := utf8.DecodeRuneInString(text[end:])
			if start > 0 && isWord(before) || end < len(text) && isWord(after) {
				continue
			}
		}
		if a.LStrip {
			start = max(from, len(strings.TrimRightFunc(text[:start], unicode.IsSpace)))
		}
		if a.RStrip {
			end = len(text) - len(strings.TrimLeftFunc(text[end:], unicode.IsSpace))
			at = end
		}
		if from < start {
			out = append(out, part{text[from:start], -1})
		}
		out = append(out, part{token: a.ID})
		from = end
	}
	if from < len(text) {
		out = append(out, part{text[from:], -1})
	}
	return out
}

func (t *Tokenizer) longest(text string, normalized bool) *addedToken {
	var best *addedToken
	for i := range t.added {
		a := &t.added[i]
		if a.Normalized == normalized && strings.HasPrefix(text, a.found) && (best == nil || len(a.found) > len(best.found)) {
			best = a
		}
	}
	return best
}

// isWord is \w of Unicode's regular expressions: letters, marks, digits, connectors and joiners.
func isWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}
