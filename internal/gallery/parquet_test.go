package gallery

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
)

// The Parquet file that a browser saves, as an independent reader, Arrow's, reads it.
func TestParquet(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("needs node")
	}
	path := filepath.Join(t.TempDir(), "a.parquet")
	script := filepath.Join("testdata", "parquet.mjs")
	if out, err := exec.Command(node, "--no-warnings", script, path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pf, err := file.NewParquetReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := r.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	if table.NumRows() != 301 || table.NumCols() != 11 {
		t.Fatal(table.NumRows(), table.NumCols(), table.Schema())
	}
	value := func(column string, row int) string {
		k := table.Schema().FieldIndices(column)
		if len(k) != 1 {
			t.Fatalf("columns %q: %v", column, k)
		}
		switch c := table.Column(k[0]).Data().Chunk(0).(type) {
		case *array.String:
			if c.IsNull(row) {
				return "null"
			}
			return c.Value(row)
		case *array.Float64:
			if c.IsNull(row) {
				return "null"
			}
			return fmt.Sprint(c.Value(row))
		case *array.Float32:
			if c.IsNull(row) {
				return "null"
			}
			return fmt.Sprint(c.Value(row))
		}
		t.Fatalf("column %q is of type %s", column, table.Schema().Field(k[0]).Type)
		return ""
	}
	elan := `élan, "big"`
	for _, c := range []struct {
		column string
		row    int
		want   string
	}{
		{"image", 0, "Bäume/0.jpg"}, {"image", 299, "Bäume/299.jpg"}, {"image", 300, "not an image"},
		{"predicted", 0, "null"}, {"predicted", 1, elan}, {"predicted", 299, elan}, {"predicted", 300, "null"},
		{"probability", 3, "0.01"}, {"probability", 300, "null"}, {"top2", 5, "=1+2"}, {"probability2", 0, "1e-300"},
		{"score1", 7, "1"}, {"score2", 299, "-299"}, {"score1", 300, "null"}, {"label", 7, elan}, {"label", 8, "null"}, {"label", 9, "null"},
		{"error", 0, "null"}, {"error", 300, "unreadable"},
	} {
		if got := value(c.column, c.row); got != c.want {
			t.Errorf("%s of row %d: %q, want %q", c.column, c.row, got, c.want)
		}
	}
}
