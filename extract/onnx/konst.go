package onnx

import (
	"errors"
	"fmt"
	"math"
)

// konst is a value that does not depend on the image: a tensor of the file, kept there, or numbers
// computed from such. Numbers of every type are held in double precision, which holds float32 and the
// integers of shapes as they are.
type konst struct {
	dims   []int
	t      *Tensor // nil where nums holds the values
	turned bool    // t is 2-D and stands for its transpose
	scale  *scale  // of t where that is quantised
	kind   int32   // element type of nums
	nums   []float64
	kept   bool // by a step of the plan
}

func constOf(t *Tensor) *konst { return &konst{dims: t.Dims, t: t} }

func (k *konst) typ() int32 {
	switch {
	case k.t == nil:
		return k.kind
	case k.scale != nil:
		return typeFloat
	}
	return k.t.typ
}

func (k *konst) isFloat() bool { return isFloat(k.typ()) }

func (k *konst) len() int { return product(k.dims) }

func (k *konst) float32s() ([]float32, error) {
	if !k.isFloat() {
		return nil, errors.New("integers where floating-point numbers belong")
	}
	if k.t == nil {
		out := make([]float32, len(k.nums))
		for i, v := range k.nums {
			out[i] = float32(v)
		}
		return out, nil
	}
	var f []float32
	var err error
	if k.scale == nil {
		f, err = k.t.Float32s()
	} else {
		f = make([]float32, k.t.Len())
		err = k.t.dequantise(k.scale, f)
	}
	if err != nil || !k.turned {
		return f, err
	}
	out := make([]float32, len(f))
	rows, cols := k.dims[0], k.dims[1]
	for i := range rows {
		for j := range cols {
			out[i*cols+j] = f[j*rows+i]
		}
	}
	return out, nil
}

func (k *konst) int64s() ([]int64, error) {
	if k.t != nil {
		return k.t.int64s()
	}
	if isFloat(k.kind) && len(k.nums) > 0 {
		return nil, errors.New("floating-point numbers where integers belong")
	}
	out := make([]int64, len(k.nums))
	for i, v := range k.nums {
		switch {
		case v >= math.MaxInt64: // the end of a slice that has none; float64 rounds it up
			out[i] = math.MaxInt64
		case v <= math.MinInt64:
			out[i] = math.MinInt64
		default:
			out[i] = int64(v)
		}
	}
	return out, nil
}

// numbers are the values whatever their type. They must not be written to.
func (k *konst) numbers() ([]float64, error) {
	if k.t == nil {
		return k.nums, nil
	}
	if k.isFloat() {
		if k.t.typ == typeDouble && k.scale == nil && !k.turned {
			return k.t.float64s()
		}
		f, err := k.float32s()
		out := make([]float64, len(f))
		for i, v := range f {
			out[i] = float64(v)
		}
		return out, err
	}
	v, err := k.t.int64s()
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out, err
}

// integers makes a constant of whole numbers.
func integers(v []int64, dims ...int) *konst {
	k := &konst{dims: dims, kind: typeInt64, nums: make([]float64, len(v))}
	for i, x := range v {
		k.nums[i] = float64(x)
	}
	return k
}

// list makes a constant of one axis.
func list(v []int) *konst {
	k := &konst{dims: []int{len(v)}, kind: typeInt64, nums: make([]float64, len(v))}
	for i, x := range v {
		k.nums[i] = float64(x)
	}
	return k
}

// scalar reads a constant of one element.
func (k *konst) scalar() (float64, error) {
	v, err := k.numbers()
	if err == nil && len(v) != 1 {
		err = fmt.Errorf("a constant of shape %v where one number belongs", k.dims)
	}
	if err != nil {
		return 0, err
	}
	return v[0], nil
}

// shapeFrom reads a constant as dimensions.
func shapeFrom(k *konst) ([]int, int, error) {
	v, err := k.int64s()
	if err != nil {
		return nil, 0, err
	}
	if len(v) > maxRank {
		return nil, 0, fmt.Errorf("a shape of %d dimensions", len(v))
	}
	size := 1
	dims := make([]int, len(v))
	for i, d := range v {
		if d < 0 || d > maxValue || d > 0 && size > maxValue/int(d) {
			return nil, 0, fmt.Errorf("the shape %v is out of range", v)
		}
		dims[i] = int(d)
		size *= int(d)
	}
	return dims, size, nil
}

// constOfFloats is a constant of values that are shared.
func constOfFloats(v []float32, dims []int) *konst {
	k := &konst{dims: dims, kind: typeFloat, nums: make([]float64, len(v))}
	for i, x := range v {
		k.nums[i] = float64(x)
	}
	return k
}
