package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestChangeFiles reads the changes that wait for a release.
func TestChangeFiles(t *testing.T) {
	if _, _, err := readChanges(filepath.Join("..", "..", changeFiles)); err != nil {
		t.Error(err)
	}
}

func TestFold(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, changeFiles), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, changeFiles, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("b.md", "- Fixed: one\n  and its end.\n- Added: two.\n")
	write("a.md", "- Fixed: three.\n")
	if err := fold(root, "0.2.0", "2026-12-01"); err != nil {
		t.Fatal(err)
	}
	if err := fold(root, "0.3.0", "2026-12-02"); err == nil {
		t.Error("released without changes")
	}
	write("c.md", "- Removed: four.\n")
	if err := fold(root, "0.2.0", "2026-12-02"); err == nil {
		t.Error("the same version twice")
	}
	if err := fold(root, "0.3.0", "2026-12-02"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(root, changelog))
	if err != nil {
		t.Fatal(err)
	}
	want := head + "\n## 0.3.0 (2026-12-02)\n\n### Removed\n\n- four.\n" +
		"\n## 0.2.0 (2026-12-01)\n\n### Added\n\n- two.\n\n### Fixed\n\n- three.\n- one\n  and its end.\n"
	if string(b) != want {
		t.Errorf("%s\nwant\n%s", b, want)
	}
	for text, says := range map[string]string{
		"- Mended: five.\n":  `d.md:1: expected "- KIND`,
		"- Fixed:\n":         `d.md:1: expected "- KIND`,
		"Fixed: six.\n":      "d.md:1: expected an item",
		"\n\n- Added six.\n": `d.md:3: expected "- KIND`,
	} {
		write("d.md", text)
		if _, _, err := readChanges(filepath.Join(root, changeFiles)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
