package attributes

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"vzsl/internal/delimited"
	"vzsl/internal/matfile"
)

// The matrices of an att_splits.mat of xlsa17.
const (
	XLSA17Original = "original_att" // as the dataset gives them
	XLSA17Unit     = "att"          // scaled to unit length, class by class
)

// Variables that our own export of a folder of xlsa17 has beside xlsa17's (xlsa17.Export).
const (
	XLSA17Missing    = "original_att_missing"   // places of the missing values, from 1, columns first
	XLSA17Attributes = "attribute_names"        // in the order of the rows
	XLSA17Blocks     = "attribute_blocks"       // names of the descriptions that the attributes are joined of
	XLSA17Widths     = "attribute_block_widths" // how many attributes each has
)

// ReadXLSA17 reads the class attributes of a file of xlsa17 (att_splits.mat, or sent_splits.mat with its sentence vectors),
// one column per class, the classes' names in allclasses_names or in allclasses.txt beside the file. which is XLSA17Original
// or XLSA17Unit; "" is the original where the file has it. classes must be there and give the order; nil takes the file's. A file without names is taken in the order of numbered, the classes in the
// order of the dataset's own numbers; nil: they have none, and it is refused.
//
// A file of our own export says which values are missing. In another one a NaN is; without any, a -1 of the original is where
// nothing else is negative (AwA's antelope). In the scaled matrix that -1 cannot be told from the others and stays as published.
func ReadXLSA17(file, which string, classes, numbered []string) (*Table, error) {
	f, err := matfile.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	switch {
	case which == "" && f.Has(XLSA17Original):
		which = XLSA17Original
	case which == "":
		which = XLSA17Unit
	}
	a, values, err := xlsa17Values(f, which)
	if err != nil {
		return nil, err
	}
	t := &Table{Source: fmt.Sprintf("%s of %s of xlsa17", which, filepath.Base(file))}
	if len(a.Dims) != 2 || a.Len() == 0 {
		return nil, fmt.Errorf("%s: %s has size %v; expected a matrix", file, which, a.Dims)
	}
	dim := a.Dims[0]
	order, err := t.xlsa17Names(f, file, a.Dims[1], numbered)
	if err != nil {
		return nil, err
	}
	if len(order) != a.Dims[1] {
		return nil, fmt.Errorf("%s: %s has %d columns for %d classes", file, which, a.Dims[1], len(order))
	}
	if err := t.xlsa17Missing(f, which, values); err != nil {
		return nil, err
	}
	if err := t.xlsa17Attributes(f, dim); err != nil {
		return nil, err
	}
	respell(order, classes)
	rows := make(map[string][]float32, len(order))
	for c, name := range order {
		row := make([]float32, dim)
		for i, v := range values[c*dim : (c+1)*dim] {
			if math.IsInf(v, 0) {
				return nil, fmt.Errorf("%s: %s: attribute %q of class %q is %v", file, which, t.Names[i], name, v)
			}
			row[i] = float32(v)
		}
		if _, twice := rows[name]; twice {
			return nil, fmt.Errorf("%s: duplicate class %q", file, name)
		}
		rows[name] = row
	}
	if classes == nil {
		classes = order
	}
	return t, t.Align(file, classes, order, rows)
}

// xlsa17Values reads a variable of numbers.
func xlsa17Values(f *matfile.File, name string) (*matfile.Array, []float64, error) {
	a, err := f.Read(name)
	if err != nil {
		return nil, nil, err
	}
	values, err := a.Float64s()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %s: %w", f.Path(), name, err)
	}
	return a, values, nil
}

// xlsa17Texts reads a variable of texts, trimmed; nil where the file has none of that name.
func xlsa17Texts(f *matfile.File, name string) ([]string, error) {
	if !f.Has(name) {
		return nil, nil
	}
	a, err := f.Read(name)
	if err != nil {
		return nil, err
	}
	list, err := a.Texts()
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", f.Path(), name, err)
	}
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list, nil
}

