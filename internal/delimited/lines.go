package delimited

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
	"vzsl/internal/lookup"
)

// MaxLine bounds one line of a text file: 65,536 values, the most a class or a word has here, of 64 characters each.
const MaxLine = 1 << 22

// Lines calls do with every line of a text file, trimmed, counted from 1; a byte order mark, any line ending and blank lines are
// left out. Text that is not UTF-8 is refused. An error of do is given "file:line: ".
func Lines(path string, do func(line int, text string) error) error {
	f, _, err := lookup.Open(path, "a text file")
	if err != nil {
		return err
	}
	defer f.Close()
	return lines(path, f, do)
}

func lines(path string, r io.Reader, do func(line int, text string) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, MaxLine)
	s.Split(splitLines)
	n := 0
	for s.Scan() {
		n++
		b := s.Bytes()
		if n == 1 {
			b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
			if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
				return fmt.Errorf("%s is UTF-16 text; save it as UTF-8", path)
			}
		}
		text := strings.TrimSpace(string(b))
		if text == "" {
			continue
		}
		if !utf8.ValidString(text) {
			return fmt.Errorf("%s:%d: not UTF-8 text", path, n)
		}
		if err := do(n, text); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	if err := s.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return fmt.Errorf("%s:%d: a line of more than %d bytes; is this a text file?", path, n+1, MaxLine)
		}
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// splitLines ends a line at LF, CRLF or a lone CR.
func splitLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	i := bytes.IndexAny(data, "\r\n")
	switch {
	case i < 0 && atEOF && len(data) > 0:
		return len(data), data, nil
	case i < 0:
		return 0, nil, nil
	case data[i] == '\n':
		return i + 1, data[:i], nil
	case i+1 < len(data):
		if data[i+1] == '\n' {
			return i + 2, data[:i], nil
		}
		return i + 1, data[:i], nil
	case atEOF:
		return i + 1, data[:i], nil
	}
	return 0, nil, nil // a CR at the end of the buffer: see what follows
}
