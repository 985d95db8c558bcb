package native

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"vzsl/extract/onnx"
	"vzsl/internal/kernels"
)

// each calls f for 0 to n-1 on as many goroutines as there are processors.
func each(n int, f func(i int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	if workers <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// combine does dst = a kind b, or b kind a where swapped is set.
func combine(kind onnx.BinaryKind, swapped bool, dst, a, b []float32) {
	if swapped {
		a, b = b, a
	}
	switch kind {
	case onnx.Add:
		kernels.Add(dst, a, b)
	case onnx.Mul:
		kernels.Mul(dst, a, b)
	case onnx.Sub:
		for i, v := range a {
			dst[i] = v - b[i]
		}
	default:
		for i, v := range a {
			dst[i] = v / b[i]
		}
	}
}

// perChannel combines each pixel of a with the one pixel of b.
func perChannel(op *onnx.Binary, a, b, out *kernels.Act) {
	one := b.Data[b.At(0, 0, 0):][:b.C]
	for y := range a.H {
		for x := range a.W {
			dst := out.Data[out.At(0, y, x):][:a.C]
			combine(op.Kind, false, dst, a.Data[a.At(0, y, x):][:a.C], one)
			if op.Relu {
				kernels.Relu(dst, dst)
			}
		}
	}
}

// softmax normalises groups of mid values that lie inner apart, in double precision.
func softmax(dst, src []float32, mid, inner int) {
	for o := 0; o < len(src); o += mid * inner {
		for i := o; i < o+inner; i++ {
			top := float32(math.Inf(-1))
			for j := i; j < i+mid*inner; j += inner {
				top = max(top, src[j])
			}
			sum := 0.0
			for j := i; j < i+mid*inner; j += inner {
				sum += math.Exp(float64(src[j] - top))
			}
			for j := i; j < i+mid*inner; j += inner {
				dst[j] = float32(math.Exp(float64(src[j]-top)) / sum)
			}
		}
	}
}

// pad writes one image's maps inside a border of op.Value.
func pad(op *onnx.Pad, in, out *kernels.Act) {
	for y := range out.H {
		for x := range out.W {
			dst := out.Data[out.At(0, y, x):][:out.C]
			sy, sx := y-op.Top, x-op.Left
			if sy >= 0 && sy < in.H && sx >= 0 && sx < in.W {
				copy(dst, in.Data[in.At(0, sy, sx):])
				continue
			}
			for c := range dst {
				dst[c] = op.Value
			}
		}
	}
}

// mean averages src, of shape dims, over axes, adding up in double precision.
func mean(dst, src []float32, dims, axes []int) {
	over := make([]bool, len(dims))
	count := 1
	for _, a := range axes {
		over[a] = true
		count *= dims[a]
	}
	stride := make([]int, len(dims)) // in dst
	s := 1
	for i := len(dims) - 1; i >= 0; i-- {
		if !over[i] {
			stride[i] = s
			s *= dims[i]
		}
	}
	sum := make([]float64, len(dst))
	idx := make([]int, len(dims))
	at := 0
	for _, v := range src {
		sum[at] += float64(v)
		for a := len(dims) - 1; a >= 0; a-- {
			idx[a]++
			at += stride[a]
			if idx[a] < dims[a] {
				break
			}
			at -= dims[a] * stride[a]
			idx[a] = 0
		}
	}
	for i, v := range sum {
		dst[i] = float32(v / float64(count))
	}
}
