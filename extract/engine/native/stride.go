package native

import (
	"vzsl/extract/onnx/plan"
	"vzsl/internal/kernels"
)

// movement copies a value's elements to another order: for each axis of the result, how far apart its
// entries lie in the argument.
type movement struct {
	dims, stride []int
}

// strided is a movement with neighbouring axes joined where they lie together.
func strided(dims, stride []int) *movement {
	m := &movement{}
	for a, d := range dims {
		if d == 1 {
			continue
		}
		if k := len(m.dims) - 1; k >= 0 && m.stride[k] == stride[a]*d {
			m.dims[k] *= d
			m.stride[k] = stride[a]
			continue
		}
		m.dims, m.stride = append(m.dims, d), append(m.stride, stride[a])
	}
	if len(m.dims) == 0 {
		m.dims, m.stride = []int{1}, []int{1}
	}
	return m
}

// images moves n images' values, to and from in number, the first of them at at; values of many axes by the first of these, on
// all processors.
func (m *movement) images(n int, dst, src []float32, to, from, at int) {
	if len(m.dims) < 3 || to == 0 {
		kernels.Parallel(n, func(i int) { move(dst[i*to:(i+1)*to], src[i*from:(i+1)*from], at, m.dims, m.stride) })
		return
	}
	d := m.dims[0]
	per := to / d
	spans(n*d, max(1, grain/max(1, per)), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			i := r / d
			move(dst[r*per:(r+1)*per], src[i*from:(i+1)*from], at+r%d*m.stride[0], m.dims[1:], m.stride[1:])
		}
	})
}

// move copies axis by axis from the first; the last two are a matrix, copied by rows or turned by blocks.
func move(dst, src []float32, at int, dims, stride []int) {
	switch len(dims) {
	case 1:
		n, s := dims[0], stride[0]
		if s == 1 {
			copy(dst[:n], src[at:])
			return
		}
		for i := range n {
			dst[i] = src[at+i*s]
		}
		return
	case 2:
		if stride[1] != 1 && stride[0] == 1 {
			transposeBlocks(dst, src[at:], dims[0], dims[1], stride[1])
			return
		}
	}
	size := 1
	for _, d := range dims[1:] {
		size *= d
	}
	for i := range dims[0] {
		move(dst[i*size:(i+1)*size], src, at+i*stride[0], dims[1:], stride[1:])
	}
}

// transposeBlocks writes rows x cols of what lies in src with its rows beside each other: dst[r*cols+c] = src[c*ld+r].
func transposeBlocks(dst, src []float32, rows, cols, ld int) {
	const block = 16
	for c0 := 0; c0 < cols; c0 += block {
		c1 := min(c0+block, cols)
		for r0 := 0; r0 < rows; r0 += block {
			r1 := min(r0+block, rows)
			for r := r0; r < r1; r++ {
				to := dst[r*cols : (r+1)*cols]
				for c := c0; c < c1; c++ {
					to[c] = src[c*ld+r]
				}
			}
		}
	}
}

// broadcast combines two values of which either repeats along axes. Axes that either crosses in the same
// way are joined; the last is the inner loop.
type broadcast struct {
	dims, sa, sb       []int
	size, sizeA, sizeB int // of one image
}

func broadcasting(a, b, od []int) *broadcast {
	strides := func(d []int) []int {
		out, step := make([]int, len(od)), 1
		for i := len(d) - 1; i >= 0; i-- {
			if d[i] > 1 {
				out[i+len(od)-len(d)] = step
			}
			step *= d[i]
		}
		return out
	}
	x := &broadcast{size: product(od), sizeA: product(a), sizeB: product(b)}
	sa, sb := strides(a), strides(b)
	for i, d := range od {
		if d == 1 {
			continue
		}
		if k := len(x.dims) - 1; k >= 0 && x.sa[k] == sa[i]*d && x.sb[k] == sb[i]*d {
			x.dims[k] *= d
			x.sa[k], x.sb[k] = sa[i], sb[i]
			continue
		}
		x.dims, x.sa, x.sb = append(x.dims, d), append(x.sa, sa[i]), append(x.sb, sb[i])
	}
	if len(x.dims) == 0 {
		x.dims, x.sa, x.sb = []int{1}, []int{1}, []int{1}
	}
	return x
}

func (x *broadcast) run(op *plan.Binary, n int, out, a, b []float32) {
	if len(x.dims) == 1 && x.sa[0] == 1 && x.sb[0] == 1 { // of one shape
		spans(len(out), grain, func(lo, hi int) {
			combine(op.Kind, false, out[lo:hi], a[lo:hi], b[lo:hi])
			if op.Relu {
				kernels.Relu(out[lo:hi], out[lo:hi])
			}
		})
		return
	}
	// The first axis is cut into parts for the processors.
	per := x.size / x.dims[0]
	spans(n*x.dims[0], max(1, grain/max(1, per)), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			img, i := r/x.dims[0], r%x.dims[0]
			dst := out[r*per : (r+1)*per]
			x.walk(op.Kind, 1, dst, a[img*x.sizeA:(img+1)*x.sizeA], b[img*x.sizeB:(img+1)*x.sizeB], i*x.sa[0], i*x.sb[0])
			if op.Relu {
				kernels.Relu(dst, dst)
			}
		}
	})
}

func (x *broadcast) walk(kind plan.BinaryKind, axis int, out, a, b []float32, at, bt int) {
	switch {
	case axis == len(x.dims):
		combine(kind, false, out[:1], a[at:at+1], b[bt:bt+1])
		return
	case axis == len(x.dims)-1:
		n := x.dims[axis]
		switch sa, sb := x.sa[axis], x.sb[axis]; {
		case sa == 1 && sb == 1:
			combine(kind, false, out[:n], a[at:at+n], b[bt:bt+n])
		case sa == 1 && sb == 0:
			combineOne(kind, false, out[:n], a[at:at+n], b[bt])
		case sa == 0 && sb == 1:
			combineOne(kind, true, out[:n], b[bt:bt+n], a[at])
		default:
			for i := range n {
				out[i] = float32(kind.Apply(float64(a[at+i*sa]), float64(b[bt+i*sb])))
			}
		}
		return
	}
	per := 1
	for _, d := range x.dims[axis+1:] {
		per *= d
	}
	for i := range x.dims[axis] {
		x.walk(kind, axis+1, out[i*per:(i+1)*per], a, b, at+i*x.sa[axis], bt+i*x.sb[axis])
	}
}

// combineOne does dst = a kind v, or v kind a where swapped is set.
func combineOne(kind plan.BinaryKind, swapped bool, dst, a []float32, v float32) {
	switch {
	case kind == plan.Add:
		for i, x := range a {
			dst[i] = x + v
		}
	case kind == plan.Mul:
		for i, x := range a {
			dst[i] = x * v
		}
	case kind == plan.Sub && !swapped:
		for i, x := range a {
			dst[i] = x - v
		}
	case kind == plan.Div && !swapped:
		for i, x := range a {
			dst[i] = x / v
		}
	case swapped:
		for i, x := range a {
			dst[i] = float32(kind.Apply(float64(v), float64(x)))
		}
	default:
		for i, x := range a {
			dst[i] = float32(kind.Apply(float64(x), float64(v)))
		}
	}
}
