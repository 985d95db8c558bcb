package pipeline

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// output is standard output. It remembers the first write that failed, so that no command can end well whose result was not
// written, whether what writes looks at the error or not.
type output struct {
	w       io.Writer
	err     error
	replace *strings.Replacer // of what is written; may be nil
}

// newOutput is w; on a terminal nothing reaches it raw.
func newOutput(w io.Writer) *output {
	if isTerminal(w) {
		w = &printable{w: w}
	}
	return &output{w: w}
}

func (o *output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := writeReplaced(o.w, o.replace, p)
	if err != nil {
		o.err = fmt.Errorf("the result could not be written to standard output: %w", err)
	}
	return n, o.err
}

// writeReplaced writes p with what is to be replaced in it: the folder that stands for a store, by the store's address.
func writeReplaced(w io.Writer, replace *strings.Replacer, p []byte) (int, error) {
	if replace == nil {
		return w.Write(p)
	}
	if _, err := replace.WriteString(w, string(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// printable writes text for people: control characters, which names of files and classes may hold and which could move the
// cursor, recolour or retitle a terminal, are written as \u001b, bytes that are no UTF-8 as \x9b. Line ends and tabs pass. What
// it makes of a JSON text is the same JSON.
type printable struct {
	w       io.Writer
	replace *strings.Replacer // may be nil
	mu      sync.Mutex        // notes come from all sides
	rest    []byte            // the begun rune at the end of the last write
}

func (p *printable) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := append(p.rest, b...)
	whole := len(text)
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if at := len(text) - back; utf8.RuneStart(text[at]) {
			if !utf8.FullRune(text[at:]) {
				whole = at
			}
			break
		}
	}
	_, err := writeReplaced(p.w, p.replace, []byte(shown(string(text[:whole]))))
	p.rest = append([]byte(nil), text[whole:]...)
	return len(b), err
}

// shown is a text as printable writes it.
func shown(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || hidden(r) }) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, s[i])
		case hidden(r):
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteString(s[i : i+size])
		}
		i += size
	}
	return out.String()
}

// hidden are the characters that act on a terminal instead of being shown: controls but line end and tab, separators of lines
// and paragraphs, and what turns the direction of writing.
func hidden(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069':
		return true
	}
	return unicode.IsControl(r)
}
