package features

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"vzsl/internal/lookup"

	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
)

// table is an open Parquet file. Columns are read one row group at a time.
type table struct {
	path string
	f    *os.File
	r    *file.Reader
}

// guard turns a panic of the Parquet library over damaged data into an error.
func guard(path string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s: damaged Parquet file: %v", path, p)
	}
}

func openTable(path string) (*table, error) {
	f, size, err := lookup.Open(path, "a Parquet file")
	if err != nil {
		return nil, err
	}
	t, err := tableFrom(path, f, size)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	t.f = f
	return t, nil
}

func tableFrom(path string, r parquet.ReaderAtSeeker, size int64) (t *table, err error) {
	defer guard(path, &err)
	if size < 12 {
		return nil, fmt.Errorf("%s: not a readable Parquet file: it has %d bytes", path, size)
	}
	pr, err := file.NewParquetReader(r)
	if err != nil {
		return nil, fmt.Errorf("%s: not a readable Parquet file: %w", path, err)
	}
	return &table{path: path, r: pr}, nil
}

func (t *table) close() { _ = t.f.Close() }

func (t *table) meta(key string) (string, bool) {
	kv := t.r.MetaData().KeyValueMetadata()
	if v := kv.FindValue(key); v != nil {
		return *v, true
	}
	return "", false
}

func (t *table) metaJSON(key string, v any) error {
	s, ok := t.meta(key)
	if !ok {
		return fmt.Errorf("%s: metadata %q is missing", t.path, key)
	}
	if err := json.Unmarshal([]byte(s), v); err != nil {
		return fmt.Errorf("%s: metadata %q: %w", t.path, key, err)
	}
	return nil
}

// expect checks the schema's name and version.
func (t *table) expect(schema, what string) error {
	switch have, ok := t.meta(keySchema); {
	case !ok:
		return fmt.Errorf("%s is not %s: it has no %q metadata", t.path, what, keySchema)
	case have != schema:
		return fmt.Errorf("%s is not %s this program can read: its format is %q, expected %q", t.path, what, have, schema)
	}
	return nil
}

func (t *table) groups() int             { return t.r.NumRowGroups() }
func (t *table) rows() int               { return int(t.r.NumRows()) }
func (t *table) groupRows(group int) int { return int(t.r.MetaData().RowGroup(group).NumRows()) }

// leaf is the index of the leaf column under the top-level field name, or -1.
func (t *table) leaf(name string) int {
	s := t.r.MetaData().Schema
	for i := range s.NumColumns() {
		if s.ColumnRoot(i).Name() == name {
			return i
		}
	}
	return -1
}

// chunk opens a column of a row group and checks its physical type.
func (t *table) chunk(group int, name string, want parquet.Type) (file.ColumnChunkReader, error) {
	i := t.leaf(name)
	if i < 0 {
		return nil, fmt.Errorf("%s: no column %q", t.path, name)
	}
	c, err := t.r.RowGroup(group).Column(i)
	if err != nil {
		return nil, fmt.Errorf("%s: column %q: %w", t.path, name, err)
	}
	if c.Type() != want {
		return nil, fmt.Errorf("%s: column %q holds %v, expected %v", t.path, name, c.Type(), want)
	}
	return c, nil
}

// read calls next until it has given want levels, and fails on nulls and on early ends (an encoding the library does not
// know reads as no rows and no error).
func (t *table) read(c file.ColumnChunkReader, name string, want int, next func(at int) (levels, values int, err error)) error {
	at := 0
	for at < want {
		if !c.HasNext() {
			break
		}
		levels, values, err := next(at)
		if err == nil {
			err = c.Err()
		}
		switch {
		case err != nil:
			return fmt.Errorf("%s: column %q: %w", t.path, name, err)
		case levels != values:
			return fmt.Errorf("%s: column %q holds nulls", t.path, name)
		case levels == 0:
			return fmt.Errorf("%s: column %q ends after %d of %d values", t.path, name, at, want)
		}
		at += levels
	}
	if err := c.Err(); err != nil {
		return fmt.Errorf("%s: column %q: %w", t.path, name, err)
	}
	if at < want {
		return fmt.Errorf("%s: column %q ends after %d of %d values", t.path, name, at, want)
	}
	if c.HasNext() {
		return fmt.Errorf("%s: column %q holds more than %d values", t.path, name, want)
	}
	return nil
}

