// Package filetest is for tests that read files: it writes small ones, copies miniatures, finds the real data, and checks what
// errors say. Tests that import it do not sync files to the disk (wholefile.Durable).
package filetest

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/internal/wholefile"
)

func init() { wholefile.Durable = false }

// Write writes a file, its folder too, and gives its path.
func Write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Read is a file's content.
func Read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// JSON is what a JSON file says.
func JSON[T any](t testing.TB, path string) (v T) {
	t.Helper()
	if err := json.Unmarshal(Read(t, path), &v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

// Float32s are the values of a file of little-endian float32.
func Float32s(t testing.TB, path string) []float32 {
	t.Helper()
	b := Read(t, path)
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v
}

// Names are the names of a folder's entries, sorted.
func Names(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Copy copies a folder to one that the test may change.
func Copy(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// Data is the folder with real data: $VZSL_TEST_DATA, else shared/data beside the module. Without it the test is skipped.
func Data(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("VZSL_TEST_DATA")
	if dir == "" {
		root, err := filepath.Abs(".")
		if err != nil {
			t.Fatal(err)
		}
		for ; filepath.Dir(root) != root; root = filepath.Dir(root) {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
		}
		dir = filepath.Join(root, "..", "shared", "data")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real data in %s (set VZSL_TEST_DATA)", dir)
	}
	return dir
}

// WantError wants an error that says all the parts.
func WantError(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

// WantNotes wants notes that say all the parts.
func WantNotes(t testing.TB, notes []string, parts ...string) {
	t.Helper()
	all := strings.Join(notes, "\n")
	for _, p := range parts {
		if !strings.Contains(all, p) {
			t.Errorf("notes %q do not say %q", all, p)
		}
	}
}
