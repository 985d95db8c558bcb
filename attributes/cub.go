package attributes

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"vzsl/internal/delimited"
	"vzsl/internal/lookup"
)

const cubMatrix = "class_attribute_labels_continuous.txt"

// ReadCUB reads the class attributes of CUB-200-2011 from its official layout: percentages 0..100, one line per class in the
// order of classes.txt, 312 values a line; the attributes' names from attributes.txt, which lies in attributes/, in
// CUB_200_2011 or, as in the official archive, beside it. dir is CUB_200_2011 or the folder that holds it.
func ReadCUB(dir string, classes []string) (*Table, error) {
	root, err := cubRoot(dir)
	if err != nil {
		return nil, err
	}
	order, err := numbered(filepath.Join(root, "classes.txt"))
	if err != nil {
		return nil, err
	}
	t := &Table{}
	if t.Names, err = cubNames(root); err != nil {
		return nil, err
	}
	file := filepath.Join(root, "attributes", cubMatrix)
	rows, err := matrix(file, order, t.Names)
	if err != nil {
		return nil, err
	}
	if t.Names == nil {
		for i := range rows[0] {
			t.Names = append(t.Names, fmt.Sprintf("attribute_%03d", i+1))
		}
		t.Notes = append(t.Notes, fmt.Sprintf("no attributes.txt in %s, its attributes folder or the folder above: attributes have numbers for names", root))
	}
	t.Source = cubMatrix + " of CUB-200-2011, percentages"
	byName := make(map[string][]float32, len(order))
	for i, c := range order {
		if _, twice := byName[c]; twice {
			return nil, fmt.Errorf("%s: class %q is there twice", filepath.Join(root, "classes.txt"), c)
		}
		byName[c] = rows[i]
	}
	if err := t.align(file, classes, order, byName); err != nil {
		return nil, err
	}
	return t, nil
}

func cubRoot(dir string) (string, error) {
	for _, root := range []string{dir, filepath.Join(dir, "CUB_200_2011")} {
		if there, err := lookup.Exists(filepath.Join(root, "attributes", cubMatrix)); err != nil {
			return "", err
		} else if there {
			return root, nil
		}
	}
	return "", fmt.Errorf("no attributes/%s in %s or in CUB_200_2011 below it; it is part of the official archive "+
		"(https://www.vision.caltech.edu/datasets/cub_200_2011/)", cubMatrix, dir)
}

// cubNames reads attributes.txt, or gives nil where there is none.
func cubNames(root string) ([]string, error) {
	abs, err := filepath.Abs(root) // "." has a parent too
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{filepath.Join(root, "attributes"), root, filepath.Dir(abs)} {
		file := filepath.Join(dir, "attributes.txt")
		st, err := os.Stat(file)
		if err != nil && !lookup.Absent(err) {
			return nil, err
		}
		if err == nil && !st.IsDir() {
			return numbered(file)
		}
	}
	return nil, nil
}

// numbered reads lines "<number> <name>", the numbers counting from 1.
func numbered(file string) ([]string, error) {
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

// matrix reads lines of numbers separated by white space, one for each class, with a value for each attribute; without names as
// many as the first line has. Errors name class and attribute.
func matrix(file string, classes, attributes []string) ([][]float32, error) {
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
