package fold

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"vzsl/extract/onnx/load"
)

// Rounded brings values to what their type can hold.
func Rounded(typ int32, v []float64) error {
	switch {
	case typ == load.TypeDouble:
	case load.IsFloat(typ):
		for i, x := range v {
			v[i] = float64(float32(x))
		}
	default:
		for i, x := range v {
			if x != math.Trunc(x) || math.Abs(x) > 1<<63 {
				return fmt.Errorf("%v is not an integer in range", v[i])
			}
		}
	}
	return nil
}

// Node computes a node's results from constant arguments where that takes no arithmetic, or where no step
// does the like on images. op is the operator with its domain. Without results the operator's own steps are to be evaluated.
func Node(n *load.Node, op string, args []*Constant, b *Budget) ([]*Constant, error) {
	f, ok := folders[op]
	if !ok {
		return nil, nil
	}
	return f(b, n, args)
}

// folder gives a node's results, or none.
type folder func(*Budget, *load.Node, []*Constant) ([]*Constant, error)

// single is a folder of one result.
func single(f func(*Budget, *load.Node, []*Constant) (*Constant, error)) folder {
	return func(b *Budget, n *load.Node, args []*Constant) ([]*Constant, error) {
		k, err := f(b, n, args)
		if k == nil || err != nil {
			return nil, err
		}
		return []*Constant{k}, nil
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

// Operators are the operators that foldNode knows.
func Operators() []string { return slices.Collect(maps.Keys(folders)) }

func firstArgument(args []*Constant) (*Constant, error) {
	if len(args) == 0 || args[0] == nil {
		return nil, errors.New("its input 1 is missing")
	}
	return args[0], nil
}

func argument(args []*Constant, i int) *Constant {
	if i < len(args) {
		return args[i]
	}
	return nil
}

func foldIdentity(_ *Budget, _ *load.Node, args []*Constant) (*Constant, error) {
	return firstArgument(args)
}

func foldCast(b *Budget, n *load.Node, args []*Constant) (*Constant, error) {
	x, err := firstArgument(args)
	if err != nil {
		return nil, err
	}
	return cast(b, x, int32(n.Int("to", 0)))
}

func foldCastLike(b *Budget, _ *load.Node, args []*Constant) (*Constant, error) {
	x, err := firstArgument(args)
	if err != nil || argument(args, 1) == nil {
		return nil, err
	}
	return cast(b, x, args[1].Type())
}

// cast gives a constant another type. Numbers of 16 bits stay float32: what is computed with them is, too.
func cast(b *Budget, x *Constant, to int32) (*Constant, error) {
	if x.Type() == to || load.IsFloat(to) && x.IsFloat() {
		return x, nil
	}
	if load.Width(to) == 0 {
		return nil, fmt.Errorf("unsupported cast to %s", load.TypeName(to))
	}
	v, err := x.Float64s()
	if err != nil {
		return nil, err
	}
	if err := b.Spend(len(v)); err != nil {
		return nil, err
	}
	k := &Constant{Dims: x.Dims, Kind: to, Values: make([]float64, len(v))}
	for i, a := range v {
		switch {
		case to == load.TypeBool:
			if a != 0 {
				a = 1
			}
		case !load.IsFloat(to):
			if math.Abs(a) > 1<<63 || a != a {
				return nil, fmt.Errorf("cannot cast %v to an integer", a)
			}
			if a = math.Trunc(a); to == load.TypeInt32 {
				a = min(max(a, math.MinInt32), math.MaxInt32)
			}
		}
		k.Values[i] = a
	}
	return k, Rounded(to, k.Values)
}

func foldReshape(_ *Budget, n *load.Node, args []*Constant) (*Constant, error) {
	x, err := firstArgument(args)
	if err != nil {
		return nil, err
	}
	dims, err := Reshaped(n, x.Dims, x.Len(), argument(args, 1))
	if err != nil {
		return nil, err
	}
	k := *x
	if (k.Transposed || k.Quantised != nil) && !slices.Equal(dims, x.Dims) {
		nums, err := x.Float64s()
		if err != nil {
			return nil, err
		}
		k = Constant{Kind: x.Type(), Values: nums}
	}
	k.Dims = dims
	return &k, nil
}

// foldTranspose leaves a matrix in the file where it is.
func foldTranspose(_ *Budget, n *load.Node, args []*Constant) (*Constant, error) {
	x, err := firstArgument(args)
	if err != nil {
		return nil, err
	}
	perm, err := Permutation(n, len(x.Dims))
	if err != nil {
		return nil, err
	}
	if len(perm) == 2 && x.Tensor != nil && x.IsFloat() && len(x.Tensor.Dims) == 2 {
		k := *x
		k.Dims = []int{x.Dims[perm[0]], x.Dims[perm[1]]}
		k.Transposed = x.Transposed != (perm[0] == 1)
		return &k, nil
	}
	return nil, nil
}

func foldShape(_ *Budget, n *load.Node, args []*Constant) (*Constant, error) {
	x, err := firstArgument(args)
	if err != nil {
		return nil, err
	}
	return ShapeSlice(n, x.Dims), nil
}

func foldSize(_ *Budget, _ *load.Node, args []*Constant) (*Constant, error) {
	x, err := firstArgument(args)
	if err != nil {
		return nil, err
	}
	return OfIntegers([]int64{int64(x.Len())}), nil
}

func foldFilled(b *Budget, n *load.Node, args []*Constant) (*Constant, error) {
	x, err := firstArgument(args)
	if err != nil {
		return nil, err
	}
	dims, size, err := Shape(x)
	if err != nil {
		return nil, err
	}
	if err := b.Spend(size); err != nil {
		return nil, err
	}
	k := &Constant{Dims: dims, Kind: load.TypeFloat, Values: make([]float64, size)}
	if fill := n.Tensors["value"]; fill != nil && fill.Len() == 1 {
		v, err := OfTensor(fill).Scalar()
		if err != nil {
			return nil, err
		}
		k.Kind = fill.Type
		for i := range k.Values {
			k.Values[i] = v
		}
	}
	return k, nil
}

func foldRange(b *Budget, _ *load.Node, args []*Constant) (*Constant, error) {
	var v [3]float64
	for i := range v {
		k := argument(args, i)
		if k == nil {
			return nil, fmt.Errorf("its input %d is missing", i+1)
		}
		var err error
		if v[i], err = k.Scalar(); err != nil {
			return nil, err
		}
	}
	count := math.Ceil((v[1] - v[0]) / v[2])
	if count != count || count > load.MaxValue {
		return nil, fmt.Errorf("range from %v to %v by %v is out of range", v[0], v[1], v[2])
	}
	size := int(max(count, 0))
	if err := b.Spend(size); err != nil {
		return nil, err
	}
	k := &Constant{Dims: []int{size}, Kind: args[0].Type(), Values: make([]float64, size)}
	for i := range k.Values {
		k.Values[i] = v[0] + float64(i)*v[2]
	}
	return k, Rounded(k.Kind, k.Values)
}

// foldDequantize leaves quantised weights in the file: (q - zero) * scale, for all or by one axis.
func foldDequantize(b *Budget, n *load.Node, args []*Constant) (*Constant, error) {
	x, err := firstArgument(args)
	if err != nil {
		return nil, err
	}
	if argument(args, 1) == nil {
		return nil, errors.New("its input 2 is missing")
	}
	factor, err := args[1].Float32s()
	if err != nil {
		return nil, err
	}
	zero := make([]float32, len(factor))
	if z := argument(args, 2); z != nil {
		v, err := z.Float64s()
		if err != nil {
			return nil, err
		}
		if len(v) != len(factor) {
			return nil, fmt.Errorf("%d zero points for %d scales", len(v), len(factor))
		}
		for i, a := range v {
			zero[i] = float32(a)
		}
	}
	s := &load.Quantisation{Factor: factor, Zero: zero}
	if len(args[1].Dims) > 1 || n.Int("block_size", 0) != 0 {
		return nil, load.Unsupported(n, "block-wise quantisation")
	}
	if len(factor) != 1 {
		if s.Axis, err = load.Axis(int64(n.Int("axis", 1)), len(x.Dims)); err != nil {
			return nil, err
		}
		if len(factor) != x.Dims[s.Axis] {
			return nil, fmt.Errorf("%d scales for axis %[3]d of size %[2]d", len(factor), x.Dims[s.Axis], s.Axis)
		}
	}
	if x.IsFloat() || x.Quantised != nil {
		return nil, errors.New("cannot dequantise floating-point numbers")
	}
	if x.Tensor != nil && !x.Transposed && slices.Equal(x.Tensor.Dims, x.Dims) {
		return &Constant{Dims: x.Dims, Tensor: x.Tensor, Quantised: s}, nil
	}
	v, err := x.Float64s()
	if err != nil {
		return nil, err
	}
	if err := b.Spend(len(v)); err != nil {
		return nil, err
	}
	k := &Constant{Dims: x.Dims, Kind: load.TypeFloat, Values: make([]float64, len(v))}
	inner := load.Elements(x.Dims[s.Axis:])
	if len(factor) > 1 {
		inner = load.Elements(x.Dims[s.Axis+1:])
	}
	for i, a := range v {
		c := i / inner % len(factor)
		k.Values[i] = float64((float32(a) - zero[c]) * factor[c])
	}
	return k, nil
}
