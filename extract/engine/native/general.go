package native

import (
	"fmt"
	"slices"

	"vzsl/extract/onnx/plan"
	"vzsl/internal/kernels"
)

// general compiles a step on plain values, row-major and of any rank, images one after another. What has
// no faster way here is evaluated as onnx.Eval does, an image at a time.
func (c *compiler) general(s *plan.Step, dims []int) error {
	in := make([]int, len(s.In))
	for i, v := range s.In {
		in[i] = c.layout(c.byPlan[v], false)
	}
	o := c.value(dims, false)
	c.byPlan[s.Out] = o
	size := product(dims)
	var d [][]int
	for _, v := range in {
		d = append(d, c.values[v].dims)
	}
	// whole is an instruction on all images' values at once.
	whole := func(run func(n int, out []float32, in [][]float32)) {
		c.emit(o, func(f *frame, n int) {
			args := make([][]float32, len(in))
			for i, v := range in {
				args[i] = f.plain(v, n)
			}
			run(n, f.plain(o, n), args)
		}, in...)
	}
	switch op := s.Op.(type) {
	case *plan.Constant:
		v, err := op.Values()
		if err != nil {
			return err
		}
		whole(func(n int, out []float32, _ [][]float32) {
			for i := range n {
				copy(out[i*size:], v)
			}
		})
	case *plan.Affine:
		scale, shift := affine(op, dims[op.Axis])
		inner, k := product(dims[op.Axis+1:]), dims[op.Axis]
		whole(func(n int, out []float32, in [][]float32) {
			spans(len(out)/inner, max(1, grain/inner), func(lo, hi int) {
				for r := lo; r < hi; {
					if inner > 1 {
						a := r % k
						scaleShift(out[r*inner:(r+1)*inner], in[0][r*inner:], scale[a:a+1], shift[a:a+1], op.Relu)
						r++
						continue
					}
					a := r % k
					e := min(hi, r+k-a)
					scaleShift(out[r:e], in[0][r:], scale[a:], shift[a:], op.Relu)
					r = e
				}
			})
		})
	case *plan.BinaryConstant:
		k := len(op.Values)
		whole(func(_ int, out []float32, in [][]float32) {
			spans(len(out)/k, max(1, grain/k), func(lo, hi int) {
				for r := lo; r < hi; r++ {
					combine(op.Kind, op.Swapped, out[r*k:(r+1)*k], in[0][r*k:(r+1)*k], op.Values)
				}
			})
		})
	case *plan.Binary:
		b := broadcasting(d[0], d[1], dims)
		whole(func(n int, out []float32, in [][]float32) {
			b.run(op, n, out, in[0], in[1])
		})
	case *plan.MatMul:
		m, nn, k := dims[len(dims)-2], dims[len(dims)-1], d[0][len(d[0])-1]
		at := plan.Matrices(d[0], d[1], dims)
		ldb := nn
		if op.TransB {
			ldb = k
		}
		sa, sb := product(d[0]), product(d[1])
		whole(func(n int, out []float32, in [][]float32) {
			products(n*len(at), m*nn*k, func(i int) {
				img, j := i/len(at), i%len(at)
				kernels.Sgemm(false, op.TransB, m, nn, k, op.Scale, in[0][img*sa+at[j][0]:], k, in[1][img*sb+at[j][1]:], ldb, 0, out[i*m*nn:], nn)
			})
		})
	case *plan.Softmax:
		mid, inner := product(dims[op.From:op.To]), product(dims[op.To:])
		if inner > 1 || op.Log {
			break
		}
		whole(func(_ int, out []float32, in [][]float32) {
			kernels.Softmax(out, in[0], mid)
		})
		return nil
	case *plan.LayerNorm:
		k := product(dims[op.Axis:])
		scale, shift := op.Scale, op.Shift
		if scale == nil {
			scale = slices.Repeat([]float32{1}, k)
		}
		if shift == nil {
			shift = make([]float32, k)
		}
		whole(func(_ int, out []float32, in [][]float32) {
			kernels.LayerNorm(out, in[0], scale, shift, op.Epsilon)
		})
	case *plan.Transpose, *plan.Slice:
		from := product(d[0])
		x, _ := viewOf(s.In[0], d[0]).after(op, dims) // always a view
		t := strided(dims, x.stride)
		whole(func(n int, out []float32, in [][]float32) {
			t.images(n, out, in[0], size, from, x.offset)
		})
	case *plan.Expand:
		from := product(d[0])
		stride := make([]int, len(dims))
		step := 1
		for a := len(d[0]) - 1; a >= 0; a-- {
			if d[0][a] > 1 {
				stride[a+len(dims)-len(d[0])] = step
			}
			step *= d[0][a]
		}
		t := strided(dims, stride)
		whole(func(n int, out []float32, in [][]float32) {
			t.images(n, out, in[0], size, from, 0)
		})
	case *plan.Gather:
		outer, inner := product(d[0][:op.Axis]), product(d[0][op.Axis+1:])
		k := d[0][op.Axis]
		whole(func(n int, out []float32, in [][]float32) {
			spans(n*outer, max(1, grain/(inner*len(op.Index))), func(lo, hi int) {
				for r := lo; r < hi; r++ {
					dst := out[r*len(op.Index)*inner:]
					if inner == 1 {
						for j, a := range op.Index {
							dst[j] = in[0][r*k+a]
						}
						continue
					}
					for j, a := range op.Index {
						copy(dst[j*inner:(j+1)*inner], in[0][(r*k+a)*inner:])
					}
				}
			})
		})
	case *plan.Lookup:
		whole(func(_ int, out []float32, in [][]float32) {
			spans(len(in[0]), max(1, grain/op.Width), func(lo, hi int) {
				for i := lo; i < hi; i++ {
					op.Copy(int(in[0][i]), out[i*op.Width:(i+1)*op.Width])
				}
			})
		})
	case *plan.Interpolate:
		outer, inner := product(d[0][:op.Axis]), product(d[0][op.Axis+1:])
		k, count := d[0][op.Axis], len(op.Index)/op.Taps
		whole(func(n int, out []float32, in [][]float32) {
			spans(n*outer*count, max(1, grain/(inner*op.Taps)), func(lo, hi int) {
				for r := lo; r < hi; r++ {
					o, j := r/count, r%count
					dst := out[r*inner : (r+1)*inner]
					clear(dst)
					for t := j * op.Taps; t < (j+1)*op.Taps; t++ {
						w := op.Weight[t]
						if w == 0 {
							continue
						}
						for i, v := range in[0][(o*k+op.Index[t])*inner:][:inner] {
							dst[i] += w * v
						}
					}
				}
			})
		})
	case *plan.Activation:
		whole(func(_ int, out []float32, in [][]float32) {
			spans(len(out), grain/8, func(lo, hi int) {
				for i, v := range in[0][lo:hi] {
					out[lo+i] = float32(op.Apply(float64(v)))
				}
			})
		})
	case *plan.Reduce:
		c.reduce(op, d[0], dims, whole)
	}
	if len(c.code) > 0 && c.code[len(c.code)-1].out == o {
		return nil
	}
	// The slow way; what cannot be evaluated is told now.
	probe := make([][]float32, len(in))
	for i := range probe {
		probe[i] = make([]float32, product(d[i]))
	}
	if err := plan.Eval(s.Op, probe, d, make([]float32, size), dims); err != nil {
		return fmt.Errorf("the native engine does not run it on a value of shape %v: %w", dims, err)
	}
	whole(func(n int, out []float32, in [][]float32) {
		kernels.Parallel(n, func(i int) {
			args := make([][]float32, len(in))
			for j, v := range in {
				k := product(d[j])
				args[j] = v[i*k : (i+1)*k]
			}
			if err := plan.Eval(s.Op, args, d, out[i*size:(i+1)*size], dims); err != nil {
				panic(err) // the same went well above
			}
		})
	})
	return nil
}

