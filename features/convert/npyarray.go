package convert

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
	"vzsl/internal/lookup"

	"github.com/apache/arrow/go/v15/arrow/float16"
)

// npyArray is an open NumPy array, read piece by piece.
type npyArray struct {
	npyHeader
	path  string
	r     io.ReaderAt
	f     *os.File // nil where r is not a file
	order binary.ByteOrder
}

// openNPY opens an array file. The file's size must be what its header asks for.
func openNPY(path string) (*npyArray, error) {
	f, size, err := lookup.Open(path, "a .npy file")
	if err != nil {
		return nil, err
	}
	var a *npyArray
	if size == 0 {
		err = fmt.Errorf("%s is empty", path)
	} else {
		a, err = npyFrom(path, f, size)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	a.f = f
	return a, nil
}

// npyFrom sees an array file of the given size as an array.
func npyFrom(path string, r io.ReaderAt, size int64) (*npyArray, error) {
	h, err := readNPYHeader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	want := h.data + int64(h.elements())*int64(h.item)
	if size != want {
		what := "the file is truncated"
		if size > want {
			what = "it holds more than one array"
		}
		return nil, fmt.Errorf("%s: %d bytes; an array of shape %v needs %d: %s", path, size, h.shape, want, what)
	}
	a := &npyArray{npyHeader: *h, path: path, r: r, order: binary.LittleEndian}
	if h.big {
		a.order = binary.BigEndian
	}
	return a, nil
}

func (a *npyArray) close() {
	if a.f != nil {
		_ = a.f.Close()
	}
}

// raw reads the bytes of n elements from the given one on.
func (a *npyArray) raw(from, n int, buf []byte) ([]byte, error) {
	buf = slices.Grow(buf[:0], n*a.item)[:n*a.item]
	if _, err := a.r.ReadAt(buf, a.data+int64(from)*int64(a.item)); err != nil && len(buf) > 0 {
		return nil, fmt.Errorf("read %s: %w", a.path, err)
	}
	return buf, nil
}

// matrix sees the array as rows of values; dimensions of 1 after the first do not count, so that [N,1,D] and [N,D,1,1] are
// matrices of N rows. width is 1 for a list.
func (a *npyArray) matrix() (rows, width int, list bool, err error) {
	if len(a.shape) == 0 {
		return 0, 0, false, fmt.Errorf("%s: a single value (shape ()); expected a matrix with one row per image", a.path)
	}
	rows, width = a.shape[0], 1
	for _, n := range a.shape[1:] {
		if n != 1 && width > 1 {
			return 0, 0, false, fmt.Errorf("%s: shape %v: expected a vector per image; pool the maps (x.mean((2, 3))) or flatten them (x.reshape(len(x), -1))", a.path, a.shape)
		}
		width *= n
	}
	if rows == 0 || width == 0 {
		return 0, 0, false, fmt.Errorf("%s: the shape %v has no values", a.path, a.shape)
	}
	return rows, width, len(a.shape) == 1, nil
}

// length of an array of one long dimension, whichever it is.
func (a *npyArray) length() (int, error) {
	n, long := 1, 0
	for _, s := range a.shape {
		if s != 1 {
			n, long = s, long+1
		}
	}
	if long > 1 || len(a.shape) == 0 {
		return 0, fmt.Errorf("%s: shape %v; expected a list", a.path, a.shape)
	}
	return n, nil
}

// readRows converts rows [lo,hi) of a matrix of the given size into dst, row after row. A float64 beyond float32 becomes
// infinite.
func (a *npyArray) readRows(rows, columns, lo, hi int, dst []float32) error {
	var buf []byte
	var err error
	n := hi - lo
	if !a.fortran || columns == 1 {
		// A few rows at a time keep the buffer small.
		step := max(1, 1<<18/columns)
		for r := 0; r < n; r += step {
			k := min(step, n-r)
			if buf, err = a.raw((lo+r)*columns, k*columns, buf); err != nil {
				return err
			}
			a.floats(buf, dst[r*columns:(r+k)*columns])
		}
		return nil
	}
	// Column after column in the file: a run of n values of each.
	run := make([]float32, n)
	for c := range columns {
		if buf, err = a.raw(c*rows+lo, n, buf); err != nil {
			return err
		}
		a.floats(buf, run)
		for r, v := range run {
			dst[r*columns+c] = v
		}
	}
	return nil
}

// floats converts elements.
func (a *npyArray) floats(b []byte, dst []float32) {
	switch {
	case a.kind == 'f' && a.item == 4 && !a.big: // the usual ones, without a branch per element
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case a.kind == 'f':
		for i := range dst {
			dst[i] = float32(a.float(a.bits(b[i*a.item:])))
		}
	case a.kind == 'i':
		for i := range dst {
			dst[i] = float32(a.signed(a.bits(b[i*a.item:])))
		}
	default:
		for i := range dst {
			dst[i] = float32(a.bits(b[i*a.item:]))
		}
	}
}

// bits are those of the element at the front of b.
func (a *npyArray) bits(b []byte) uint64 {
	switch a.item {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(a.order.Uint16(b))
	case 4:
		return uint64(a.order.Uint32(b))
	}
	return a.order.Uint64(b)
}

func (a *npyArray) float(bits uint64) float64 {
	switch a.item {
	case 2:
		return float64(float16.FromBits(uint16(bits)).Float32())
	case 4:
		return float64(math.Float32frombits(uint32(bits)))
	}
	return math.Float64frombits(bits)
}

func (a *npyArray) signed(bits uint64) int64 {
	shift := 64 - 8*a.item
	return int64(bits<<shift) >> shift
}

// texts reads a list as text, numbers in decimal.
func (a *npyArray) texts() ([]string, error) {
	n, err := a.length()
	if err != nil {
		return nil, err
	}
	all, err := a.raw(0, n, nil)
	if err != nil {
		return nil, err
	}
	out := make([]string, n)
	for i := range out {
		if out[i], err = a.text(all[i*a.item : (i+1)*a.item]); err != nil {
			return nil, fmt.Errorf("%s: element %d %w", a.path, i, err)
		}
	}
	return out, nil
}

func (a *npyArray) text(b []byte) (string, error) {
	switch a.kind {
	case 'U':
		var s strings.Builder
		for ; len(b) > 0; b = b[4:] {
			if r := rune(a.order.Uint32(b)); r != 0 {
				s.WriteRune(r)
			}
		}
		return s.String(), nil
	case 'S':
		s := strings.TrimRight(string(b), "\x00")
		if !utf8.ValidString(s) {
			return "", errors.New("is not UTF-8 text")
		}
		return s, nil
	case 'f':
		return decimalText(a.float(a.bits(b))), nil
	case 'i':
		return strconv.FormatInt(a.signed(a.bits(b)), 10), nil
	case 'b':
		return strconv.FormatBool(b[0] != 0), nil
	}
	return strconv.FormatUint(a.bits(b), 10), nil
}

// decimalText writes a number; NaN is a missing value.
func decimalText(v float64) string {
	if v != v {
		return ""
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// columnKind is what the elements are.
func (h *npyHeader) columnKind() Kind {
	switch h.kind {
	case 'f':
		return Number
	case 'i', 'u':
		return Integer
	case 'b':
		return Bool
	}
	return Text
}
