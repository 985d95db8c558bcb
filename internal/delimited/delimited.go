// Package delimited reads text as spreadsheets and people write it, with or without a byte order mark, with any line ending:
// tables ([Reader]) separated by comma, semicolon, tab or, of numbers, blanks, quoted or not, whose first row is a header and whose other rows must
// have as many fields; and files of lines ([Lines]). Errors name file, line and, of tables, column.
package delimited

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
	"vzsl/internal/lookup"
)

// Reader reads one table, row after row.
type Reader struct {
	path   string
	f      io.Closer
	csv    *csv.Reader
	comma  rune
	header []string
	extra  int // empty columns at the end that a spreadsheet has added
	before int // lines before the header
}

// sniff is how much of the file is looked at to find the separator.
const sniff = 1 << 16

// Open opens a table and reads its header.
func Open(path string) (*Reader, error) {
	f, _, err := lookup.Open(path, "a CSV file")
	if err != nil {
		return nil, err
	}
	r, err := New(path, f)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	r.f = f
	return r, nil
}

// New reads a table from src; path names it in errors.
func New(path string, src io.Reader) (*Reader, error) {
	b := bufio.NewReaderSize(src, sniff)
	start, err := b.Peek(sniff)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		_, _ = b.Discard(3)
		start = start[3:]
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return nil, fmt.Errorf("%s is UTF-16 text; save it as UTF-8", path)
	}
	r := &Reader{path: path}
	if comma, line := announced(start); comma != 0 {
		_, _ = b.Discard(line)
		r.comma, r.before = comma, 1
	} else {
		r.comma = separator(start)
	}
	var text io.Reader = &unifyLines{r: b}
	if r.comma == ' ' {
		text = &singleBlanks{r: text, start: true}
	}
	r.csv = csv.NewReader(text)
	r.csv.Comma = r.comma
	r.csv.FieldsPerRecord = -1
	r.csv.TrimLeadingSpace = r.comma != '\t'
	header, _, err := r.read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is empty; its first row must be a header", path)
	}
	if err != nil {
		return nil, err
	}
	for len(header) > 1 && header[len(header)-1] == "" {
		header = header[:len(header)-1]
		r.extra++
	}
	r.header = append([]string{}, header...)
	return r, nil
}

// announced is the separator in a first line "sep=;", which spreadsheets read and write, and the length of that line; 0 where
// there is none.
func announced(start []byte) (comma rune, length int) {
	line, rest, _ := bytes.Cut(start, []byte("\n"))
	text := bytes.TrimRight(line, "\r,;")
	if bytes.HasPrefix(bytes.ToLower(line), []byte("sep=")) && len(line) > 4 && len(text) <= 5 {
		return rune(line[4]), len(start) - len(rest)
	}
	return 0, 0
}

// separator is the most frequent of comma, semicolon and tab in the first line, quoted parts aside; blanks where it has none of
// them and is of several numbers.
func separator(start []byte) rune {
	counts := map[byte]int{}
	quoted, some := false, false
	for _, c := range start {
		if c == '"' {
			quoted = !quoted
		}
		if (c == '\n' || c == '\r') && !quoted && some {
			break
		}
		some = some || c > ' '
		if !quoted {
			counts[c]++
		}
	}
	best := byte(',')
	for _, c := range []byte{';', '\t'} {
		if counts[c] > counts[best] {
			best = c
		}
	}
	if line, _, _ := bytes.Cut(bytes.TrimLeft(start, "\r\n"), []byte("\n")); counts[best] == 0 && severalNumbers(string(line)) {
		return ' '
	}
	return rune(best)
}

func severalNumbers(line string) bool {
	fields := strings.Fields(line)
	for _, f := range fields {
		if _, err := strconv.ParseFloat(f, 64); err != nil && !errors.Is(err, strconv.ErrRange) {
			return false
		}
	}
	return len(fields) > 1
}

// singleBlanks makes one blank of several, and none at the ends of lines.
type singleBlanks struct {
	r       io.Reader
	start   bool // of a line
	pending bool
	in, out []byte
}

func (s *singleBlanks) Read(p []byte) (int, error) {
	for len(s.out) == 0 {
		if s.in == nil {
			s.in = make([]byte, 1<<16)
		}
		n, err := s.r.Read(s.in)
		s.out = s.out[:0]
		for _, c := range s.in[:n] {
			switch c {
			case ' ', '\t', '\r':
				s.pending = !s.start
				continue
			case '\n':
				s.start = true
			default:
				if s.pending {
					s.out = append(s.out, ' ')
				}
				s.start = false
			}
			s.pending = false
			s.out = append(s.out, c)
		}
		if err != nil && len(s.out) == 0 {
			return 0, err
		}
	}
	n := copy(p, s.out)
	s.out = s.out[n:]
	return n, nil
}

// unifyLines turns a carriage return without a line feed (old spreadsheets) into a line feed.
type unifyLines struct{ r *bufio.Reader }

func (u *unifyLines) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	for i := range n {
		if p[i] != '\r' {
			continue
		}
		if i+1 < n {
			if p[i+1] != '\n' {
				p[i] = '\n'
			}
		} else if next, err := u.r.Peek(1); err != nil || next[0] != '\n' {
			p[i] = '\n'
		}
	}
	return n, err
}

// Close closes the file.
func (r *Reader) Close() error {
	if r.f == nil {
		return nil
	}
	return r.f.Close()
}

// Header is the first row. A row's fields go with it by place.
func (r *Reader) Header() []string { return r.header }

// Separator is the character between fields.
func (r *Reader) Separator() rune { return r.comma }

// Next returns the next row's fields, trimmed, and its line; io.EOF after the last. Blank rows are left out.
func (r *Reader) Next() (fields []string, line int, err error) {
	for {
		fields, line, err = r.read()
		if err != nil {
			return nil, line, err
		}
		if blank(fields) {
			continue
		}
		if n := len(r.header); len(fields) > n && len(fields) <= n+r.extra && blank(fields[n:]) {
			fields = fields[:n]
		}
		if len(fields) != len(r.header) {
			return nil, line, fmt.Errorf("%s:%d: expected %d fields as in the header, found %d", r.path, line, len(r.header), len(fields))
		}
		return fields, line, nil
	}
}

func blank(fields []string) bool {
	for _, f := range fields {
		if f != "" {
			return false
		}
	}
	return true
}

func (r *Reader) read() ([]string, int, error) {
	fields, err := r.csv.Read()
	if err != nil {
		var pe *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil, 0, io.EOF
		case errors.As(err, &pe):
			return nil, pe.Line + r.before, fmt.Errorf("%s:%d:%d: %w", r.path, pe.Line+r.before, pe.Column, pe.Err)
		}
		return nil, 0, fmt.Errorf("read %s: %w", r.path, err)
	}
	line, _ := r.csv.FieldPos(0)
	line += r.before
	for i, f := range fields {
		if !utf8.ValidString(f) {
			return nil, line, fmt.Errorf("%s: %q is not UTF-8 text; save the file as UTF-8", r.At(i), f)
		}
		fields[i] = strings.TrimSpace(f)
	}
	return fields, line, nil
}

// At is "file:line:column" of a field of the row read last.
func (r *Reader) At(field int) string {
	line, column := r.csv.FieldPos(field)
	return fmt.Sprintf("%s:%d:%d", r.path, line+r.before, column)
}
