package custody

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"vzsl/internal/alloctest"
)

// FuzzList: a list is what encode writes, or damaged, and takes no memory beyond its bytes.
func FuzzList(f *testing.F) {
	sum := strings.Repeat("ab", 32)
	f.Add(list{"a": {sum}, "b/c\n\\": {sum, strings.Repeat("cd", 32)}}.encode())
	f.Add(list{}.encode())
	f.Add([]byte(sum + "  ../../etc/passwd\n"))
	f.Add([]byte(mark))
	f.Fuzz(func(t *testing.T, b []byte) {
		var l list
		var err error
		alloctest.AtMost(t, 1<<20+64*len(b), func() { l, err = parse("SHA256SUMS", b) })
		var damaged *DamagedError
		if err != nil {
			if !errors.As(err, &damaged) {
				t.Error(err)
			}
			return
		}
		if !bytes.Equal(l.encode(), b) {
			t.Errorf("%q is read as %q", b, l.encode())
		}
	})
}
