package delimited

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReader(t *testing.T) {
	for name, c := range map[string]struct {
		text      string
		separator rune
		rows      [][]string
		lines     []int
	}{
		"comma":              {"a,b\n1,2\n\n3,4", ',', [][]string{{"1", "2"}, {"3", "4"}}, []int{2, 4}},
		"semicolon, commas":  {"a;b;c\n1,5;2,5;x, y\n", ';', [][]string{{"1,5", "2,5", "x, y"}}, []int{2}},
		"tab":                {"a\tb\n1\t\n", '\t', [][]string{{"1", ""}}, []int{2}},
		"quoted separators":  {"\"a,b,c\";b\n\"1\n2\";\"3 \"\"x\"\"\"\nz;\n", ';', [][]string{{"1\n2", "3 \"x\""}, {"z", ""}}, []int{2, 4}},
		"one column":         {"a\n1\n2\n", ',', [][]string{{"1"}, {"2"}}, []int{2, 3}},
		"carriage returns":   {"a,b\r1,2\r\n3,4\r", ',', [][]string{{"1", "2"}, {"3", "4"}}, []int{2, 3}},
		"byte order mark":    {"\ufeffa,b\n1,2\n", ',', [][]string{{"1", "2"}}, []int{2}},
		"leading blank line": {"\n\r\na;b\n1;2\n", ';', [][]string{{"1", "2"}}, []int{4}},
		"trailing columns":   {"a,b,,\n1,2,,\n3,4\n5,6,\n", ',', [][]string{{"1", "2"}, {"3", "4"}, {"5", "6"}}, []int{2, 3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := New("x.csv", strings.NewReader(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if r.Separator() != c.separator {
				t.Errorf("separator %q", r.Separator())
			}
			var rows [][]string
			var lines []int
			for {
				f, line, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				rows, lines = append(rows, f), append(lines, line)
			}
			if d := cmp.Diff(c.rows, rows); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.lines, lines); d != "" {
				t.Error(d)
			}
		})
	}
}

// A lone carriage return at the end of one read is distinguished from the first half of a CRLF.
func TestLineEndsAcrossReads(t *testing.T) {
	for size := range 12 {
		text := "a,b\n" + strings.Repeat("x", sniff-8+size) + ",1\r\n2,3\r4,5"
		r, err := New("x.csv", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for {
			f, _, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || len(f) != 2 {
				t.Fatal(size, len(f), err)
			}
			n++
		}
		if n != 3 {
			t.Errorf("%d: %d rows", size, n)
		}
	}
}

func TestAt(t *testing.T) {
	r, err := New("x.csv", strings.NewReader("a,b\n1,\"two\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Next(); err != nil || r.At(1) != "x.csv:2:3" {
		t.Error(r.At(1), err)
	}
}
