package features

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"vzsl/internal/wholefile"
)

func FuzzManifest(f *testing.F) {
	m := Manifest{Format: manifestFormat, Source: source(4, 25, 10), Rows: 20, Skipped: 5, Complete: true, Parts: []ManifestPart{
		{File: partFile(0, 3), Rows: 9, Skipped: 1}, {File: partFile(1, 3), Rows: 10}, {File: partFile(2, 3), Rows: 1, Skipped: 4}}}
	f.Add(m.encode())
	g := Manifest{Format: grownFormat, Source: source(4, 25, 10), Rows: 20, Skipped: 5, Complete: true, Images: &ManifestFile{File: imagesName},
		Parts: []ManifestPart{{File: grownFile("0123456789abcdef", "01234567"), Rows: 20, Skipped: 5}}}
	f.Add(g.encode())
	f.Add([]byte(`{"format":"vzsl-shards/1","source":{"dim":1,"images":1,"shard_rows":1},"complete":true}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest("m", b)
		if err != nil {
			return
		}
		again, err := parseManifest("m", m.encode())
		if err != nil || !bytes.Equal(m.encode(), again.encode()) {
			t.Error(err)
		}
	})
}

// The JSON and the numbers in a file's metadata may say anything.
func FuzzMetadata(f *testing.F) {
	f.Add(`[{"image":"a","reason":"b"}]`, `["x","y"]`, "4", "2")
	f.Add(`null`, `{}`, "-1", "99999999999999999999")
	f.Add(`[{"image":1}]`, `[""]`, "1e3", "16777216")
	f.Fuzz(func(t *testing.T, skipped, names, images, dim string) {
		var kv metadata
		kv.add(keySchema, schemaShard)
		for _, key := range []string{"dataset", "dataset_sha256", "network", "network_sha256", "layer", "recipe", "engine", "program"} {
			kv.add(keyPrefix+key, skipped)
		}
		kv.add(keyPrefix+"dim", dim)
		kv.add(keyPrefix+"shard_rows", images)
		kv.add(keyPrefix+"images", images)
		kv.add(keyPrefix+"part", "0")
		kv.add(keyPrefix+"parts", "1")
		kv.add(keyPrefix+"rows", "2")
		kv.add(keyPrefix+"skipped", skipped)
		columns := []column{{name: columnLabel, num: []int32{0, 1}}, {name: columnImage, text: []string{"a", "b"}}, {name: columnClass, text: []string{"a", "b"}},
			{name: columnRole, text: []string{"train", "validation"}}, {name: columnVector, vectors: []float32{1, 2}, width: 1}, {name: columnAttr, vectors: []float32{1, 2, 3, 4}, width: 2}}
		var b bytes.Buffer
		if err := writeParquet(&b, 2, groupRows, columns, kv); err != nil {
			return // text that is not UTF-8
		}
		tab, err := tableFrom("x", bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if h, err := tab.shardHead(); err == nil && (h.rows+len(h.skipped) > h.source.Images || h.source.Dim < 1) {
			t.Errorf("%+v", h)
		}
		readAs(t, columns, schemaClass, names)
		readAs(t, columns, schemaRoles, names)
	})
}

func readAs(t *testing.T, columns []column, schema, names string) {
	var kv metadata
	kv.add(keySchema, schema)
	for _, key := range []string{"attributes", "seen", "validation", "unseen"} {
		kv.add(keyPrefix+key, names)
	}
	var b bytes.Buffer
	if err := writeParquet(&b, 2, groupRows, columns, kv); err != nil {
		return
	}
	tab, err := tableFrom("x", bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := tab.classTable(); err == nil && len(c.Values) != 0 && len(c.Values[0]) != len(c.Attributes) {
		t.Errorf("%+v", c)
	}
	if r, err := tab.roles(); err == nil && len(r.Images) != 2 {
		t.Errorf("%+v", r)
	}
}

// Damaged Parquet is an error.
func FuzzShard(f *testing.F) {
	dir := f.TempDir()
	m := fill(f, dir, source(3, 6, 6), 3)
	good, err := os.ReadFile(filepath.Join(dir, m.Parts[0].File))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	err = errors.Join(
		WriteSplit(filepath.Join(dir, "split"), &Split{Name: "s", Dataset: "d", Seen: []string{"a"}, Unseen: []string{"b"}, Images: []string{"1", "2"}, Roles: []Role{RoleTrain, RoleTestUnseen}}),
		WriteClassTable(filepath.Join(dir, "classes"), &ClassTable{Classes: []string{"a", "b"}, Attributes: []string{"x", "y"}, Values: [][]float32{{1, 2}, {3, 4}}, Dataset: "d", Source: "x", Blocks: []Block{{Name: "attributes", Width: 2}}}))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"split", "classes"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tab, err := tableFrom("x", bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		_, _ = tab.shardHead()
		var buf vectorBuffer
		_ = tab.eachGroup(context.Background(), 3, &buf, func(*group) error { return nil })
		_, _ = tab.classTable()
		_, _ = tab.roles()
	})
}

// Damaged tables of a collection are errors.
func FuzzCollection(f *testing.F) {
	dir := f.TempDir()
	file := File{Bytes: 7, SHA256: noChecksum[:63] + "1", ModTime: 9}
	images, err := encodeImages(2, func(i int) imageRow { return imageRow{string(rune('a' + i)), file.record(), "s", ""} })
	if err != nil {
		f.Fatal(err)
	}
	f.Add(images)
	list := &ImageList{Classes: []Class{{Name: "c"}}, Images: []Image{{Path: "a"}, {Path: "b"}}, Unusable: map[string]string{"b": "why"}}
	if err := WriteImageList(filepath.Join(dir, "list"), list); err != nil {
		f.Fatal(err)
	}
	src := source(1, 2, 3)
	_, err = writeGrown(filepath.Join(dir, "shard"), wholefile.Write, &src, "0123456789abcdef",
		&Part{Images: []string{"a"}, Classes: []string{"c"}, Labels: []int32{0}, Features: []float32{1, 2, 3}[:src.Dim], Files: []File{file}, Skipped: []Skip{{Image: "b", Reason: "r"}}})
	if err != nil {
		f.Fatal(err)
	}
	list.Files, list.Places = []ListFile{{"x.tar", 9, "v", true}}, []ListPlace{{0, 512, 7, ""}, {0, 1024, -1, "v"}}
	if err := WriteImageList(filepath.Join(dir, "places"), list); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"list", "places", "shard"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		_ = eachImage(t.Context(), path, func(imageRow) error { return nil })
		_, _ = eachGrown(t.Context(), path, func(imageRow) {})
		_, _ = ReadImageList(path)
		_, _ = readTimes(path, "")
	})
}
