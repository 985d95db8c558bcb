package onnx

import (
	"errors"
	"fmt"
	"math"
)

// konst is a value that does not depend on the image: a tensor of the file, kept there, or numbers
// computed from such.
type konst struct {
	dims   []int
	t      *Tensor // nil where ints or floats hold the values
	turned bool    // t is 2-D and stands for its transpose
	ints   []int64
	floats []float32
}

func constOf(t *Tensor) *konst { return &konst{dims: t.Dims, t: t} }

func (k *konst) isFloat() bool {
	if k.t != nil {
		return k.t.isFloat()
	}
	return k.floats != nil
}

func (k *konst) len() int { return product(k.dims) }

func (k *konst) float32s() ([]float32, error) {
	if k.t == nil {
		if k.floats == nil && k.len() > 0 {
			return nil, errors.New("integers where floating-point numbers belong")
		}
		return k.floats, nil
	}
	f, err := k.t.Float32s()
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
	if k.ints == nil && k.len() > 0 {
		return nil, errors.New("floating-point numbers where integers belong")
	}
	return k.ints, nil
}

// small bounds the integer constants that are computed with: shapes, axes, indices.
const small = 1 << 12

// fold evaluates a node whose arguments are all constants; ok is false where it cannot.
func (b *builder) fold(n *node, args []*konst) (k *konst, ok bool, err error) {
	at := func(i int) *konst {
		if i < len(args) {
			return args[i]
		}
		return nil
	}
	x := at(0)
	switch n.op {
	case "ConstantOfShape":
		if x == nil {
			return nil, false, errors.New("its argument is missing")
		}
		dims, size, err := b.shape(x)
		if err != nil {
			return nil, false, err
		}
		fill := n.tensors["value"]
		if fill == nil || fill.Len() != 1 {
			return &konst{dims: dims, floats: make([]float32, size)}, true, nil
		}
		if fill.isFloat() {
			v, err := fill.Float32s()
			if err != nil {
				return nil, false, err
			}
			k := &konst{dims: dims, floats: make([]float32, size)}
			for i := range k.floats {
				k.floats[i] = v[0]
			}
			return k, true, nil
		}
		v, err := fill.int64s()
		if err != nil {
			return nil, false, err
		}
		k := &konst{dims: dims, ints: make([]int64, size)}
		for i := range k.ints {
			k.ints[i] = v[0]
		}
		return k, true, nil
	}
	if x == nil {
		return nil, false, nil
	}
	switch n.op {
	case "Identity", "Dropout":
		return x, true, nil
	case "Cast":
		to := n.int("to", 0)
		toFloat := to == typeFloat || to == typeDouble || to == typeFloat16 || to == typeBfloat16
		switch {
		case toFloat == x.isFloat():
			return x, true, nil
		case toFloat:
			v, err := x.int64s()
			if err != nil {
				return nil, false, err
			}
			k := &konst{dims: x.dims, floats: make([]float32, len(v))}
			for i := range v {
				k.floats[i] = float32(v[i])
			}
			return k, true, nil
		default:
			v, err := x.float32s()
			if err != nil {
				return nil, false, err
			}
			k := &konst{dims: x.dims, ints: make([]int64, len(v))}
			for i := range v {
				if math.Abs(float64(v[i])) > 1<<52 || v[i] != v[i] {
					return nil, false, fmt.Errorf("it casts %v to an integer", v[i])
				}
				k.ints[i] = int64(v[i])
			}
			return k, true, nil
		}
	case "Shape":
		v := make([]int64, len(x.dims))
		for i, d := range x.dims {
			v[i] = int64(d)
		}
		return shapeSlice(n, v)
	case "Reshape", "Flatten", "Squeeze", "Unsqueeze":
		dims, err := b.reshaped(n, x.dims, x.len(), at(1))
		if err != nil {
			return nil, false, err
		}
		k := *x
		if k.turned {
			if k.floats, err = x.float32s(); err != nil {
				return nil, false, err
			}
			k.t, k.turned = nil, false
		}
		k.dims = dims
		return &k, true, nil
	case "Transpose":
		perm, err := permutation(n, len(x.dims))
		if err != nil {
			return nil, false, err
		}
		return b.turn(x, perm)
	case "Gather":
		return b.gather(n, x, at(1))
	case "Slice":
		return b.slice(n, x, args)
	case "Concat":
		var out []int64
		for _, a := range args {
			if a == nil || a.isFloat() || len(a.dims) > 1 {
				return nil, false, nil
			}
			v, err := a.int64s()
			if err != nil {
				return nil, false, err
			}
			if out = append(out, v...); len(out) > small {
				return nil, false, errors.New("it joins too many integers")
			}
		}
		return &konst{dims: []int{len(out)}, ints: nonNil(out)}, true, nil
	case "ReduceProd":
		v, err := x.int64s()
		if err != nil || len(v) > small || len(x.dims) > 1 {
			return nil, false, err
		}
		p := int64(1)
		for _, a := range v {
			if a != 0 && (p*a/a != p || p*a > maxElements) {
				return nil, false, errors.New("its product is out of range")
			}
			p *= a
		}
		k := &konst{ints: []int64{p}}
		if n.int("keepdims", 1) == 1 {
			k.dims = []int{1}
		}
		return k, true, nil
	case "Sqrt", "Neg", "Reciprocal":
		if !x.isFloat() {
			return nil, false, nil
		}
		v, err := x.float32s()
		if err != nil {
			return nil, false, err
		}
		if err := b.take(len(v)); err != nil {
			return nil, false, err
		}
		k := &konst{dims: x.dims, floats: make([]float32, len(v))}
		for i, a := range v {
			switch n.op {
			case "Sqrt":
				k.floats[i] = float32(math.Sqrt(float64(a)))
			case "Neg":
				k.floats[i] = -a
			default:
				k.floats[i] = 1 / a
			}
		}
		return k, true, nil
	case "Add", "Sub", "Mul", "Div":
		if at(1) == nil {
			return nil, false, errors.New("its argument 2 is missing")
		}
		return b.arithmetic(BinaryKind("+-*/"[indexOf(n.op)]), x, at(1))
	}
	return nil, false, nil
}

