// Package custody keeps the checksums of a folder's files in one file of it, SHA256SUMS, so that readers can check that a file has
// the bytes that were written.
//
// The list has one line per file, as sha256sum writes it, sorted by name, and a last line with the sha256 of all preceding lines:
//
//	4f1c...  config.toml
//	90ab...  inputs/split.parquet
//	# vzsl-checksums/1 77e0...
//
// A file is replaced in three steps: its new checksum is listed beside the previous one, the file is renamed into its place, and the
// list is written without the previous one. At every moment, also after the process was killed, each file thus has one of the
// checksums that are listed for it.
package custody

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/internal/wholefile"
)

// Name is the name of the list in its folder.
const Name = "SHA256SUMS"

const mark = "# vzsl-checksums/1 "

// list holds the checksums of each file, in hexadecimal; more than one while the file is being replaced.
type list map[string][]string

var (
	escape   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)
	unescape = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r")
)

// encode returns the list as a file; equal lists give equal bytes.
func (l list) encode() []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(l)) {
		written := escape.Replace(name)
		if written != name {
			written = "\\" + written // as sha256sum does it: a backslash before the line
		}
		for _, sum := range slices.Sorted(slices.Values(l[name])) {
			if after, escaped := strings.CutPrefix(written, "\\"); escaped && written != name {
				fmt.Fprintf(&b, "\\%s  %s\n", sum, after)
			} else {
				fmt.Fprintf(&b, "%s  %s\n", sum, written)
			}
		}
	}
	fmt.Fprintf(&b, "%s%s\n", mark, hash(b.Bytes()))
	return b.Bytes()
}

// parse reads what encode writes and refuses anything else.
func parse(path string, b []byte) (list, error) {
	l := list{}
	text, _, _ := strings.Cut(string(b), mark)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		line, escaped := strings.CutPrefix(line, "\\")
		sum, name, ok := strings.Cut(line, "  ")
		if !ok || len(sum) != 2*sha256.Size {
			return nil, &DamagedError{Path: path, Why: "it has a line that is no checksum and file"}
		}
		if escaped {
			name = unescape.Replace(name)
		}
		l[name] = append(l[name], sum)
	}
	if !bytes.Equal(l.encode(), b) {
		return nil, &DamagedError{Path: path, Why: "its last line is not the checksum of those before"}
	}
	return l, nil
}

// read returns a folder's list; nil: there is none, as in folders of version 0.1.0.
func read(dir string) (list, error) {
	path := filepath.Join(dir, Name)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parse(path, b)
}

// Sums are the checksums that a folder's list has; nil: the folder has no list.
func Sums(dir string) (map[string][]string, error) {
	l, err := read(dir)
	return l, err
}

// Names are the files that a folder's list names, sorted; nil: the folder has no list.
func Names(dir string) ([]string, error) {
	l, err := read(dir)
	if err != nil || l == nil {
		return nil, err
	}
	return append([]string{}, slices.Sorted(maps.Keys(l))...), nil
}

// Has reports whether a folder has a list, damaged or not.
func Has(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, Name))
	return err == nil
}

// WriteList replaces a folder's list, for callers that keep checksums themselves; the caller must hold the folder's lock. A file with several
// checksums may have any of them.
func WriteList(dir string, sums map[string][]string) error {
	return wholefile.Bytes(filepath.Join(dir, Name), list(sums).encode())
}

func hash(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
