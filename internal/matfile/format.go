package matfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Class is what MATLAB calls the class of an array.
type Class uint8

// The classes by their numbers in the file. Function handles and objects of new classes (Opaque) are listed, not read.
const (
	Cell     Class = 1
	Struct   Class = 2
	Object   Class = 3
	Char     Class = 4
	Sparse   Class = 5
	Double   Class = 6
	Single   Class = 7
	Int8     Class = 8
	Uint8    Class = 9
	Int16    Class = 10
	Uint16   Class = 11
	Int32    Class = 12
	Uint32   Class = 13
	Int64    Class = 14
	Uint64   Class = 15
	Function Class = 16
	Opaque   Class = 17
)

var classNames = [...]string{
	Cell: "cell", Struct: "struct", Object: "object", Char: "char", Sparse: "sparse", Double: "double", Single: "single",
	Int8: "int8", Uint8: "uint8", Int16: "int16", Uint16: "uint16", Int32: "int32", Uint32: "uint32", Int64: "int64",
	Uint64: "uint64", Function: "function", Opaque: "opaque",
}

func (c Class) String() string {
	if int(c) < len(classNames) && classNames[c] != "" {
		return classNames[c]
	}
	return fmt.Sprintf("class %d", uint8(c))
}

// numeric classes hold numbers, one per element.
func (c Class) numeric() bool { return c >= Double && c <= Uint64 }

// kind is the type of stored values, an element's "data type" in the format's words.
type kind uint32

const (
	miInt8       kind = 1
	miUint8      kind = 2
	miInt16      kind = 3
	miUint16     kind = 4
	miInt32      kind = 5
	miUint32     kind = 6
	miSingle     kind = 7
	miDouble     kind = 9
	miInt64      kind = 12
	miUint64     kind = 13
	miMatrix     kind = 14
	miCompressed kind = 15
	miUTF8       kind = 16
	miUTF16      kind = 17
	miUTF32      kind = 18
)

// size of one value in bytes; 0 where the kind is not one of numbers.
func (k kind) size() int {
	switch k {
	case miInt8, miUint8, miUTF8:
		return 1
	case miInt16, miUint16, miUTF16:
		return 2
	case miInt32, miUint32, miSingle, miUTF32:
		return 4
	case miDouble, miInt64, miUint64:
		return 8
	}
	return 0
}

func (k kind) number() bool { return k.size() > 0 && k < miMatrix }

// Flags of an array.
const (
	flagComplex = 0x0800
	flagLogical = 0x0200
)

// Limits that no real file reaches.
const (
	maxDims  = 32
	maxDepth = 50       // cells within cells
	headSize = 16 << 10 // flags, dimensions and name of an array fit in it
)

var errCut = errors.New("the file is truncated or damaged")

// Info says what a variable is without its values.
type Info struct {
	Name    string
	Class   Class
	Dims    []int // at least two
	Logical bool
	Complex bool
	Of      string // of objects, Object and Opaque: the name of their class, where the file says it
}

// Len is the number of elements.
func (i *Info) Len() int {
	n := 1
	for _, d := range i.Dims {
		n *= d
	}
	return n
}

// cursor reads elements from memory.
type cursor struct {
	b     []byte
	order binary.ByteOrder
}

// element takes the next element: its kind and its data. Small elements hold their size in the upper half of the first word
// and their data in the second. The padding to 8 bytes may be missing at the very end.
func (c *cursor) element() (kind, []byte, error) {
	if len(c.b) < 8 {
		return 0, nil, errCut
	}
	word := c.order.Uint32(c.b)
	if small := word >> 16; small != 0 {
		if small > 4 {
			return 0, nil, fmt.Errorf("a small element of %d bytes: %w", small, errCut)
		}
		data := c.b[4 : 4+small]
		c.b = c.b[8:]
		return kind(word & 0xffff), data, nil
	}
	n := uint64(c.order.Uint32(c.b[4:]))
	if n > uint64(len(c.b)-8) {
		return 0, nil, errCut
	}
	data := c.b[8 : 8+n]
	c.b = c.b[8+n:]
	if pad := -n & 7; uint64(len(c.b)) > pad {
		c.b = c.b[pad:]
	} else {
		c.b = nil
	}
	return kind(word), data, nil
}

// head reads an array's flags, dimensions and name.
func (c *cursor) head() (Info, error) {
	var i Info
	k, b, err := c.element()
	if err != nil {
		return i, err
	}
	if k != miUint32 || len(b) != 8 {
		return i, fmt.Errorf("array flags of kind %d and %d bytes: %w", k, len(b), errCut)
	}
	flagsData := b
	flags := c.order.Uint32(b)
	i.Class = Class(flags & 0xff)
	i.Logical, i.Complex = flags&flagLogical != 0, flags&flagComplex != 0
	if i.Class == Opaque { // no dimensions; its name comes at once
		i.Dims = []int{1, 1}
		if i.Name, err = c.name(); err != nil {
			return i, err
		}
		rest := *c
		if system, err := rest.name(); err == nil && system == "MCOS" {
			i.Of, _ = rest.name()
		}
		return i, nil
	}
	k, b, err = c.element()
	if err != nil {
		return i, err
	}
	if (k != miInt32 && k != miUint32) || len(b)%4 != 0 || len(b) < 8 || len(b)/4 > maxDims {
		return i, fmt.Errorf("dimensions of kind %d and %d bytes: %w", k, len(b), errCut)
	}
	total := int64(1)
	for ; len(b) > 0; b = b[4:] {
		d := int64(int32(c.order.Uint32(b)))
		if d < 0 || (d > 0 && total > math.MaxInt64/64/d) {
			return i, fmt.Errorf("dimensions %v and %d: %w", i.Dims, d, errCut)
		}
		total *= max(d, 1)
		i.Dims = append(i.Dims, int(d))
	}
	if i.Name, err = c.name(); err != nil {
		return i, err
	}
	if i.Class == Object {
		rest := *c
		i.Of, _ = rest.name()
	}
	// GNU Octave writes a sparse logical array as uint8; it is recognised by its reserved places and leading rows.
	if places := c.order.Uint32(flagsData[4:]); places > 0 && i.Logical && i.Class == Uint8 && len(c.b) >= 8 && kind(c.order.Uint32(c.b)&0xffff) == miInt32 {
		i.Class = Sparse
	}
	return i, nil
}

func (c *cursor) name() (string, error) {
	k, b, err := c.element()
	if err != nil {
		return "", err
	}
	if k != miInt8 && k != miUint8 && k != miUTF8 {
		return "", fmt.Errorf("a name of kind %d: %w", k, errCut)
	}
	return cString(b), nil
}
