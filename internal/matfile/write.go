package matfile

import (
	"bufio"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"unicode/utf16"
)

// Writer writes a file of compressed variables, little-endian, as MATLAB's save -v7 does.
type Writer struct {
	w  io.WriteSeeker
	at int64
}

// NewWriter begins a file; text, at most 116 bytes, is its description.
func NewWriter(w io.WriteSeeker, text string) (*Writer, error) {
	h := make([]byte, 128)
	for i := range h[:116] {
		h[i] = ' '
	}
	copy(h[:116], "MATLAB 5.0 MAT-file, "+text)
	binary.LittleEndian.PutUint16(h[124:], 0x0100)
	copy(h[126:], "IM")
	_, err := w.Write(h)
	return &Writer{w: w, at: int64(len(h))}, err
}

// Doubles writes a matrix of doubles that lies column after column.
func (w *Writer) Doubles(name string, rows, columns int, values []float64) error {
	return w.Columns(name, rows, columns, func(column int, dst []float64) error {
		copy(dst, values[column*rows:(column+1)*rows])
		return nil
	})
}

// Columns writes a matrix of doubles whose columns come one by one from fill.
func (w *Writer) Columns(name string, rows, columns int, fill func(column int, dst []float64) error) error {
	data := int64(rows) * int64(columns) * 8
	head := arrayHead(Double, name, rows, columns)
	size := int64(len(head)) + 8 + data
	if rows > 0 && columns > math.MaxInt32/rows || size > math.MaxUint32 {
		return fmt.Errorf("variable %s: a matrix of %d x %d takes %d bytes; a MATLAB variable of this version holds less than 2^31 values and 2^32 bytes", name, rows, columns, data)
	}
	return w.compressed(size, func(out io.Writer) error {
		if _, err := out.Write(appendTag(head, miDouble, int(data))); err != nil {
			return err
		}
		column, buf := make([]float64, rows), make([]byte, 8*rows)
		for j := range columns {
			if err := fill(j, column); err != nil {
				return err
			}
			for i, v := range column {
				binary.LittleEndian.PutUint64(buf[8*i:], math.Float64bits(v))
			}
			if _, err := out.Write(buf); err != nil {
				return err
			}
		}
		return nil
	})
}

// Texts writes a cell array of one column.
func (w *Writer) Texts(name string, list []string) error {
	body := arrayHead(Cell, name, len(list), 1)
	for _, s := range list {
		units := utf16.Encode([]rune(s))
		cell := arrayHead(Char, "", min(1, len(units)), len(units))
		cell = appendTag(cell, miUint16, 2*len(units))
		for _, u := range units {
			cell = binary.LittleEndian.AppendUint16(cell, u)
		}
		body = append(appendTag(body, miMatrix, len(padded(cell))), padded(cell)...)
	}
	return w.compressed(int64(len(body)), func(out io.Writer) error {
		_, err := out.Write(body)
		return err
	})
}

// compressed writes one variable of the given inflated size.
func (w *Writer) compressed(size int64, body func(out io.Writer) error) error {
	if size > math.MaxUint32 {
		return fmt.Errorf("a variable of %d bytes; MATLAB files of this version hold less than 2^32", size)
	}
	begin := w.at
	if _, err := w.w.Write(appendTag(nil, miCompressed, 0)); err != nil {
		return err
	}
	count := &counter{w: w.w}
	b := bufio.NewWriterSize(count, 1<<16)
	z, err := zlib.NewWriterLevel(b, zlib.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := z.Write(appendTag(nil, miMatrix, int(size))); err != nil {
		return err
	}
	if err := body(z); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return err
	}
	if count.n > math.MaxUint32 {
		return fmt.Errorf("a variable of %d bytes, compressed; MATLAB files of this version hold less than 2^32", count.n)
	}
	// The size is known only now.
	w.at = begin + 8 + count.n
	if _, err := w.w.Seek(begin, io.SeekStart); err != nil {
		return err
	}
	if _, err := w.w.Write(appendTag(nil, miCompressed, int(count.n))); err != nil {
		return err
	}
	_, err = w.w.Seek(w.at, io.SeekStart)
	return err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func appendTag(b []byte, k kind, size int) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(k))
	return binary.LittleEndian.AppendUint32(b, uint32(size))
}

func padded(b []byte) []byte {
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

// arrayHead is what goes before an array's values.
func arrayHead(c Class, name string, rows, columns int) []byte {
	b := appendTag(nil, miUint32, 8)
	b = binary.LittleEndian.AppendUint32(b, uint32(c))
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = appendTag(b, miInt32, 8)
	b = binary.LittleEndian.AppendUint32(b, uint32(rows))
	b = binary.LittleEndian.AppendUint32(b, uint32(columns))
	b = appendTag(b, miInt8, len(name))
	return padded(append(b, name...))
}