// grain is about how many elements are worth a goroutine's turn.
const grain = 1 << 14

// spans calls f for parts of 0 ... total-1 of at least min items, on all processors.
func spans(total, min int, f func(lo, hi int)) {
	parts := (total + min - 1) / min
	if parts <= 1 {
		f(0, total)
		return
	}
	kernels.Parallel(parts, func(i int) { f(i*total/parts, (i+1)*total/parts) })
}

// products calls f for count products of so many multiplications: large ones use all processors themselves.
func products(count, work int, f func(i int)) {
	if work >= 1<<18 { // as kernels.Sgemm
		for i := range count {
			f(i)
		}
		return
	}
	spans(count, max(1, (1<<18)/max(1, work)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			f(i)
		}
	})
}

func affine(op *plan.Affine, k int) (scale, shift []float32) {
	scale, shift = op.Scale, op.Shift
	if scale == nil {
		scale = slices.Repeat([]float32{1}, k)
	}
	if shift == nil {
		shift = make([]float32, k)
	}
	return scale, shift
}

// scaleShift does dst = src*scale + shift, by element, or all by one where there is one.
func scaleShift(dst, src, scale, shift []float32, relu bool) {
	if len(scale) == 1 {
		a, b := scale[0], shift[0]
		for i := range dst {
			dst[i] = src[i]*a + b
		}
	} else {
		src, scale, shift = src[:len(dst)], scale[:len(dst)], shift[:len(dst)]
		for i := range dst {
			dst[i] = src[i]*scale[i] + shift[i]
		}
	}
	if relu {
		kernels.Relu(dst, dst)
	}
}

// reduce has a way of its own for sums, means and maxima over one stretch of neighbouring axes.
func (c *compiler) reduce(op *plan.Reduce, d, dims []int, whole func(func(n int, out []float32, in [][]float32))) {
	if op.Kind != plan.ReduceMean && op.Kind != plan.ReduceSum && op.Kind != plan.ReduceMax {
		return
	}
	for i, a := range op.Axes {
		if a != op.Axes[0]+i {
			return
		}
	}
	lo, hi := op.Axes[0], op.Axes[len(op.Axes)-1]+1
	mid, inner := product(d[lo:hi]), product(d[hi:])
	factor := 1.0
	if op.Kind == plan.ReduceMean {
		factor = 1 / float64(mid)
	}
	whole(func(n int, out []float32, in [][]float32) {
		spans(len(out)/inner, max(1, grain/(mid*inner)), func(lo, hi int) {
			sum := make([]float64, inner)
			for r := lo; r < hi; r++ {
				src := in[0][r*mid*inner : (r+1)*mid*inner]
				dst := out[r*inner : (r+1)*inner]
				if op.Kind == plan.ReduceMax {
					copy(dst, src)
					for i := inner; i < len(src); i += inner {
						for j, v := range src[i : i+inner] {
							dst[j] = max(dst[j], v)
						}
					}
					continue
				}
				clear(sum)
				for i := 0; i < len(src); i += inner {
					for j, v := range src[i : i+inner] {
						sum[j] += float64(v)
					}
				}
				for j, v := range sum {
					dst[j] = float32(v * factor)
				}
			}
		})
	})
}
