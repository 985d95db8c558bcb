package attributes

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"vzsl/internal/delimited"
)

// ReadNames reads lines "<number> <name>", the numbers counting from 1.
func ReadNames(file string) ([]string, error) {
	var names []string
	err := delimited.Lines(file, func(line int, text string) error {
		f := strings.Fields(text)
		if len(f) < 2 {
			return fmt.Errorf("expected \"<number> <name>\", found %q", text)
		}
		n, err := strconv.Atoi(f[0])
		if err != nil || n != len(names)+1 {
			return fmt.Errorf("expected number %d, found %q", len(names)+1, f[0])
		}
		names = append(names, strings.TrimSpace(strings.TrimPrefix(text, f[0])))
		return nil
	})
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%s is empty", file)
	}
	return names, err
}

// ReadMatrix reads lines of numbers separated by white space, one for each class, with a value for each attribute; without names as
// many as the first line has. Errors name class and attribute.
func ReadMatrix(file string, classes, attributes []string) ([][]float32, error) {
	var m [][]float32
	rows, columns := len(classes), len(attributes)
	err := delimited.Lines(file, func(line int, text string) error {
		if len(m) == rows {
			return fmt.Errorf("expected %d rows, one for each class of classes.txt, found more", rows)
		}
		f := strings.Fields(text)
		if columns == 0 {
			columns = len(f)
		}
		if len(f) != columns {
			return fmt.Errorf("class %q: expected %d values, found %d", classes[len(m)], columns, len(f))
		}
		row := make([]float32, columns)
		for i, s := range f {
			v, err := number(s)
			if err != nil {
				at := fmt.Sprintf("value %d", i+1)
				if i < len(attributes) {
					at = fmt.Sprintf("attribute %q", attributes[i])
				}
				return fmt.Errorf("%s of class %q: %w", at, classes[len(m)], err)
			}
			row[i] = v
		}
		m = append(m, row)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(m) != rows {
		return nil, fmt.Errorf("%s: expected %d rows, one for each class of classes.txt, found %d", file, rows, len(m))
	}
	return m, nil
}

// number reads a finite float32.
func number(s string) (float32, error) {
	v, err := strconv.ParseFloat(s, 32)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	return float32(v), nil
}
