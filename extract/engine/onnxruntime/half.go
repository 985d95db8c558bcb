//go:build onnxruntime && cgo

package onnxruntime

import "math"

// toHalf rounds to IEEE 754 binary16, to the nearest, halves to even.
func toHalf(v float32) uint16 {
	b := math.Float32bits(v)
	sign, exp, frac := uint16(b>>16&0x8000), int(b>>23&0xff)-127, b&0x7fffff
	switch {
	case exp == 128 && frac != 0:
		return sign | 0x7e00
	case exp > 15:
		return sign | 0x7c00
	case exp < -25:
		return sign
	}
	shift, m := 13, frac|0x800000
	e := exp + 15
	if e <= 0 { // subnormal
		shift += 1 - e
		e = 0
	} else {
		m &^= 0x800000
	}
	h := uint32(e)<<10 + m>>shift
	rest, half := m&(1<<shift-1), uint32(1)<<(shift-1)
	if rest > half || rest == half && h&1 == 1 {
		h++
	}
	return sign | uint16(h)
}

func fromHalf(h uint16) float32 {
	sign, exp, frac := float32(1-2*int(h>>15)), int(h>>10&31), float64(h&1023)
	switch exp {
	case 0:
		return sign * float32(math.Ldexp(frac, -24))
	case 31:
		if frac != 0 {
			return float32(math.NaN())
		}
		return sign * float32(math.Inf(1))
	}
	return sign * float32(math.Ldexp(1+frac/1024, exp-15))
}

// toBfloat rounds to bfloat16, to the nearest, halves to even.
func toBfloat(v float32) uint16 {
	b := math.Float32bits(v)
	if v != v {
		return 0x7fc0
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}
