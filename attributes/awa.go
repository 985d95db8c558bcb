package attributes

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"vzsl/internal/lookup"
)

// The matrices of Animals with Attributes.
const (
	AwAContinuous = "continuous" // 0..100
	AwABinary     = "binary"     // 0 or 1
)

// ReadAwA reads the class attributes of Animals with Attributes (1 or 2): predicate-matrix-continuous.txt or
// predicate-matrix-binary.txt, a line per class in the order of classes.txt, and their names from predicates.txt. The four -1
// of the continuous matrix, antelope's colours, are missing values. dir is the folder of classes.txt or the one that holds it.
func ReadAwA(dir, which string, classes []string) (*Table, error) {
	root, err := awaRoot(dir)
	if err != nil {
		return nil, err
	}
	order, err := numbered(filepath.Join(root, "classes.txt"))
	if err != nil {
		return nil, err
	}
	t := &Table{}
	if t.Names, err = numbered(filepath.Join(root, "predicates.txt")); err != nil {
		return nil, err
	}
	name := "predicate-matrix-" + which + ".txt"
	file := filepath.Join(root, name)
	m, err := matrix(file, order, t.Names)
	if err != nil {
		return nil, err
	}
	rows := make(map[string][]float32, len(order))
	marks := 0
	for c, row := range m {
		for i, v := range row {
			if v == -1 {
				row[i] = float32(math.NaN())
				marks++
			} else if v < 0 {
				return nil, fmt.Errorf("%s: attribute %q of class %q is %v; only -1, for missing, is below 0", file, t.Names[i], order[c], v)
			}
		}
		if _, twice := rows[order[c]]; twice {
			return nil, fmt.Errorf("%s: class %q is there twice", filepath.Join(root, "classes.txt"), order[c])
		}
		rows[order[c]] = row
	}
	if marks > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%s: %d values are -1, which stands for missing", file, marks))
	}
	t.Source = name + " of Animals with Attributes"
	return t, t.align(file, classes, order, rows)
}

func awaRoot(dir string) (string, error) {
	for _, root := range []string{dir, filepath.Join(dir, "Animals_with_Attributes2"), filepath.Join(dir, "Animals_with_Attributes")} {
		if there, err := lookup.Exists(filepath.Join(root, "predicates.txt")); err != nil {
			return "", err
		} else if there {
			return root, nil
		}
	}
	return "", fmt.Errorf("no predicates.txt in %s or in Animals_with_Attributes2 below it; it is in AwA2-base.zip, of AwA1 in AwA-base.tar.bz2 (https://cvml.ista.ac.at/AwA2/)", dir)
}

// FillFrom gives the missing values of one class those of another, as the authors of Animals with Attributes do in their own
// code: antelope's from lion. Notes say so.
func (t *Table) FillFrom(class, other string) error {
	to, from := slices.Index(t.Classes, class), slices.Index(t.Classes, other)
	if to < 0 || from < 0 {
		return fmt.Errorf("missing values of class %q cannot be taken from %q: both must be among the classes", class, other)
	}
	n := 0
	var filled []string
	for i, v := range t.Values[to] {
		if v != v {
			t.Values[to][i] = t.Values[from][i]
			filled = append(filled, t.Names[i])
			n++
		}
	}
	if n > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d missing values of %s (%s) were taken from %s, as the authors' own code does; --missing keep leaves them missing", n, class, some(filled), other))
		t.Source += fmt.Sprintf("; %d missing values of %s taken from %s", n, class, other)
	}
	return nil
}
