package onnx

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// rounded brings values to what their type can hold.
func rounded(typ int32, v []float64) error {
	switch {
	case typ == typeDouble:
	case isFloat(typ):
		for i, x := range v {
			v[i] = float64(float32(x))
		}
	default:
		for i, x := range v {
			if x != math.Trunc(x) || math.Abs(x) > 1<<63 {
				return fmt.Errorf("it computes %v, which is no whole number in range", v[i])
			}
		}
	}
	return nil
}

// foldNode computes a node's results from constant arguments where that takes no arithmetic, or where no step
// does the like on images. op is the operator with its domain. Without results the operator's own steps are to be evaluated.
func foldNode(n *node, op string, args []*konst, b *budget) ([]*konst, error) {
	f, ok := folders[op]
	if !ok {
		return nil, nil
	}
	return f(b, n, args)
}

// folder gives a node's results, or none.
type folder func(*budget, *node, []*konst) ([]*konst, error)

// single is a folder of one result.
func single(f func(*budget, *node, []*konst) (*konst, error)) folder {
	return func(b *budget, n *node, args []*konst) ([]*konst, error) {
		k, err := f(b, n, args)
		if k == nil || err != nil {
			return nil, err
		}
		return []*konst{k}, nil
	}
}

var folders = map[string]folder{
	"Identity":         single(foldIdentity),
	"Cast":             single(foldCast),
	"CastLike":         single(foldCastLike),
	"Reshape":          single(foldReshape),
	"Flatten":          single(foldReshape),
	"Squeeze":          single(foldReshape),
	"Unsqueeze":        single(foldReshape),
	"Transpose":        single(foldTranspose),
	"Shape":            single(foldShape),
	"Size":             single(foldSize),
	"ConstantOfShape":  single(foldFilled),
	"Range":            single(foldRange),
	"ArgMax":           single(foldArg),
	"ArgMin":           single(foldArg),
	"TopK":             foldTopK,
	"NonZero":          single(foldNonZero),
	"OneHot":           single(foldOneHot),
	"EyeLike":          single(foldEye),
	"DequantizeLinear": single(foldDequantize),
}

// foldable are the operators that foldNode knows.
func foldable() []string { return slices.Collect(maps.Keys(folders)) }

func first(args []*konst) (*konst, error) {
	if len(args) == 0 || args[0] == nil {
		return nil, errors.New("its argument 1 is missing")
	}
	return args[0], nil
}

func at(args []*konst, i int) *konst {
	if i < len(args) {
		return args[i]
	}
	return nil
}

func foldIdentity(_ *budget, _ *node, args []*konst) (*konst, error) { return first(args) }

func foldCast(b *budget, n *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	return cast(b, x, int32(n.int("to", 0)))
}

func foldCastLike(b *budget, _ *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil || at(args, 1) == nil {
		return nil, err
	}
	return cast(b, x, args[1].typ())
}

// cast gives a constant another type. Numbers of 16 bits stay float32: what is computed with them is, too.
func cast(b *budget, x *konst, to int32) (*konst, error) {
	if x.typ() == to || isFloat(to) && x.isFloat() {
		return x, nil
	}
	if width(to) == 0 {
		return nil, fmt.Errorf("it casts to %s", typeName(to))
	}
	v, err := x.numbers()
	if err != nil {
		return nil, err
	}
	if err := b.take(len(v)); err != nil {
		return nil, err
	}
	k := &konst{dims: x.dims, kind: to, nums: make([]float64, len(v))}
	for i, a := range v {
		switch {
		case to == typeBool:
			if a != 0 {
				a = 1
			}
		case !isFloat(to):
			if math.Abs(a) > 1<<63 || a != a {
				return nil, fmt.Errorf("it casts %v to an integer", a)
			}
			if a = math.Trunc(a); to == typeInt32 {
				a = min(max(a, math.MinInt32), math.MaxInt32)
			}
		}
		k.nums[i] = a
	}
	return k, rounded(to, k.nums)
}

func foldReshape(_ *budget, n *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	dims, err := reshaped(n, x.dims, x.len(), at(args, 1))
	if err != nil {
		return nil, err
	}
	k := *x
	if (k.turned || k.scale != nil) && !slices.Equal(dims, x.dims) {
		nums, err := x.numbers()
		if err != nil {
			return nil, err
		}
		k = konst{kind: x.typ(), nums: nums}
	}
	k.dims = dims
	return &k, nil
}

