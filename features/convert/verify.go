package convert

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/thrift/lib/go/thrift"
	flatbuffers "github.com/google/flatbuffers/go"
	"github.com/klauspost/compress/zstd"
	encoding "github.com/parquet-go/parquet-go/encoding/thrift"
	schema "github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// The libraries for Arrow and Parquet allocate what the metadata of a file claim, before they find that the file does not have it;
// running out of memory cannot be recovered from. What is claimed is therefore compared with the bytes that there are first. Other
// damage is left to the libraries: they return an error or panic, which guarded turns into one.

// guarded turns a panic over damaged data into an error.
func guarded(path string, err *error) {
	switch p := recover().(type) {
	case nil:
	case tooLarge:
		*err = fmt.Errorf("%s: %w", path, p)
	default:
		*err = fmt.Errorf("%s: damaged file: %v; copy or write it again", path, p)
	}
}

// tooLarge is what a file may hold, but no reader in bounded memory.
type tooLarge string

func (e tooLarge) Error() string { return string(e) }

// mostAtOnce is how much of a file may have to be in memory: a record batch of Arrow, a page of Parquet, uncompressed. (A variable
// for tests.)
var mostAtOnce = int64(1 << 30)

const smallerBatches = "write it in smaller record batches (pyarrow: feather.write_feather(chunksize=10000), write_table(max_chunksize=10000); " +
	"polars: write_ipc(record_batch_size=10000)) or as Parquet"

// arrowMemory is memory for at most one record batch at a time, its message's body and its buffers.
type arrowMemory struct {
	memory.Allocator
	live int64
}

func (m *arrowMemory) Allocate(n int) []byte {
	if int64(n) > 2*mostAtOnce-m.live {
		panic(tooLarge("a record batch of more than 1 GiB: " + smallerBatches))
	}
	m.live += int64(n)
	return m.Allocator.Allocate(n)
}

func (m *arrowMemory) Reallocate(n int, b []byte) []byte {
	m.Free(b)
	next := m.Allocate(n)
	copy(next, b)
	return next
}

func (m *arrowMemory) Free(b []byte) { m.live -= int64(len(b)) }

// flat is a table of a flatbuffer.
type flat struct {
	flatbuffers.Table
	budget *int // bytes that vectors may still have; those of a whole buffer do not overlap
}

func flatRoot(b []byte) flat {
	budget := 4 * len(b) // some writers share texts
	return flat{flatbuffers.Table{Bytes: b, Pos: flatbuffers.GetUOffsetT(b)}, &budget}
}

// at is where a field lies; 0: absent.
func (t flat) at(field int) flatbuffers.UOffsetT {
	return flatbuffers.UOffsetT(t.Offset(flatbuffers.VOffsetT(4 + 2*field)))
}

func (t flat) table(field int) flat {
	o := t.at(field)
	if o == 0 {
		panic("a part of its metadata is missing")
	}
	return flat{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(t.Pos + o)}, t.budget}
}

// vector is the start and the length of a vector of items of a size.
func (t flat) vector(field, size int) (start flatbuffers.UOffsetT, n int) {
	o := t.at(field)
	if o == 0 {
		return 0, 0
	}
	start, n = t.Vector(o), t.VectorLen(o)
	if *t.budget -= n * size; *t.budget < 0 || n*size > len(t.Bytes)-int(start) {
		panic(fmt.Sprintf("its metadata claims a list of %d items, more than it has bytes", n))
	}
	return start, n
}

func (t flat) tables(field int) []flat {
	start, n := t.vector(field, 4)
	all := make([]flat, n)
	for i := range all {
		all[i] = flat{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(start + flatbuffers.UOffsetT(4*i))}, t.budget}
	}
	return all
}

// verifyMetadata looks at key-value pairs.
func (t flat) verifyMetadata(field int) {
	for _, pair := range t.tables(field) {
		pair.vector(0, 1)
		pair.vector(1, 1)
	}
}

func (t flat) verifyField(depth int) {
	if depth > 64 {
		panic("fields nested more than 64 deep")
	}
	t.vector(0, 1) // name
	for _, child := range t.tables(5) {
		child.verifyField(depth + 1)
	}
	t.verifyMetadata(6)
}

