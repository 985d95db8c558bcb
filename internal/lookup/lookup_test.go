package lookup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBelow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]*") // taken letter by letter
	for _, f := range []string{"x/manifest.json", "y/manifest.json", "y/other", "file", "x/deep/manifest.json"} {
		path := filepath.Join(dir, filepath.FromSlash(f))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for pattern, want := range map[string]string{
		"*/manifest.json": "x/manifest.json y/manifest.json", "*": "file x y", "x": "x", "*/*/manifest.json": "x/deep/manifest.json",
		"none/*": "", "file/x": "", "file/*": "", "[xy]/o*": "y/other",
	} {
		found, err := Below(dir, pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		for i, f := range found {
			rel, _ := filepath.Rel(dir, f)
			found[i] = filepath.ToSlash(rel)
		}
		if got := strings.Join(found, " "); got != want {
			t.Errorf("%s: %q, not %q", pattern, got, want)
		}
		std, err := filepath.Glob(filepath.Join(strings.NewReplacer("[", "[[]", "*", "[*]").Replace(dir), filepath.FromSlash(pattern)))
		if err != nil || len(std) != len(found) {
			t.Errorf("%s: filepath.Glob finds %v, %v", pattern, std, err)
		}
	}
	if _, err := Below(dir, "[x"); err == nil {
		t.Error("a broken pattern passed")
	}
}

// TestUnreadable: what may not be read is said. The superuser may read everything, so a path that no system looks up stands for it.
func TestUnreadable(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 5000))
	if ok, err := Exists(long); err == nil || ok || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Exists: %v, %v", ok, err)
	}
	for _, pattern := range []string{"*", "manifest.json"} {
		if found, err := Below(long, pattern); err == nil {
			t.Errorf("%s: %v", pattern, found)
		}
	}
	if os.Geteuid() == 0 {
		t.Log("run by the superuser: folders without permission are not tried")
		return
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "x", "y"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "x"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "x"), 0o755) })
	for _, pattern := range []string{"x/*", "*/y", "x/y"} {
		if found, err := Below(dir, pattern); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v, %v", pattern, found, err)
		}
	}
	if ok, err := Exists(filepath.Join(dir, "x", "y")); ok || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Exists: %v, %v", ok, err)
	}
}
