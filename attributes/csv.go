package attributes

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"vzsl/internal/delimited"
)

// missingMarks stand for a value that is not given, in any case.
var missingMarks = map[string]bool{"": true, "na": true, "n/a": true, "?": true, "nan": true, "null": true, "none": true, "-": true}

// ReadCSV reads class attributes from a CSV with a header, "class,<attribute>,<attribute>,...", one row per class. Comma,
// semicolon and tab separate; where it is not the comma, numbers may have a decimal comma. An empty field, NA, ? or NaN is a
// missing value. Every one of classes must have a row; nil takes all that are there, in the file's order.
func ReadCSV(path string, classes []string) (*Table, error) {
	r, err := delimited.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readCSV(path, r, classes)
}

func readCSV(path string, r *delimited.Reader, classes []string) (*Table, error) {
	t := &Table{Source: filepath.Base(path)}
	var err error
	if t.Names, err = csvHeader(path, r); err != nil {
		return nil, err
	}
	rows := map[string][]float32{}
	lines := map[string]int{}
	var order []string
	for {
		f, line, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		class := f[0]
		if class == "" {
			return nil, fmt.Errorf("%s: no class name", r.At(0))
		}
		if was, twice := lines[class]; twice {
			return nil, fmt.Errorf("%s: class %q is already in line %d", r.At(0), class, was)
		}
		row := make([]float32, len(t.Names))
		for i := range row {
			s := f[i+1]
			if missingMarks[strings.ToLower(s)] {
				row[i] = float32(math.NaN())
				continue
			}
			if r.Separator() != ',' && strings.Count(s, ",") == 1 && !strings.Contains(s, ".") {
				s = strings.Replace(s, ",", ".", 1)
			}
			if row[i], err = number(s); err != nil {
				return nil, fmt.Errorf("%s: attribute %q of class %q: %w", r.At(i+1), t.Names[i], class, err)
			}
		}
		rows[class], lines[class] = row, line
		order = append(order, class)
	}
	if classes == nil {
		classes = order
	}
	if err := t.align(path, classes, order, rows); err != nil {
		return nil, err
	}
	return t, nil
}

func csvHeader(path string, r *delimited.Reader) ([]string, error) {
	header := r.Header()
	first := strings.ToLower(header[0])
	if first != "class" && first != "classes" && first != "name" && first != "" {
		return nil, fmt.Errorf("%s:1: the first column must hold the class names and be called \"class\"; it is called %q (is the header missing?)", path, header[0])
	}
	names := header[1:]
	if len(names) == 0 {
		return nil, fmt.Errorf("%s:1: no attributes: the header has the class column only (separator %q)", path, r.Separator())
	}
	at := map[string]int{}
	for i, n := range names {
		if n == "" {
			return nil, fmt.Errorf("%s:1: column %d has no name", path, i+2)
		}
		if was, twice := at[n]; twice {
			return nil, fmt.Errorf("%s:1: columns %d and %d are both called %q", path, was+2, i+2, n)
		}
		at[n] = i
	}
	return names, nil
}
