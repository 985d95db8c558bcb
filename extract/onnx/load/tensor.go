package load

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// Element types of TensorProto that this package understands.
const (
	TypeFloat    = 1
	typeUint8    = 2
	typeInt8     = 3
	typeUint16   = 4
	typeInt16    = 5
	TypeInt32    = 6
	TypeInt64    = 7
	TypeBool     = 9
	TypeFloat16  = 10
	TypeDouble   = 11
	typeUint32   = 12
	typeUint64   = 13
	TypeBfloat16 = 16
)

var typeNames = map[int32]string{
	0: "UNDEFINED", 1: "FLOAT", 2: "UINT8", 3: "INT8", 4: "UINT16", 5: "INT16", 6: "INT32", 7: "INT64",
	8: "STRING", 9: "BOOL", 10: "FLOAT16", 11: "DOUBLE", 12: "UINT32", 13: "UINT64", 14: "COMPLEX64",
	15: "COMPLEX128", 16: "BFLOAT16",
}

func TypeName(t int32) string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("type %d", t)
}

// Tensor is a constant of the file: an initializer or the value of a Constant node. Its data stay
// in the mapped file until asked for.
type Tensor struct {
	Name string
	Dims []int

	Type   int32
	data   []byte  // little-endian elements: raw_data, packed float_data or external data
	packed []int64 // int32_data or int64_data: integers, or the bit patterns of narrow types
	ints   bool    // packed is in use
	ext    *external
}

// external is where a tensor's data lie outside the model file.
type external struct {
	location       string
	offset, length int64
	hasLength      bool
}

// Len is the number of elements.
func (t *Tensor) Len() int {
	n := 1
	for _, d := range t.Dims {
		n *= d
	}
	return n
}

// IsFloat reports whether the elements are floating-point numbers.
func (t *Tensor) IsFloat() bool { return IsFloat(t.Type) }

func (t *Tensor) String() string { return fmt.Sprintf("%q %s %v", t.Name, TypeName(t.Type), t.Dims) }

// Width is the size of one element in bytes, 0 for types that are not read.
func Width(typ int32) int {
	switch typ {
	case typeUint8, typeInt8, TypeBool:
		return 1
	case TypeFloat16, TypeBfloat16, typeUint16, typeInt16:
		return 2
	case TypeFloat, TypeInt32, typeUint32:
		return 4
	case TypeInt64, TypeDouble, typeUint64:
		return 8
	}
	return 0
}

// parseTensor reads a TensorProto. The data are sliced, not copied, except where a writer split
// float_data over several fields.
func parseTensor(b []byte) (*Tensor, error) {
	t := &Tensor{}
	var dims []int64
	var floats [][]byte
	var kv map[string]string
	location := uint64(0)
	segment := false
	err := walk(b, "tensor", func(f field) (err error) {
		switch f.n {
		case 1:
			dims, err = f.varints(dims, "tensor's dimensions")
		case 2:
			if err = f.expect(protowire.VarintType, "tensor"); err == nil {
				t.Type = int32(f.num)
			}
		case 3:
			segment = true
		case 4: // float_data, packed or one by one
			switch f.typ {
			case protowire.BytesType:
				floats = append(floats, f.b)
			case protowire.Fixed32Type:
				var v [4]byte
				binary.LittleEndian.PutUint32(v[:], uint32(f.num))
				floats = append(floats, v[:])
			default:
				err = f.expect(protowire.BytesType, "tensor's float_data")
			}
		case 5, 7:
			t.ints = true
			t.packed, err = f.varints(t.packed, "tensor's data")
		case 8:
			if err = f.expect(protowire.BytesType, "tensor"); err == nil {
				t.Name = string(f.b)
			}
		case 9:
			if err = f.expect(protowire.BytesType, "tensor"); err == nil {
				t.data = f.b
			}
		case 10: // double_data
			if f.typ == protowire.BytesType {
				floats = append(floats, f.b)
			} else {
				var v [8]byte
				binary.LittleEndian.PutUint64(v[:], f.num)
				floats = append(floats, v[:])
			}
		case 13:
			if err = f.expect(protowire.BytesType, "tensor"); err != nil {
				return err
			}
			var k, v string
			err = walk(f.b, "external data entry", func(f field) error {
				switch f.n {
				case 1:
					k = string(f.b)
				case 2:
					v = string(f.b)
				}
				return nil
			})
			if kv == nil {
				kv = map[string]string{}
			}
			kv[k] = v
		case 14:
			location = f.num
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if segment {
		return nil, fmt.Errorf("tensor %q is stored in segments, which are unsupported", t.Name)
	}
	n := 1
	for _, d := range dims {
		if d < 0 || d > MaxElements || (d > 0 && n > MaxElements/int(d)) {
			return nil, fmt.Errorf("tensor %q has invalid dimensions %v", t.Name, dims)
		}
		t.Dims = append(t.Dims, int(d))
		n *= int(d)
	}
	if location == 1 {
		t.ext, err = parseExternal(kv)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		t.data, t.packed, t.ints = nil, nil, false
		return t, nil
	}
	switch {
	case len(floats) == 1 && t.data == nil:
		t.data = floats[0]
	case len(floats) > 1 && t.data == nil:
		for _, f := range floats {
			t.data = append(t.data, f...)
		}
	}
	return t, t.checkSize()
}

// checkSize compares the data present with what dimensions and type ask for.
func (t *Tensor) checkSize() error {
	w := Width(t.Type)
	if w == 0 {
		return nil // refused when its values are asked for
	}
	n := t.Len()
	switch {
	case t.ints && t.data == nil:
		if len(t.packed) != n {
			return fmt.Errorf("tensor %s holds %d values, its dimensions require %d", t, len(t.packed), n)
		}
	case len(t.data) != n*w:
		return fmt.Errorf("tensor %s holds %d bytes, its dimensions require %d", t, len(t.data), n*w)
	}
	return nil
}

// littleEndian is whether this machine stores numbers as the file does.
var littleEndian = func() bool {
	v := uint16(1)
	return *(*byte)(unsafe.Pointer(&v)) == 1
}()

// anyAlignment is whether this machine's loads take floats from any address: ONNX files do not align
// their tensors, and copying hundreds of megabytes to align them is most of the time to load a network.
const anyAlignment = runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64"

// shared returns the values of a float32 tensor as they are stored in the mapped file, nil where they do not
// lie there as such or this machine could not read them there. Never write to them.
func (t *Tensor) shared() []float32 {
	if t.Type != TypeFloat || len(t.data) == 0 || !littleEndian || !anyAlignment && uintptr(unsafe.Pointer(&t.data[0]))%4 != 0 {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&t.data[0])), len(t.data)/4)
}

// Float32s returns the values as float32, shared with the mapped file where this machine can
// read them there (never write to them), a copy otherwise. Wider and narrower floats are converted.
func (t *Tensor) Float32s() ([]float32, error) {
	if v := t.shared(); v != nil || t.Len() == 0 {
		return v, nil
	}
	if err := t.floatData(); err != nil {
		return nil, err
	}
	out := make([]float32, t.Len())
	t.convert(out)
	return out, nil
}

// floatData says why convert cannot read the tensor.
func (t *Tensor) floatData() error {
	switch {
	case !t.IsFloat() || t.ints && t.data == nil && t.Type != TypeFloat16 && t.Type != TypeBfloat16:
		return fmt.Errorf("tensor %s does not hold floating-point numbers", t)
	case t.data == nil && !t.ints:
		return fmt.Errorf("tensor %s has no data", t)
	}
	return nil
}

// convert writes the values to out.
func (t *Tensor) convert(out []float32) {
	switch {
	case t.data == nil && t.Type == TypeFloat16:
		for i, v := range t.packed {
			out[i] = half(uint16(v))
		}
	case t.data == nil:
		for i, v := range t.packed {
			out[i] = math.Float32frombits(uint32(uint16(v)) << 16)
		}
	case t.Type == TypeFloat && littleEndian:
		copyLarge(unsafe.Slice((*byte)(unsafe.Pointer(&out[0])), 4*len(out)), t.data)
	case t.Type == TypeFloat:
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.data[4*i:]))
		}
	case t.Type == TypeDouble:
		for i := range out {
			out[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(t.data[8*i:])))
		}
	case t.Type == TypeFloat16:
		for i := range out {
			out[i] = half(binary.LittleEndian.Uint16(t.data[2*i:]))
		}
	default:
		for i := range out {
			out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(t.data[2*i:])) << 16)
		}
	}
}

