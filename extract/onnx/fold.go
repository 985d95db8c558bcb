package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// fold evaluates a node whose arguments are all constants: its steps are computed at once.
func (b *builder) fold(n *node, emit func(*builder, *node) error) error {
	steps, values := len(b.plan.Steps), len(b.plan.Values)
	b.folding = true
	err := emit(b, n)
	if b.folding = false; err != nil {
		return err
	}
	room := b.room
	results := map[int][]float64{}
	for i := steps; i < len(b.plan.Steps); i++ {
		s := &b.plan.Steps[i]
		od := b.plan.Values[s.Out].Dims
		if err := b.take(product(od)); err != nil {
			return err
		}
		if c, ok := s.Op.(*Constant); ok {
			v, err := c.k.numbers()
			if err != nil {
				return err
			}
			results[s.Out] = v
			continue
		}
		in, dims := make([][]float64, len(s.In)), make([][]int, len(s.In))
		for j, v := range s.In {
			in[j], dims[j] = results[v], b.plan.Values[v].Dims
		}
		if b.work(s, dims, od) > maxFold {
			return unsupported(n, "computes too much from constants")
		}
		out := make([]float64, product(od))
		if err := Eval(s.Op, in, dims, out, od); err != nil {
			return unsupported(n, "computes a constant, and %v", err)
		}
		if err := rounded(b.types[s.Out], out); err != nil {
			return err
		}
		results[s.Out] = out
	}
	b.room = room // what is kept of it are the results
	for _, o := range n.outputs {
		if v, ok := b.vals[o]; ok && v >= values {
			if err := b.take(len(results[v])); err != nil {
				return err
			}
			b.consts[o] = &konst{dims: b.plan.Values[v].Dims, kind: b.types[v], nums: results[v]}
			delete(b.vals, o)
		}
	}
	b.plan.Steps, b.plan.Values = b.plan.Steps[:steps], b.plan.Values[:values]
	b.types, b.fixed = b.types[:values], b.fixed[:values]
	return nil
}

// maxFold bounds the products that one step may take to fold.
const maxFold = 1 << 31

func (b *builder) work(s *Step, dims [][]int, od []int) int {
	n := product(od)
	switch op := s.Op.(type) {
	case *Linear:
		return n * op.In
	case *MatMul:
		return n * dims[0][len(dims[0])-1]
	case *Interpolate:
		return n * op.Taps
	}
	return n
}

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

// folders make constants of constants where that takes no arithmetic, or where no step does the like on
// images. They give nil where the operator's own steps are to be evaluated.
var folders = map[string]func(*builder, *node, []*konst) (*konst, error){
	"Identity":         foldIdentity,
	"Cast":             foldCast,
	"CastLike":         foldCastLike,
	"Reshape":          foldReshape,
	"Flatten":          foldReshape,
	"Squeeze":          foldReshape,
	"Unsqueeze":        foldReshape,
	"Transpose":        foldTranspose,
	"Shape":            foldShape,
	"Size":             foldSize,
	"ConstantOfShape":  foldFilled,
	"Range":            foldRange,
	"ArgMax":           foldArg,
	"ArgMin":           foldArg,
	"TopK":             foldTopK,
	"NonZero":          foldNonZero,
	"OneHot":           foldOneHot,
	"EyeLike":          foldEye,
	"DequantizeLinear": foldDequantize,
}

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

func foldIdentity(_ *builder, _ *node, args []*konst) (*konst, error) { return first(args) }

func foldCast(b *builder, n *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	return b.cast(x, int32(n.int("to", 0)))
}

func foldCastLike(b *builder, _ *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil || at(args, 1) == nil {
		return nil, err
	}
	return b.cast(x, args[1].typ())
}

// cast gives a constant another type. Numbers of 16 bits stay float32: what is computed with them is, too.
func (b *builder) cast(x *konst, to int32) (*konst, error) {
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
			a = truth(a != 0)
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

func foldReshape(b *builder, n *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	dims, err := b.reshaped(n, x.dims, x.len())
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
func foldTranspose(_ *builder, n *node, args []*konst) (*konst, error) {
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

func foldShape(_ *builder, n *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	return shapeSlice(n, x.dims), nil
}

func shapeSlice(n *node, v []int) *konst {
	start, end := n.int("start", 0), n.int("end", len(v))
	if start < 0 {
		start += len(v)
	}
	if end < 0 {
		end += len(v)
	}
	start, end = min(max(start, 0), len(v)), min(max(end, 0), len(v))
	return list(v[start:max(start, end)])
}

func foldSize(_ *builder, _ *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	return integers([]int64{int64(x.len())}), nil
}

func foldFilled(b *builder, n *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	dims, size, err := b.shape(x)
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

func foldRange(b *builder, _ *node, args []*konst) (*konst, error) {
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
func foldDequantize(b *builder, n *node, args []*konst) (*konst, error) {
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
