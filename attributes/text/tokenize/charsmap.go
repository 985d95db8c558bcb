package tokenize

import (
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// charsmap is SentencePiece's table of what becomes of sequences of characters: a double-array trie (darts-clone) whose values
// are places in a text of replacements, each ended by a zero byte.
type charsmap struct {
	units []uint32
	text  string
}

func parseCharsmap(b []byte) (*charsmap, error) {
	if len(b) < 4 {
		return nil, errors.New("its table of characters is empty")
	}
	size := binary.LittleEndian.Uint32(b)
	b = b[4:]
	if size%4 != 0 || uint64(size) > uint64(len(b)) || size == 0 {
		return nil, errors.New("its table of characters is truncated")
	}
	m := &charsmap{units: make([]uint32, size/4), text: string(b[size:])}
	for i := range m.units {
		m.units[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return m, nil
}

// replacement looks up the shortest sequence that s begins with.
func (m *charsmap) replacement(s string) (string, bool) {
	offset := func(u uint32) uint32 { return (u >> 10) << ((u & (1 << 9)) >> 6) }
	at := offset(m.units[0])
	for i := range len(s) {
		if s[i] == 0 {
			return "", false
		}
		if at ^= uint32(s[i]); at >= uint32(len(m.units)) {
			return "", false
		}
		u := m.units[at]
		if u&(1<<31|0xFF) != uint32(s[i]) {
			return "", false
		}
		if at ^= offset(u); u>>8&1 == 1 {
			if at >= uint32(len(m.units)) {
				return "", false
			}
			from := m.units[at] &^ (1 << 31)
			if from > uint32(len(m.text)) {
				return "", false
			}
			to := strings.IndexByte(m.text[from:], 0)
			if to < 0 {
				return "", false
			}
			return m.text[from:][:to], true
		}
	}
	return "", false
}

// normalise replaces what a reader takes for one character where it is short and known as a whole, else its parts.
func (m *charsmap) normalise(s string) string {
	var b strings.Builder
	state := -1
	for len(s) > 0 {
		var c string
		c, s, _, state = uniseg.FirstGraphemeClusterInString(s, state)
		if len(c) < 6 {
			if r, ok := m.replacement(c); ok {
				b.WriteString(r)
				continue
			}
		}
		for len(c) > 0 {
			_, n := utf8.DecodeRuneInString(c)
			if r, ok := m.replacement(c[:n]); ok {
				b.WriteString(r)
			} else {
				b.WriteString(c[:n])
			}
			c = c[n:]
		}
	}
	return b.String()
}
