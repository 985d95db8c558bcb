package attributes

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
)

const (
	maxParquetRows = 1 << 22 // classes
	maxParquetSize = 1 << 32 // values
)

// ReadParquet reads class attributes from a Parquet file, one row per class: a text column called class (or name), and beside
// it either numeric columns, an attribute each, or one column of lists of numbers, all as long as the first. A null is a
// missing value. Other text columns and "label" are left out. Every one of classes must have a row.
func ReadParquet(path string, classes []string) (*Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readParquet(path, f, classes)
}

func readParquet(path string, src parquet.ReaderAtSeeker, classes []string) (t *Table, err error) {
	// The library panics over some damaged files.
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, fmt.Errorf("%s: damaged Parquet file: %v", path, p)
		}
	}()
	r, err := file.NewParquetReader(src)
	if err != nil {
		return nil, fmt.Errorf("%s: no readable Parquet file: %w", path, err)
	}
	defer r.Close()
	if n := r.NumRows(); n < 0 || n > maxParquetRows {
		return nil, fmt.Errorf("%s: %d rows; a row per class is wanted", path, n)
	}
	ar, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	table, err := ar.ReadTable(context.Background())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer table.Release()
	if table.NumRows() != r.NumRows() { // an encoding it does not know reads as no rows
		return nil, fmt.Errorf("%s: only %d of %d rows can be read: write the file with plain or dictionary encoding", path, table.NumRows(), r.NumRows())
	}
	return fromArrow(path, table, classes)
}

func fromArrow(path string, table arrow.Table, classes []string) (*Table, error) {
	t := &Table{Source: filepath.Base(path)}
	rows := int(table.NumRows())
	names, classColumn, err := parquetClasses(path, table)
	if err != nil {
		return nil, err
	}
	values := make([][]float32, rows)
	lists := ""
	for i := range int(table.NumCols()) {
		c := table.Column(i)
		if i == classColumn || strings.EqualFold(c.Name(), "label") {
			continue
		}
		at, width := 0, -1
		for _, chunk := range c.Data().Chunks() {
			get, w, err := numbers(chunk)
			if err != nil {
				return nil, fmt.Errorf("%s: column %q: row %d: %w", path, c.Name(), at+1, err)
			}
			if get == nil {
				break
			}
			if width >= 0 && w != width && chunk.Len() > 0 {
				return nil, fmt.Errorf("%s: column %q: row %d has %d values, the first has %d", path, c.Name(), at+1, w, width)
			}
			width = w
			if int64(rows)*int64(width+len(t.Names)) > maxParquetSize {
				return nil, fmt.Errorf("%s: column %q: %d rows of %d values are too many", path, c.Name(), rows, width)
			}
			for k := range chunk.Len() {
				for j := range w {
					v := get(k, j)
					if math.IsInf(v, 0) || math.Abs(v) > math.MaxFloat32 {
						return nil, fmt.Errorf("%s: column %q, row %d (class %q): %v is no value of an attribute", path, c.Name(), at+k+1, names[at+k], v)
					}
					values[at+k] = append(values[at+k], float32(v))
				}
			}
			at += chunk.Len()
		}
		switch {
		case width < 0:
			t.Notes = append(t.Notes, fmt.Sprintf("%s: column %q holds no numbers and was left out", path, c.Name()))
		case isList(c.DataType()):
			if lists != "" {
				return nil, fmt.Errorf("%s: columns %q and %q both hold lists; one is wanted", path, lists, c.Name())
			}
			lists = c.Name()
			for j := range width {
				t.Names = append(t.Names, fmt.Sprintf("%s_%03d", c.Name(), j+1))
			}
		default:
			t.Names = append(t.Names, c.Name())
		}
	}
	if len(t.Names) == 0 {
		return nil, fmt.Errorf("%s: no column of numbers beside the class names", path)
	}
	byName := make(map[string][]float32, rows)
	for i, n := range names {
		if n == "" {
			return nil, fmt.Errorf("%s: row %d has no class name", path, i+1)
		}
		if _, twice := byName[n]; twice {
			return nil, fmt.Errorf("%s: row %d: class %q is there twice", path, i+1, n)
		}
		byName[n] = values[i]
	}
	if err := t.align(path, classes, names, byName); err != nil {
		return nil, err
	}
	return t, nil
}

