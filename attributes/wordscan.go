package attributes

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"golang.org/x/text/unicode/norm"
)

// wanted is the set of words looked for and what was found of them.
type wanted struct {
	slots map[string]int // word to its place
	first map[string]int // the word up to its first space, for those that hold any: 1
	vec   [][]float32    // by place; nil where not found
}

func newWanted() *wanted { return &wanted{slots: map[string]int{}, first: map[string]int{}} }

// slot is the place of a word, new if need be.
func (w *wanted) slot(word string) int {
	word = norm.NFC.String(word)
	if i, ok := w.slots[word]; ok {
		return i
	}
	i := len(w.vec)
	w.slots[word] = i
	w.vec = append(w.vec, nil)
	if at := bytes.IndexAny([]byte(word), " \t"); at >= 0 {
		w.first[word[:at]] = 1
	}
	return i
}

// find is the place of a word of the file that is still to be found.
func (w *wanted) find(word []byte) (slot int, ok bool) {
	slot, ok = w.slots[string(word)]
	if !ok && !norm.NFC.IsNormal(word) {
		slot, ok = w.slots[norm.NFC.String(string(word))]
	}
	return slot, ok && w.vec[slot] == nil
}

// scan iterates over the file once and keeps the vectors of the wanted words; of a word that is there twice, the first. It
// returns the number of words in the file and what is odd about it.
func (f *wordFile) scan(w *wanted) (words int, notes []string, err error) {
	if f.format == WordsWord2Vec {
		return f.scanBinary(w)
	}
	return f.scanText(w)
}

func (f *wordFile) scanBinary(w *wanted) (int, []string, error) {
	width := 4 * f.dim
	at := func(n int) string { return fmt.Sprintf(": word %d of %d", n+1, f.words) }
	for n := range f.words {
		word, err := f.r.ReadSlice(' ')
		switch {
		case len(word) > maxWord:
			return n, nil, fmt.Errorf("%s%s: no word within %d bytes: the file is damaged, or not word2vec's binary format", f.path, at(n), maxWord)
		case errors.Is(err, io.EOF):
			return n, nil, f.cutAfter(n)
		case err != nil:
			return n, nil, f.readError(err, at(n))
		}
		word = word[:len(word)-1]
		if len(word) > 0 && word[0] == '\n' { // the newline after the vector before, in files that have it
			word = word[1:]
		}
		slot, ok := w.find(word)
		if !ok {
			if _, err := f.r.Discard(width); err != nil {
				return n, nil, f.readError(err, at(n))
			}
			continue
		}
		name := string(word)
		v := make([]float32, f.dim)
		var b [4096]byte
		for k := 0; k < f.dim; {
			part := b[:min(len(b), 4*(f.dim-k))]
			if _, err := io.ReadFull(f.r, part); err != nil {
				return n, nil, f.readError(err, at(n))
			}
			for ; len(part) > 0; part = part[4:] {
				v[k] = math.Float32frombits(binary.LittleEndian.Uint32(part))
				if v[k]-v[k] != 0 {
					return n, nil, fmt.Errorf("%s%s: %q has the value %v at position %d: the file is damaged, or not word2vec's binary format", f.path, at(n), name, v[k], k+1)
				}
				k++
			}
		}
		w.vec[slot] = v
	}
	var notes []string
	if rest, _ := io.CopyN(io.Discard, f.r, 1<<20); rest > 1 {
		notes = append(notes, fmt.Sprintf("%s: data follows after the %d words given in the header; it was left out", f.path, f.words))
	}
	return f.words, notes, nil
}

func (f *wordFile) cutAfter(words int) error {
	return fmt.Errorf("%s: the header gives %d words, the file ends after %d: the download is incomplete, get it again", f.path, f.words, words)
}

func (f *wordFile) scanText(w *wanted) (int, []string, error) {
	number := 0 // of the line
	if f.headLen > 0 {
		number = 1
	}
	words := 0
	for ended := false; !ended; {
		line, err := f.r.ReadSlice('\n')
		if len(line) > 0 {
			number++
		}
		switch {
		case errors.Is(err, io.EOF):
			ended = true
			if blank(line) {
				break
			}
			// A download that broke off ends within a line.
			if got := len(bytes.FieldsFunc(line, asciiSpace)); got < f.dim+1 {
				return words, nil, fmt.Errorf("%s:%d: the last line has %d fields, a word and %d numbers are expected: the download is incomplete, get it again", f.path, number, got, f.dim)
			}
			if words+1 < f.words {
				return words, nil, f.cutAfter(words)
			}
		case len(line) == textBuffer:
			return words, nil, fmt.Errorf("%s:%d: a line of more than %d bytes; is this a file of word vectors?", f.path, number, textBuffer)
		case err != nil:
			return words, nil, f.readError(err, fmt.Sprintf(":%d", number))
		}
		if !blank(line) {
			words++
			if e := f.textWord(w, number, line); e != nil {
				return words, nil, e
			}
		}
	}
	var notes []string
	if f.words >= 0 && words != f.words {
		notes = append(notes, fmt.Sprintf("%s: the header gives %d words, the file has %d", f.path, f.words, words))
	}
	return words, notes, nil
}

func blank(line []byte) bool { return len(bytes.Trim(line, " \t\r\n")) == 0 }

// textWord keeps a line's vector if its word is wanted.
func (f *wordFile) textWord(w *wanted, number int, line []byte) error {
	end := bytes.IndexByte(line[:min(len(line), maxWord)], ' ')
	if end < 0 {
		end = bytes.IndexByte(line[:min(len(line), maxWord)], '\t')
		if alone := bytes.TrimRight(line, "\r\n"); end < 0 && len(alone) <= maxWord {
			end = len(alone) // a word without numbers, which matters only if it is wanted
		}
		if end < 0 {
			return fmt.Errorf("%s:%d: expected a word and %d numbers, found %.60q", f.path, number, f.dim, bytes.TrimRight(line, "\r\n"))
		}
	} else if tab := bytes.IndexByte(line[:end], '\t'); tab >= 0 {
		end = tab
	}
	first := line[:end]
	if _, ok := w.find(first); !ok {
		if _, spaced := w.first[string(first)]; !spaced {
			return nil
		}
	}
	line = bytes.TrimRight(line, "\r\n\t ")
	fields, word, ok := lastFields(line, f.dim)
	if !ok {
		return fmt.Errorf("%s:%d: expected a word and %d numbers, found %d fields", f.path, number, f.dim, len(bytes.FieldsFunc(line, asciiSpace)))
	}
	slot, ok := w.find(word)
	if !ok {
		return nil
	}
	v := make([]float32, f.dim)
	for k, s := range fields {
		x, err := numberOf(s)
		if err != nil {
			return fmt.Errorf("%s:%d: value %d of %q: %w", f.path, number, k+1, word, err)
		}
		v[k] = x
	}
	w.vec[slot] = v
	return nil
}

// lastFields cuts the last n fields off a line; what is before them is its word, which may hold spaces.
func lastFields(line []byte, n int) (fields [][]byte, word []byte, ok bool) {
	if len(line) < 2*n {
		return nil, nil, false
	}
	fields = make([][]byte, n)
	for i := n - 1; i >= 0; i-- {
		line = bytes.TrimRight(line, " \t")
		at := bytes.LastIndexAny(line, " \t")
		if at < 0 {
			return nil, nil, false
		}
		fields[i], line = line[at+1:], line[:at]
	}
	return fields, bytes.TrimRight(line, " \t"), true
}

func numberOf(b []byte) (float32, error) { return number(string(b)) }
