package attributes

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vzsl/internal/filetest"
)

// parquetFile writes rows given as JSON.
func parquetFile(t testing.TB, rows string, fields ...arrow.Field) string {
	t.Helper()
	schema := arrow.NewSchema(fields, nil)
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, bytes.NewReader([]byte(rows)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &b, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return filetest.Write(t, filepath.Join(t.TempDir(), "a.parquet"), b.String())
}

func text(name string) arrow.Field { return arrow.Field{Name: name, Type: arrow.BinaryTypes.String} }

func TestReadParquet(t *testing.T) {
	classes := []string{"zebra", "cat"}
	f32 := arrow.PrimitiveTypes.Float32
	for name, c := range map[string]struct {
		path  string
		names []string
	}{
		"columns": {parquetFile(t, `[{"class":"cat","x":null,"note":"a","n":7,"b":true},{"class":"zebra","x":0.5,"note":"b","n":-1,"b":false}]`,
			text("class"), arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true}, text("note"),
			arrow.Field{Name: "n", Type: arrow.PrimitiveTypes.Int64}, arrow.Field{Name: "b", Type: arrow.FixedWidthTypes.Boolean}), []string{"x", "n", "b"}},
		"lists": {parquetFile(t, `[{"Class":"cat","v":[null,7,1]},{"Class":"zebra","v":[0.5,-1,0]}]`,
			text("Class"), arrow.Field{Name: "v", Type: arrow.ListOf(f32), Nullable: true}), []string{"v_001", "v_002", "v_003"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadFile(c.path, FileOptions{Classes: classes})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([][]float32{{0.5, -1, 0}, {nan, 7, 1}}, got.Values, cmpopts.EquateNaNs()); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.names, got.Names); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestReadParquetErrors(t *testing.T) {
	f64 := arrow.PrimitiveTypes.Float64
	x := arrow.Field{Name: "x", Type: f64, Nullable: true}
	for name, c := range map[string]struct {
		path string
		says []string
	}{
		"no class":   {parquetFile(t, `[{"animal":"zebra","x":1}]`, text("animal"), x), []string{`"class"`, `"animal" (text), "x" (numbers)`}},
		"no numbers": {parquetFile(t, `[{"class":"zebra","note":"a"}]`, text("class"), text("note")), []string{"no attributes"}},
		"twice":      {parquetFile(t, `[{"class":"zebra","x":1},{"class":"zebra","x":2}]`, text("class"), x), []string{"row 2", `"zebra"`}},
		"missing":    {parquetFile(t, `[{"class":"Zebra","x":1}]`, text("class"), x), []string{`zebra (written "Zebra" there)`}},
		"ragged": {parquetFile(t, `[{"class":"zebra","x":[1,2]},{"class":"cat","x":[1]}]`, text("class"),
			arrow.Field{Name: "x", Type: arrow.ListOf(f64), Nullable: true}), []string{"row 1", "not have 2 values"}},
		"too large":   {parquetFile(t, `[{"class":"zebra","x":1e300}]`, text("class"), x), []string{`"x"`, "zebra", "beyond float32"}},
		"class codes": {parquetFile(t, `[{"class":3,"x":1}]`, arrow.Field{Name: "class", Type: arrow.PrimitiveTypes.Int64}, x), []string{"no column of class names"}},
		"no parquet":  {filetest.Write(t, filepath.Join(t.TempDir(), "a.parquet"), "class,x\nzebra,1\n"), []string{"a.parquet", "is text"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadFile(c.path, FileOptions{Classes: []string{"zebra"}})
			filetest.WantError(t, err, c.says...)
		})
	}
	_, err := ReadFile(filepath.Join(t.TempDir(), "none.parquet"), FileOptions{})
	filetest.WantError(t, err, "none.parquet")
}
