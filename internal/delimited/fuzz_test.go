package delimited

import (
	"errors"
	"io"
	"strings"
	"testing"

	"vzsl/internal/alloctest"
)

// FuzzReader: any bytes are read or refused with the file's name; a row has as many fields as the header; memory follows the
// bytes that are there.
func FuzzReader(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n\n3,4", "\ufeffa;b\r\n1,5;x\r", "\"a\n\",b\n\"1\"\"\",2", "a,,\n1,,,\n", "\xff\xfe", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		alloctest.AtMost(t, 1<<18+200*len(text), func() {
			r, err := New("f.csv", strings.NewReader(text))
			for err == nil {
				var fields []string
				if fields, _, err = r.Next(); err == nil && len(fields) != len(r.Header()) {
					t.Fatalf("%q for %q", fields, r.Header())
				}
			}
			if !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "f.csv") {
				t.Fatalf("%q does not name the file", err)
			}
		})
	})
}
