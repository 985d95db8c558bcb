package attributes

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/internal/delimited"
	"vzsl/internal/matfile"
)

// The matrices of an att_splits.mat of xlsa17.
const (
	XLSA17Original = "original_att" // as the dataset gives them
	XLSA17Unit     = "att"          // scaled to unit length, class by class
)

// ReadXLSA17 reads the class attributes of a file of xlsa17 (att_splits.mat, or sent_splits.mat with its sentence vectors),
// one column per class, the classes' names in allclasses_names or in allclasses.txt beside the file. which is XLSA17Original
// or XLSA17Unit; "" is the original where the file has it. Of the original, -1 is a missing value where nothing else is
// negative (AwA's antelope); in the scaled one it cannot be told from the others and stays as published.
func ReadXLSA17(file, which string, classes []string) (*Table, error) {
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
	a, err := f.Read(which)
	if err != nil {
		return nil, err
	}
	values, err := a.Float64s()
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", file, which, err)
	}
	t := &Table{Source: fmt.Sprintf("%s of %s of xlsa17", which, filepath.Base(file))}
	if len(a.Dims) != 2 || a.Len() == 0 {
		return nil, fmt.Errorf("%s: %s is of size %v; a matrix is wanted", file, which, a.Dims)
	}
	order, err := t.xlsa17Names(f, file, a.Dims[1], classes)
	if err != nil {
		return nil, err
	}
	if len(order) != a.Dims[1] {
		return nil, fmt.Errorf("%s: %s has %d columns for %d classes", file, which, a.Dims[1], len(order))
	}
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%s: %s: attribute %d of class %q is %v", file, which, i%a.Dims[0]+1, order[i/a.Dims[0]], v)
		}
	}
	marks := 0
	switch {
	case which != XLSA17Original:
	case f.Has(xlsa17Missing): // of our own export: what is missing is said apart
		if marks, err = t.xlsa17Marked(f, file, a.Dims, values); err != nil {
			return nil, err
		}
	default:
		marks = markedMissing(values)
		for i, v := range values {
			if marks > 0 && v == -1 {
				values[i] = math.NaN()
			}
		}
	}
	if marks > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%s: %d values are -1, which stands for missing", file, marks))
	}
	respell(order, classes)
	dim := a.Dims[0]
	for i := range dim {
		t.Names = append(t.Names, fmt.Sprintf("attribute_%03d", i+1))
	}
	rows := make(map[string][]float32, len(order))
	for c, name := range order {
		row := make([]float32, dim)
		for i, v := range values[c*dim : (c+1)*dim] {
			row[i] = float32(v)
		}
		if _, twice := rows[name]; twice {
			return nil, fmt.Errorf("%s: class %q is there twice", file, name)
		}
		rows[name] = row
	}
	return t, t.align(file, classes, order, rows)
}

// xlsa17Missing is the matrix in which our own export says which values of the original are missing, where -1 does not tell.
const xlsa17Missing = "original_att_missing"

// xlsa17Marked makes NaN of the values that the matrix marks, and counts them.
func (t *Table) xlsa17Marked(f *matfile.File, file string, dims []int, values []float64) (marks int, err error) {
	a, err := f.Read(xlsa17Missing)
	if err != nil {
		return 0, err
	}
	missing, err := a.Float64s()
	if err != nil {
		return 0, fmt.Errorf("%s: %s: %w", file, xlsa17Missing, err)
	}
	if !slices.Equal(a.Dims, dims) {
		return 0, fmt.Errorf("%s: %s is of size %v, %s of %v", file, xlsa17Missing, a.Dims, XLSA17Original, dims)
	}
	for i, m := range missing {
		if m != 0 {
			values[i] = math.NaN()
			marks++
		}
	}
	return marks, nil
}

// respell gives the file's names the dataset's spelling: SUN's "desert/sand" is "desert_sand" there.
func respell(names, classes []string) {
	spelt := make(map[string]string, len(classes))
	for _, c := range classes {
		spelt[strings.ReplaceAll(c, "/", "_")] = c
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
func (t *Table) xlsa17Names(f *matfile.File, file string, n int, classes []string) ([]string, error) {
	if f.Has("allclasses_names") {
		a, err := f.Read("allclasses_names")
		if err != nil {
			return nil, err
		}
		names, err := a.Texts()
		if err != nil {
			return nil, fmt.Errorf("%s: allclasses_names: %w", file, err)
		}
		for i := range names {
			names[i] = strings.TrimSpace(names[i])
		}
		return names, nil
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
	case n != len(classes):
		return nil, fmt.Errorf("%s holds no allclasses_names, there is no %s, and its %d columns are not the dataset's %d classes", file, list, n, len(classes))
	}
	t.Notes = append(t.Notes, fmt.Sprintf("%s holds no allclasses_names and there is no %s: its columns are taken in the order of the dataset's classes", file, list))
	return slices.Clone(classes), nil
}