// copyLarge copies on all processors: reading in a mapped file and clearing fresh memory take longer
// than the copy itself.
func copyLarge(dst, src []byte) {
	const piece = 4 << 20
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(src)/piece) {
		wg.Go(func() {
			for lo := int(next.Add(piece)) - piece; lo < len(src); lo = int(next.Add(piece)) - piece {
				copy(dst[lo:min(len(src), lo+piece)], src[lo:])
			}
		})
	}
	if len(src) < piece {
		copy(dst, src)
	}
	wg.Wait()
}

// Int64s returns the values of an integer or boolean tensor, a copy.
func (t *Tensor) Int64s() ([]int64, error) {
	if t.ints && t.data == nil && !t.IsFloat() {
		return append([]int64(nil), t.packed...), nil
	}
	n := t.Len()
	if t.data == nil && n > 0 {
		return nil, fmt.Errorf("tensor %s has no data", t)
	}
	out := make([]int64, n)
	for i := range out {
		switch t.Type {
		case typeUint16:
			out[i] = int64(binary.LittleEndian.Uint16(t.data[2*i:]))
		case typeInt16:
			out[i] = int64(int16(binary.LittleEndian.Uint16(t.data[2*i:])))
		case typeUint32:
			out[i] = int64(binary.LittleEndian.Uint32(t.data[4*i:]))
		case TypeInt64, typeUint64:
			out[i] = int64(binary.LittleEndian.Uint64(t.data[8*i:]))
		case TypeInt32:
			out[i] = int64(int32(binary.LittleEndian.Uint32(t.data[4*i:])))
		case typeUint8, TypeBool:
			out[i] = int64(t.data[i])
		case typeInt8:
			out[i] = int64(int8(t.data[i]))
		default:
			return nil, fmt.Errorf("tensor %s does not hold integers", t)
		}
	}
	return out, nil
}

// half converts an IEEE 754 binary16 number.
func half(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exp, frac := uint32(h>>10)&31, uint32(h)&1023
	switch exp {
	case 0: // zero or subnormal: frac * 2^-24
		f := float32(frac) / (1 << 24)
		return math.Float32frombits(sign | math.Float32bits(f))
	case 31:
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// Float64s returns the values of a tensor of doubles, a copy.
func (t *Tensor) Float64s() ([]float64, error) {
	if err := t.floatData(); err != nil {
		return nil, err
	}
	out := make([]float64, t.Len())
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(t.data[8*i:]))
	}
	return out, nil
}

func IsFloat(typ int32) bool {
	return typ == TypeFloat || typ == TypeFloat16 || typ == TypeDouble || typ == TypeBfloat16
}
