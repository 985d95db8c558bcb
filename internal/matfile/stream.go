package matfile

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// Stream reads the values of a real matrix in the file's order, column after column, in memory that does not depend on its
// size (of a sparse matrix: on its zeros).
type Stream struct {
	Info
	path  string
	order binary.ByteOrder
	kind  kind
	left  int64 // values still to come
	r     *body
	buf   []byte

	sparse      *Array
	row, column int // of it, to be given next
}

// Stream opens a real numeric, logical or sparse variable, or field of a struct ("s.field"), for reading value after value.
func (f *File) Stream(name string) (*Stream, error) {
	v, err := f.find(name)
	if err != nil {
		return nil, err
	}
	s := &Stream{Info: v.Info, path: f.path, order: f.order, left: int64(v.Len())}
	if v.Complex || !v.Class.numeric() && v.Class != Sparse {
		return nil, fmt.Errorf("%s: variable %s is %w", f.path, name, v.refused("expected a matrix of real numbers", true))
	}
	if err := s.open(f, v); err != nil {
		return nil, s.at(err)
	}
	return s, nil
}

func (s *Stream) at(err error) error {
	return fmt.Errorf("%s: variable %s: %w", s.path, s.Name, err)
}

func (s *Stream) open(f *File, v *variable) (err error) {
	if v.Class == Sparse {
		s.sparse, err = f.read(v)
		return err
	}
	if s.left == 0 {
		return nil
	}
	if s.r, err = f.body(v); err != nil {
		return err
	}
	// The head, once more, and the tag of the values.
	head := make([]byte, min(headSize, s.r.size))
	if _, err := io.ReadFull(s.r, head); err != nil {
		return damaged(err)
	}
	c := cursor{head, f.order}
	if _, err := c.head(); err != nil {
		return err
	}
	if len(c.b) < 8 {
		return errCut
	}
	word, n := s.order.Uint32(c.b), int64(s.order.Uint32(c.b[4:]))
	rest := c.b[8:]
	if small := word >> 16; small != 0 {
		word, n, rest = word&0xffff, int64(small), c.b[4:8]
	}
	s.kind = kind(word)
	if !s.kind.number() || n != s.left*int64(s.kind.size()) {
		return fmt.Errorf("%d bytes of kind %d for an array of %v: %w", n, s.kind, s.Dims, errCut)
	}
	s.buf = slices.Clone(rest[:min(int64(len(rest)), n)])
	return nil
}

// Left is the number of values not yet read.
func (s *Stream) Left() int64 { return s.left }

// Read fills dst with the next values as float32; one beyond its range becomes infinite. The file's checksum is
// checked after the last value.
func (s *Stream) Read(dst []float32) error {
	if int64(len(dst)) > s.left {
		return s.at(fmt.Errorf("%d values requested, but %d are left", len(dst), s.left))
	}
	if err := s.read(dst); err != nil {
		return s.at(err)
	}
	s.left -= int64(len(dst))
	if s.left == 0 && s.r != nil {
		if err := s.r.finish(); err != nil {
			return s.at(damaged(err))
		}
	}
	return nil
}

func (s *Stream) read(dst []float32) error {
	if s.sparse != nil {
		return s.readSparse(dst)
	}
	const step = 1 << 15
	size := s.kind.size()
	for len(dst) > 0 {
		n := min(step, len(dst))
		have := len(s.buf)
		// What the head's buffer held comes first.
		if have >= n*size {
			values{s.kind, s.buf}.floats(s.order, dst[:n])
			s.buf = s.buf[n*size:]
		} else {
			s.buf = slices.Grow(s.buf, step*size)[:n*size]
			if _, err := io.ReadFull(s.r, s.buf[have:]); err != nil {
				return damaged(err)
			}
			values{s.kind, s.buf}.floats(s.order, dst[:n])
			s.buf = s.buf[:0]
		}
		dst = dst[n:]
	}
	return nil
}

func (s *Stream) readSparse(dst []float32) error {
	a := s.sparse
	for len(dst) > 0 {
		n := min(len(dst), a.Dims[0]-s.row)
		clear(dst[:n])
		for k := a.jc.integer(a.order, s.column); k < a.jc.integer(a.order, s.column+1); k++ {
			if i := int(a.ir.integer(a.order, int(k))) - s.row; i >= 0 && i < n {
				dst[i] = float32(a.re.float(a.order, int(k)))
			}
		}
		dst = dst[n:]
		if s.row += n; s.row == a.Dims[0] {
			s.row, s.column = 0, s.column+1
		}
	}
	return nil
}

// Close ends reading.
func (s *Stream) Close() error {
	if s.r == nil {
		return nil
	}
	return s.r.Close()
}
