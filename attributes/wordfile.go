package attributes

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
)

// The formats of word vectors, by name.
const (
	WordsAuto     = "auto"
	WordsWord2Vec = "word2vec" // binary: "V D\n", then each word, a space, D little-endian float32, with or without a newline
	WordsText     = "text"     // word2vec's text, fastText's .vec: "V D\n", then one word per line
	WordsGloVe    = "glove"    // one word per line, no header; a word may hold spaces
)

// WordFormats are the names of the formats.
func WordFormats() []string { return []string{WordsAuto, WordsWord2Vec, WordsText, WordsGloVe} }

const (
	maxWordDim = 1 << 16 // values of one word
	maxWord    = 1 << 12 // bytes of a word in the binary format
	wordBuffer = 1 << 18 // stays within the second-level cache
	textBuffer = 1 << 21 // holds the longest line
	wordSniff  = 1 << 16 // bytes looked at to tell the format
)

// wordFile is an open file of word vectors, its header read.
type wordFile struct {
	path    string
	src     *countReader
	r       *bufio.Reader
	format  string
	words   int // the header's count, -1 without header
	dim     int
	size    int64 // of the file
	zipped  bool
	headLen int64
}

// countReader counts what is read of a file, and ends reading when ctx does.
type countReader struct {
	r    io.Reader
	n    int64
	stop func() error
	hook func(n int64)
}

func (c *countReader) Read(p []byte) (int, error) {
	if err := c.stop(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.hook != nil {
		c.hook(c.n)
	}
	return n, err
}

// unzipped is a gzip stream that reports a truncated stream as errCutGzip, unlike a truncated content.
type unzipped struct{ z *gzip.Reader }

var errCutGzip = errors.New("the gzip data are truncated")

func (u unzipped) Read(p []byte) (int, error) {
	n, err := u.z.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errCutGzip
	}
	return n, err
}

// newWordFile finds out what src holds. size is src's, for what a header promises; 0 if unknown.
func newWordFile(path string, src io.Reader, size int64, format string, stop func() error, hook func(int64)) (*wordFile, error) {
	w := &wordFile{path: path, src: &countReader{r: src, stop: stop, hook: hook}, size: size, words: -1}
	w.r = bufio.NewReaderSize(w.src, wordBuffer)
	magic, err := w.r.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(w.r)
		if err != nil {
			return nil, fmt.Errorf("%s: begins like gzip but is not: %w", path, err)
		}
		w.zipped = true
		w.r = bufio.NewReaderSize(unzipped{z}, wordBuffer)
	}
	start, err := w.r.Peek(wordSniff)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, w.readError(err, "")
	}
	if err := w.alien(start); err != nil {
		return nil, err
	}
	if err := w.identify(start, format, err != nil); err != nil {
		return nil, err
	}
	if _, err := w.r.Discard(int(w.headLen)); err != nil {
		return nil, w.readError(err, "")
	}
	if w.format != WordsWord2Vec {
		w.r = bufio.NewReaderSize(w.r, textBuffer)
	}
	return w, nil
}

// alien recognises what is often given in place of word vectors.
func (w *wordFile) alien(start []byte) error {
	name := w.path
	if w.zipped {
		name += " (unpacked)"
	}
	is := func(prefix string) bool { return bytes.HasPrefix(start, []byte(prefix)) }
	switch {
	case len(start) == 0:
		return fmt.Errorf("%s is empty", name)
	case is("PK\x03\x04"):
		return fmt.Errorf("%s is a zip archive; unpack it and give one of the files in it", name)
	case is("\xba\x16\x4f\x2f"):
		return fmt.Errorf("%s is fastText's own model format; take the .vec file that comes with it", name)
	case is("version https://git-lfs"):
		return fmt.Errorf("%s is a Git LFS pointer, not the file itself: run 'git lfs pull' where it comes from", name)
	case is("<!DOCTYPE"), is("<!doctype"), is("<html"), is("<HTML"):
		return fmt.Errorf("%s is a web page: not word vectors: download the file again", name)
	case is("\x80\x02"), is("\x80\x03"), is("\x80\x04"), is("\x80\x05"):
		return fmt.Errorf("%s is a Python pickle (a saved gensim model?); write it with save_word2vec_format first", name)
	case is("BZh"), is("\xfd7zXZ"), is("\x28\xb5\x2f\xfd"):
		return fmt.Errorf("%s is compressed by something other than gzip; unpack it first", name)
	}
	return nil
}

