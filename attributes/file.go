package attributes

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"golang.org/x/text/unicode/norm"

	"vzsl/features/convert"
	"vzsl/internal/delimited"
)

// FileOptions say how a file of class descriptions is read.
type FileOptions struct {
	Classes  []string // the classes that must have a row, in the order wanted; nil: all that are there, in the file's order
	Numbered []string // the classes in the order of the dataset's own numbers, that of rows without class names; nil: they have none
	Columns  convert.Choice
}

// maxFileValues bounds the values of a file of class descriptions.
const maxFileValues = 1 << 28

// ReadFile reads class attributes from a table that another program wrote, one row per class, in any format of [convert.Open]:
// a column of class names (class, classes, class_name, ..., name), and either columns of numbers, an attribute each, or one
// column of vectors. true and yes are 1, false and no 0, 40% is 0.4; an empty cell, a null, NA, ? or NaN is a missing value.
// Columns of text are left out. A matrix without class names (.npy) is taken in the order of the classes.
func ReadFile(path string, o FileOptions) (*Table, error) {
	src, err := convert.Open(path, convert.Options{})
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if isXLSA17(src) {
		return ReadXLSA17(path, "", o.Classes, o.Numbered)
	}
	class, columns, said, err := convert.ResolveDescriptions(src, o.Columns)
	if err != nil {
		return nil, err
	}
	t := &Table{Source: filepath.Base(path)}
	for _, s := range said {
		t.Notes = append(t.Notes, path+": "+s)
	}
	names, err := o.rowNames(t, src, class, columns)
	if err != nil {
		return nil, err
	}
	rows, err := t.readValues(src, columns, names)
	if err != nil {
		return nil, err
	}
	byName := make(map[string][]float32, len(names))
	for i, n := range names {
		byName[n] = rows[i]
	}
	classes := o.Classes
	if classes == nil {
		classes = names
	}
	return t, t.Align(path, classes, names, byName)
}

// isXLSA17: the matrices of class attributes of xlsa17 beside its class names or places, which others' files do not have.
func isXLSA17(src convert.Table) bool {
	has := func(names ...string) bool {
		return slices.ContainsFunc(src.Columns(), func(c convert.Column) bool { return slices.Contains(names, c.Name) })
	}
	format, err := convert.Detect(src.Path())
	return err == nil && format == "mat" && has(XLSA17Original, XLSA17Unit) && has("allclasses_names", "trainval_loc", "test_unseen_loc")
}

// rowNames are the class names of the rows.
func (o *FileOptions) rowNames(t *Table, src convert.Table, class int, columns []int) ([]string, error) {
	rows := src.Columns()[columns[0]].Rows
	if class < 0 {
		switch {
		case src.Columns()[columns[0]].Named():
			return nil, fmt.Errorf("%s: no column of class names, such as \"class\": name it with --class-column (columns: %s; is the header missing?)", src.Path(), convert.Kinds(src.Columns()))
		case o.Numbered == nil:
			return nil, fmt.Errorf("%s: its rows have no class names, and the classes have no order of their own: write the names beside it, as in numpy.savez(file, features=x, classes=names), or as CSV", src.Path())
		case rows != len(o.Numbered):
			return nil, fmt.Errorf("%s: %d rows without class names for %d classes: expected a row per class in the dataset's order", src.Path(), rows, len(o.Numbered))
		}
		t.Notes = append(t.Notes, fmt.Sprintf("%s: its rows have no class names and are taken in the order of the dataset's numbers: %q first", src.Path(), o.Numbered[0]))
		return o.Numbered, nil
	}
	all, err := src.Texts(class)
	if err != nil {
		return nil, err
	}
	if matrix, ok := src.(interface{ Turn(column int) }); ok && len(columns) == 1 && len(all[0]) != rows && len(all[0]) == src.Columns()[columns[0]].Width {
		matrix.Turn(columns[0]) // a class is the other way in it
		rows = len(all[0])
	}
	unguard(src, all[0])
	if len(all[0]) != rows {
		return nil, fmt.Errorf("%s: %d class names for %d rows of attributes", src.Path(), len(all[0]), rows)
	}
	return all[0], convert.UniqueNames(src.Path(), all[0])
}

// readValues reads all rows, and names the attributes.
func (t *Table) readValues(src convert.Table, columns []int, names []string) ([][]float32, error) {
	for _, i := range columns {
		c := src.Columns()[i]
		if !c.List {
			t.Names = append(t.Names, norm.NFC.String(c.Name))
			continue
		}
		for j := range c.Width {
			t.Names = append(t.Names, fmt.Sprintf("%s_%03d", c.Name, j+1))
		}
	}
	unguard(src, t.Names)
	width, n := len(t.Names), len(names)
	if width == 0 || n > maxFileValues/width {
		return nil, fmt.Errorf("%s: %d rows of %d values: class descriptions have one row per class", src.Path(), n, width)
	}
	for i, name := range t.Names {
		if name == "" {
			return nil, fmt.Errorf("%s: column %d has no name", src.Path(), columns[i]+1)
		}
	}
	v, err := src.Values(columns...)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	all := make([]float32, n*width)
	if err := v.Read(context.Background(), 0, n, all); err != nil {
		return nil, err
	}
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = all[i*width : (i+1)*width : (i+1)*width]
		for j, x := range rows[i] {
			if math.IsInf(float64(x), 0) {
				return nil, fmt.Errorf("%s: attribute %q of class %q is infinite or beyond float32", src.Path(), t.Names[j], names[i])
			}
		}
	}
	return rows, nil
}

// unguard takes off the apostrophes by which names in CSV files are kept from being formulas in spreadsheets.
func unguard(src convert.Table, names []string) {
	if format, err := convert.Detect(src.Path()); err == nil && (format == "csv" || format == "text") {
		for i := range names {
			names[i] = delimited.Unguarded(names[i])
		}
	}
}
