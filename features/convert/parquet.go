package convert

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow/float16"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	schema "github.com/parquet-go/parquet-go/format"

	"vzsl/features"
)

// parquetTable is a Parquet file of another program.
type parquetTable struct {
	path    string
	temp    string
	f       *os.File
	file    *parquet.File
	columns []Column
	leaves  []parquetLeaf

	elements []schema.SchemaElement // of the file's columns of values, by their index
}

// parquetLeaf is where the values of a column lie and how they are read.
type parquetLeaf struct {
	*parquet.Column
	number func(v parquet.Value) float64
	text   func(v parquet.Value) (string, error)
	names  []string // texts that the numbers stand for
}

func openParquet(path string, o Options) (_ Table, err error) {
	defer guarded(path, &err)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &parquetTable{path: path, temp: o.Temp, f: f}
	if err := t.open(); err != nil {
		_ = f.Close()
		return nil, err
	}
	return t, nil
}

func (t *parquetTable) open() error {
	err := verifyFooter(t.f)
	if err != nil {
		return err
	}
	t.file, err = parquet.OpenFile(t.f, fileSize(t.f), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	switch {
	case err != nil && strings.Contains(err.Error(), "DecryptionConfig"):
		return fmt.Errorf("%s is an encrypted Parquet file: write it without encryption", t.path)
	case err != nil:
		return fmt.Errorf("%s: not a readable Parquet file: %w; copy it again, or rewrite it (pandas: to_parquet(compression='snappy'); DuckDB: COPY ... (FORMAT parquet, COMPRESSION zstd))", t.path, err)
	}
	if n := t.file.NumRows(); n < 1 || n > math.MaxInt32 {
		return fmt.Errorf("%s: %d rows", t.path, n)
	}
	about := t.metadata()
	for _, e := range t.file.Metadata().Schema {
		if e.Type.Valid {
			t.elements = append(t.elements, e)
		}
	}
	for _, root := range t.file.Root().Columns() {
		for _, leaf := range parquetLeaves(root) {
			c, l := t.column(root, leaf)
			c.Rows = int(t.file.NumRows())
			c.Index = about.index(c.Name)
			if names := about.names[c.Name]; names != nil && c.Kind == Integer {
				c.Kind, c.Type, l.names = Text, c.Type+", class labels", names
			}
			if c.List {
				if c.Width, err = t.firstWidth(l); err != nil {
					c.Kind, c.Why = Other, err.Error()
				}
			}
			t.columns, t.leaves = append(t.columns, c), append(t.leaves, l)
		}
	}
	return nil
}

// tableAbout is what a file's metadata say of its columns.
type tableAbout struct {
	indexes []string            // columns that are the index of a pandas frame
	names   map[string][]string // Hugging Face's ClassLabel: what numbers stand for
}

func (t *parquetTable) metadata() tableAbout {
	pandas, _ := t.file.Lookup("pandas")
	huggingface, _ := t.file.Lookup("huggingface")
	return aboutColumns(pandas, huggingface)
}

// aboutColumns reads the metadata that pandas and Hugging Face's datasets write, JSON both; what is not understood says nothing.
func aboutColumns(pandas, huggingface string) tableAbout {
	var p struct {
		IndexColumns []any `json:"index_columns"` // names, or objects that describe a range
	}
	var a tableAbout
	if json.Unmarshal([]byte(pandas), &p) == nil {
		for _, c := range p.IndexColumns {
			if name, ok := c.(string); ok {
				a.indexes = append(a.indexes, name)
			}
		}
	}
	a.names = ClassLabels(huggingface)
	return a
}

// ClassLabels reads from the metadata "huggingface" of a Parquet file the class names that numbers stand for, for each column of the
// type ClassLabel. What is not understood says nothing. See https://huggingface.co/docs/datasets/about_dataset_features.
func ClassLabels(huggingface string) map[string][]string {
	var h struct {
		Info struct {
			Features map[string]struct {
				Names []string `json:"names"`
				Type  string   `json:"_type"`
			} `json:"features"`
		} `json:"info"`
	}
	all := map[string][]string{}
	if json.Unmarshal([]byte(huggingface), &h) == nil {
		for name, f := range h.Info.Features {
			if f.Type == "ClassLabel" && len(f.Names) > 0 {
				all[name] = f.Names
			}
		}
	}
	return all
}

func (a *tableAbout) index(name string) bool {
	return slices.Contains(a.indexes, name) || strings.HasPrefix(name, "__index_level_")
}

// parquetLeaves are the columns of values below one of the file's columns that become columns of the table: of a struct with
// a path (Hugging Face's image) that alone, of other structs all.
func parquetLeaves(c *parquet.Column) []*parquet.Column {
	if c.Leaf() {
		return []*parquet.Column{c}
	}
	if path := c.Column("path"); path != nil && path.Leaf() && c.Column("bytes") != nil {
		return []*parquet.Column{path}
	}
	var all []*parquet.Column
	for _, below := range c.Columns() {
		all = append(all, parquetLeaves(below)...)
	}
	return all
}

func (t *parquetTable) column(root, leaf *parquet.Column) (Column, parquetLeaf) {
	c := Column{Name: root.Name(), Type: leaf.Type().String(), Width: 1, List: leaf.MaxRepetitionLevel() > 0}
	if !root.Leaf() && leaf.MaxRepetitionLevel() == 0 && leaf.Name() != "path" {
		c.Name += "." + leaf.Name() // a field of a struct
	}
	l := parquetLeaf{Column: leaf}
	c.Kind = l.kind(&t.elements[leaf.Index()])
	switch {
	case c.Kind == Other:
		c.Why = "values of type " + c.Type + " are neither numbers nor text"
	case c.List:
		c.Type = "list<" + c.Type + ">"
		if c.Kind == Text {
			c.Kind, c.Why = Other, "lists of text are not supported"
		}
	}
	return c, l
}

// kind finds out how the values of a leaf are read.
func (l *parquetLeaf) kind(e *schema.SchemaElement) Kind {
	var logical any = e.LogicalType.Value // of which the library's own type does not know all
	if t := l.Type().LogicalType(); e.LogicalType.Value == nil {
		if logical = nil; t != nil {
			logical = t.Value
		}
	}
	whole := func(f func(v parquet.Value) int64) Kind {
		l.number = func(v parquet.Value) float64 { return float64(f(v)) }
		l.text = func(v parquet.Value) (string, error) { return fmt.Sprint(f(v)), nil }
		return Integer
	}
	number := func(f func(v parquet.Value) float64) Kind {
		l.number = f
		l.text = func(v parquet.Value) (string, error) { return decimalText(f(v)), nil }
		return Number
	}
	switch t := logical.(type) {
	case *schema.DecimalType:
		scale := math.Pow10(int(t.Scale))
		return number(func(v parquet.Value) float64 { return unscaled(v) / scale })
	case *schema.Float16Type:
		return number(func(v parquet.Value) float64 {
			return float64(float16.FromBits(binary.LittleEndian.Uint16(v.ByteArray())).Float32())
		})
	case *schema.IntType:
		switch {
		case t.IsSigned && l.Type().Kind() == parquet.Int64:
			return whole(parquet.Value.Int64)
		case t.IsSigned:
			return whole(func(v parquet.Value) int64 { return int64(v.Int32()) })
		case l.Type().Kind() == parquet.Int32:
			return whole(func(v parquet.Value) int64 { return int64(v.Uint32()) })
		}
		l.number = func(v parquet.Value) float64 { return float64(v.Uint64()) }
		l.text = func(v parquet.Value) (string, error) { return fmt.Sprint(v.Uint64()), nil }
		return Integer
	case nil, *schema.StringType, *schema.EnumType, *schema.JsonType:
	default:
		return Other
	}
	switch l.Type().Kind() {
	case parquet.Boolean:
		l.number = func(v parquet.Value) float64 {
			if v.Boolean() {
				return 1
			}
			return 0
		}
		l.text = func(v parquet.Value) (string, error) { return fmt.Sprint(v.Boolean()), nil }
		return Bool
	case parquet.Int32:
		return whole(func(v parquet.Value) int64 { return int64(v.Int32()) })
	case parquet.Int64:
		return whole(parquet.Value.Int64)
	case parquet.Float:
		return number(func(v parquet.Value) float64 { return float64(v.Float()) })
	case parquet.Double:
		return number(parquet.Value.Double)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		if c := l.Type().ConvertedType(); logical == nil && c != nil && *c != deprecated.UTF8 && *c != deprecated.Enum && *c != deprecated.Json {
			return Other // an interval
		}
		l.text = func(v parquet.Value) (string, error) {
			if b := v.ByteArray(); !utf8.Valid(b) {
				return "", errors.New("it holds bytes that are not text, such as those of an image")
			}
			return string(v.ByteArray()), nil
		}
		return Text
	}
	return Other
}

// unscaled is a decimal without its point: a whole number of any storage, bytes in two's complement, the highest first.
func unscaled(v parquet.Value) float64 {
	switch v.Kind() {
	case parquet.Int32:
		return float64(v.Int32())
	case parquet.Int64:
		return float64(v.Int64())
	}
	b := v.ByteArray()
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	f, _ := new(big.Float).SetInt(n).Float64()
	return f
}

func (t *parquetTable) Path() string            { return t.path }
func (t *parquetTable) Columns() []Column       { return t.columns }
func (t *parquetTable) SHA256() (string, error) { return features.FileSHA256(t.path) }
func (t *parquetTable) Close() error            { return t.f.Close() }

func (t *parquetTable) Texts(columns ...int) (all [][]string, err error) {
	defer guarded(t.path, &err)
	all = make([][]string, len(columns))
	for i, c := range columns {
		l := t.leaves[c]
		s := t.stream(l, 1)
		for range t.columns[c].Rows {
			v, err := s.take()
			if err != nil {
				return nil, err
			}
			text := ""
			switch {
			case v.IsNull():
			default:
				if text, err = l.text(v); err == nil && l.names != nil {
					text, err = labelName(l.names, text)
				}
				if err != nil {
					return nil, fmt.Errorf("%s: column %s: row %d: %w", t.path, t.columns[c].label(), len(all[i]), err)
				}
			}
			all[i] = append(all[i], text)
		}
		if err := s.close(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// firstWidth is the length of the first row's list that there is; all others must have it too.
func (t *parquetTable) firstWidth(l parquetLeaf) (int, error) {
	s := t.stream(l, 0)
	defer func() { _ = s.close() }() // it was only read
	const most = 1 << 24
	for range 1000 {
		lists, values := 0, 0
		for {
			v, err := s.take()
			if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				return 0, err
			}
			if err != nil {
				break
			}
			if v.RepetitionLevel() == 0 && lists+values > 0 {
				s.at-- // the next row's
				break
			}
			if v.RepetitionLevel() < l.MaxRepetitionLevel() {
				lists++
			}
			if !v.IsNull() || v.DefinitionLevel() == l.MaxDefinitionLevel()-1 && l.Optional() {
				values++
			}
			if values > most {
				return 0, fmt.Errorf("%s: column %s: a row of more than %d values", t.path, l.name(), most)
			}
		}
		switch {
		case values > 0 && lists > 1 && lists != values:
			return 0, fmt.Errorf("a row is a list of %d lists; flatten them", lists)
		case values > 0:
			return values, nil
		case lists == 0:
			return 0, errors.New("no row has values")
		}
	}
	return 0, errors.New("the first 1,000 rows have no values")
}
