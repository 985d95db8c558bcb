package matfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// Array is a variable, or what a cell or a field holds.
type Array struct {
	Info
	Cells  []*Array // of a cell array, in the order of the file: the first index runs fastest
	Fields []string // of a struct array: its fields' names

	fields []*Array // of a struct array: element by element, in the order of Fields
	order  binary.ByteOrder
	re, im values // numbers and characters
	ir, jc values // of a sparse array: rows of the nonzeros, and where in them each column begins
}

// values as they are stored.
type values struct {
	kind kind
	b    []byte
}

func (v values) len() int {
	if s := v.kind.size(); s > 0 {
		return len(v.b) / s
	}
	return 0
}

// empty is the array of an element without bytes.
var empty = &Array{Info: Info{Class: Double, Dims: []int{0, 0}}, order: binary.LittleEndian, re: values{kind: miDouble}}

// array reads the body of an array, all of the cursor's bytes.
func (c *cursor) array(depth int) (*Array, error) {
	if len(c.b) == 0 {
		return empty, nil
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("cells or structs nested more than %d deep", maxDepth)
	}
	info, err := c.head()
	if err != nil {
		return nil, err
	}
	a := &Array{Info: info, order: c.order}
	switch {
	case a.Class.numeric():
		err = c.numbers(a, a.Len())
	case a.Class == Char:
		err = c.characters(a)
	case a.Class == Sparse:
		err = c.sparse(a)
	case a.Class == Cell:
		a.Cells, err = c.arrays(a.Len(), depth)
	case a.Class == Struct, a.Class == Object:
		err = c.structure(a, depth)
	case a.Class == Function, a.Class == Opaque: // listed only
	default:
		err = fmt.Errorf("an array of %v: %w", a.Class, errCut)
	}
	return a, err
}

func (c *cursor) values() (values, error) {
	k, b, err := c.element()
	if err != nil {
		return values{}, err
	}
	if k.size() == 0 || len(b)%k.size() != 0 {
		return values{}, fmt.Errorf("values of kind %d and %d bytes: %w", k, len(b), errCut)
	}
	return values{k, b}, nil
}

// numbers reads n real parts, and as many imaginary ones where there are such.
func (c *cursor) numbers(a *Array, n int) error {
	parts := []*values{&a.re}
	if a.Complex {
		parts = append(parts, &a.im)
	}
	for _, p := range parts {
		if n == 0 && len(c.b) == 0 {
			p.kind = miDouble
			continue
		}
		var err error
		if *p, err = c.values(); err != nil {
			return err
		}
		if !p.kind.number() || p.len() != n {
			return fmt.Errorf("%d values of kind %d for an array of %v: %w", p.len(), p.kind, a.Dims, errCut)
		}
	}
	return nil
}

func (c *cursor) characters(a *Array) error {
	if a.Len() == 0 && len(c.b) == 0 {
		a.re.kind = miUTF8
		return nil
	}
	var err error
	a.re, err = c.values()
	if err == nil && (a.re.kind == miSingle || a.re.kind == miDouble) {
		err = fmt.Errorf("characters of kind %d: %w", a.re.kind, errCut)
	}
	return err
}