// parquetClasses reads the column of class names.
func parquetClasses(path string, table arrow.Table) (names []string, column int, err error) {
	var have []string
	column = -1
	for i := range int(table.NumCols()) {
		c := table.Column(i)
		have = append(have, c.Name())
		if n := strings.ToLower(c.Name()); n == "class" || n == "classes" || (n == "name" && column < 0) {
			column = i
		}
	}
	if column < 0 {
		return nil, 0, fmt.Errorf("%s: no column \"class\" with the class names; the columns are %s", path, some(have))
	}
	for _, chunk := range table.Column(column).Data().Chunks() {
		for k := range chunk.Len() {
			switch a := chunk.(type) {
			case *array.String:
				names = append(names, a.Value(k))
			case *array.LargeString:
				names = append(names, a.Value(k))
			case *array.Dictionary:
				s, ok := a.Dictionary().(*array.String)
				if !ok || a.IsNull(k) {
					return nil, 0, fmt.Errorf("%s: row %d has no class name", path, len(names)+1)
				}
				names = append(names, s.Value(a.GetValueIndex(k)))
			default:
				return nil, 0, fmt.Errorf("%s: column %q holds %s, class names are text", path, table.Column(column).Name(), chunk.DataType())
			}
		}
	}
	return names, column, nil
}

func isList(t arrow.DataType) bool {
	return t.ID() == arrow.FIXED_SIZE_LIST || t.ID() == arrow.LIST || t.ID() == arrow.LARGE_LIST
}

// numbers gives value j of row k of an array and the number of values in a row; nil where it does not hold numbers.
func numbers(a arrow.Array) (get func(k, j int) float64, width int, err error) {
	if !isList(a.DataType()) {
		at := plainNumbers(a)
		if at == nil {
			return nil, 0, nil
		}
		return func(k, _ int) float64 { return at(k) }, 1, nil
	}
	list, ok := a.(array.ListLike)
	if !ok {
		return nil, 0, nil
	}
	at := plainNumbers(list.ListValues())
	if at == nil {
		return nil, 0, nil
	}
	for k := range a.Len() {
		from, to := list.ValueOffsets(k)
		switch n := int(to - from); {
		case a.IsNull(k):
			return nil, 0, fmt.Errorf("no list")
		case k == 0:
			width = n
		case n != width:
			return nil, 0, fmt.Errorf("lists of %d and of %d values", width, n)
		}
	}
	return func(k, j int) float64 {
		from, _ := list.ValueOffsets(k)
		return at(int(from) + j)
	}, width, nil
}

// plainNumbers reads an array's values, NaN for a null.
func plainNumbers(a arrow.Array) func(i int) float64 {
	var get func(i int) float64
	switch a := a.(type) {
	case *array.Float32:
		get = func(i int) float64 { return float64(a.Value(i)) }
	case *array.Float64:
		get = a.Value
	case *array.Int8:
		get = func(i int) float64 { return float64(a.Value(i)) }
	case *array.Int16:
		get = func(i int) float64 { return float64(a.Value(i)) }
	case *array.Int32:
		get = func(i int) float64 { return float64(a.Value(i)) }
	case *array.Int64:
		get = func(i int) float64 { return float64(a.Value(i)) }
	case *array.Uint8:
		get = func(i int) float64 { return float64(a.Value(i)) }
	case *array.Uint16:
		get = func(i int) float64 { return float64(a.Value(i)) }
	case *array.Uint32:
		get = func(i int) float64 { return float64(a.Value(i)) }
	case *array.Boolean:
		get = func(i int) float64 {
			if a.Value(i) {
				return 1
			}
			return 0
		}
	default:
		return nil
	}
	return func(i int) float64 {
		if a.IsNull(i) {
			return math.NaN()
		}
		return get(i)
	}
}
