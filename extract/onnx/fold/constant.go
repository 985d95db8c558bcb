package fold

import (
	"errors"
	"fmt"
	"math"

	"vzsl/extract/onnx/load"
)

// Constant is a value that does not depend on the image: a tensor of the file, kept there, or numbers
// computed from such. Numbers of every type are held in double precision, which holds float32 and the
// integers of shapes as they are.
type Constant struct {
	Dims       []int
	Tensor     *load.Tensor       // nil where nums holds the values
	Transposed bool               // t is 2-D and stands for its transpose
	Quantised  *load.Quantisation // of t where that is quantised
	Kind       int32              // element type of nums
	Values     []float64
	InPlan     bool // by a step of the plan
}

func OfTensor(t *load.Tensor) *Constant { return &Constant{Dims: t.Dims, Tensor: t} }

func (k *Constant) Type() int32 {
	switch {
	case k.Tensor == nil:
		return k.Kind
	case k.Quantised != nil:
		return load.TypeFloat
	}
	return k.Tensor.Type
}

func (k *Constant) IsFloat() bool { return load.IsFloat(k.Type()) }

func (k *Constant) Len() int { return load.Elements(k.Dims) }

func (k *Constant) Float32s() ([]float32, error) {
	if !k.IsFloat() {
		return nil, errors.New("integers, expected floating-point numbers")
	}
	if k.Tensor == nil {
		out := make([]float32, len(k.Values))
		for i, v := range k.Values {
			out[i] = float32(v)
		}
		return out, nil
	}
	var f []float32
	var err error
	if k.Quantised == nil {
		f, err = k.Tensor.Float32s()
	} else {
		f = make([]float32, k.Tensor.Len())
		err = k.Tensor.Dequantise(k.Quantised, f)
	}
	if err != nil || !k.Transposed {
		return f, err
	}
	out := make([]float32, len(f))
	rows, cols := k.Dims[0], k.Dims[1]
	for i := range rows {
		for j := range cols {
			out[i*cols+j] = f[j*rows+i]
		}
	}
	return out, nil
}

func (k *Constant) Int64s() ([]int64, error) {
	if k.Tensor != nil {
		return k.Tensor.Int64s()
	}
	if load.IsFloat(k.Kind) && len(k.Values) > 0 {
		return nil, errors.New("floating-point numbers, expected integers")
	}
	out := make([]int64, len(k.Values))
	for i, v := range k.Values {
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

// Float64s are the values whatever their type. They must not be written to.
func (k *Constant) Float64s() ([]float64, error) {
	if k.Tensor == nil {
		return k.Values, nil
	}
	if k.IsFloat() {
		if k.Tensor.Type == load.TypeDouble && k.Quantised == nil && !k.Transposed {
			return k.Tensor.Float64s()
		}
		f, err := k.Float32s()
		out := make([]float64, len(f))
		for i, v := range f {
			out[i] = float64(v)
		}
		return out, err
	}
	v, err := k.Tensor.Int64s()
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out, err
}

// OfIntegers makes a constant of whole numbers.
func OfIntegers(v []int64, dims ...int) *Constant {
	k := &Constant{Dims: dims, Kind: load.TypeInt64, Values: make([]float64, len(v))}
	for i, x := range v {
		k.Values[i] = float64(x)
	}
	return k
}

// ofShape makes a constant of one axis.
func ofShape(v []int) *Constant {
	k := &Constant{Dims: []int{len(v)}, Kind: load.TypeInt64, Values: make([]float64, len(v))}
	for i, x := range v {
		k.Values[i] = float64(x)
	}
	return k
}

// Scalar reads a constant of one element.
func (k *Constant) Scalar() (float64, error) {
	v, err := k.Float64s()
	if err == nil && len(v) != 1 {
		err = fmt.Errorf("a constant of shape %v, expected one number", k.Dims)
	}
	if err != nil {
		return 0, err
	}
	return v[0], nil
}

// Shape reads a constant as dimensions.
func Shape(k *Constant) ([]int, int, error) {
	v, err := k.Int64s()
	if err != nil {
		return nil, 0, err
	}
	if len(v) > load.MaxRank {
		return nil, 0, fmt.Errorf("%d dimensions are too many", len(v))
	}
	size := 1
	dims := make([]int, len(v))
	for i, d := range v {
		if d < 0 || d > load.MaxValue || d > 0 && size > load.MaxValue/int(d) {
			return nil, 0, fmt.Errorf("shape %v is out of range", v)
		}
		dims[i] = int(d)
		size *= int(d)
	}
	return dims, size, nil
}

// OfFloats is a constant of values that are shared.
func OfFloats(v []float32, dims []int) *Constant {
	k := &Constant{Dims: dims, Kind: load.TypeFloat, Values: make([]float64, len(v))}
	for i, x := range v {
		k.Values[i] = float64(x)
	}
	return k
}
