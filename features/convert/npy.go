package convert

import (
	"context"
	"path/filepath"
	"strings"

	"vzsl/features"
)

// npyTable is a NumPy array as a table of one column, or a NumPy archive as one of a column per array.
type npyTable struct {
	path    string
	columns []Column
	arrays  []*npyArray                    // those that have been opened
	open    func(i int) (*npyArray, error) // opens array i
	close   func() error
}

// openNPYTable opens a .npy.
func openNPYTable(path string, o Options) (Table, error) {
	a, err := openNPY(path)
	if err != nil {
		return nil, err
	}
	c, err := a.column(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), o.List)
	if err != nil {
		a.close()
		return nil, err
	}
	c.nameless = true
	return &npyTable{path: path, columns: []Column{c}, arrays: []*npyArray{a}}, nil
}

// column sees an array as a column.
func (a *npyArray) column(name string, list bool) (Column, error) {
	c := Column{Name: name, Kind: a.columnKind(), Type: a.descr, Width: 1, array: true}
	var err error
	if list {
		c.Rows, err = a.length()
	} else {
		var scalars bool
		c.Rows, c.Width, scalars, err = a.matrix()
		c.List = !scalars
	}
	return c, err
}

// array opens array i, once.
func (t *npyTable) array(i int) (*npyArray, error) {
	if t.arrays[i] == nil {
		a, err := t.open(i)
		if err != nil {
			return nil, err
		}
		t.arrays[i] = a
	}
	return t.arrays[i], nil
}

func (t *npyTable) Path() string      { return t.path }
func (t *npyTable) Columns() []Column { return t.columns }

func (t *npyTable) SHA256() (string, error) { return features.FileSHA256(t.path) }

func (t *npyTable) Close() error {
	for _, a := range t.arrays {
		if a != nil {
			a.close()
		}
	}
	if t.close != nil {
		return t.close()
	}
	return nil
}

func (t *npyTable) Texts(columns ...int) ([][]string, error) {
	all := make([][]string, len(columns))
	for i, c := range columns {
		a, err := t.array(c)
		if err == nil {
			all[i], err = a.texts()
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (t *npyTable) Values(columns ...int) (Values, error) {
	v := npyValues{}
	for _, c := range columns {
		a, err := t.array(c)
		if err != nil {
			return nil, err
		}
		v.arrays, v.columns = append(v.arrays, a), append(v.columns, t.columns[c])
	}
	return v, nil
}

// npyValues are arrays side by side.
type npyValues struct {
	arrays  []*npyArray
	columns []Column
}

func (v npyValues) Read(ctx context.Context, lo, hi int, dst []float32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(v.arrays) == 1 {
		return v.arrays[0].readRows(v.columns[0].Rows, v.columns[0].Width, lo, hi, dst)
	}
	width := 0
	for _, c := range v.columns {
		width += c.Width
	}
	at := 0
	for i, c := range v.columns {
		part := make([]float32, (hi-lo)*c.Width)
		if err := v.arrays[i].readRows(c.Rows, c.Width, lo, hi, part); err != nil {
			return err
		}
		for r := range hi - lo {
			copy(dst[r*width+at:], part[r*c.Width:(r+1)*c.Width])
		}
		at += c.Width
	}
	return nil
}

func (v npyValues) Close() error { return nil }
