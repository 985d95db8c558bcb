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
	maxParquetSize = 1 << 28 // values
)

// ReadParquet reads class attributes from a Parquet file, one row per class: a text column called class (or name), and beside
// it either numeric columns, an attribute each, or one column of lists of numbers, all as long as the first. A null is a
// missing value. Other text columns and "label" are left out. Every one of classes must have a row; nil takes all that are there,
// in the file's order.
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
	t = &Table{Source: filepath.Base(path)}
	var columns []*arrow.Column
	for i, f := range ar.Manifest.Fields {
		if !readable(f.Field.Type) {
			t.Notes = append(t.Notes, fmt.Sprintf("%s: column %q holds %s and was left out", path, f.Field.Name, f.Field.Type))
			continue
		}
		c, err := readColumn(ar, i, r.NumRows())
		if err != nil {
			return nil, fmt.Errorf("%s: column %q: %w", path, f.Field.Name, err)
		}
		columns = append(columns, arrow.NewColumn(*f.Field, c))
	}
	return t, t.fromArrow(path, columns, int(r.NumRows()), classes)
}

// readable: what the library reads without goroutines of its own, whose panics nobody could catch.
func readable(t arrow.DataType) bool {
	if n, ok := t.(arrow.NestedType); ok {
		return isList(t) && len(n.Fields()) == 1 && readable(n.Fields()[0].Type)
	}
	return t.ID() != arrow.EXTENSION
}

// readColumn reads a column piece by piece, so that memory follows what is there, not what the file claims.
func readColumn(ar *pqarrow.FileReader, i int, rows int64) (*arrow.Chunked, error) {
	c, err := ar.GetColumn(context.Background(), i)
	if err != nil {
		return nil, err
	}
	defer c.Release()
	var pieces []arrow.Array
	read, kind := int64(0), c.Field().Type
	for read < rows {
		piece, err := c.NextBatch(min(rows-read, 1024))
		if err != nil {
			return nil, err
		}
		if piece == nil || piece.Len() == 0 { // an encoding it does not know reads as no rows
			return nil, fmt.Errorf("only %d of %d rows can be read: write the file with plain or dictionary encoding", read, rows)
		}
		pieces, kind = append(pieces, piece.Chunks()...), piece.DataType()
		read += int64(piece.Len())
	}
	if read != rows {
		return nil, fmt.Errorf("%d rows of %d", read, rows)
	}
	return arrow.NewChunked(kind, pieces), nil
}

func (t *Table) fromArrow(path string, columns []*arrow.Column, rows int, classes []string) error {
	names, classColumn, err := parquetClasses(path, columns)
	if err != nil {
		return err
	}
	values := make([][]float32, rows)
	lists := ""
	for i, c := range columns {
		if i == classColumn || strings.EqualFold(c.Name(), "label") {
			continue
		}
		at, width := 0, -1
		for _, chunk := range c.Data().Chunks() {
			get, w, err := numbers(chunk)
			if err != nil {
				return fmt.Errorf("%s: column %q: row %d: %w", path, c.Name(), at+1, err)
			}
			if get == nil {
				break
			}
			if width >= 0 && w != width && chunk.Len() > 0 {
				return fmt.Errorf("%s: column %q: row %d has %d values, the first has %d", path, c.Name(), at+1, w, width)
			}
			width = w
			if int64(rows)*int64(width+len(t.Names)) > maxParquetSize {
				return fmt.Errorf("%s: column %q: %d rows of %d values are too many", path, c.Name(), rows, width)
			}
			for k := range chunk.Len() {
				for j := range w {
					v := get(k, j)
					if math.IsInf(v, 0) || math.Abs(v) > math.MaxFloat32 {
						return fmt.Errorf("%s: column %q, row %d (class %q): %v is no value of an attribute", path, c.Name(), at+k+1, names[at+k], v)
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
				return fmt.Errorf("%s: columns %q and %q both hold lists; one is wanted", path, lists, c.Name())
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
		return fmt.Errorf("%s: no column of numbers beside the class names", path)
	}
	byName := make(map[string][]float32, rows)
	for i, n := range names {
		if n == "" {
			return fmt.Errorf("%s: row %d has no class name", path, i+1)
		}
		if _, twice := byName[n]; twice {
			return fmt.Errorf("%s: row %d: class %q is there twice", path, i+1, n)
		}
		byName[n] = values[i]
	}
	if classes == nil {
		classes = names
	}
	return t.align(path, classes, names, byName)
}

// parquetClasses reads the column of class names.
func parquetClasses(path string, columns []*arrow.Column) (names []string, column int, err error) {
	var have []string
	column = -1
	for i, c := range columns {
		have = append(have, c.Name())
		if n := strings.ToLower(c.Name()); n == "class" || n == "classes" || (n == "name" && column < 0) {
			column = i
		}
	}
	if column < 0 {
		return nil, 0, fmt.Errorf("%s: no column \"class\" with the class names; the columns are %s", path, some(have))
	}
	for _, chunk := range columns[column].Data().Chunks() {
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
				return nil, 0, fmt.Errorf("%s: column %q holds %s, class names are text", path, columns[column].Name(), chunk.DataType())
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