func indexOf(op string) int {
	for i, s := range []string{"Add", "Sub", "Mul", "Div"} {
		if s == op {
			return i
		}
	}
	return -1
}

func nonNil(v []int64) []int64 {
	if v == nil {
		return []int64{}
	}
	return v
}

// take accounts for the elements of a computed constant.
func (b *builder) take(n int) error {
	if n > b.room {
		return errors.New("its constant result is too large")
	}
	b.room -= n
	return nil
}

// shape reads a constant as dimensions.
func (b *builder) shape(k *konst) ([]int, int, error) {
	v, err := k.int64s()
	if err != nil {
		return nil, 0, err
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
	return dims, size, b.take(size)
}

func shapeSlice(n *node, v []int64) (*konst, bool, error) {
	start, end := n.int("start", 0), n.int("end", len(v))
	if start < 0 {
		start += len(v)
	}
	if end < 0 {
		end += len(v)
	}
	start, end = min(max(start, 0), len(v)), min(max(end, 0), len(v))
	v = v[start:max(start, end)]
	return &konst{dims: []int{len(v)}, ints: nonNil(v)}, true, nil
}

func permutation(n *node, rank int) ([]int, error) {
	p, ok := n.attrs["perm"].([]int64)
	if !ok || len(p) == 0 {
		out := make([]int, rank)
		for i := range out {
			out[i] = rank - 1 - i
		}
		return out, nil
	}
	if len(p) != rank {
		return nil, fmt.Errorf("permutation %v of %d dimensions", p, rank)
	}
	seen := make([]bool, rank)
	out := make([]int, rank)
	for i, v := range p {
		if v < 0 || v >= int64(rank) || seen[v] {
			return nil, fmt.Errorf("permutation %v of %d dimensions", p, rank)
		}
		seen[v] = true
		out[i] = int(v)
	}
	return out, nil
}

// turn transposes a constant; a matrix in the file stays there.
func (b *builder) turn(x *konst, perm []int) (*konst, bool, error) {
	dims := make([]int, len(perm))
	for i, p := range perm {
		dims[i] = x.dims[p]
	}
	if len(perm) == 2 && x.t != nil && x.t.isFloat() {
		return &konst{dims: dims, t: x.t, turned: x.turned != (perm[0] == 1)}, true, nil
	}
	if !x.isFloat() {
		if len(perm) <= 1 {
			return x, true, nil
		}
		return nil, false, nil
	}
	v, err := x.float32s()
	if err != nil {
		return nil, false, err
	}
	if err := b.take(len(v)); err != nil {
		return nil, false, err
	}
	return &konst{dims: dims, floats: TransposeValues(v, x.dims, perm, make([]float32, len(v)))}, true, nil
}

// TransposeValues writes src, row-major of shape dims, to dst with axis i taken from axis perm[i].
func TransposeValues(src []float32, dims, perm []int, dst []float32) []float32 {
	rank := len(dims)
	stride := make([]int, rank)
	s := 1
	for i := rank - 1; i >= 0; i-- {
		stride[i] = s
		s *= dims[i]
	}
	idx := make([]int, rank)
	at := 0
	for i := range dst {
		dst[i] = src[at]
		for a := rank - 1; a >= 0; a-- {
			p := perm[a]
			idx[a]++
			at += stride[p]
			if idx[a] < dims[p] {
				break
			}
			at -= dims[p] * stride[p]
			idx[a] = 0
		}
	}
	return dst
}

func (b *builder) gather(n *node, x, index *konst) (*konst, bool, error) {
	if index == nil || x.isFloat() || len(x.dims) != 1 || len(index.dims) > 1 || n.int("axis", 0) > 0 {
		return nil, false, nil
	}
	v, err := x.int64s()
	if err != nil {
		return nil, false, err
	}
	ix, err := index.int64s()
	if err != nil {
		return nil, false, err
	}
	if len(ix) > small {
		return nil, false, errors.New("it gathers too many integers")
	}
	out := make([]int64, len(ix))
	for i, a := range ix {
		if a < 0 {
			a += int64(len(v))
		}
		if a < 0 || a >= int64(len(v)) {
			return nil, false, fmt.Errorf("it gathers entry %d of %d", ix[i], len(v))
		}
		out[i] = v[a]
	}
	return &konst{dims: index.dims, ints: out}, true, nil
}

// slice handles the slices of shape arithmetic: integers in one dimension.
func (b *builder) slice(n *node, x *konst, args []*konst) (*konst, bool, error) {
	if x.isFloat() || len(x.dims) != 1 {
		return nil, false, nil
	}
	v, err := x.int64s()
	if err != nil {
		return nil, false, err
	}
	get := func(name string, i int, def int64) (int64, error) {
		var list []int64
		if l, ok := n.attrs[name].([]int64); ok {
			list = l
		} else if i < len(args) && args[i] != nil {
			if list, err = args[i].int64s(); err != nil {
				return 0, err
			}
		} else {
			return def, nil
		}
		if len(list) != 1 {
			return 0, fmt.Errorf("it slices %d axes of a list", len(list))
		}
		return list[0], nil
	}
	size := int64(len(v))
	start, err := get("starts", 1, 0)
	if err != nil {
		return nil, false, err
	}
	end, err := get("ends", 2, size)
	if err != nil {
		return nil, false, err
	}
	step, err := get("steps", 4, 1)
	if err != nil || step != 1 {
		return nil, false, err
	}
	if start < 0 {
		start += size
	}
	if end < 0 {
		end += size
	}
	start, end = min(max(start, 0), size), min(max(end, 0), size)
	out := v[start:max(start, end)]
	return &konst{dims: []int{len(out)}, ints: nonNil(out)}, true, nil
}

// arithmetic combines two constants with ONNX's broadcasting.
func (b *builder) arithmetic(kind BinaryKind, x, y *konst) (*konst, bool, error) {
	dims, err := broadcast(x.dims, y.dims)
	if err != nil {
		return nil, false, err
	}
	size := 1
	for _, d := range dims {
		if d > 0 && size > maxValue/d {
			return nil, false, errors.New("its constant result is too large")
		}
		size *= d
	}
	if err := b.take(size); err != nil {
		return nil, false, err
	}
	ix, iy := spread(x.dims, dims), spread(y.dims, dims)
	if x.isFloat() && y.isFloat() {
		xv, err := x.float32s()
		if err != nil {
			return nil, false, err
		}
		yv, err := y.float32s()
		if err != nil {
			return nil, false, err
		}
		k := &konst{dims: dims, floats: make([]float32, size)}
		for i := range k.floats {
			k.floats[i] = kind.apply(xv[ix.next()], yv[iy.next()])
		}
		return k, true, nil
	}
	xv, err := x.int64s()
	if err != nil {
		return nil, false, err
	}
	yv, err := y.int64s()
	if err != nil {
		return nil, false, err
	}
	k := &konst{dims: dims, ints: make([]int64, size)}
	for i := range k.ints {
		p, q := xv[ix.next()], yv[iy.next()]
		switch kind {
		case Add:
			k.ints[i] = p + q
		case Sub:
			k.ints[i] = p - q
		case Mul:
			k.ints[i] = p * q
		default:
			if q == 0 || q == -1 && p == math.MinInt64 {
				return nil, false, errors.New("it divides by zero")
			}
			k.ints[i] = p / q
		}
	}
	return k, true, nil
}

func (kind BinaryKind) apply(x, y float32) float32 {
	switch kind {
	case Add:
		return x + y
	case Sub:
		return x - y
	case Mul:
		return x * y
	}
	return x / y
}

// broadcast is the shape of two operands together.
func broadcast(x, y []int) ([]int, error) {
	rank := max(len(x), len(y))
	if rank > 8 {
		return nil, fmt.Errorf("shapes %v and %v have too many dimensions", x, y)
	}
	out := make([]int, rank)
	for i := range out {
		p, q := 1, 1
		if j := i - rank + len(x); j >= 0 {
			p = x[j]
		}
		if j := i - rank + len(y); j >= 0 {
			q = y[j]
		}
		switch {
		case p == q || q == 1:
			out[i] = p
		case p == 1:
			out[i] = q
		default:
			return nil, fmt.Errorf("shapes %v and %v do not fit together", x, y)
		}
	}
	return out, nil
}

// spreader walks the elements of a smaller operand in step with a larger shape.
type spreader struct {
	dims, stride, idx []int
	at                int
}

func spread(small, dims []int) *spreader {
	s := &spreader{dims: dims, stride: make([]int, len(dims)), idx: make([]int, len(dims))}
	step := 1
	for i := len(small) - 1; i >= 0; i-- {
		if small[i] > 1 {
			s.stride[i+len(dims)-len(small)] = step
		}
		step *= small[i]
	}
	return s
}

// next is the index of the current element; it moves on to the next.
func (s *spreader) next() int {
	at := s.at
	for a := len(s.dims) - 1; a >= 0; a-- {
		s.idx[a]++
		s.at += s.stride[a]
		if s.idx[a] < s.dims[a] {
			break
		}
		s.at -= s.dims[a] * s.stride[a]
		s.idx[a] = 0
	}
	return at
}
