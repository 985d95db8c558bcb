package datasets

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/edsrzf/mmap-go"
)

// npyArray is a memory-mapped NumPy array.
type npyArray struct {
	npyHeader
	path   string
	mapped mmap.MMap
	bytes  []byte // the elements
	order  binary.ByteOrder
}

// openNPY maps an array file. The file's size must be what its header asks for.
func openNPY(path string) (*npyArray, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return nil, fmt.Errorf("%s is a folder; a .npy file is wanted", path)
	}
	if st.Size() == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	mapped, err := mmap.Map(f, mmap.RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	a, err := npyFrom(path, mapped)
	if err != nil {
		_ = mapped.Unmap()
		return nil, err
	}
	a.mapped = mapped
	return a, nil
}

// npyFrom sees the bytes of an array file as an array.
func npyFrom(path string, file []byte) (*npyArray, error) {
	h, err := readNPYHeader(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	want := h.data + int64(h.elements())*int64(h.item)
	if have := int64(len(file)); have != want {
		what := "it was cut off"
		if have > want {
			what = "it holds more than one array"
		}
		return nil, fmt.Errorf("%s: %d bytes; an array of shape %v asks for %d: %s", path, have, h.shape, want, what)
	}
	a := &npyArray{npyHeader: *h, path: path, bytes: file[h.data:], order: binary.LittleEndian}
	if h.big {
		a.order = binary.BigEndian
	}
	return a, nil
}

func (a *npyArray) close() { _ = a.mapped.Unmap() }

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
func (a *npyArray) readRows(rows, columns, lo, hi int, dst []float32) {
	n := hi - lo
	if !a.fortran {
		a.floats(lo*columns, dst[:n*columns])
		return
	}
	// Column after column in the file: a run of n values of each.
	run := make([]float32, n)
	for c := range columns {
		a.floats(c*rows+lo, run)
		for r, v := range run {
			dst[r*columns+c] = v
		}
	}
}

// floats converts elements from the given one on.
func (a *npyArray) floats(from int, dst []float32) {
	b := a.bytes[from*a.item : (from+len(dst))*a.item]
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
	out := make([]int64, n)
	for i := range out {
		v, ok := a.integer(a.bytes[i*a.item : (i+1)*a.item])
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
	switch {
	case a.kind == 'f':
		v := math.Float64frombits(bits)
		if a.item == 4 {
			v = float64(math.Float32frombits(uint32(bits)))
		}
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	case a.kind == 'i':
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
	out := make([]string, n)
	for i := range out {
		b := a.bytes[i*a.item : (i+1)*a.item]
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
