package plan

import (
	"fmt"
	"math"

	"vzsl/extract/onnx/load"
)

// Eval computes a step from its arguments in the slow, obvious way, adding up in double precision. It
// folds what depends on constants alone, runs in engines where they have no faster way, and is what their
// faster ways are tested against. in and dims are the arguments' elements and dimensions, out and od the
// result's. Convolutions, windowed pooling and LRN are not evaluated here.
func Eval[T float32 | float64](op Op, in [][]T, dims [][]int, out []T, od []int) error {
	switch op := op.(type) {
	case *Constant:
		v, err := op.Value.Float64s()
		if err != nil {
			return err
		}
		for i, x := range v {
			out[i] = T(x)
		}
	case *Linear:
		return evalLinear(op, in[0], out)
	case *Affine:
		inner := load.Elements(od[op.Axis+1:])
		for i, x := range in[0] {
			a, v := i/inner%od[op.Axis], float64(x)
			if op.Scale != nil {
				v *= float64(op.Scale[a])
			}
			if op.Shift != nil {
				v += float64(op.Shift[a])
			}
			if op.Relu && v < 0 {
				v = 0
			}
			out[i] = T(v)
		}
	case *Activation:
		for i, x := range in[0] {
			out[i] = T(op.Apply(float64(x)))
		}
	case *Binary:
		x, y := Spread(dims[0], od), Spread(dims[1], od)
		for i := range out {
			v := op.Kind.Apply(float64(in[0][x.Next()]), float64(in[1][y.Next()]))
			if op.Relu && v < 0 {
				v = 0
			}
			out[i] = T(v)
		}
	case *BinaryConstant:
		for i, x := range in[0] {
			a, b := float64(x), float64(op.Values[i%len(op.Values)])
			if op.Swapped {
				a, b = b, a
			}
			out[i] = T(op.Kind.Apply(a, b))
		}
	case *Where:
		c, x, y := Spread(dims[0], od), Spread(dims[1], od), Spread(dims[2], od)
		for i := range out {
			a, b := in[1][x.Next()], in[2][y.Next()]
			if in[0][c.Next()] != 0 {
				out[i] = a
			} else {
				out[i] = b
			}
		}
	case *MatMul:
		evalMatMul(op, in, dims, out, od)
	case *Attention:
		evalAttention(op, in, dims, out, od)
	case *Concat:
		outer, at := load.Elements(od[:op.Axis]), 0
		row := load.Elements(od[op.Axis:])
		for i, x := range in {
			w := load.Elements(dims[i][op.Axis:])
			for o := range outer {
				copy(out[o*row+at:][:w], x[o*w:])
			}
			at += w
		}
	case *Reshape:
		copy(out, in[0])
	case *Transpose:
		transposed(in[0], dims[0], op.Perm, out)
	case *Slice:
		evalSlice(op, in[0], dims[0], out, od)
	case *Gather:
		d := dims[0]
		outer, inner := load.Elements(d[:op.Axis]), load.Elements(d[op.Axis+1:])
		for o := range outer {
			for j, a := range op.Index {
				copy(out[(o*len(op.Index)+j)*inner:][:inner], in[0][(o*d[op.Axis]+a)*inner:])
			}
		}
	case *Lookup:
		evalLookup(op, in[0], out)
	case *Take:
		evalTake(op.Axis, in[0], dims[0], in[1], out)
	case *TakeND:
		evalTakeND(in[0], dims[0], in[1], dims[1], out)
	case *Arg:
		evalArg(op, in[0], dims[0], out)
	case *Expand:
		x := Spread(dims[0], od)
		for i := range out {
			out[i] = in[0][x.Next()]
		}
	case *Pad:
		for i := range out {
			out[i] = T(op.Value)
		}
		stride, at := 1, 0
		strides := make([]int, len(od))
		for a := len(od) - 1; a >= 0; a-- {
			strides[a] = stride
			at += op.Before[a] * stride
			stride *= od[a]
		}
		w := Walker{dims: dims[0], stride: strides, idx: make([]int, len(od)), at: at}
		for _, x := range in[0] {
			out[w.Next()] = x
		}
	case *Interpolate:
		d := dims[0]
		outer, inner := load.Elements(d[:op.Axis]), load.Elements(d[op.Axis+1:])
		count := len(op.Index) / op.Taps
		for o := range outer {
			for j := range count {
				for i := range inner {
					sum := 0.0
					for k := j * op.Taps; k < (j+1)*op.Taps; k++ {
						sum += float64(op.Weight[k]) * float64(in[0][(o*d[op.Axis]+op.Index[k])*inner+i])
					}
					out[(o*count+j)*inner+i] = T(sum)
				}
			}
		}
	case *Softmax:
		evalSoftmax(op, in[0], out, od)
	case *LayerNorm:
		n := load.Elements(od[op.Axis:])
		for lo := 0; lo < len(out); lo += n {
			standardise(in[0][lo:lo+n], out[lo:lo+n], op.Epsilon, func(i int) (scale, shift float32) {
				return entryOr(op.Scale, i, 1), entryOr(op.Shift, i, 0)
			})
		}
	case *GroupNorm:
		inner := load.Elements(od[2:])
		n := od[1] / op.Groups * inner
		for lo := 0; lo < len(out); lo += n {
			standardise(in[0][lo:lo+n], out[lo:lo+n], op.Epsilon, func(i int) (scale, shift float32) {
				c := (lo + i) / inner % od[1]
				return entryOr(op.Scale, c, 1), entryOr(op.Shift, c, 0)
			})
		}
	case *Reduce:
		evalReduce(op, in[0], dims[0], out)
	case *GlobalPool:
		evalReduce(&Reduce{Kind: ReduceMean, Axes: []int{2, 3}}, in[0], dims[0], out)
	case *CumSum:
		d := od[op.Axis]
		inner := load.Elements(od[op.Axis+1:])
		for o := 0; o < len(out); o += d * inner {
			for i := range inner {
				sum := 0.0
				for j := range d {
					if op.Reverse {
						j = d - 1 - j
					}
					x := float64(in[0][o+j*inner+i])
					if op.Exclusive {
						out[o+j*inner+i] = T(sum)
					}
					sum += x
					if !op.Exclusive {
						out[o+j*inner+i] = T(sum)
					}
				}
			}
		}
	default:
		return fmt.Errorf("no reference implementation of %T", op)
	}
	return nil
}