// verifyArrow looks at the metadata of an Arrow file and gives the number of rows of each record batch. (The tables' fields by
// number: format/File.fbs, Schema.fbs and Message.fbs of Apache Arrow.)
func verifyArrow(f *os.File) (rows []int, err error) {
	defer guarded(f.Name(), &err)
	size, tail := fileSize(f), make([]byte, 10)
	const around = 8 + 10 // the magic bytes, padded; the footer's length and them again
	if _, err := f.ReadAt(tail, max(0, size-10)); err != nil || size < around || string(tail[4:]) != "ARROW1" ||
		int64(binary.LittleEndian.Uint32(tail)) > size-around {
		return nil, fmt.Errorf("%s is not a complete Arrow file: it was truncated; copy or write it again", f.Name())
	}
	b := make([]byte, binary.LittleEndian.Uint32(tail))
	if _, err := f.ReadAt(b, size-10-int64(len(b))); err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	footer := flatRoot(b)
	schema := footer.table(1)
	for _, field := range schema.tables(1) {
		field.verifyField(0)
	}
	schema.verifyMetadata(2)
	left, total := size, int64(0)
	for _, blocks := range []int{2, 3} { // dictionaries, record batches
		start, n := footer.vector(blocks, 24)
		for i := range n {
			at := start + flatbuffers.UOffsetT(24*i)
			offset, meta, body := footer.GetInt64(at), int64(footer.GetInt32(at+8)), footer.GetInt64(at+16)
			if offset < 0 || offset > size || meta < 8 || body < 0 || body > size || meta+body > min(size-offset, left) {
				panic(fmt.Sprintf("block %d is not within the file", i))
			}
			left -= meta + body
			if body > mostAtOnce {
				panic(tooLarge(fmt.Sprintf("record batch %d has %d MB: ", i, body>>20) + smallerBatches))
			}
			length, err := verifyMessage(f, offset, int(meta), blocks == 2)
			if err != nil {
				return nil, err
			}
			if blocks == 3 {
				rows, total = append(rows, int(length)), total+length
			}
		}
	}
	if total < 1 || total > math.MaxInt32 {
		return nil, fmt.Errorf("%s: %d rows", f.Name(), total)
	}
	return rows, nil
}

