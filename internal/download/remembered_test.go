package download

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"vzsl/internal/filetest"
)

func TestRemember(t *testing.T) {
	list := filepath.Join(t.TempDir(), "new", "SHA256SUMS")
	a, b := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	for _, c := range []struct {
		name, sum string
		first     bool
		changed   bool
	}{
		{"xlsa17/b.zip", a, true, false}, {"xlsa17/b.zip", a, false, false}, {"xlsa17/b.zip", strings.ToUpper(a), false, false},
		{"xlsa17/b.zip", b, false, true}, {"awa1/b.zip", b, true, false}, {"xlsa17/b.zip", a, false, false},
	} {
		first, err := Remember(list, c.name, c.sum)
		if first != c.first || errors.Is(err, ErrChanged) != c.changed || (err != nil) != c.changed {
			t.Errorf("%+v: %v, %v", c, first, err)
		}
	}
	text, err := os.ReadFile(list)
	if want := b + "  awa1/b.zip\n" + a + "  xlsa17/b.zip\n"; err != nil || string(text) != want {
		t.Errorf("%q, %v", text, err)
	}
	for _, bad := range []string{"garbage\n", a[1:] + "  x\n", strings.Repeat("g", 64) + "  x\n"} {
		if err := os.WriteFile(list, []byte(bad), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Remember(list, "x", a); err == nil || !strings.Contains(err.Error(), list) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestPlainHTTP: without a checksum nothing is fetched over plain http but from this machine.
func TestPlainHTTP(t *testing.T) {
	for address, safe := range map[string]bool{
		"https://example.org/x": true, "http://127.0.0.1:9/x": true, "http://localhost/x": true, "http://[::1]/x": true,
		"http://example.org/x": false, "http://10.0.0.1/x": false, "http://localhost.example.org/x": false,
	} {
		f := File{URLs: []string{address}}
		if err := f.safe(address); (err == nil) != safe {
			t.Errorf("%s: %v", address, err)
		}
		f.SHA256 = strings.Repeat("0", 64)
		if err := f.safe(address); err != nil {
			t.Errorf("%s, with a checksum: %v", address, err)
		}
	}
	_, err := Fetch(context.Background(), File{URLs: []string{"http://example.org/x"}}, filepath.Join(t.TempDir(), "x"), quick())
	filetest.WantError(t, err, "http://example.org/x", "https")
}
