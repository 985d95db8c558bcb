package matfile

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// maxFieldNames bounds the names of a struct's fields, in bytes: a thousand of MATLAB's length.
const maxFieldNames = 1 << 16

// fieldsOf finds the fields of a struct, and those of structs within it, as variables called "s.field". Only the heads of arrays
// are looked at; what lies between them is skipped. Arrays of several structs are not searched.
func (f *File) fieldsOf(v *variable) ([]variable, error) {
	if v.Class != Struct || v.Len() != 1 {
		return nil, nil
	}
	b, err := f.body(v)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	w := &fieldWalk{r: bufio.NewReaderSize(b, maxFieldNames), order: f.order, end: b.size, of: v}
	if _, err := w.head(b.size); err != nil {
		return nil, damaged(err)
	}
	if err := w.structure(v.Name, b.size, 0); err != nil {
		return nil, damaged(err)
	}
	return w.found, nil
}

// fieldWalk iterates over the bytes of a struct.
type fieldWalk struct {
	r       *bufio.Reader
	order   binary.ByteOrder
	at, end int64 // within the body of the outermost struct
	of      *variable
	found   []variable
}

// skip skips n bytes.
func (w *fieldWalk) skip(n int64) error {
	if n < 0 || n > w.end-w.at {
		return errCut
	}
	w.at += n
	for n > 0 {
		m, err := w.r.Discard(int(min(n, 1<<30)))
		if err != nil {
			return err
		}
		n -= int64(m)
	}
	return nil
}

// head reads the head of an array of size bytes that begins here.
func (w *fieldWalk) head(size int64) (Info, error) {
	b, err := w.r.Peek(int(min(size, headSize)))
	if err != nil {
		return Info{}, err
	}
	c := cursor{b, w.order}
	info, err := c.head()
	if err != nil {
		return Info{}, err
	}
	return info, w.skip(int64(len(b) - len(c.b)))
}

// element reads a small element whole.
func (w *fieldWalk) element() (kind, []byte, error) {
	b, err := w.r.Peek(8)
	if err != nil {
		return 0, nil, err
	}
	size := int64(8)
	if w.order.Uint32(b)>>16 == 0 {
		n := int64(w.order.Uint32(b[4:]))
		if n > maxFieldNames-16 {
			return 0, nil, fmt.Errorf("%d bytes of field names: %w", n, errCut)
		}
		size += n + -n&7
	}
	if b, err = w.r.Peek(int(min(size, w.end-w.at))); err != nil {
		return 0, nil, err
	}
	c := cursor{b, w.order}
	k, data, err := c.element()
	if err != nil {
		return 0, nil, err
	}
	data = append([]byte{}, data...)
	return k, data, w.skip(int64(len(b) - len(c.b)))
}

// structure iterates over a struct's fields after its head; end is where it ends.
func (w *fieldWalk) structure(name string, end int64, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("structs nested more than %d deep", maxDepth)
	}
	fields, err := fieldNames(w.order, w.element)
	if err != nil {
		return err
	}
	for _, field := range fields {
		var tag [8]byte
		if end-w.at < 8 {
			return errCut
		}
		if _, err := io.ReadFull(w.r, tag[:]); err != nil {
			return err
		}
		w.at += 8
		k, n := kind(w.order.Uint32(tag[:])), int64(w.order.Uint32(tag[4:]))
		if k != miMatrix || n > end-w.at {
			return fmt.Errorf("field %s of kind %d and %d bytes: %w", field, k, n, errCut)
		}
		v := variable{Info: empty.Info, from: w.of.from, size: w.of.size, compressed: w.of.compressed, inner: w.of.inner + w.at, innerSize: n, field: true}
		begin := w.at
		if n > 0 {
			if v.Info, err = w.head(n); err != nil {
				return err
			}
		}
		v.Name = name + "." + field
		w.found = append(w.found, v)
		if v.Class == Struct && v.Len() == 1 {
			if err := w.structure(v.Name, begin+n, depth+1); err != nil {
				return err
			}
		}
		if w.at > begin+n {
			return errCut
		}
		if err := w.skip(min(begin+n+-n&7, end) - w.at); err != nil {
			return err
		}
	}
	return nil
}
