package convert

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/text/unicode/norm"
)

// ResolveDescriptions finds the column of class names in a table of class descriptions, and its attributes: the columns of
// numbers, or one of vectors. said tells what was taken for what and what was left out.
func ResolveDescriptions(t Table, c Choice) (class int, attributes []int, said []string, err error) {
	r, err := newResolver(t, c, attributeFlags)
	if err != nil {
		return -1, nil, nil, err
	}
	if class, err = r.className(); err != nil {
		return -1, nil, nil, err
	}
	wide, err := r.wide()
	switch {
	case err != nil:
		return -1, nil, nil, err
	case wide >= 0:
		attributes = []int{wide}
	default:
		if attributes, err = r.flat("attribute"); err != nil {
			return -1, nil, nil, err
		}
	}
	if class >= 0 {
		r.said = append([]string{fmt.Sprintf("class names: column %s", r.columns[class].label())}, r.said...)
	}
	r.said = append([]string{r.sayFeatures("attributes", attributes)}, r.said...)
	r.rest()
	return class, attributes, r.said, nil
}

// className finds the column of class names in class descriptions.
func (r *resolver) className() (class int, err error) {
	if class, err = r.one("class names", r.flags.Class, r.choice.Class, append(slices.Clone(classNames), "name"), textual); err == nil {
		r.index(&class, "class names")
	}
	return class, err
}

// ReadClassNames are the class names of a file of class descriptions, row by row, in Unicode's form C. A column of no usual
// name counts where it is the first.
func ReadClassNames(file string, c Choice) ([]string, error) {
	t, err := Open(file, Options{})
	if err != nil {
		return nil, err
	}
	defer t.Close()
	r, err := newResolver(t, c, attributeFlags)
	if err != nil {
		return nil, err
	}
	class, err := r.className()
	if err != nil {
		return nil, err
	}
	if class < 0 {
		if class = 0; !textual(r.columns[0]) {
			return nil, r.errorf("no column of class names, such as \"class\": name it with %s (columns: %s)", r.flags.Class, Kinds(r.columns))
		}
	}
	all, err := t.Texts(class)
	if err != nil {
		return nil, err
	}
	return all[0], UniqueNames(file, all[0])
}

// UniqueNames brings names of classes to Unicode's form C, and refuses one that is missing or there twice.
func UniqueNames(file string, names []string) error {
	rows := make(map[string]int, len(names))
	raw := slices.Clone(names)
	for i, name := range raw {
		names[i] = norm.NFC.String(name)
		was, twice := rows[names[i]]
		switch {
		case name == "":
			return fmt.Errorf("%s: row %d has no class name", file, i+1)
		case twice && raw[was] != name:
			return fmt.Errorf("%s: rows %d and %d are the same class %q, written in two Unicode forms", file, was+1, i+1, names[i])
		case twice:
			return fmt.Errorf("%s: row %d: class %q is already in row %d", file, i+1, name, was+1)
		}
		rows[names[i]] = i
	}
	return nil
}

// Wanted is a column of text that a table must have: what it is, the flag that it is named by, and its usual names.
type Wanted struct {
	What, Flag string
	Usual      []string
}

// WantedImages is the column of image names.
var WantedImages = Wanted{"image names", "a header", imageNames}

// NoColumnError says that a table lacks a column that is wanted.
type NoColumnError struct{ error }

// ReadTexts reads columns of a table whole, found by their usual names, as text.
func ReadTexts(file string, wanted ...Wanted) ([][]string, error) {
	t, err := Open(file, Options{})
	if err != nil {
		return nil, err
	}
	defer t.Close()
	r, err := newResolver(t, Choice{}, flags{Ignore: "another header"})
	if err != nil {
		return nil, err
	}
	found := make([]int, len(wanted))
	for i, w := range wanted {
		if found[i], err = r.one(w.What, w.Flag, "", w.Usual, func(c Column) bool { return c.Width == 1 && c.Kind != Other }); err != nil {
			return nil, err
		}
		if found[i] < 0 {
			return nil, NoColumnError{r.errorf("no column of %s, such as %q; columns: %s", w.What, w.Usual[0], names(r.columns))}
		}
	}
	return t.Texts(found...)
}

// resolveList finds the column that is meant in a file of labels or names: the one named, the only one, or the only one of
// the usual names.
func resolveList(t Table, column string, usual []string) (int, error) {
	columns := t.Columns()
	r := &resolver{path: t.Path(), columns: columns, taken: map[int]bool{}, flags: flags{Ignore: "the file's name"}}
	usable := func(c Column) bool { return c.Width == 1 && c.Kind != Other }
	if column != "" {
		for i, c := range columns {
			if c.Name == column {
				if !usable(c) {
					return -1, r.errorf("%q is %s; expected a list", column, cmp.Or(c.Why, "a matrix"))
				}
				return i, nil
			}
		}
		return -1, r.errorf("there is no variable or column %q; there are %s", column, names(columns))
	}
	var all []int
	for i, c := range columns {
		if usable(c) && !c.Index {
			all = append(all, i)
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	if len(columns) == 1 {
		return -1, r.errorf("%s", cmp.Or(columns[0].Why, fmt.Sprintf("%d values a row; expected a list", columns[0].Width)))
	}
	found, err := r.one("list that is meant", "FILE:NAME", "", usual, usable)
	if err == nil && found < 0 {
		err = r.errorf("which column or variable is meant? Name it as in %s:NAME; there are %s", t.Path(), names(columns))
	}
	return found, err
}

// parseWhole reads a whole number as NumPy's savetxt, MATLAB and people write it.
func parseWhole(s string) (int64, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil && v == float64(int64(v)) && v < 1<<53 && v > -1<<53 {
		return int64(v), nil
	}
	if s == "" {
		return 0, errors.New("it is missing")
	}
	return 0, fmt.Errorf("%q is not a whole number", s)
}
