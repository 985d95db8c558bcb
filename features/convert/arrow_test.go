package convert

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// arrowFile writes rows given as JSON.
func arrowFile(t *testing.T, rows string, meta map[string]string, fields ...arrow.Field) string {
	t.Helper()
	m := arrow.MetadataFrom(meta)
	schema := arrow.NewSchema(fields, &m)
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, bytes.NewReader([]byte(rows)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.arrow")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(schema))
	if err == nil {
		err = w.Write(rec)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestArrowKinds: what no program at hand writes: list views, pandas' index, Hugging Face's class labels.
func TestArrowKinds(t *testing.T) {
	f32 := arrow.PrimitiveTypes.Float32
	for name, kind := range map[string]arrow.DataType{"list view": arrow.ListViewOf(f32), "large list view": arrow.LargeListViewOf(f32), "large list": arrow.LargeListOf(f32)} {
		path := arrowFile(t, `[{"class":"bee","x":[1,2]},{"class":"ant","x":null},{"class":"cat","x":[3,-4]}]`, nil,
			arrow.Field{Name: "class", Type: arrow.BinaryTypes.String}, arrow.Field{Name: "x", Type: kind, Nullable: true})
		tab, err := Open(path, Options{})
		if err != nil {
			t.Fatal(name, err)
		}
		a, err := resolveFeatures(tab, Choice{})
		if err != nil {
			t.Fatal(name, err)
		}
		v, err := tab.Values(a.features...)
		if err != nil {
			t.Fatal(name, err)
		}
		got := make([]float32, 6)
		if err := v.Read(context.Background(), 0, 3, got); err != nil || got[0] != 1 || got[1] != 2 || got[2] == got[2] || got[4] != 3 || got[5] != -4 {
			t.Error(name, got, err)
		}
		_ = v.Close()
		_ = tab.Close()
	}
	path := arrowFile(t, `[{"key":"bee","label":1,"x":1,"__index_level_0__":7},{"key":"ant","label":0,"x":2,"__index_level_0__":3}]`,
		map[string]string{"pandas": `{"index_columns": ["key"]}`, "huggingface": `{"info": {"features": {"label": {"names": ["ant", "bee"], "_type": "ClassLabel"}}}}`},
		arrow.Field{Name: "key", Type: arrow.BinaryTypes.String}, arrow.Field{Name: "label", Type: arrow.PrimitiveTypes.Int64},
		arrow.Field{Name: "x", Type: f32}, arrow.Field{Name: "__index_level_0__", Type: arrow.PrimitiveTypes.Int64})
	tab, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	a, err := resolveFeatures(tab, Choice{})
	if err != nil {
		t.Fatal(err)
	}
	texts, err := tab.Texts(a.image, a.class)
	if err != nil || len(a.features) != 1 || !slices.Equal(texts[0], []string{"bee", "ant"}) || !slices.Equal(texts[1], []string{"bee", "ant"}) {
		t.Error(a, texts, err)
	}
}
