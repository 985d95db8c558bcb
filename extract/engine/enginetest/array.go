package enginetest

import (
	"encoding/binary"
	"math"
)

// array is a tensor of a test.
type array struct {
	name string
	dims []int
	typ  int
	raw  []byte // the whole TensorProto
	data []byte // its elements
}

// numbers are an array's elements.
func (a *array) numbers() []float64 {
	var out []float64
	each := func(width int, f func(b []byte) float64) {
		for i := 0; i+width <= len(a.data); i += width {
			out = append(out, f(a.data[i:]))
		}
	}
	le := binary.LittleEndian
	switch a.typ {
	case 1:
		each(4, func(b []byte) float64 { return float64(math.Float32frombits(le.Uint32(b))) })
	case 2, 9:
		each(1, func(b []byte) float64 { return float64(b[0]) })
	case 3:
		each(1, func(b []byte) float64 { return float64(int8(b[0])) })
	case 4:
		each(2, func(b []byte) float64 { return float64(le.Uint16(b)) })
	case 5:
		each(2, func(b []byte) float64 { return float64(int16(le.Uint16(b))) })
	case 6:
		each(4, func(b []byte) float64 { return float64(int32(le.Uint32(b))) })
	case 7:
		each(8, func(b []byte) float64 { return float64(int64(le.Uint64(b))) })
	case 11:
		each(8, func(b []byte) float64 { return math.Float64frombits(le.Uint64(b)) })
	case 12:
		each(4, func(b []byte) float64 { return float64(le.Uint32(b)) })
	case 13:
		each(8, func(b []byte) float64 { return float64(le.Uint64(b)) })
	case 10:
		each(2, func(b []byte) float64 {
			h := le.Uint16(b)
			e, f := int(h>>10&31), float64(h&1023)
			v := math.Ldexp(1+f/1024, e-15)
			switch {
			case e == 0:
				v = math.Ldexp(f, -24)
			case e == 31 && f == 0:
				v = math.Inf(1)
			case e == 31:
				v = math.NaN()
			}
			if h>>15 != 0 {
				v = -v
			}
			return v
		})
	}
	return out
}
