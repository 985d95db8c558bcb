package convert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// manyTable is several tables of the same columns, one after the other, and beside them the columns that are written in their
// folders' names (Hive: class=ant/part-0.parquet).
type manyTable struct {
	path       string // the folder, or the first file
	tables     []Table
	columns    []Column
	own        int        // columns of the tables; those after them are partitions
	partitions [][]string // of each table, the values of the partition columns
}

// openMany opens files as one table; root is the folder that they were found in, "" where they were named.
func openMany(paths []string, root string, o Options) (_ Table, err error) {
	m := &manyTable{path: root}
	if root == "" {
		m.path = paths[0]
	}
	defer func() {
		if err != nil {
			_ = m.Close()
		}
	}()
	var keys []string
	for i, p := range paths {
		t, err := Open(p, o)
		if err != nil {
			return nil, err
		}
		m.tables = append(m.tables, t)
		k, values := partition(root, p)
		m.partitions = append(m.partitions, values)
		if i == 0 {
			m.columns, m.own, keys = append(m.columns, t.Columns()...), len(t.Columns()), k
			continue
		}
		if strings.Join(k, "/") != strings.Join(keys, "/") {
			return nil, fmt.Errorf("%s is in folders named %q, %s in %q: all files of a table must have the same partition keys", p, strings.Join(k, "/"), paths[0], strings.Join(keys, "/"))
		}
		if err := m.append(t); err != nil {
			return nil, err
		}
	}
	rows := m.columns[0].Rows
	for _, k := range keys {
		m.columns = append(m.columns, Column{Name: k, Kind: Text, Type: "partition", Rows: rows, Width: 1})
	}
	return m, nil
}

// append adds the rows of one more table.
func (m *manyTable) append(t Table) error {
	next := t.Columns()
	if len(next) != m.own {
		return fmt.Errorf("%s has other columns than %s: %s; the latter has %s", t.Path(), m.tables[0].Path(), names(next), names(m.columns))
	}
	for i, c := range next {
		have := &m.columns[i]
		named := c.Name != have.Name && len(next) > 1 // a single array is called like its file
		switch {
		case named || c.List != have.List || (c.Kind.numeric() != have.Kind.numeric()):
			return fmt.Errorf("%s has other columns than %s: %s of %s, in the latter %s of %s", t.Path(), m.tables[0].Path(), c.label(), c.Kind, have.label(), have.Kind)
		case c.Width != have.Width:
			return fmt.Errorf("%s: %s has %d values in a row, in %s %d", t.Path(), c.label(), c.Width, m.tables[0].Path(), have.Width)
		}
		have.Rows += c.Rows
		if c.Kind.numeric() && have.Kind != c.Kind {
			have.Kind = Number
		}
	}
	return nil
}

// partition takes key=value apart in the folders between root and a file.
func partition(root, path string) (keys, values []string) {
	if root == "" {
		return nil, nil
	}
	below, err := filepath.Rel(root, filepath.Dir(path))
	if err != nil {
		return nil, nil
	}
	for _, part := range strings.Split(filepath.ToSlash(below), "/") {
		key, value, ok := strings.Cut(part, "=")
		if !ok {
			continue
		}
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		if value == "__HIVE_DEFAULT_PARTITION__" {
			value = ""
		}
		keys, values = append(keys, key), append(values, value)
	}
	return keys, values
}

func (m *manyTable) Path() string      { return m.path }
func (m *manyTable) Columns() []Column { return m.columns }

func (m *manyTable) Close() error {
	var all []error
	for _, t := range m.tables {
		all = append(all, t.Close())
	}
	return errors.Join(all...)
}

func (m *manyTable) SHA256() (string, error) {
	h := sha256.New()
	for _, t := range m.tables {
		s, err := t.SHA256()
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, filepath.Base(t.Path()), s)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Turn sees rows of matrices as images, in all files alike.
func (m *manyTable) Turn(column int) {
	rows, width := 0, 0
	for _, t := range m.tables {
		if t, ok := t.(turnable); ok {
			t.Turn(column)
		}
		c := t.Columns()[column]
		rows, width = rows+c.Rows, c.Width
	}
	m.columns[column].Rows, m.columns[column].Width = rows, width
}

func (m *manyTable) Texts(columns ...int) ([][]string, error) {
	all := make([][]string, len(columns))
	for k, t := range m.tables {
		var inside []int
		for _, c := range columns {
			if c < m.own {
				inside = append(inside, c)
			}
		}
		texts, err := t.Texts(inside...)
		if err != nil {
			return nil, err
		}
		for i, c := range columns {
			if c < m.own {
				all[i], texts = append(all[i], texts[0]...), texts[1:]
				continue
			}
			for range t.Columns()[0].Rows {
				all[i] = append(all[i], m.partitions[k][c-m.own])
			}
		}
	}
	return all, nil
}

func (m *manyTable) Values(columns ...int) (Values, error) {
	v := &manyValues{parts: parts{path: m.Path(), width: width(m, columns)}}
	for _, t := range m.tables {
		v.rows = append(v.rows, t.Columns()[columns[0]].Rows)
	}
	v.open = func(_ context.Context, part, _ int) (err error) {
		if err = v.Close(); err == nil {
			v.file, err = m.tables[part].Values(columns...)
		}
		return err
	}
	v.read = func(ctx context.Context, lo, hi int, dst []float32) error { return v.file.Read(ctx, lo, hi, dst) }
	return v, nil
}

type manyValues struct {
	parts
	file Values // the open one
}

func (v *manyValues) Close() error {
	if v.file == nil {
		return nil
	}
	err := v.file.Close()
	v.file = nil
	return err
}
