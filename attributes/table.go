package attributes

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"vzsl/features"
	"vzsl/internal/spelling"
)

// Table holds the attribute vectors of classes.
type Table struct {
	Names   []string    // of the attributes
	Classes []string    // as asked for, in that order
	Values  [][]float32 // raw, one row of len(Names) per class; NaN = missing
	Source  string      // which file they come from
	Notes   []string    // what is odd but allowed, one line each
	Blocks  []Block     // the descriptions it is joined of, in their order; nil: one
	Kind    string      // of the description where it is one: one of the kinds of [features.Block]
	Texts   []string    // what a description by texts says of each class, a text a line; nil: none does
}

// Block is one of the descriptions that a table is joined of.
type Block = features.Block

// Join puts the descriptions of the same classes side by side: each becomes a block, which a [Normaliser] treats for itself.
func Join(tables ...*Table) (*Table, error) {
	if len(tables) == 1 {
		return tables[0], nil
	}
	t := &Table{}
	names := map[string]int{}
	for i, from := range tables {
		if i == 0 {
			t.Classes, t.Values = from.Classes, make([][]float32, len(from.Classes))
		} else if !slices.Equal(t.Classes, from.Classes) {
			return nil, fmt.Errorf("%s and %s describe different classes", tables[0].Source, from.Source)
		}
		for _, n := range from.Names {
			if was, twice := names[n]; twice {
				return nil, fmt.Errorf("attribute %q is both in %s and in %s", n, tables[was].Source, from.Source)
			}
		}
		for _, n := range from.Names {
			names[n] = i
		}
		t.Names = append(t.Names, from.Names...)
		for c, row := range from.Values {
			t.Values[c] = append(slices.Clip(t.Values[c]), row...)
		}
		t.Source = strings.TrimPrefix(t.Source+" + "+from.Source, " + ")
		t.Notes = append(t.Notes, from.Notes...)
		if from.Blocks != nil {
			t.Blocks = append(t.Blocks, from.Blocks...)
		} else {
			t.Blocks = append(t.Blocks, Block{Name: from.Source, Width: len(from.Names), Kind: from.Kind})
		}
		if from.Texts != nil {
			if t.Texts != nil {
				return nil, fmt.Errorf("%s and another description are both texts", from.Source)
			}
			t.Texts = from.Texts
		}
	}
	return t, nil
}

// Select returns the table with the named attributes alone, in that order, matched by name. Those of the table that are not asked
// for are said in the notes.
func (t *Table) Select(names []string) (*Table, error) {
	at := make(map[string]int, len(t.Names))
	folded := make(map[string]string, len(t.Names))
	for i, n := range t.Names {
		at[n], folded[fold(n)] = i, n
	}
	s := &Table{Names: names, Classes: t.Classes, Source: t.Source, Notes: slices.Clone(t.Notes), Values: make([][]float32, len(t.Values))}
	var missing []string
	columns := make([]int, 0, len(names))
	for _, n := range names {
		i, ok := at[n]
		if !ok {
			if near, ok := folded[fold(n)]; ok {
				n = fmt.Sprintf("%s (written %q there)", n, near)
			}
			missing = append(missing, n)
			continue
		}
		delete(at, n)
		columns = append(columns, i)
	}
	if len(missing) > 0 {
		return nil, &MissingAttributesError{t.Source, missing, len(names)}
	}
	if len(at) > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%s: %d attributes that the model does not know: %s", t.Source, len(at), spelling.First(slices.Sorted(maps.Keys(at)), 8)))
	}
	for c, row := range t.Values {
		for _, i := range columns {
			s.Values[c] = append(s.Values[c], row[i])
		}
	}
	return s, nil
}

// MissingAttributesError: a description lacks attributes that a model was trained on.
type MissingAttributesError struct {
	Source  string
	Missing []string
	Of      int
}

func (e *MissingAttributesError) Error() string {
	return fmt.Sprintf("%s lacks %d of the model's %d attributes: %s", e.Source, len(e.Missing), e.Of, spelling.First(e.Missing, 8))
}

// Missing counts the values that are not given.
func (t *Table) Missing() int {
	n := 0
	for _, row := range t.Values {
		for _, v := range row {
			if math.IsNaN(float64(v)) {
				n++
			}
		}
	}
	return n
}

// Align puts rows, by class name in Unicode's normal form C, into the order of classes. Rows of other classes are said in the notes.
func (t *Table) Align(file string, classes []string, names []string, rows map[string][]float32) error {
	names, rows, err := normalForm(file, names, rows)
	if err != nil {
		return err
	}
	for i, n := range t.Names {
		t.Names[i] = norm.NFC.String(n)
	}
	classes = slices.Clone(classes)
	wanted := make(map[string]bool, len(classes))
	for i, c := range classes {
		c = norm.NFC.String(c)
		if wanted[c] {
			return fmt.Errorf("class %q is requested twice", c)
		}
		classes[i], wanted[c] = c, true
	}
	var extra []string
	folded := map[string]string{}
	for _, n := range names {
		if !wanted[n] {
			extra = append(extra, n)
		}
		folded[fold(n)] = n
	}
	var missing []string
	for _, c := range classes {
		row, ok := rows[c]
		if !ok {
			m := c
			if near, ok := folded[fold(c)]; ok {
				m = fmt.Sprintf("%s (written %q there)", c, near)
			}
			missing = append(missing, m)
			continue
		}
		t.Classes = append(t.Classes, c)
		t.Values = append(t.Values, row)
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s: %d of the dataset's %d classes have no row: %s", file, len(missing), len(classes), spelling.First(missing, 8))
	}
	if len(extra) > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%s: %d rows are of classes that the dataset does not have and were left out: %s", file, len(extra), spelling.First(extra, 8)))
	}
	return nil
}

// normalForm returns rows by their classes' names in Unicode's normal form C: files from macOS have form D.
func normalForm(file string, names []string, rows map[string][]float32) ([]string, map[string][]float32, error) {
	if !slices.ContainsFunc(names, func(n string) bool { return !norm.NFC.IsNormalString(n) }) {
		return names, rows, nil
	}
	out, composed := make([]string, len(names)), make(map[string][]float32, len(rows))
	for i, n := range names {
		out[i] = norm.NFC.String(n)
		if composed[out[i]] != nil {
			return nil, nil, fmt.Errorf("%s: class %q has two rows, its name written in two Unicode forms", file, out[i])
		}
		composed[out[i]] = rows[n]
	}
	return out, composed, nil
}

// fold makes names alike that differ in case, spaces, underscores, plus signs or hyphens only.
func fold(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", " ", "", "+", "", "-", "").Replace(name))
}
