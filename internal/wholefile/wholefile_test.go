package wholefile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	path := filepath.Join(dir, "x.txt")
	for _, text := range []string{"first", "second"} {
		err := Write(path, func(w io.WriteSeeker) error {
			if s := names(t, dir); !regexp.MustCompile(`^\.x\.txt\d+( x\.txt)?$`).MatchString(s) {
				t.Errorf("while writing there are %s", s)
			}
			_, err := io.WriteString(w, text)
			return err
		})
		if b, _ := os.ReadFile(path); err != nil || string(b) != text || names(t, dir) != "x.txt" {
			t.Errorf("%q %v %s", b, err, names(t, dir))
		}
	}
	if st, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && st.Mode().Perm()&0o600 != 0o600 {
		t.Error(st.Mode(), err)
	}
	// What fails leaves what was there, and nothing else.
	broken := errors.New("broken")
	err := Write(path, func(w io.WriteSeeker) error {
		_, _ = io.WriteString(w, "third")
		return broken
	})
	if b, _ := os.ReadFile(path); !errors.Is(err, broken) || !strings.Contains(err.Error(), path) || string(b) != "second" || names(t, dir) != "x.txt" {
		t.Errorf("%q %v %s", b, err, names(t, dir))
	}
	if err := Bytes(filepath.Join(path, "y"), nil); err == nil || !strings.Contains(err.Error(), "x.txt") {
		t.Errorf("a folder that is a file: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Bytes(filepath.Join(dir, "taken"), nil); err == nil || names(t, dir) != "taken x.txt" {
		t.Errorf("a file that is a folder: %v, %s", err, names(t, dir))
	}
	t.Chdir(dir)
	if err := Bytes("bare", []byte("x")); err != nil || names(t, ".") != "bare taken x.txt" {
		t.Error(err, names(t, "."))
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", ".a123", ".a", ".a12b", ".b7", ".ab9"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(dir, "a", "c"); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); strings.Contains(got, "123") || len(strings.Fields(got)) != 5 {
		t.Errorf("left %s", got)
	}
	if err := Sweep(filepath.Join(dir, "none"), "a"); err != nil {
		t.Error(err)
	}
}
