package delimited

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vzsl/internal/alloctest"
)

func TestLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.txt")
	read := func(text string) (got []string, err error) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		err = Lines(path, func(n int, text string) error {
			if text == "bad" {
				return errors.New("a bad line")
			}
			got = append(got, fmt.Sprintf("%d %s", n, text))
			return nil
		})
		return got, err
	}
	long := strings.Repeat("7 ", MaxLine/2-1)
	for _, c := range []struct {
		text string
		want []string
		says string
	}{
		{"", nil, ""},
		{"\ufeffa\n b c \n\nd", []string{"1 a", "2 b c", "4 d"}, ""},
		{"a\r\nb\r\n", []string{"1 a", "2 b"}, ""},
		{"a\rb\r\rc", []string{"1 a", "2 b", "4 c"}, ""},
		{"a\n\ufeffb\n", []string{"1 a", "2 \ufeffb"}, ""},
		{long + "\nb", []string{"1 " + strings.TrimSpace(long), "2 b"}, ""},
		{"a\nbad\nb", []string{"1 a"}, "x.txt:2: a bad line"},
		{"a\nz\xe9bra\n", []string{"1 a"}, "x.txt:2: not UTF-8 text"},
		{"\xff\xfea\x00", nil, "x.txt is UTF-16 text; save it as UTF-8"},
		{"a\n" + long + "7777", []string{"1 a"}, fmt.Sprintf("x.txt:2: a line of more than %d bytes", MaxLine)},
	} {
		got, err := read(c.text)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%.40q: %.200s", c.text, d)
		}
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%.40q: %v", c.text, err)
		}
	}
	for _, c := range []string{filepath.Join(t.TempDir(), "none.txt"), t.TempDir()} {
		if err := Lines(c, nil); err == nil || !strings.Contains(err.Error(), c) {
			t.Error(err)
		}
	}
}

// A carriage return at the end of one read is distinguished from the first half of a CRLF.
func TestLinesAcrossReads(t *testing.T) {
	for size := range 12 {
		var got []int
		text := strings.Repeat("x", 4096-6+size) + "\r\na\rb\n"
		err := lines("x.txt", strings.NewReader(text), func(n int, _ string) error {
			got = append(got, n)
			return nil
		})
		if d := cmp.Diff([]int{1, 2, 3}, got); d != "" || err != nil {
			t.Error(size, d, err)
		}
	}
}

// FuzzLines: any bytes are read or refused with the file's name, in memory that follows the bytes that are there.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"a\nb", "\ufeffa\r\n\rb\r", "\xfe\xff", "z\xe9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		alloctest.AtMost(t, 1<<14+16*len(text), func() {
			last := 0
			err := lines("x.txt", strings.NewReader(text), func(n int, s string) error {
				if n <= last || s == "" || strings.ContainsAny(s, "\r\n") {
					t.Fatalf("line %d after %d: %q", n, last, s)
				}
				last = n
				return nil
			})
			if err != nil && !strings.HasPrefix(err.Error(), "x.txt") {
				t.Fatalf("%q does not name the file", err)
			}
		})
	})
}
