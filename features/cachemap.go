package features

import (
	"fmt"
	"os"
	"unsafe"

	"github.com/edsrzf/mmap-go"
	flatbuffers "github.com/google/flatbuffers/go"
)

// mapCache maps a cache file of the given key. Arrow's own file reader copies every batch, and asks for any amount of memory
// where a file is damaged, so the places of the buffers are taken from the file's footer and messages here. The key stands
// for the columns too.
func mapCache(path, key string, m *Manifest) (*Cache, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() < 64 {
		return nil, fmt.Errorf("%s: %d bytes are not a cache", path, st.Size())
	}
	mapped, err := mmap.Map(f, mmap.RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	c := &Cache{source: m.Source, key: key, path: path, mapped: mapped}
	if err := c.locate(key, m.Rows); err != nil {
		_ = mapped.Unmap()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c.bound()
	return c, nil
}

// Places of the fields in the tables of Arrow's File.fbs and Message.fbs: 4 + 2*index.
const (
	footerSchema        = 6
	footerRecordBatches = 10
	schemaMetadata      = 8
	pairKey             = 4
	pairValue           = 6
	messageHeaderType   = 6
	messageHeader       = 8
	batchLength         = 4
	batchBuffers        = 8
	batchCompression    = 10

	headerRecordBatch = 3
	blockSize         = 24 // struct Block { offset: long; metaDataLength: int; (4 bytes of padding) bodyLength: long }
	bufferSize        = 16 // struct Buffer { offset: long; length: long }
)

// The buffers of a record batch of cacheSchema, in order.
const (
	bufImageOffsets = 1
	bufImageBytes   = 2
	bufClassOffsets = 4
	bufClassBytes   = 5
	bufLabels       = 7
	bufFeatures     = 10
	numBuffers      = 11
)

// locate finds the buffers of every batch in the mapped file, checks that they lie in it, and reads all columns but the
// features.
func (c *Cache) locate(key string, rows int) (err error) {
	defer func() {
		// flatbuffers panics over damaged offsets.
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged: %v", p)
		}
	}()
	file := []byte(c.mapped)
	size := int64(len(file))
	// ... footer, footer length (int32), "ARROW1"
	if string(file[size-6:]) != "ARROW1" {
		return fmt.Errorf("cut off")
	}
	footerLen := int64(flatbuffers.GetInt32(file[size-10:]))
	if footerLen <= 0 || footerLen > size-10 {
		return fmt.Errorf("damaged footer")
	}
	footer := file[size-10-footerLen : size-10]
	root := flatbuffers.Table{Bytes: footer, Pos: flatbuffers.GetUOffsetT(footer)}
	if have := schemaValue(&root, keyPrefix+"key"); have != key {
		return fmt.Errorf("made from other shards")
	}
	o := flatbuffers.UOffsetT(root.Offset(footerRecordBatches))
	if o == 0 {
		return fmt.Errorf("no record batches")
	}
	n, first := root.VectorLen(o), root.Vector(o)
	if want := (rows + cacheRows - 1) / cacheRows; n != want {
		return fmt.Errorf("%d record batches, expected %d", n, want)
	}
	c.images, c.classes, c.labels = make([]string, 0, rows), make([]string, 0, rows), make([]int32, 0, rows)
	c.batches = make([][]float32, n)
	names := map[string]string{}
	for i := range n {
		block := first + flatbuffers.UOffsetT(i*blockSize)
		at, metaLen, bodyLen := root.GetInt64(block), int64(root.GetInt32(block+8)), root.GetInt64(block+16)
		if at < 0 || metaLen < 8 || bodyLen < 0 || at > size || metaLen > size-at || bodyLen > size-at-metaLen {
			return fmt.Errorf("record batch %d lies outside the file", i)
		}
		body := file[at+metaLen : at+metaLen+bodyLen]
		if err := c.batch(i, min(cacheRows, rows-i*cacheRows), file[at+8:at+metaLen], body, names); err != nil {
			return fmt.Errorf("record batch %d: %w", i, err)
		}
	}
	return nil
}

// schemaValue looks up the metadata of the schema in a footer.
func schemaValue(footer *flatbuffers.Table, key string) string {
	o := flatbuffers.UOffsetT(footer.Offset(footerSchema))
	if o == 0 {
		return ""
	}
	schema := flatbuffers.Table{Bytes: footer.Bytes, Pos: footer.Indirect(o + footer.Pos)}
	if o = flatbuffers.UOffsetT(schema.Offset(schemaMetadata)); o == 0 {
		return ""
	}
	first := schema.Vector(o)
	for i := range min(schema.VectorLen(o), 100) {
		pair := flatbuffers.Table{Bytes: footer.Bytes, Pos: schema.Indirect(first + flatbuffers.UOffsetT(i*4))}
		k, v := flatbuffers.UOffsetT(pair.Offset(pairKey)), flatbuffers.UOffsetT(pair.Offset(pairValue))
		if k != 0 && v != 0 && string(pair.ByteVector(k+pair.Pos)) == key {
			return string(pair.ByteVector(v + pair.Pos))
		}
	}
	return ""
}

// batch reads the message of a record batch (after its length prefix of two int32) of n rows.
func (c *Cache) batch(i, n int, message, body []byte, names map[string]string) error {
	msg := flatbuffers.Table{Bytes: message, Pos: flatbuffers.GetUOffsetT(message)}
	if msg.GetUint8Slot(messageHeaderType, 0) != headerRecordBatch {
		return fmt.Errorf("not a record batch")
	}
	var rec flatbuffers.Table
	msg.Union(&rec, flatbuffers.UOffsetT(msg.Offset(messageHeader)))
	if have := rec.GetInt64Slot(batchLength, 0); have != int64(n) {
		return fmt.Errorf("%d rows, expected %d", have, n)
	}
	if rec.Offset(batchCompression) != 0 {
		return fmt.Errorf("compressed")
	}
	o := flatbuffers.UOffsetT(rec.Offset(batchBuffers))
	if o == 0 || rec.VectorLen(o) != numBuffers {
		return fmt.Errorf("unexpected buffers")
	}
	first := rec.Vector(o)
	buffer := func(k int, want int64) ([]byte, error) {
		at := rec.GetInt64(first + flatbuffers.UOffsetT(k*bufferSize))
		length := rec.GetInt64(first + flatbuffers.UOffsetT(k*bufferSize+8))
		if at < 0 || length < 0 || at > int64(len(body)) || length > int64(len(body))-at || want < 0 || length < want {
			return nil, fmt.Errorf("buffer %d: %d bytes at %d, %d wanted of a body of %d", k, length, at, want, len(body))
		}
		return body[at : at+want : at+want], nil
	}
	text := func(offsets, data int, take func(string)) error {
		ob, err := buffer(offsets, int64(n+1)*4)
		if err != nil {
			return err
		}
		ends := words[int32](ob)
		db, err := buffer(data, int64(ends[n]))
		if err != nil {
			return err
		}
		all := string(db) // one copy: names outlive the mapping
		for r := range n {
			take(all[ends[r]:ends[r+1]])
		}
		return nil
	}
	if err := text(bufImageOffsets, bufImageBytes, func(s string) { c.images = append(c.images, s) }); err != nil {
		return err
	}
	err := text(bufClassOffsets, bufClassBytes, func(s string) {
		one, ok := names[s]
		if !ok {
			one = string(append([]byte(nil), s...))
			names[one] = one
		}
		c.classes = append(c.classes, one)
	})
	if err != nil {
		return err
	}
	lb, err := buffer(bufLabels, int64(n)*4)
	if err != nil {
		return err
	}
	c.labels = append(c.labels, words[int32](lb)...)
	fb, err := buffer(bufFeatures, int64(n)*int64(c.source.Dim)*4)
	if err != nil {
		return err
	}
	if uintptr(unsafe.Pointer(unsafe.SliceData(fb)))%4 != 0 {
		return fmt.Errorf("features are not aligned")
	}
	c.batches[i] = words[float32](fb)
	return nil
}

// words sees bytes as 4-byte values of a little-endian machine.
func words[T int32 | float32](b []byte) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}