// foldTranspose leaves a matrix in the file where it is.
func foldTranspose(_ *budget, n *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	perm, err := permutation(n, len(x.dims))
	if err != nil {
		return nil, err
	}
	if len(perm) == 2 && x.t != nil && x.isFloat() && len(x.t.Dims) == 2 {
		k := *x
		k.dims = []int{x.dims[perm[0]], x.dims[perm[1]]}
		k.turned = x.turned != (perm[0] == 1)
		return &k, nil
	}
	return nil, nil
}

func foldShape(_ *budget, n *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	return shapeSlice(n, x.dims), nil
}

func foldSize(_ *budget, _ *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	return integers([]int64{int64(x.len())}), nil
}

func foldFilled(b *budget, n *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	dims, size, err := shapeFrom(x)
	if err != nil {
		return nil, err
	}
	if err := b.take(size); err != nil {
		return nil, err
	}
	k := &konst{dims: dims, kind: typeFloat, nums: make([]float64, size)}
	if fill := n.tensors["value"]; fill != nil && fill.Len() == 1 {
		v, err := constOf(fill).scalar()
		if err != nil {
			return nil, err
		}
		k.kind = fill.typ
		for i := range k.nums {
			k.nums[i] = v
		}
	}
	return k, nil
}

func foldRange(b *budget, _ *node, args []*konst) (*konst, error) {
	var v [3]float64
	for i := range v {
		k := at(args, i)
		if k == nil {
			return nil, fmt.Errorf("its argument %d is missing", i+1)
		}
		var err error
		if v[i], err = k.scalar(); err != nil {
			return nil, err
		}
	}
	count := math.Ceil((v[1] - v[0]) / v[2])
	if count != count || count > maxValue {
		return nil, fmt.Errorf("its range from %v to %v by %v is out of range", v[0], v[1], v[2])
	}
	size := int(max(count, 0))
	if err := b.take(size); err != nil {
		return nil, err
	}
	k := &konst{dims: []int{size}, kind: args[0].typ(), nums: make([]float64, size)}
	for i := range k.nums {
		k.nums[i] = v[0] + float64(i)*v[2]
	}
	return k, rounded(k.kind, k.nums)
}

// foldDequantize leaves quantised weights in the file: (q - zero) * scale, for all or by one axis.
func foldDequantize(b *budget, n *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	if at(args, 1) == nil {
		return nil, errors.New("its argument 2 is missing")
	}
	factor, err := args[1].float32s()
	if err != nil {
		return nil, err
	}
	zero := make([]float32, len(factor))
	if z := at(args, 2); z != nil {
		v, err := z.numbers()
		if err != nil {
			return nil, err
		}
		if len(v) != len(factor) {
			return nil, fmt.Errorf("it has %d zero points for %d scales", len(v), len(factor))
		}
		for i, a := range v {
			zero[i] = float32(a)
		}
	}
	s := &scale{factor: factor, zero: zero}
	if len(args[1].dims) > 1 || n.int("block_size", 0) != 0 {
		return nil, unsupported(n, "has a scale for each block of weights")
	}
	if len(factor) != 1 {
		if s.axis, err = strictAxis(int64(n.int("axis", 1)), len(x.dims)); err != nil {
			return nil, err
		}
		if len(factor) != x.dims[s.axis] {
			return nil, fmt.Errorf("it has %d scales for %d entries of axis %d", len(factor), x.dims[s.axis], s.axis)
		}
	}
	if x.isFloat() || x.scale != nil {
		return nil, errors.New("it dequantises floating-point numbers")
	}
	if x.t != nil && !x.turned && slices.Equal(x.t.Dims, x.dims) {
		return &konst{dims: x.dims, t: x.t, scale: s}, nil
	}
	v, err := x.numbers()
	if err != nil {
		return nil, err
	}
	if err := b.take(len(v)); err != nil {
		return nil, err
	}
	k := &konst{dims: x.dims, kind: typeFloat, nums: make([]float64, len(v))}
	inner := product(x.dims[s.axis:])
	if len(factor) > 1 {
		inner = product(x.dims[s.axis+1:])
	}
	for i, a := range v {
		c := i / inner % len(factor)
		k.nums[i] = float64((float32(a) - zero[c]) * factor[c])
	}
	return k, nil
}