// strings reads a text column of a row group.
func (t *table) strings(group int, name string) (out []string, err error) {
	err = t.eachText(group, name, func(b []byte) { out = append(out, string(b)) })
	return out, err
}

// eachText passes the values of a text column of a row group; they belong to the page that is read.
func (t *table) eachText(group int, name string, do func(b []byte)) (err error) {
	defer guard(t.path, &err)
	rows := t.groupRows(group)
	cr, err := t.chunk(group, name, parquet.Types.ByteArray)
	if err != nil {
		return err
	}
	c := cr.(*file.ByteArrayColumnChunkReader)
	buf := make([]parquet.ByteArray, min(rows, textRows))
	def, rep := levels(len(buf)), levels(len(buf))
	return t.read(c, name, rows, func(at int) (int, int, error) {
		n, v, err := c.ReadBatch(int64(min(len(buf), rows-at)), buf, def, rep)
		for _, b := range buf[:v] {
			do(b)
		}
		return int(n), v, err
	})
}

// integers reads a column of whole numbers of a row group.
func integers[T int32 | int64](t *table, group int, name string) (out []T, err error) {
	defer guard(t.path, &err)
	kind := parquet.Types.Int32
	if _, long := any(T(0)).(int64); long {
		kind = parquet.Types.Int64
	}
	rows := t.groupRows(group)
	c, err := t.chunk(group, name, kind)
	if err != nil {
		return nil, err
	}
	r := c.(interface {
		ReadBatch(n int64, values []T, def, rep []int16) (levels int64, read int, err error)
	})
	buf := make([]T, min(rows, textRows))
	def, rep := levels(len(buf)), levels(len(buf))
	err = t.read(c, name, rows, func(at int) (int, int, error) {
		n, v, err := r.ReadBatch(int64(min(len(buf), rows-at)), buf, def, rep)
		out = append(out, buf[:v]...)
		return int(n), v, err
	})
	return out, err
}

// vectorBuffer holds what reading a vector column needs, to be used again.
type vectorBuffer struct {
	values   []float32
	def, rep []int16
}

// maxGroupValues bounds the values of one row group of a vector column (1 GiB of float32).
const maxGroupValues = 1 << 28

// vectors reads a fixed-size list column of a row group: rows*width values in b.values.
func (t *table) vectors(group int, name string, width int, b *vectorBuffer) (err error) {
	defer guard(t.path, &err)
	rows := t.groupRows(group)
	cr, err := t.chunk(group, name, parquet.Types.Float)
	if err != nil {
		return err
	}
	c := cr.(*file.Float32ColumnChunkReader)
	if rows < 0 || width < 1 || rows > maxGroupValues/width {
		return fmt.Errorf("%s: a row group of %d rows of %d values is too large", t.path, rows, width)
	}
	n := rows * width
	// The footer's own count, before memory is taken on the word of the row count.
	md := t.r.MetaData().RowGroup(group)
	cc, err := md.ColumnChunk(t.leaf(name))
	if err != nil {
		return fmt.Errorf("%s: column %q: %w", t.path, name, err)
	}
	if cc.NumValues() != int64(n) {
		return fmt.Errorf("%s: column %q holds %d values in row group %d, expected %d rows of %d", t.path, name, cc.NumValues(), group, rows, width)
	}
	b.values = slices.Grow(b.values[:0], n)[:n]
	b.def, b.rep = slices.Grow(b.def[:0], n)[:n], slices.Grow(b.rep[:0], n)[:n]
	return t.read(c, name, n, func(at int) (int, int, error) {
		lv, v, err := c.ReadBatch(int64(n-at), b.values[at:], b.def[at:], b.rep[at:])
		for i := at; i < at+int(lv); i++ {
			if (b.rep[i] == 0) != (i%width == 0) {
				return 0, 0, fmt.Errorf("row %d does not have %d values", i/width, width)
			}
		}
		return int(lv), v, err
	})
}

func levels(n int) []int16 { return make([]int16, n) }

// absent says whether a file is simply not there.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) }
