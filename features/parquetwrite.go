package features

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
)

const (
	keyPrefix = "vzsl."
	keySchema = keyPrefix + "schema"

	schemaShard  = "feature-shard/1"
	schemaGrown  = "feature-shard/2"
	schemaImages = "images/1"
	schemaTimes  = "modification-times/1"
	schemaClass  = "class-table/1"
	schemaRoles  = "roles/1"
	groupRows    = 512     // rows per record and row group of a table with features
	textRows     = 1 << 16 // the same for a table of strings
	columnImage  = "image"
	columnClass  = "class"
	columnLabel  = "label"
	columnWNID   = "wnid"
	columnText   = "text"
	columnRole   = "role"
	columnVector = "feature"
	columnAttr   = "attributes"
	columnBytes  = "file_bytes"
	columnSHA256 = "file_sha256"
	columnShard  = "shard"
	columnReason = "skipped"
	columnTime   = "modified"
)

// metadata is the key-value metadata of a file, in order.
type metadata struct{ keys, values []string }

func (m *metadata) add(key, value string) {
	m.keys = append(m.keys, key)
	m.values = append(m.values, value)
}

func (m *metadata) addJSON(key string, v any) {
	b, err := json.Marshal(v)
	if err != nil { // strings and lists of strings only
		panic(err)
	}
	m.add(key, string(b))
}

// column is one column of a table being written: exactly one of the slices is set.
type column struct {
	name    string
	text    []string
	num     []int32
	long    []int64
	vectors []float32 // rows*width values, row after row
	width   int
	dict    bool // values repeat: use a dictionary
}

func (c *column) arrowType() arrow.DataType {
	switch {
	case c.width > 0:
		return arrow.FixedSizeListOf(int32(c.width), arrow.PrimitiveTypes.Float32)
	case c.num != nil:
		return arrow.PrimitiveTypes.Int32
	case c.long != nil:
		return arrow.PrimitiveTypes.Int64
	}
	return arrow.BinaryTypes.String
}

// slice makes a fresh, unsliced array of rows [lo,hi).
func (c *column) slice(lo, hi int) arrow.Array {
	switch {
	case c.width > 0:
		return vectorArray(c.vectors[lo*c.width:hi*c.width], c.width)
	case c.num != nil:
		data := array.NewData(arrow.PrimitiveTypes.Int32, hi-lo,
			[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.num[lo:hi]))}, nil, 0, 0)
		defer data.Release()
		return array.NewInt32Data(data)
	case c.long != nil:
		data := array.NewData(arrow.PrimitiveTypes.Int64, hi-lo,
			[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(c.long[lo:hi]))}, nil, 0, 0)
		defer data.Release()
		return array.NewInt64Data(data)
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(c.text[lo:hi], nil)
	return b.NewArray()
}

// vectorArray wraps values, without copying them, as fixed-size lists of the given width without nulls.
func vectorArray(values []float32, width int) arrow.Array {
	child := array.NewData(arrow.PrimitiveTypes.Float32, len(values),
		[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Float32Traits.CastToBytes(values))}, nil, 0, 0)
	defer child.Release()
	list := array.NewData(arrow.FixedSizeListOf(int32(width), arrow.PrimitiveTypes.Float32), len(values)/width,
		[]*memory.Buffer{nil}, []arrow.ArrayData{child}, 0, 0)
	defer list.Release()
	return array.NewFixedSizeListData(list)
}

// writeParquet writes a table whose bytes depend on its contents alone. Columns have the same number of rows; an empty
// non-vector column must be non-nil.
func writeParquet(w io.Writer, rows, perGroup int, columns []column, kv metadata) error {
	fields := make([]arrow.Field, len(columns))
	props := []parquet.WriterProperty{
		parquet.WithCreatedBy("vzsl"),
		parquet.WithVersion(parquet.V2_6),
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithCompressionLevel(1), // a quarter less time than the default, 2 % more bytes
		parquet.WithDictionaryDefault(false),
		parquet.WithRootRepetition(parquet.Repetitions.Required),
		parquet.WithMaxRowGroupLength(int64(perGroup)),
		parquet.WithStats(false),
	}
	for i := range columns {
		c := &columns[i]
		// Nullable although there are no nulls: a FixedSizeList that is not comes out as nulls.
		fields[i] = arrow.Field{Name: c.name, Type: c.arrowType(), Nullable: c.width > 0}
		if c.width == 0 {
			props = append(props, parquet.WithStatsFor(c.name, true), parquet.WithDictionaryFor(c.name, c.dict))
		}
	}
	md := arrow.NewMetadata(kv.keys, kv.values)
	schema := arrow.NewSchema(fields, &md)
	// The library closes what it writes to where that can be closed; the file must still be synced then.
	pw, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{w}, parquet.NewWriterProperties(props...),
		pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return fmt.Errorf("start Parquet: %w", err)
	}
	arrays := make([]arrow.Array, len(columns))
	for lo := 0; lo < rows; lo += perGroup {
		hi := min(lo+perGroup, rows)
		for i := range columns {
			arrays[i] = columns[i].slice(lo, hi)
		}
		rec := array.NewRecord(schema, arrays, int64(hi-lo))
		err := pw.Write(rec)
		rec.Release()
		for _, a := range arrays {
			a.Release()
		}
		if err != nil {
			return fmt.Errorf("write Parquet rows: %w", err)
		}
	}
	if err := pw.Close(); err != nil {
		return fmt.Errorf("end Parquet: %w", err)
	}
	return nil
}