func (c *cursor) sparse(a *Array) error {
	if len(a.Dims) != 2 {
		return fmt.Errorf("a sparse array of %v: %w", a.Dims, errCut)
	}
	var err error
	if a.ir, err = c.values(); err != nil {
		return err
	}
	if a.jc, err = c.values(); err != nil {
		return err
	}
	if !a.ir.kind.number() || !a.jc.kind.number() || a.jc.len() != a.Dims[1]+1 {
		return fmt.Errorf("%d column starts for a sparse array of %v: %w", a.jc.len(), a.Dims, errCut)
	}
	// nzmax rows and values may be reserved; the last column start says how many there are.
	nonzeros := a.jc.integer(a.order, a.Dims[1])
	if nonzeros < 0 || nonzeros > int64(a.ir.len()) {
		return fmt.Errorf("%d nonzeros in %d places: %w", nonzeros, a.ir.len(), errCut)
	}
	last := int64(0)
	for j := range a.jc.len() {
		start := a.jc.integer(a.order, j)
		if start < last || (j == 0 && start != 0) {
			return fmt.Errorf("column %d begins at %d: %w", j, start, errCut)
		}
		last = start
	}
	for i := range int(nonzeros) {
		if row := a.ir.integer(a.order, i); row < 0 || row >= int64(a.Dims[0]) {
			return fmt.Errorf("a nonzero in row %d of %d: %w", row, a.Dims[0], errCut)
		}
	}
	for _, p := range []*values{&a.re, &a.im} {
		if p == &a.im && !a.Complex {
			break
		}
		if nonzeros == 0 && len(c.b) == 0 {
			p.kind = miDouble
			continue
		}
		if *p, err = c.values(); err != nil {
			return err
		}
		if !p.kind.number() || int64(p.len()) < nonzeros {
			return fmt.Errorf("%d values for %d nonzeros: %w", p.len(), nonzeros, errCut)
		}
		p.b = p.b[:int(nonzeros)*p.kind.size()]
	}
	return nil
}

// arrays reads n arrays, one element each.
func (c *cursor) arrays(n, depth int) ([]*Array, error) {
	if n > len(c.b)/8 {
		return nil, fmt.Errorf("%d cells in %d bytes: %w", n, len(c.b), errCut)
	}
	list := make([]*Array, n)
	for i := range list {
		k, b, err := c.element()
		if err != nil {
			return nil, err
		}
		if k != miMatrix {
			return nil, fmt.Errorf("a cell of kind %d: %w", k, errCut)
		}
		inner := cursor{b, c.order}
		if list[i], err = inner.array(depth + 1); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (c *cursor) structure(a *Array, depth int) (err error) {
	if a.Class == Object {
		if a.Of, err = c.name(); err != nil {
			return err
		}
	}
	if a.Fields, err = fieldNames(c.order, c.element); err != nil {
		return err
	}
	n := a.Len()
	if f := len(a.Fields); f == 0 {
		n = 0
	} else if n > len(c.b)/8/f {
		return fmt.Errorf("%d structs of %d fields in %d bytes: %w", n, f, len(c.b), errCut)
	}
	a.fields, err = c.arrays(n*len(a.Fields), depth)
	return err
}

// fieldNames reads the names of a struct's fields from the next two elements.
func fieldNames(order binary.ByteOrder, element func() (kind, []byte, error)) ([]string, error) {
	k, b, err := element()
	if err != nil {
		return nil, err
	}
	if k != miInt32 || len(b) != 4 {
		return nil, fmt.Errorf("a field name length of kind %d: %w", k, errCut)
	}
	length := int(int32(order.Uint32(b)))
	if k, b, err = element(); err != nil {
		return nil, err
	}
	if len(b) > 0 && (length < 1 || len(b)%length != 0 || (k != miInt8 && k != miUint8)) {
		return nil, fmt.Errorf("%d bytes of field names of %d: %w", len(b), length, errCut)
	}
	var names []string
	for ; len(b) > 0; b = b[length:] {
		names = append(names, cString(b[:length]))
	}
	return names, nil
}

// cString is the text before the first zero byte.
func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// Field returns a field of element i of a struct array, or nil.
func (a *Array) Field(i int, name string) *Array {
	for k, f := range a.Fields {
		if at := i*len(a.Fields) + k; f == name && i >= 0 && at < len(a.fields) {
			return a.fields[at]
		}
	}
	return nil
}

// integer is value i truncated to a whole number.
func (v values) integer(order binary.ByteOrder, i int) int64 {
	switch v.kind {
	case miInt8:
		return int64(int8(v.b[i]))
	case miUint8, miUTF8:
		return int64(v.b[i])
	case miInt16:
		return int64(int16(order.Uint16(v.b[2*i:])))
	case miUint16, miUTF16:
		return int64(order.Uint16(v.b[2*i:]))
	case miInt32:
		return int64(int32(order.Uint32(v.b[4*i:])))
	case miUint32, miUTF32:
		return int64(order.Uint32(v.b[4*i:]))
	case miInt64, miUint64:
		return int64(order.Uint64(v.b[8*i:]))
	}
	f := v.float(order, i)
	if !(math.Abs(f) < 1<<62) {
		return -1
	}
	return int64(f)
}

// float is value i; of 64-bit integers the nearest float64.
func (v values) float(order binary.ByteOrder, i int) float64 {
	switch v.kind {
	case miSingle:
		return float64(math.Float32frombits(order.Uint32(v.b[4*i:])))
	case miDouble:
		return math.Float64frombits(order.Uint64(v.b[8*i:]))
	case miUint64:
		return float64(order.Uint64(v.b[8*i:]))
	}
	return float64(v.integer(order, i))
}

// floats converts the first len(dst) values.
func (v values) floats(order binary.ByteOrder, dst []float32) {
	switch {
	case v.kind == miDouble && order == binary.LittleEndian:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(v.b[8*i:])))
		}
	case v.kind == miSingle && order == binary.LittleEndian:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(v.b[4*i:]))
		}
	default:
		for i := range dst {
			dst[i] = float32(v.float(order, i))
		}
	}
}