// identify tells the format, the number of values a word has, and the header's length. whole: start is the entire file.
func (w *wordFile) identify(start []byte, format string, whole bool) error {
	var headErr error
	line, rest, cut := bytes.Cut(start, []byte("\n"))
	words, dim, ok := wordHeader(line)
	if ok && cut {
		if dim < 1 || dim > maxWordDim {
			headErr = fmt.Errorf("%s:1: the header %q gives vectors of %d values; expected 1 to %d", w.path, line, dim, maxWordDim)
		}
	}
	header := ok && cut && headErr == nil
	switch format {
	case "", WordsAuto:
		switch {
		case headErr != nil:
			return headErr
		case header && textLines(rest, dim, whole):
			w.format = WordsText
		case header && otherDim(rest, whole) > 0:
			return fmt.Errorf("%s:1: the header gives %d values per word, the lines below have %d: the file is damaged or its header belongs to another file; correct the header, or remove it and give the format as %s",
				w.path, dim, otherDim(rest, whole), WordsGloVe)
		case header:
			w.format = WordsWord2Vec
		default:
			w.format = WordsGloVe
		}
	case WordsWord2Vec, WordsText:
		if !header {
			if headErr == nil {
				headErr = fmt.Errorf("%s:1: format %s begins with a line \"<words> <values per word>\", found %.60q; the format can be %s, %s, %s", w.path, format, line, WordsWord2Vec, WordsText, WordsGloVe)
			}
			return headErr
		}
		if format == WordsText && !textLines(rest, dim, whole) {
			first, _, _ := bytes.Cut(rest, []byte("\n"))
			return fmt.Errorf("%s:2: the header gives a word and %d numbers per line, found %.60q; is it word2vec's binary format?", w.path, dim, first)
		}
		w.format = format
	case WordsGloVe:
		w.format = format
	default:
		return fmt.Errorf("unknown format of word vectors %q; known: %v", format, WordFormats())
	}
	if w.format == WordsGloVe {
		var err error
		if w.dim, err = gloveDim(start, whole); err != nil {
			return fmt.Errorf("%s: %w", w.path, err)
		}
		if w.dim < 1 {
			return fmt.Errorf("%s:1: not word vectors in any known format: neither a header \"<words> <values per word>\" (word2vec, fastText .vec) nor a word and its numbers (GloVe), found %.60q", w.path, line)
		}
		return nil
	}
	w.words, w.dim, w.headLen = words, dim, int64(len(line)+1)
	if least := int64(words) * int64(4*dim+2); w.format == WordsWord2Vec && !w.zipped && w.size > 0 && w.size-w.headLen < least {
		return fmt.Errorf("%s: the header gives %d words of %d values, at least %d bytes; the file has %d: the download is incomplete, get it again", w.path, words, dim, least+w.headLen, w.size)
	}
	return nil
}

// wordHeader reads "V D".
func wordHeader(line []byte) (words, dim int, ok bool) {
	f := bytes.Fields(line)
	if len(f) != 2 || len(line) > 64 {
		return 0, 0, false
	}
	words, err1 := strconv.Atoi(string(f[0]))
	dim, err2 := strconv.Atoi(string(f[1]))
	return words, dim, err1 == nil && err2 == nil && words >= 0 && words < 1<<40
}

// textLines: what follows a header is text, not float32s: a line of it ends with the numbers that the header promises. One odd
// line, short or without a word, does not make it binary.
func textLines(b []byte, dim int, whole bool) bool {
	first := true
	for len(b) > 0 {
		line, rest, cut := bytes.Cut(b, []byte("\n"))
		if !cut && !whole {
			return first && printable(line) // one line longer than what was looked at
		}
		if trailingNumbers(line) >= dim {
			return true
		}
		b, first = rest, false
	}
	return false
}

func printable(line []byte) bool {
	for _, c := range line {
		if c < ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// otherDim is the number of values in lines of text whose header promises another; 0 where they are no text.
func otherDim(b []byte, whole bool) int {
	if !printable(bytes.ReplaceAll(b, []byte("\n"), nil)) {
		return 0
	}
	dim, err := gloveDim(b, whole)
	if err != nil {
		return 0
	}
	return dim
}

// gloveDim is the number of values of a word: how many numbers most of the lines looked at end with, their words aside. A line
// that is short, or whose word holds spaces and numbers, is outvoted; 0 where most lines are no word and its numbers.
func gloveDim(b []byte, whole bool) (dim int, err error) {
	lines := map[int]int{} // by their number of values
	for len(b) > 0 {
		line, rest, cut := bytes.Cut(b, []byte("\n"))
		if !cut && !whole {
			break
		}
		b = rest
		f := len(bytes.FieldsFunc(line, asciiSpace))
		if f == 0 {
			continue
		}
		n := trailingNumbers(line)
		if !asciiSpace(rune(line[0])) { // else its word is empty
			n = min(n, f-1)
		}
		lines[n]++
	}
	tie := 0 // another number of values that as many lines have
	for _, n := range slices.Sorted(maps.Keys(lines)) {
		if count, most := lines[n], lines[dim]; count > most {
			dim, tie = n, 0
		} else if count == most && n != dim {
			tie = n
		}
	}
	if tie > 0 && dim > 0 {
		return 0, fmt.Errorf("as many lines have %d numbers as have %d: put a first line \"<words> <values per word>\" that gives the number of values", dim, tie)
	}
	if dim > maxWordDim {
		return 0, nil
	}
	return dim, nil
}

func trailingNumbers(line []byte) int {
	f := bytes.FieldsFunc(line, asciiSpace)
	n := 0
	for i := len(f) - 1; i >= 0; i-- {
		if _, err := strconv.ParseFloat(string(f[i]), 32); err != nil {
			break
		}
		n++
	}
	return n
}

// asciiSpace: words may hold other kinds of space (GloVe's no-break spaces).
func asciiSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\r' }

// readError explains why reading ended.
func (w *wordFile) readError(err error, at string) error {
	switch {
	case errors.Is(err, errCutGzip), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("%s%s: the gzip file is truncated or damaged (%w): get it again", w.path, at, err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("%s%s: the file ends in the middle of a vector: get it again", w.path, at)
	}
	return fmt.Errorf("read %s%s: %w", w.path, at, err)
}

func openWords(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = fmt.Errorf("%s is a folder; expected a file of word vectors", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, st.Size(), nil
}