// xlsa17Missing makes NaN of the values that are missing.
func (t *Table) xlsa17Missing(f *matfile.File, which string, values []float64) error {
	if f.Has(XLSA17Missing) {
		_, places, err := xlsa17Values(f, XLSA17Missing)
		if err != nil {
			return err
		}
		for _, p := range places {
			if p != math.Trunc(p) || p < 1 || p > float64(len(values)) {
				return fmt.Errorf("%s: %s holds %v; %s has the positions 1 to %d", f.Path(), XLSA17Missing, p, which, len(values))
			}
			values[int(p)-1] = math.NaN()
		}
		return nil
	}
	mark, said := math.NaN(), "NaN"
	if !slices.ContainsFunc(values, math.IsNaN) {
		if which != XLSA17Original || markedMissing(values) == 0 {
			return nil
		}
		mark, said = -1, "-1"
	}
	n := 0
	for i, v := range values {
		if v == mark || v != v {
			values[i] = math.NaN()
			n++
		}
	}
	t.Notes = append(t.Notes, fmt.Sprintf("%s: %d values are %s, which marks a missing value", f.Path(), n, said))
	return nil
}

// xlsa17Attributes names the attributes, and the descriptions they are joined of, where the file does: others have numbers.
func (t *Table) xlsa17Attributes(f *matfile.File, dim int) error {
	var err error
	if t.Names, err = xlsa17Texts(f, XLSA17Attributes); err != nil {
		return err
	}
	if t.Names == nil {
		for i := range dim {
			t.Names = append(t.Names, fmt.Sprintf("attribute_%03d", i+1))
		}
	}
	if len(t.Names) != dim {
		return fmt.Errorf("%s: %s names %d attributes, there are %d", f.Path(), XLSA17Attributes, len(t.Names), dim)
	}
	blocks, err := xlsa17Texts(f, XLSA17Blocks)
	if err != nil || blocks == nil {
		return err
	}
	_, widths, err := xlsa17Values(f, XLSA17Widths)
	if err != nil {
		return err
	}
	left := float64(dim)
	for i, w := range widths {
		if left -= w; w < 1 || w != math.Trunc(w) || i >= len(blocks) {
			return fmt.Errorf("%s: %s and %s do not fit each other", f.Path(), XLSA17Blocks, XLSA17Widths)
		}
		t.Blocks = append(t.Blocks, Block{Name: blocks[i], Width: int(w)})
	}
	if left != 0 || len(widths) != len(blocks) {
		return fmt.Errorf("%s: the widths of %s do not add up to %d attributes", f.Path(), XLSA17Widths, dim)
	}
	return nil
}

// XLSA17Name is a class name as xlsa17 writes it: SUN's "desert/sand" is "desert_sand" there.
func XLSA17Name(name string) string { return strings.ReplaceAll(name, "/", "_") }

// respell gives the file's names the dataset's spelling.
func respell(names, classes []string) {
	for i, n := range names {
		names[i] = norm.NFC.String(n)
	}
	spelt := make(map[string]string, len(classes))
	for _, c := range classes {
		spelt[XLSA17Name(c)] = c
	}
	for _, c := range classes {
		spelt[c] = c
	}
	for i, n := range names {
		if c, ok := spelt[n]; ok {
			names[i] = c
		}
	}
}

// markedMissing counts the -1 where no other value is negative.
func markedMissing(values []float64) int {
	n := 0
	for _, v := range values {
		if v == -1 {
			n++
		} else if v < 0 {
			return 0
		}
	}
	return n
}

// xlsa17Names are the classes of the columns.
func (t *Table) xlsa17Names(f *matfile.File, file string, n int, numbered []string) ([]string, error) {
	if names, err := xlsa17Texts(f, "allclasses_names"); names != nil || err != nil {
		return names, err
	}
	list := filepath.Join(filepath.Dir(file), "allclasses.txt")
	var names []string
	err := delimited.Lines(list, func(_ int, text string) error {
		names = append(names, text)
		return nil
	})
	switch {
	case err == nil:
		t.Notes = append(t.Notes, fmt.Sprintf("%s holds no allclasses_names: its columns are taken in the order of %s", file, list))
		return names, nil
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	case numbered == nil:
		return nil, fmt.Errorf("%s holds no allclasses_names, there is no %s, and the classes have no order of their own; write their names into %[2]s, one per line in the order of the columns", file, list)
	case n != len(numbered):
		return nil, fmt.Errorf("%s holds no allclasses_names, there is no %s, and its %d columns are not the dataset's %d classes", file, list, n, len(numbered))
	}
	t.Notes = append(t.Notes, fmt.Sprintf("%s holds no allclasses_names and there is no %s: its columns are taken in the order of the dataset's own numbers", file, list))
	return slices.Clone(numbered), nil
}
