package download

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/internal/wholefile"
)

// Remember compares the SHA-256 of a file without a published checksum with the one that was recorded when it was first used, and
// records it the first time. list has lines as sha256sum writes them. If the checksum differs the error wraps ErrChanged.
func Remember(list, name, sha256 string) (first bool, err error) {
	text, err := os.ReadFile(list)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	lines := strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' || r == '\r' })
	for i, line := range lines {
		sum, file, ok := strings.Cut(line, "  ")
		switch {
		case !ok || len(sum) != 64 || strings.Trim(strings.ToLower(sum), "0123456789abcdef") != "":
			return false, fmt.Errorf("%s: line %d is not a checksum and a file name: correct it, or remove the file to record all checksums again at the next use", list, i+1)
		case file != name:
		case strings.EqualFold(sum, sha256):
			return false, nil
		default:
			return false, fmt.Errorf("%s %w: its SHA-256 is %s, at its first use it was %s (%s). No checksum is published: ask the provider which one is right; if it is the new one, remove that line and run the same command again",
				name, ErrChanged, sha256, sum, list)
		}
	}
	lines = append(lines, sha256+"  "+name)
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	var b bytes.Buffer
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	if err := os.MkdirAll(filepath.Dir(list), 0o755); err != nil {
		return false, err
	}
	return true, wholefile.Bytes(list, b.Bytes())
}

// ErrChanged reports that a file differs from the one that was first used.
var ErrChanged = errors.New("has changed at its source")
