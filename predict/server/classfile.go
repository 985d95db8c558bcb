package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"

	"vzsl/internal/delimited"
	"vzsl/internal/wholefile"
	"vzsl/predict"
)

var nan = float32(math.NaN())

// csvOf returns all classes in the format that --classes reads. A name that a spreadsheet would interpret as a formula
// is prefixed with an apostrophe, which is removed on reading.
func csvOf(attributes []string, classes *predict.Classes) []byte {
	var b bytes.Buffer
	c := csv.NewWriter(&b)
	row := []string{"class"}
	for _, a := range attributes {
		row = append(row, delimited.Guarded(a))
	}
	_ = c.Write(row) // cannot fail: writes to memory
	for i, name := range classes.Names {
		row = append(row[:0], delimited.Guarded(name))
		for _, v := range classes.Vectors[i] {
			text := ""
			if v == v {
				text = strconv.FormatFloat(float64(v), 'g', -1, 32)
			}
			row = append(row, text)
		}
		_ = c.Write(row)
	}
	c.Flush()
	return b.Bytes()
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// ownFile is a file that the server rewrites at every change, and that no other program may change meanwhile.
type ownFile struct {
	path string // "": nothing is written
	last string // digest of its content when it was last read or written; "": it did not exist
}

// errForeign: the file has changed since it was last read or written.
var errForeign = errors.New("changed by another program")

func openOwnFile(path string) (ownFile, error) {
	f := ownFile{path: path}
	var err error
	if path != "" {
		f.last, err = f.now()
	}
	return f, err
}

func (f *ownFile) now() (string, error) {
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return digest(text), nil
}

// write writes the file unless it was changed by another program.
func (f *ownFile) write(text []byte) error {
	if f.path == "" {
		return nil
	}
	now, err := f.now()
	if err != nil {
		return err
	}
	if now != f.last {
		return fmt.Errorf("%s: %w; nothing was written: restart the server to load that change", f.path, errForeign)
	}
	if err := wholefile.Write(f.path, func(w io.WriteSeeker) error { _, err := w.Write(text); return err }); err != nil {
		return err
	}
	f.last = digest(text)
	return nil
}