// maxFilled bounds the size of a sparse array with its zeros: this many values per nonzero, more only for small arrays.
const (
	maxFilled        = 1 << 25
	maxFilledSmall   = 1 << 20
	maxFilledNonzero = 1 << 10
)

// Float64s are the elements of a real numeric, logical, sparse or character array, the first index running fastest; a sparse
// array includes its zeros. 64-bit integers become the nearest float64.
func (a *Array) Float64s() ([]float64, error) {
	switch {
	case a.Class == Sparse && !a.Complex:
		return a.filled()
	case a.Complex || !a.Class.numeric() && a.Class != Char:
		return nil, a.refused("expected real numbers", true)
	}
	return a.re.float64s(a.order), nil
}

// filled is a sparse array with its zeros.
func (a *Array) filled() ([]float64, error) {
	if n, most := a.Len(), min(maxFilled, max(maxFilledSmall, maxFilledNonzero*a.re.len())); n > most {
		return nil, fmt.Errorf("a %s: as a full matrix it has %d values, too many for memory; keep only the rows and columns that are needed", a.is(), n)
	}
	out := make([]float64, a.Len())
	for j := range a.Dims[1] {
		for k := a.jc.integer(a.order, j); k < a.jc.integer(a.order, j+1); k++ {
			out[j*a.Dims[0]+int(a.ir.integer(a.order, int(k)))] = a.re.float(a.order, int(k))
		}
	}
	return out, nil
}

func (v values) float64s(order binary.ByteOrder) []float64 {
	out := make([]float64, v.len())
	for i := range out {
		out[i] = v.float(order, i)
	}
	return out
}

// Int64s are the elements of a real array of whole numbers, however they are stored.
func (a *Array) Int64s() ([]int64, error) {
	if a.Class == Sparse && !a.Complex {
		return a.filledInts()
	}
	if a.Complex || !a.Class.numeric() {
		return nil, a.refused("expected whole numbers", true)
	}
	out := make([]int64, a.re.len())
	for i := range out {
		switch a.re.kind {
		case miSingle, miDouble:
			var err error
			if out[i], err = whole(i, len(out), a.re.float(a.order, i)); err != nil {
				return nil, err
			}
		case miUint64:
			u := a.order.Uint64(a.re.b[8*i:])
			if u > math.MaxInt64 {
				return nil, fmt.Errorf("element %d of %d is %d, too large", i+1, len(out), u)
			}
			out[i] = int64(u)
		default:
			out[i] = a.re.integer(a.order, i)
		}
	}
	return out, nil
}

func (a *Array) filledInts() ([]int64, error) {
	v, err := a.filled()
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(v))
	for i, f := range v {
		if out[i], err = whole(i, len(v), f); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// whole is element i of n as a whole number.
func whole(i, n int, f float64) (int64, error) {
	if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, fmt.Errorf("element %d of %d is %v; expected whole numbers", i+1, n, f)
	}
	return int64(f), nil
}
