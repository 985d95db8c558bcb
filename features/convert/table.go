package convert

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// Kind is what the values of a column are.
type Kind int

const (
	Number  Kind = iota // floating point, decimal
	Integer             // whole numbers of any size
	Bool                // true and false, read as 1 and 0
	Text                // text of any kind, numbers that stand for texts included
	Other               // bytes, times, nested values: not read
)

func (k Kind) String() string {
	return [...]string{"numbers", "whole numbers", "true/false", "text", "values of an unsupported type"}[k]
}

// numeric: what can be a feature or an attribute.
func (k Kind) numeric() bool { return k <= Bool }

// Column is one column of a foreign table, or one array of a file of several.
type Column struct {
	Name  string // "" where the file has no names
	Kind  Kind
	Type  string // as the file says it: "DOUBLE", "<f2", "list<float>"
	Rows  int
	Width int    // values in a row: 1, or those of a vector
	List  bool   // a row is a vector, be it of one value
	Index bool   // numbers or names the rows of a data frame, by its metadata or its missing header
	Why   string // of Other, and of Text among numbers: what is wrong

	nameless bool   // called like its file
	turns    bool   // its rows may be its columns
	array    bool   // of a file of arrays, where a list is not a column of a matrix
	field    string // of a struct's field s.x: x, which may be a usual name; "": the name itself
}

// Table is a file of another program, or several that make one.
type Table interface {
	Path() string
	Columns() []Column
	// Texts are the values of columns of width 1 as text, whole columns; a missing value is "". Numbers are written in decimal.
	Texts(columns ...int) ([][]string, error)
	// Values gives the values of the numeric columns, side by side, in rising order of rows.
	Values(columns ...int) (Values, error)
	// SHA256 identifies the bytes of the file, or the files, in hexadecimal.
	SHA256() (string, error)
	Close() error
}

// Values are rows of numbers.
type Values interface {
	// Read fills dst with rows [lo,hi), row after row; lo is never before an earlier hi. A missing value is NaN, one beyond
	// float32 infinite.
	Read(ctx context.Context, lo, hi int, dst []float32) error
	Close() error
}

// turnable is a table whose matrices may hold an image in a row or in a column.
type turnable interface {
	// Turn takes a column of it the other way: its rows are its width and the reverse.
	Turn(column int)
}

// isCalled: the column has one of the usual names of a role.
func (c Column) isCalled(usual []string) bool {
	return slices.ContainsFunc(usual, func(u string) bool { return strings.EqualFold(u, cmp.Or(c.field, c.Name)) })
}

// label names a column in messages.
func (c Column) label() string {
	if c.Name == "" {
		return "the column without a name"
	}
	return fmt.Sprintf("%q", c.Name)
}

// Named: the file gives the column a name; a .npy has none.
func (c Column) Named() bool { return !c.nameless }

// names lists columns in messages, the first few of many.
func names(columns []Column) string { return listed(columns, Column.label) }

// Kinds lists columns with what they hold.
func Kinds(columns []Column) string {
	return listed(columns, func(c Column) string {
		if c.Type == "empty" {
			return c.label() + " (empty)"
		}
		return fmt.Sprintf("%s (%s)", c.label(), c.Kind)
	})
}

func listed(columns []Column, say func(c Column) string) string {
	const most = 8
	var l []string
	for i, c := range columns {
		if i == most && len(columns) > most+1 {
			l = append(l, fmt.Sprintf("and %d more", len(columns)-most))
			break
		}
		l = append(l, say(c))
	}
	return strings.Join(l, ", ")
}
