package load

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// truncatedError reports a length that runs over the end of the data: the mark of an incomplete download.
type truncatedError struct {
	what    string
	missing uint64
}

func (e *truncatedError) Error() string {
	return fmt.Sprintf("ends in the middle of the %s (%d bytes missing)", e.what, e.missing)
}

// field is one protobuf field: its number, its wire type, and its payload (varint and fixed values
// in num, length-delimited ones in b, a slice of the input).
type field struct {
	n   protowire.Number
	typ protowire.Type
	num uint64
	b   []byte
}

// walk calls f for every field of the message b; what names the message in errors. Groups, which
// ONNX never uses, are refused, so the depth of a walk is the depth of the caller's own calls.
func walk(b []byte, what string, f func(field) error) error {
	for len(b) > 0 {
		n, typ, k := protowire.ConsumeTag(b)
		if k < 0 {
			if errors.Is(protowire.ParseError(k), errTruncated) {
				return &truncatedError{what, 1}
			}
			return fmt.Errorf("the %s is not a protobuf message: %w", what, protowire.ParseError(k))
		}
		b = b[k:]
		fd := field{n: n, typ: typ}
		switch typ {
		case protowire.VarintType:
			fd.num, k = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var v uint32
			v, k = protowire.ConsumeFixed32(b)
			fd.num = uint64(v)
		case protowire.Fixed64Type:
			fd.num, k = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			var m uint64
			m, k = protowire.ConsumeVarint(b)
			if k >= 0 {
				if m > uint64(len(b)-k) {
					if m > math.MaxInt64 {
						return fmt.Errorf("the %s holds an invalid length", what)
					}
					return &truncatedError{what, m - uint64(len(b)-k)}
				}
				fd.b = b[k : k+int(m) : k+int(m)]
				k += int(m)
			}
		default:
			return fmt.Errorf("the %s holds a protobuf group, which ONNX does not use", what)
		}
		if k < 0 {
			if errors.Is(protowire.ParseError(k), errTruncated) {
				return &truncatedError{what, 1}
			}
			return fmt.Errorf("the %s is not a protobuf message: %w", what, protowire.ParseError(k))
		}
		b = b[k:]
		if err := f(fd); err != nil {
			return err
		}
	}
	return nil
}

// errTruncated is protowire's own error for data that ends too early.
var errTruncated = protowire.ParseError(truncatedCode())

func truncatedCode() int {
	_, n := protowire.ConsumeVarint(nil)
	return n
}

// expect fails unless the field has the wire type.
func (f field) expect(t protowire.Type, what string) error {
	if f.typ != t {
		return fmt.Errorf("field %d of the %s has wire type %d, expected %d", f.n, what, f.typ, t)
	}
	return nil
}

// varints appends a repeated integer field, packed or not, to dst.
func (f field) varints(dst []int64, what string) ([]int64, error) {
	switch f.typ {
	case protowire.VarintType:
		return append(dst, int64(f.num)), nil
	case protowire.BytesType:
		b := f.b
		for len(b) > 0 {
			v, k := protowire.ConsumeVarint(b)
			if k < 0 {
				return nil, fmt.Errorf("packed integers of the %s are damaged: %w", what, protowire.ParseError(k))
			}
			dst = append(dst, int64(v))
			b = b[k:]
		}
		return dst, nil
	}
	return nil, fmt.Errorf("field %d of the %s is not a list of integers", f.n, what)
}

// appendTo appends the field as it is to a message.
func (f field) appendTo(dst []byte) []byte {
	dst = protowire.AppendTag(dst, f.n, f.typ)
	switch f.typ {
	case protowire.VarintType:
		return protowire.AppendVarint(dst, f.num)
	case protowire.Fixed32Type:
		return protowire.AppendFixed32(dst, uint32(f.num))
	case protowire.Fixed64Type:
		return protowire.AppendFixed64(dst, f.num)
	}
	return protowire.AppendBytes(dst, f.b)
}