func entryOr(v []float32, i int, def float32) float32 {
	if v == nil {
		return def
	}
	return v[i]
}

// standardise writes (x - mean)/sqrt(variance + epsilon), scaled and shifted.
func standardise[T float32 | float64](x, out []T, epsilon float32, affine func(i int) (scale, shift float32)) {
	mean, square := 0.0, 0.0
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	for _, v := range x {
		square += (float64(v) - mean) * (float64(v) - mean)
	}
	r := 1 / math.Sqrt(square/float64(len(x))+float64(epsilon))
	for i, v := range x {
		scale, shift := affine(i)
		out[i] = T((float64(v)-mean)*r*float64(scale) + float64(shift))
	}
}

func evalLinear[T float32 | float64](op *Linear, x, out []T) error {
	return op.Weight.Use(func(w []float32) error {
		row, col := op.Out, 1
		if op.Transposed {
			row, col = 1, op.In
		}
		for r := range len(x) / op.In {
			for o := range op.Out {
				sum := 0.0
				for i, v := range x[r*op.In:][:op.In] {
					sum += float64(v) * float64(w[i*row+o*col])
				}
				sum = sum*float64(entryOr(op.Scale, o, 1)) + float64(entryOr(op.Bias, o, 0))
				if op.Relu && sum < 0 {
					sum = 0
				}
				out[r*op.Out+o] = T(sum)
			}
		}
		return nil
	})
}

// Matrices lists where the matrices of two arguments begin that make each matrix of a product: their
// last two axes are the matrices', the axes before them broadcast to those of od.
func Matrices(x, y, od []int) (at [][2]int) {
	lead := od[:len(od)-2]
	a, b := Spread(x[:len(x)-2], lead), Spread(y[:len(y)-2], lead)
	sx, sy := load.Elements(x[len(x)-2:]), load.Elements(y[len(y)-2:])
	at = make([][2]int, load.Elements(lead))
	for i := range at {
		at[i] = [2]int{a.Next() * sx, b.Next() * sy}
	}
	return at
}

func evalMatMul[T float32 | float64](op *MatMul, in [][]T, dims [][]int, out []T, od []int) {
	m, n := od[len(od)-2], od[len(od)-1]
	k := dims[0][len(dims[0])-1]
	row, col := n, 1
	if op.TransB {
		row, col = 1, k
	}
	for i, at := range Matrices(dims[0], dims[1], od) {
		for r := range m {
			for c := range n {
				sum := 0.0
				for j, v := range in[0][at[0]+r*k:][:k] {
					sum += float64(v) * float64(in[1][at[1]+j*row+c*col])
				}
				out[(i*m+r)*n+c] = T(sum * float64(op.Scale))
			}
		}
	}
}

func evalAttention[T float32 | float64](op *Attention, in [][]T, dims [][]int, out []T, od []int) {
	rank := len(od)
	l, s := od[rank-2], dims[1][len(dims[1])-2]
	d := append(append([]int(nil), od[:rank-2]...), l, s)
	scores, weights := make([]T, load.Elements(d)), make([]T, load.Elements(d))
	evalMatMul(&MatMul{Scale: op.Scale, TransB: true}, in[:2], dims[:2], scores, d)
	if len(in) > 3 {
		mask := Spread(dims[3], d)
		for i := range scores {
			scores[i] += in[3][mask.Next()]
		}
	}
	evalSoftmax(&Softmax{From: rank - 1, To: rank}, scores, weights, d)
	evalMatMul(&MatMul{Scale: 1}, [][]T{weights, in[2]}, [][]int{d, dims[2]}, out, od)
}

