package features

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Times that are missing, damaged or of another file are unknown; those that the system cannot read now are an error.
func TestReadTimes(t *testing.T) {
	path := filepath.Join(t.TempDir(), timesName)
	if times, err := readTimes(path, noChecksum); err != nil || times != nil {
		t.Error("missing", times, err)
	}
	if err := writeTimes(path, noChecksum, []int64{3, 1}); err != nil {
		t.Fatal(err)
	}
	if times, err := readTimes(path, noChecksum); err != nil || !slices.Equal(times, []int64{3, 1}) {
		t.Error(times, err)
	}
	if times, err := readTimes(path, noChecksum[1:]+"1"); err != nil || times != nil {
		t.Error("of another file", times, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if times, err := readTimes(path, noChecksum); err != nil || times != nil {
		t.Error("damaged", times, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, path); err != nil {
		t.Skip(err)
	}
	if _, err := readTimes(path, noChecksum); err == nil { // too many links
		t.Error("what cannot be opened is unknown")
	}
}
