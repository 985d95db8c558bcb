package filetest

import (
	"os"
	"strings"
	"testing"
)

// InDocs compares a part of a page, between its markers <!-- part --> and <!-- end of part -->, with what it must be;
// VZSL_UPDATE=1 writes it.
func InDocs(t testing.TB, file, part, want string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	open, end := "<!-- "+part+" -->\n", "<!-- end of "+part+" -->"
	before, rest, ok := strings.Cut(string(b), open)
	have, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no part %q", file, part)
	}
	if have == want {
		return
	}
	if os.Getenv("VZSL_UPDATE") == "" {
		t.Fatalf("%s: the part %q is not up to date: run this test with VZSL_UPDATE=1", file, part)
	}
	if err := os.WriteFile(file, []byte(before+open+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