func evalSoftmax[T float32 | float64](op *Softmax, x, out []T, d []int) {
	mid, inner := load.Elements(d[op.From:op.To]), load.Elements(d[op.To:])
	for o := 0; o < len(x); o += mid * inner {
		for i := o; i < o+inner; i++ {
			top := math.Inf(-1)
			for j := i; j < i+mid*inner; j += inner {
				top = max(top, float64(x[j]))
			}
			sum := 0.0
			for j := i; j < i+mid*inner; j += inner {
				sum += math.Exp(float64(x[j]) - top)
			}
			for j := i; j < i+mid*inner; j += inner {
				if op.Log {
					out[j] = T(float64(x[j]) - top - math.Log(sum))
				} else {
					out[j] = T(math.Exp(float64(x[j])-top) / sum)
				}
			}
		}
	}
}

func evalSlice[T float32 | float64](op *Slice, x []T, d []int, out []T, od []int) {
	w := Walker{dims: od, stride: make([]int, len(d)), idx: make([]int, len(d))}
	s := 1
	for a := len(d) - 1; a >= 0; a-- {
		w.stride[a] = s * op.Step[a]
		w.at += s * op.Start[a]
		s *= d[a]
	}
	for i := range out {
		out[i] = x[w.Next()]
	}
}

func evalReduce[T float32 | float64](op *Reduce, x []T, d []int, out []T) {
	// Places in out, where axes that are added up do not move on.
	w := Walker{dims: d, stride: make([]int, len(d)), idx: make([]int, len(d))}
	over, count, s := make([]bool, len(d)), 1, 1
	for _, a := range op.Axes {
		over[a] = true
		count *= d[a]
	}
	for a := len(d) - 1; a >= 0; a-- {
		if !over[a] {
			w.stride[a] = s
			s *= d[a]
		}
	}
	top := make([]float64, len(out)) // for exponentials
	if op.Kind == ReduceLogSumExp {
		for i := range top {
			top[i] = math.Inf(-1)
		}
		first := Walker{dims: d, stride: w.stride, idx: make([]int, len(d))}
		for _, v := range x {
			at := first.Next()
			top[at] = max(top[at], float64(v))
		}
		for i, v := range top {
			if math.IsInf(v, 0) {
				top[i] = 0
			}
		}
	}
	sum := make([]float64, len(out))
	for i := range sum {
		switch op.Kind {
		case ReduceMax:
			sum[i] = math.Inf(-1)
		case ReduceMin:
			sum[i] = math.Inf(1)
		case ReduceProd:
			sum[i] = 1
		}
	}
	for _, e := range x {
		at, v := w.Next(), float64(e)
		switch op.Kind {
		case ReduceMax:
			sum[at] = max(sum[at], v)
		case ReduceMin:
			sum[at] = min(sum[at], v)
		case ReduceProd:
			sum[at] *= v
		case ReduceL1:
			sum[at] += math.Abs(v)
		case ReduceL2, ReduceSumSquare:
			sum[at] += v * v
		case ReduceLogSumExp:
			sum[at] += math.Exp(v - top[at])
		default:
			sum[at] += v
		}
	}
	for i, v := range sum {
		switch op.Kind {
		case ReduceMean:
			v /= float64(count)
		case ReduceL2:
			v = math.Sqrt(v)
		case ReduceLogSum:
			v = math.Log(v)
		case ReduceLogSumExp:
			v = math.Log(v) + top[i]
		}
		out[i] = T(v)
	}
}

// transposed writes src, row-major of shape dims, to dst with axis i taken from axis perm[i].
func transposed[T any](src []T, dims, perm []int, dst []T) {
	rank := len(dims)
	w := Walker{dims: make([]int, rank), stride: make([]int, rank), idx: make([]int, rank)}
	stride := make([]int, rank)
	s := 1
	for i := rank - 1; i >= 0; i-- {
		stride[i] = s
		s *= dims[i]
	}
	for i, p := range perm {
		w.dims[i], w.stride[i] = dims[p], stride[p]
	}
	for i := range dst {
		dst[i] = src[w.Next()]
	}
}

// Walker goes over the elements of a shape in order; at is the place that goes with each, which moves by
// stride along each axis.
type Walker struct {
	dims, stride, idx []int
	at                int
}

// Spread walks the elements of a smaller operand in step with a larger shape.
func Spread(small, dims []int) *Walker {
	s := &Walker{dims: dims, stride: make([]int, len(dims)), idx: make([]int, len(dims))}
	step := 1
	for i := len(small) - 1; i >= 0; i-- {
		if small[i] > 1 {
			s.stride[i+len(dims)-len(small)] = step
		}
		step *= small[i]
	}
	return s
}

// Strided walks a shape with strides of its own.
func Strided(dims, stride []int) *Walker {
	return &Walker{dims: dims, stride: stride, idx: make([]int, len(dims))}
}

// Next is the place of the current element; it moves on to the next.
func (s *Walker) Next() int {
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

// Broadcast is the shape of two operands together.
func Broadcast(x, y []int) ([]int, error) {
	rank := max(len(x), len(y))
	if rank > load.MaxRank {
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
			return nil, fmt.Errorf("shapes %v and %v cannot be broadcast", x, y)
		}
	}
	return out, nil
}
