package features

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
)

const (
	cacheFormat = "vzsl-cache/1"
	cacheRows   = 512 // rows of every record batch but the last
)

func cacheSchema(dim int, kv metadata) *arrow.Schema {
	md := arrow.NewMetadata(kv.keys, kv.values)
	return arrow.NewSchema([]arrow.Field{
		{Name: columnImage, Type: arrow.BinaryTypes.String},
		{Name: columnClass, Type: arrow.BinaryTypes.String},
		{Name: columnLabel, Type: arrow.PrimitiveTypes.Int32},
		{Name: columnVector, Type: arrow.FixedSizeListOf(int32(dim), arrow.PrimitiveTypes.Float32), Nullable: true},
	}, &md)
}

// buildCache writes all rows of the shards as one uncompressed Arrow IPC file, one row group and one batch in memory.
func buildCache(ctx context.Context, f io.WriteSeeker, key, dir string, m *Manifest, progress func(done, total int)) error {
	var kv metadata
	kv.add(keySchema, cacheFormat)
	kv.add(keyPrefix+"key", key)
	m.Source.metadata(&kv)
	schema := cacheSchema(m.Source.Dim, kv)
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(schema))
	if err != nil {
		return err
	}
	b := batch{columns: []column{
		{name: columnImage, text: make([]string, 0, cacheRows)},
		{name: columnClass, text: make([]string, 0, cacheRows)},
		{name: columnLabel, num: make([]int32, 0, cacheRows)},
		{name: columnVector, vectors: make([]float32, 0, cacheRows*m.Source.Dim), width: m.Source.Dim},
	}, schema: schema, w: w}
	var buf vectorBuffer
	done := 0
	for _, p := range m.Parts {
		path := filepath.Join(dir, p.File)
		if err := checkShard(path, p.SHA256); err != nil {
			return err
		}
		h, err := readHead(path)
		if err != nil {
			return err
		}
		if d := m.differences(&h); len(d) > 0 {
			return fmt.Errorf("%s is not from the source that %s names: %s; the manifest was changed or damaged: run the same extract or import again with --force", path, manifestName, d[0])
		}
		err = eachGroup(ctx, path, m.Source.Dim, &buf, func(g *group) error {
			if err := b.add(g); err != nil {
				return err
			}
			done += len(g.images)
			if progress != nil {
				progress(done, m.Rows)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if done != m.Rows {
		return fmt.Errorf("%s: the shards hold %d rows, the manifest says %d", dir, done, m.Rows)
	}
	if err := b.flush(); err != nil {
		return err
	}
	return w.Close()
}

// batch collects rows until there are cacheRows of them.
type batch struct {
	columns []column
	schema  *arrow.Schema
	w       *ipc.FileWriter
}

func (b *batch) rows() int { return len(b.columns[2].num) }

func (b *batch) add(g *group) error {
	dim := b.columns[3].width
	for lo := 0; lo < len(g.images); {
		hi := min(len(g.images), lo+cacheRows-b.rows())
		b.columns[0].text = append(b.columns[0].text, g.images[lo:hi]...)
		b.columns[1].text = append(b.columns[1].text, g.classes[lo:hi]...)
		b.columns[2].num = append(b.columns[2].num, g.labels[lo:hi]...)
		b.columns[3].vectors = append(b.columns[3].vectors, g.features[lo*dim:hi*dim]...)
		lo = hi
		if b.rows() == cacheRows {
			if err := b.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *batch) flush() error {
	n := b.rows()
	if n == 0 {
		return nil
	}
	arrays := make([]arrow.Array, len(b.columns))
	for i := range b.columns {
		arrays[i] = b.columns[i].slice(0, n)
	}
	rec := array.NewRecord(b.schema, arrays, int64(n))
	defer rec.Release()
	if err := b.w.Write(rec); err != nil {
		return err
	}
	for i := range b.columns {
		c := &b.columns[i]
		c.text, c.num, c.vectors = c.text[:0], c.num[:0], c.vectors[:0]
	}
	return nil
}

// group is one row group of a shard.
type group struct {
	images, classes []string
	labels          []int32
	features        []float32 // in the buffer given to eachGroup
}

// eachGroup reads a shard row group by row group.
func eachGroup(ctx context.Context, path string, dim int, buf *vectorBuffer, do func(*group) error) error {
	t, err := openTable(path)
	if err != nil {
		return err
	}
	defer t.close()
	return t.eachGroup(ctx, dim, buf, do)
}

func (t *table) eachGroup(ctx context.Context, dim int, buf *vectorBuffer, do func(*group) error) (err error) {
	rows := 0
	for g := range t.groups() {
		if err := ctx.Err(); err != nil {
			return err
		}
		var out group
		if out.images, err = t.strings(g, columnImage); err != nil {
			return err
		}
		if out.classes, err = t.strings(g, columnClass); err != nil {
			return err
		}
		if out.labels, err = integers[int32](t, g, columnLabel); err != nil {
			return err
		}
		if err = t.vectors(g, columnVector, dim, buf); err != nil {
			return err
		}
		out.features = buf.values
		rows += len(out.images)
		if err := do(&out); err != nil {
			return err
		}
	}
	if rows != t.rows() {
		return fmt.Errorf("%s: %d rows read, its footer says %d", t.path, rows, t.rows())
	}
	return nil
}
