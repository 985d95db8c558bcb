package tokenize

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// normaliser changes a text before it is split.
type normaliser func(string) string

func newNormaliser(b json.RawMessage) (normaliser, error) { return normaliserAt(b, 0) }

// maxNesting bounds sequences within sequences.
const maxNesting = 16

func absent(b json.RawMessage) bool { return len(b) == 0 || string(b) == "null" }

// sequence reads the parts of a sequence at a depth of nesting.
func sequence[T any](parts []json.RawMessage, depth int, read func(part json.RawMessage, depth int) (T, error)) ([]T, error) {
	if depth > maxNesting {
		return nil, errors.New("sequences are nested too deep")
	}
	var all []T
	for _, p := range parts {
		if absent(p) {
			continue
		}
		x, err := read(p, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

func normaliserAt(b json.RawMessage, depth int) (normaliser, error) {
	if absent(b) {
		return nil, nil
	}
	var c struct {
		Type         string            `json:"type"`
		Normalizers  []json.RawMessage `json:"normalizers"`
		Pattern      *pattern          `json:"pattern"`
		Content      string            `json:"content"`
		Prepend      string            `json:"prepend"`
		Left         *bool             `json:"strip_left"`
		Right        *bool             `json:"strip_right"`
		Clean        *bool             `json:"clean_text"`
		Chinese      *bool             `json:"handle_chinese_chars"`
		StripAccents *bool             `json:"strip_accents"`
		Lowercase    *bool             `json:"lowercase"`
		Charsmap     []byte            `json:"precompiled_charsmap"` // base64
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, err
	}
	on := func(p *bool) bool { return p == nil || *p }
	switch c.Type {
	case "Sequence":
		all, err := sequence(c.Normalizers, depth, normaliserAt)
		if err != nil {
			return nil, err
		}
		return func(s string) string {
			for _, f := range all {
				s = f(s)
			}
			return s
		}, nil
	case "NFC":
		return norm.NFC.String, nil
	case "NFD":
		return norm.NFD.String, nil
	case "NFKC":
		return norm.NFKC.String, nil
	case "NFKD":
		return norm.NFKD.String, nil
	case "Lowercase":
		return lower, nil
	case "StripAccents":
		return func(s string) string { return without(s, unicode.M) }, nil
	case "Strip":
		left, right := on(c.Left), on(c.Right)
		return func(s string) string {
			if left {
				s = strings.TrimLeftFunc(s, unicode.IsSpace)
			}
			if right {
				s = strings.TrimRightFunc(s, unicode.IsSpace)
			}
			return s
		}, nil
	case "Prepend":
		return func(s string) string {
			if s == "" {
				return s
			}
			return c.Prepend + s
		}, nil
	case "Replace":
		find, err := c.Pattern.compile()
		if err != nil {
			return nil, err
		}
		return func(s string) string { return replaced(s, find(s), c.Content) }, nil
	case "Precompiled":
		m, err := parseCharsmap(c.Charsmap)
		if err != nil {
			return nil, err
		}
		return m.normalise, nil
	case "BertNormalizer":
		clean, chinese, lowercase := on(c.Clean), on(c.Chinese), on(c.Lowercase)
		accents := lowercase
		if c.StripAccents != nil {
			accents = *c.StripAccents
		}
		return func(s string) string {
			if clean {
				s = strings.Map(cleaned, s)
			}
			if chinese {
				s = spaced(s)
			}
			if accents {
				s = without(norm.NFD.String(s), unicode.Mn)
			}
			if lowercase {
				s = lower(s)
			}
			return s
		}, nil
	}
	return nil, fmt.Errorf("%q is not known", c.Type)
}

// lower changes each letter by itself: the sigma at a word's end is one like the others, and a capital I with a dot keeps the dot.
func lower(s string) string {
	if strings.ContainsRune(s, 'İ') {
		s = strings.ReplaceAll(s, "İ", "i\u0307")
	}
	return strings.Map(unicode.ToLower, s)
}

func without(s string, table *unicode.RangeTable) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(table, r) {
			return -1
		}
		return r
	}, s)
}

// cleaned is BERT's: control characters go, white space becomes a space.
func cleaned(r rune) rune {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return ' '
	case r == 0 || r == 0xFFFD || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
		return -1
	case unicode.IsSpace(r):
		return ' '
	}
	return r
}

// spaced puts spaces around Chinese characters, which makes each a word.
func spaced(s string) string {
	if strings.IndexFunc(s, isChinese) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if isChinese(r) {
			b.WriteByte(' ')
			b.WriteRune(r)
			b.WriteByte(' ')
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isChinese(r rune) bool {
	return r >= 0x4E00 && r <= 0x9FFF || r >= 0x3400 && r <= 0x4DBF || r >= 0x20000 && r <= 0x2A6DF || r >= 0x2A700 && r <= 0x2B73F ||
		r >= 0x2B740 && r <= 0x2B81F || r >= 0x2B820 && r <= 0x2CEAF || r >= 0xF900 && r <= 0xFAFF || r >= 0x2F800 && r <= 0x2FA1F
}
