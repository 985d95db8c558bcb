package datasets

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
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
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	switch {
	case err != nil:
	case st.IsDir():
		err = fmt.Errorf("%s is a folder; a .npy file is wanted", path)
	case st.Size() == 0:
		err = fmt.Errorf("%s is empty", path)
	}
	var a *npyArray
	if err == nil {
		a, err = npyFrom(path, f, st.Size())
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
		what := "it was cut off"
		if size > want {
			what = "it holds more than one array"
		}
		return nil, fmt.Errorf("%s: %d bytes; an array of shape %v asks for %d: %s", path, size, h.shape, want, what)
	}
	a := &npyArray{npyHeader: *h, path: path, r: r, order: binary.LittleEndian}
	if h.big {
		a.order = binary.BigEndian
	}
	return a, nil
}

func (a *npyArray) close() { _ = a.f.Close() }

// sha256 is that of the whole file.
func (a *npyArray) sha256() (string, error) {
	h := sha256.New()
	size := a.data + int64(a.elements())*int64(a.item)
	if _, err := io.Copy(h, io.NewSectionReader(a.r, 0, size)); err != nil {
		return "", fmt.Errorf("read %s: %w", a.path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// raw reads the bytes of n elements from the given one on.
func (a *npyArray) raw(from, n int, buf []byte) ([]byte, error) {
	buf = slices.Grow(buf[:0], n*a.item)[:n*a.item]
	if _, err := a.r.ReadAt(buf, a.data+int64(from)*int64(a.item)); err != nil && len(buf) > 0 {
		return nil, fmt.Errorf("read %s: %w", a.path, err)
	}
	return buf, nil
}

// rowsAndColumns sees the array as a matrix; dimensions of 1 at the end do not count.
func (a *npyArray) rowsAndColumns() (rows, columns int, err error) {
	shape := a.shape
	for len(shape) > 2 && shape[len(shape)-1] == 1 {
		shape = shape[:len(shape)-1]
	}
	if len(shape) != 2 {
		return 0, 0, fmt.Errorf("%s: shape %v; a matrix with one feature per row is wanted", a.path, a.shape)
	}
	if shape[0] == 0 || shape[1] == 0 {
		return 0, 0, fmt.Errorf("%s: shape %v holds nothing", a.path, a.shape)
	}
	return shape[0], shape[1], nil
}

// readRows converts rows [lo,hi) of a float matrix of the given size into dst, row after row. A float64 beyond float32
// becomes infinite.
func (a *npyArray) readRows(rows, columns, lo, hi int, dst []float32) error {
	var buf []byte
	var err error
	n := hi - lo
	if !a.fortran {
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
	case a.item == 4 && !a.big:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case a.item == 4:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.BigEndian.Uint32(b[4*i:]))
		}
	default:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(a.order.Uint64(b[8*i:])))
		}
	}
}

// list is the length of an array of one dimension; dimensions of 1 do not count.
func (a *npyArray) list() (int, error) {
	n, long := 1, 0
	for _, s := range a.shape {
		if s != 1 {
			n, long = s, long+1
		}
	}
	if long > 1 || len(a.shape) == 0 {
		return 0, fmt.Errorf("%s: shape %v; a list is wanted", a.path, a.shape)
	}
	return n, nil
}

// integers reads a list of whole numbers, which may be stored as floating point.
func (a *npyArray) integers() ([]int64, error) {
	n, err := a.list()
	if err != nil {
		return nil, err
	}
	if a.kind == 'S' || a.kind == 'U' {
		return nil, fmt.Errorf("%s holds texts; numbers are wanted", a.path)
	}
	all, err := a.raw(0, n, nil)
	if err != nil {
		return nil, err
	}
	out := make([]int64, n)
	for i := range out {
		v, ok := a.integer(all[i*a.item : (i+1)*a.item])
		if !ok {
			return nil, fmt.Errorf("%s: element %d is not a whole number of usual size", a.path, i)
		}
		out[i] = v
	}
	return out, nil
}

func (a *npyArray) integer(b []byte) (int64, bool) {
	var bits uint64
	switch a.item {
	case 1:
		bits = uint64(b[0])
	case 2:
		bits = uint64(a.order.Uint16(b))
	case 4:
		bits = uint64(a.order.Uint32(b))
	default:
		bits = a.order.Uint64(b)
	}
	switch a.kind {
	case 'f':
		v := math.Float64frombits(bits)
		if a.item == 4 {
			v = float64(math.Float32frombits(uint32(bits)))
		}
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	case 'i':
		shift := 64 - 8*a.item
		return int64(bits<<shift) >> shift, true
	}
	return int64(bits), bits <= math.MaxInt64
}

// texts reads a list of texts.
func (a *npyArray) texts() ([]string, error) {
	n, err := a.list()
	if err != nil {
		return nil, err
	}
	if a.kind != 'S' && a.kind != 'U' {
		return nil, fmt.Errorf("%s holds numbers; texts are wanted", a.path)
	}
	all, err := a.raw(0, n, nil)
	if err != nil {
		return nil, err
	}
	out := make([]string, n)
	for i := range out {
		b := all[i*a.item : (i+1)*a.item]
		if a.kind == 'U' {
			var s strings.Builder
			for ; len(b) > 0; b = b[4:] {
				if r := rune(a.order.Uint32(b)); r != 0 {
					s.WriteRune(r)
				}
			}
			out[i] = s.String()
			continue
		}
		out[i] = strings.TrimRight(string(b), "\x00")
		if !utf8.ValidString(out[i]) {
			return nil, fmt.Errorf("%s: element %d is not UTF-8 text", a.path, i)
		}
	}
	return out, nil
}
