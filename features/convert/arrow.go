package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"vzsl/features"
)

// arrowTable is an Arrow IPC file, which Feather version 2 is too. Its record batches are read one at a time.
type arrowTable struct {
	path    string
	f       *os.File
	r       *ipc.FileReader
	batch   arrow.Record // the one at hand
	columns []Column
	fields  []arrowField
	rows    []int // of each record batch
}

// arrowField is where a column's values lie: in a field, or in a field of a struct.
type arrowField struct {
	at, below int      // below: -1 where the field itself
	names     []string // texts that the numbers stand for
}

func openArrow(path string, o Options) (_ Table, err error) {
	defer guarded(path, &err)
	start, err := firstBytes(path, 6)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(start, []byte("ARROW1")) {
		return nil, fmt.Errorf("%s is an Arrow IPC stream: write it as an IPC file (pyarrow.ipc.new_file, polars write_ipc, feather.write_feather)", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &arrowTable{path: path, f: f}
	if err := t.open(); err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

func (t *arrowTable) open() (err error) {
	if t.rows, err = verifyArrow(t.f); err != nil {
		return err
	}
	if t.r, err = ipc.NewFileReader(t.f, ipc.WithAllocator(&arrowMemory{Allocator: memory.DefaultAllocator})); err != nil {
		return fmt.Errorf("%s: not a readable Arrow file: %w; copy it again, or write it as Parquet", t.path, err)
	}
	b, err := t.record(slices.IndexFunc(t.rows, func(n int) bool { return n > 0 })) // the lists of an empty one have no width
	if err != nil {
		return err
	}
	t.list(b)
	for i := range t.columns {
		for _, n := range t.rows {
			t.columns[i].Rows += n
		}
	}
	return nil
}

// record reads a record batch; the one before it is gone.
func (t *arrowTable) record(i int) (arrow.Record, error) {
	if t.batch != nil {
		t.batch.Release()
		t.batch = nil
	}
	b, err := t.r.RecordAt(i)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.path, err)
	}
	if t.batch = b; int(b.NumRows()) != t.rows[i] {
		return nil, fmt.Errorf("%s: damaged file: record batch %d has %d rows, not %d; copy or write it again", t.path, i, b.NumRows(), t.rows[i])
	}
	return b, nil
}

// list finds the columns.
func (t *arrowTable) list(b arrow.Record) {
	schema := t.r.Schema()
	meta := schema.Metadata()
	value := func(key string) string {
		v, _ := meta.GetValue(key)
		return v
	}
	about := aboutColumns(value("pandas"), value("huggingface"))
	for i, f := range schema.Fields() {
		if s, ok := f.Type.(*arrow.StructType); ok {
			_, image := s.FieldByName("bytes")
			for k, below := range s.Fields() {
				name := f.Name + "." + below.Name
				if image && below.Name == "path" {
					name = f.Name
				} else if image {
					continue
				}
				t.add(name, arrowField{at: i, below: k}, b, about)
			}
			continue
		}
		t.add(f.Name, arrowField{at: i, below: -1}, b, about)
	}
}

func (t *arrowTable) add(name string, f arrowField, b arrow.Record, about tableAbout) {
	a := f.of(b)
	c := Column{Name: name, Type: a.DataType().String(), Width: 1, Index: about.index(name)}
	flat := a
	if l, ok := vectorsOf(a); ok {
		c.List = true
		flat = l.values
		switch width, err := l.width(); {
		case err != nil:
			c.Kind, c.Why = Other, err.Error()
		default:
			c.Width = width
		}
	}
	if c.Why == "" {
		if c.Kind = arrowKind(flat); c.Kind == Other || c.List && c.Kind == Text {
			c.Kind, c.Why = Other, "values of type "+c.Type+" are neither numbers nor text"
		}
	}
	if names := about.names[name]; names != nil && c.Kind == Integer {
		c.Kind, f.names = Text, names
	}
	t.columns, t.fields = append(t.columns, c), append(t.fields, f)
}

func (f arrowField) of(b arrow.Record) arrow.Array {
	a := b.Column(f.at)
	if f.below >= 0 {
		return a.(*array.Struct).Field(f.below)
	}
	return a
}

// vectors are lists of numbers of any of Arrow's kinds.
type vectors struct {
	arrow.Array
	values  arrow.Array
	offsets func(i int) (start, end int64)
}

func vectorsOf(a arrow.Array) (vectors, bool) {
	switch a := a.(type) {
	case *array.FixedSizeList:
		n := int64(a.DataType().(*arrow.FixedSizeListType).Len())
		offset := int64(a.Data().Offset())
		return vectors{a, a.ListValues(), func(i int) (int64, int64) { return (offset + int64(i)) * n, (offset + int64(i) + 1) * n }}, true
	case array.ListLike: // lists, large lists, list views
		if _, isMap := a.(*array.Map); !isMap {
			return vectors{a, a.ListValues(), a.ValueOffsets}, true
		}
	}
	return vectors{}, false
}

// width is the length of the first list that there is.
func (v vectors) width() (int, error) {
	for i := range v.Len() {
		if from, to := v.offsets(i); !v.IsNull(i) && to > from {
			if from < 0 || to > int64(v.values.Len()) {
				return 0, fmt.Errorf("row %d is a list of the values %d to %d, but there are %d", i, from, to, v.values.Len())
			}
			return int(to - from), nil
		}
	}
	return 0, errors.New("no row has values")
}

func arrowKind(a arrow.Array) Kind {
	switch a := a.(type) {
	case *array.Boolean:
		return Bool
	case *array.Float16, *array.Float32, *array.Float64, *array.Decimal128, *array.Decimal256, *array.Null:
		return Number
	case *array.Int8, *array.Int16, *array.Int32, *array.Int64, *array.Uint8, *array.Uint16, *array.Uint32, *array.Uint64:
		return Integer
	case *array.String, *array.LargeString, *array.StringView, *array.Binary, *array.LargeBinary, *array.BinaryView:
		return Text
	case *array.Dictionary:
		return arrowKind(a.Dictionary())
	}
	return Other
}

// arrowNumber reads a value as a number.
func arrowNumber(a arrow.Array, i int) float64 {
	if a.IsNull(i) {
		return math.NaN()
	}
	switch a := a.(type) {
	case *array.Boolean:
		if a.Value(i) {
			return 1
		}
		return 0
	case *array.Float16:
		return float64(a.Value(i).Float32())
	case *array.Float32:
		return float64(a.Value(i))
	case *array.Float64:
		return a.Value(i)
	case *array.Int8:
		return float64(a.Value(i))
	case *array.Int16:
		return float64(a.Value(i))
	case *array.Int32:
		return float64(a.Value(i))
	case *array.Int64:
		return float64(a.Value(i))
	case *array.Uint8:
		return float64(a.Value(i))
	case *array.Uint16:
		return float64(a.Value(i))
	case *array.Uint32:
		return float64(a.Value(i))
	case *array.Uint64:
		return float64(a.Value(i))
	case *array.Decimal128:
		return a.Value(i).ToFloat64(a.DataType().(*arrow.Decimal128Type).Scale)
	case *array.Decimal256:
		return a.Value(i).ToFloat64(a.DataType().(*arrow.Decimal256Type).Scale)
	case *array.Dictionary:
		return arrowNumber(a.Dictionary(), a.GetValueIndex(i))
	}
	return math.NaN()
}

// arrowText reads a value as text.
func arrowText(a arrow.Array, i int) (string, error) {
	if a.IsNull(i) {
		return "", nil
	}
	var b []byte
	switch a := a.(type) {
	case interface{ Value(int) string }:
		return a.Value(i), nil
	case interface{ Value(int) []byte }:
		b = a.Value(i)
	case *array.Dictionary:
		return arrowText(a.Dictionary(), a.GetValueIndex(i))
	case *array.Boolean:
		return strconv.FormatBool(a.Value(i)), nil
	case *array.Int64:
		return strconv.FormatInt(a.Value(i), 10), nil
	case *array.Uint64:
		return strconv.FormatUint(a.Value(i), 10), nil
	default:
		return decimalText(arrowNumber(a, i)), nil
	}
	if !utf8.Valid(b) {
		return "", errors.New("it holds bytes that are not text, such as those of an image")
	}
	return string(b), nil
}

func (t *arrowTable) Path() string            { return t.path }
func (t *arrowTable) Columns() []Column       { return t.columns }
func (t *arrowTable) SHA256() (string, error) { return features.FileSHA256(t.path) }

func (t *arrowTable) Close() error {
	var err error
	if t.r != nil {
		err = t.r.Close()
	}
	return errors.Join(err, t.f.Close())
}

func (t *arrowTable) Texts(columns ...int) (all [][]string, err error) {
	defer guarded(t.path, &err)
	all = make([][]string, len(columns))
	for g := range t.rows {
		b, err := t.record(g)
		if err != nil {
			return nil, err
		}
		for i, c := range columns {
			f := t.fields[c]
			a := f.of(b)
			for k := range a.Len() {
				text, err := arrowText(a, k)
				if err == nil && f.names != nil && text != "" {
					text, err = labelName(f.names, text)
				}
				if err != nil {
					return nil, fmt.Errorf("%s: column %s: row %d: %w", t.path, t.columns[c].label(), len(all[i]), err)
				}
				all[i] = append(all[i], text)
			}
		}
	}
	return all, nil
}

// labelName is the class that a number of Hugging Face's ClassLabel stands for; -1 is none.
func labelName(names []string, text string) (string, error) {
	k, err := strconv.Atoi(text)
	if err != nil || k >= len(names) || k < -1 {
		return "", fmt.Errorf("label %s is not one of the %d classes in the file's metadata", text, len(names))
	}
	if k < 0 {
		return "", nil
	}
	return names[k], nil
}

func (t *arrowTable) Values(columns ...int) (Values, error) {
	v := &arrowValues{t: t, columns: columns, parts: parts{path: t.path, rows: t.rows, width: width(t, columns)}}
	v.open = func(_ context.Context, part, _ int) (err error) {
		v.b, err = t.record(part)
		return err
	}
	v.read = v.rows
	return v, nil
}

type arrowValues struct {
	parts
	t       *arrowTable
	columns []int
	b       arrow.Record // the open one
}

func (v *arrowValues) Close() error { return nil }

func (v *arrowValues) Read(ctx context.Context, lo, hi int, dst []float32) (err error) {
	defer guarded(v.t.path, &err)
	return v.parts.Read(ctx, lo, hi, dst)
}

// rows reads rows of the open record batch.
func (v *arrowValues) rows(_ context.Context, lo, hi int, dst []float32) error {
	at := 0
	for _, c := range v.columns {
		if err := v.column(c, lo, hi-lo, dst[at:]); err != nil {
			return fmt.Errorf("%s: column %s: %w", v.t.path, v.t.columns[c].label(), err)
		}
		at += v.t.columns[c].Width
	}
	return nil
}

// column fills in n rows of a column from the given one of the record batch on.
func (v *arrowValues) column(c, from, n int, dst []float32) error {
	a, width := v.t.fields[c].of(v.b), v.t.columns[c].Width
	if !v.t.columns[c].List {
		for i := range n {
			dst[i*v.width] = float32(arrowNumber(a, from+i))
		}
		return nil
	}
	l, _ := vectorsOf(a)
	floats, _ := l.values.(*array.Float32)
	for i := range n {
		row := dst[i*v.width : i*v.width+width]
		start, end := l.offsets(from + i)
		switch {
		case l.IsNull(from+i) || end == start:
			for k := range row {
				row[k] = float32(math.NaN())
			}
		case int(end-start) != width:
			return fmt.Errorf("row %d (from 0) has %d values, the first %d", v.lo+from+i, end-start, width)
		case floats != nil && floats.NullN() == 0:
			copy(row, floats.Float32Values()[start:end])
		default:
			for k := range row {
				row[k] = float32(arrowNumber(l.values, int(start)+k))
			}
		}
	}
	return nil
}
