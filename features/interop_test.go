package features

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vzsl/internal/interop"
)

// Others see the types and values that were written, to the bit, over several parts and row groups, and can skip row groups.
func TestInteropShards(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "net")
	src := source(6, 1500, 1024) // two row groups in the first part, one in the second
	fill(t, dir, src, 100)
	table := classes(600, 5) // some values missing
	files := []string{filepath.Join(dir, partFile(0, 2)), filepath.Join(dir, partFile(1, 2)), filepath.Join(top, classTableName), filepath.Join(top, "split.parquet")}
	if err := WriteClassTable(files[2], table); err != nil {
		t.Fatal(err)
	}
	roles := &Split{Images: []string{"a", "é"}, Roles: []Role{RoleTrain, RoleTestUnseen}}
	if err := WriteSplit(files[3], roles); err != nil {
		t.Fatal(err)
	}

	want := make([][][]any, 4)
	for part := range 2 {
		p := rowsOf(src, part, 100)
		for i := range p.Images {
			want[part] = append(want[part], interop.Row(p.Images[i], p.Classes[i], p.Labels[i], p.Features[i*6:i*6+6]))
		}
	}
	for i, c := range table.Classes {
		want[2] = append(want[2], interop.Row(int32(i), c, table.WNIDs[i], table.Values[i]))
	}
	want[3] = [][]any{{"a", "train"}, {"é", "test_unseen"}}
	columns := map[string][2][][2]string{
		"duckdb": {
			{{"image", "VARCHAR"}, {"class", "VARCHAR"}, {"label", "INTEGER"}, {"feature", "FLOAT[]"}},
			{{"label", "INTEGER"}, {"class", "VARCHAR"}, {"wnid", "VARCHAR"}, {"attributes", "FLOAT[]"}}},
		"polars": {
			{{"image", "DataType(String)"}, {"class", "DataType(String)"}, {"label", "DataType(Int32)"}, {"feature", "DataType(FixedSizeList(DataType(Float32),6))"}},
			{{"label", "DataType(Int32)"}, {"class", "DataType(String)"}, {"wnid", "DataType(String)"}, {"attributes", "DataType(FixedSizeList(DataType(Float32),5))"}}},
		"wasm": {
			{{"image", "Utf8"}, {"class", "Utf8"}, {"label", "Int32"}, {"feature", "FixedSizeList[6]<Float32>"}},
			{{"label", "Int32"}, {"class", "Utf8"}, {"wnid", "Utf8"}, {"attributes", "FixedSizeList[5]<Float32>"}}},
	}
	for _, reader := range interop.Readers {
		t.Run(reader, func(t *testing.T) {
			tables := interop.Tables(t, top, reader, files...)
			for i, got := range tables {
				if d := cmp.Diff(want[i], got.Rows); d != "" {
					t.Errorf("%s: %s", files[i], d)
				}
				if i < 3 {
					if d := cmp.Diff(columns[reader][i/2], got.Columns); d != "" {
						t.Errorf("%s: %s", files[i], d)
					}
				}
			}
			if reader != "duckdb" {
				return
			}
			for i, skipBy := range [][]string{{"image", "class", "label"}, {"image", "class", "label"}, {"label", "class"}, {"image", "role"}} {
				interop.Pushdown(t, tables[i], skipBy...)
				interop.Spark(t, tables[i])
			}
			if n := len(tables[0].Chunks); n != 2*4 {
				t.Errorf("%d column chunks of 4 columns, not two row groups", n)
			}
			if m := tables[0].Metadata; m["vzsl.layer"] != src.Layer || m["vzsl.dim"] != "6" || m["vzsl.schema"] != schemaShard {
				t.Error(m)
			}
		})
	}
}