// verifyMessage looks at the metadata of a record batch, or the one in a dictionary, and gives its number of rows.
func verifyMessage(f *os.File, offset int64, size int, dictionary bool) (int64, error) {
	b := make([]byte, size)
	if _, err := f.ReadAt(b, offset); err != nil {
		return 0, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	switch binary.LittleEndian.Uint32(b) {
	case 0:
	case math.MaxUint32:
		b = b[8:]
	default: // before Arrow 0.15
		b = b[4:]
	}
	batch := flatRoot(b).table(2)
	if dictionary {
		batch = batch.table(1)
	}
	_, nodes := batch.vector(1, 16)
	_, buffers := batch.vector(2, 16)
	start, n := batch.vector(4, 8)
	for i := range n {
		if v := batch.GetInt64(start + flatbuffers.UOffsetT(8*i)); v < 0 || v > int64(buffers) {
			panic(fmt.Sprintf("a column of %d buffers, but there are %d", v, buffers))
		}
	}
	var length int64
	if o := batch.at(0); o != 0 {
		length = batch.GetInt64(batch.Pos + o)
	}
	if length < 0 || length > math.MaxInt32 || nodes == 0 && length > 0 {
		panic(fmt.Sprintf("a record batch of %d rows", length))
	}
	return length, nil
}

func fileSize(f *os.File) int64 {
	st, err := f.Stat()
	if err != nil {
		return 0
	}
	return st.Size()
}

// verifyFooter looks at the metadata of a Parquet file.
func verifyFooter(f *os.File) error {
	size := fileSize(f)
	var tail [8]byte
	if _, err := f.ReadAt(tail[:], max(0, size-8)); err != nil || size < 12 || int64(binary.LittleEndian.Uint32(tail[:])) > size-12 {
		return fmt.Errorf("%s is not a complete Parquet file: it was truncated; copy or write it again", f.Name())
	}
	b := make([]byte, binary.LittleEndian.Uint32(tail[:]))
	if _, err := f.ReadAt(b, size-8-int64(len(b))); err != nil {
		return fmt.Errorf("read %s: %w", f.Name(), err)
	}
	if _, err := skipStruct(b); err != nil {
		return fmt.Errorf("%s: damaged file: its metadata: %w; copy or write it again", f.Name(), err)
	}
	return nil
}

// skipStruct passes over a struct in Thrift's compact protocol and gives what follows it: its lists and texts are not longer than
// what is there.
func skipStruct(b []byte) (rest []byte, err error) {
	from := thrift.NewTMemoryBufferLen(0)
	from.Buffer = bytes.NewBuffer(b)
	p := thrift.NewTCompactProtocolConf(from, &thrift.TConfiguration{MaxMessageSize: int32(min(len(b), math.MaxInt32))})
	err = thrift.Skip(context.Background(), p, thrift.STRUCT, 32)
	return from.Bytes(), err
}

const smallerPages = "write it in smaller row groups or pages (pyarrow: row_group_size=10000; polars: row_group_size=10000; DuckDB: ROW_GROUP_SIZE 10000)"

// verifyPages looks at the headers of the pages of a column chunk.
func verifyPages(f *os.File, m *schema.ColumnMetaData) error {
	at := m.DataPageOffset
	if m.DictionaryPageOffset != 0 {
		at = m.DictionaryPageOffset
	}
	size := fileSize(f)
	if at < 0 || m.TotalCompressedSize < 0 || at > size || m.TotalCompressedSize > size-at {
		return errors.New("damaged file: its pages are not within it; copy or write it again")
	}
	end := at + m.TotalCompressedSize
	for i := 0; at < end; i++ {
		h, n, err := pageHeader(f, at, end)
		if err == nil {
			at += int64(n)
			if err = verifyPage(f, at, end, h, m.Codec); err == nil {
				at += int64(h.CompressedPageSize)
				continue
			}
		}
		if large := tooLarge(""); errors.As(err, &large) {
			return err
		}
		return fmt.Errorf("damaged file: page %d: %w; copy or write it again", i, err)
	}
	return nil
}

// pageHeader reads the header of a page, of n bytes. That of a page of long texts holds the first and last of them.
func pageHeader(f *os.File, at, end int64) (h *schema.PageHeader, n int, err error) {
	for most := int64(1 << 10); ; most *= 16 {
		b := make([]byte, min(most, end-at))
		if _, err := f.ReadAt(b, at); err != nil {
			return nil, 0, err
		}
		rest, err := skipStruct(b)
		if err == nil {
			h, n = new(schema.PageHeader), len(b)-len(rest)
			return h, n, encoding.Unmarshal(new(encoding.CompactProtocol), b[:n], h)
		}
		if int64(len(b)) == end-at || most > 1<<24 {
			return nil, 0, err
		}
	}
}

// verifyPage compares what a header and the compressed bytes after it claim.
func verifyPage(f *os.File, at, end int64, h *schema.PageHeader, codec schema.CompressionCodec) error {
	values := max(h.DataPageHeader.V.NumValues, h.DataPageHeaderV2.V.NumValues, h.DictionaryPageHeader.V.NumValues)
	claimed, compressed := int64(h.UncompressedPageSize), int64(h.CompressedPageSize)
	switch {
	case compressed < 0 || claimed < 0 || compressed > end-at:
		return fmt.Errorf("%d bytes, uncompressed %d, of %d", compressed, claimed, end-at)
	case claimed > mostAtOnce || int64(values) > mostAtOnce/4:
		return tooLarge(fmt.Sprintf("a page of %d values, %d MB: ", values, claimed>>20) + smallerPages)
	}
	if v2 := h.DataPageHeaderV2.V; h.DataPageHeaderV2.Valid { // its levels are not compressed
		levels := int64(v2.RepetitionLevelsByteLength) + int64(v2.DefinitionLevelsByteLength)
		if at, compressed, claimed = at+levels, compressed-levels, claimed-levels; levels < 0 || compressed < 0 || claimed < 0 {
			return fmt.Errorf("%d bytes of levels", levels)
		}
		if v2.IsCompressed.Valid && !v2.IsCompressed.V {
			return nil
		}
	}
	start := make([]byte, min(compressed, zstd.HeaderMaxSize))
	if codec == schema.Lz4Raw {
		start = make([]byte, compressed)
	}
	if _, err := f.ReadAt(start, at); err != nil {
		return err
	}
	var n int64
	switch codec {
	case schema.Snappy:
		v, _ := binary.Uvarint(start)
		n = int64(min(v, math.MaxInt64))
	case schema.Zstd:
		var z zstd.Header
		if z.Decode(start) == nil && z.HasFCS {
			n = int64(min(z.FrameContentSize, math.MaxInt64))
		}
	case schema.Lz4Raw:
		// The library for Parquet takes every error in an LZ4 block for a lack of room, and looks for more without end.
		const most = 255 // an LZ4 block is at most that much shorter than its data
		if claimed > most*(compressed+1) {
			return fmt.Errorf("%d bytes of LZ4 data cannot hold %d", compressed, claimed)
		}
		if _, err := lz4.UncompressBlock(start, make([]byte, claimed)); err != nil {
			return fmt.Errorf("its LZ4 data is damaged: %w", err)
		}
	}
	if n > claimed {
		return fmt.Errorf("%s-compressed page of %d bytes, its header says %d", codec, n, claimed)
	}
	return nil
}
