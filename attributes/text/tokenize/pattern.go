package tokenize

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// pattern is what is looked for in a text: a string or a regular expression.
type pattern struct {
	String *string `json:"String"`
	Regex  *string `json:"Regex"`
}

// span is a part of a text, by bytes.
type span struct{ from, to int }

// compile returns a search for all places, from the left, that do not overlap. The expressions are written for Oniguruma and look
// ahead, which Go's own do not.
func (p *pattern) compile() (func(string) []span, error) {
	switch {
	case p != nil && p.String != nil:
		want := *p.String
		if want == "" {
			return nil, errors.New("its pattern is empty")
		}
		return func(s string) []span {
			var all []span
			for at := 0; ; {
				i := strings.Index(s[at:], want)
				if i < 0 {
					return all
				}
				all = append(all, span{at + i, at + i + len(want)})
				at += i + len(want)
			}
		}, nil
	case p != nil && p.Regex != nil:
		return expression(*p.Regex)
	}
	return nil, errors.New("it has no pattern")
}

func expression(text string) (func(string) []span, error) {
	re, err := regexp2.Compile(text, regexp2.Unicode)
	if err != nil {
		return nil, fmt.Errorf("its pattern %q is not understood: %w", text, err)
	}
	re.MatchTimeout = 10 * time.Second // no text takes as long, unless the pattern is written to
	return func(s string) []span {
		var all []span
		m, err := re.FindStringMatch(s)
		at, runes := 0, 0 // bytes and characters up to the end of the last match
		move := func(to int) {
			for ; runes < to; runes++ {
				_, n := utf8.DecodeRuneInString(s[at:])
				at += n
			}
		}
		for ; m != nil && err == nil; m, err = re.FindNextMatch(m) {
			if m.Length == 0 {
				continue
			}
			move(m.Index)
			from := at
			move(m.Index + m.Length)
			all = append(all, span{from, at})
		}
		return all
	}, nil
}

func replaced(s string, found []span, by string) string {
	if len(found) == 0 {
		return s
	}
	var b strings.Builder
	at := 0
	for _, f := range found {
		b.WriteString(s[at:f.from])
		b.WriteString(by)
		at = f.to
	}
	b.WriteString(s[at:])
	return b.String()
}
