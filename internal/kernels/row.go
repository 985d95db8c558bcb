package kernels

import "math"

// vectorsOf cuts a row of n values for a kernel: so many vectors, the last with
// mask's values, and how many values that are.
func (v *vectors) vectorsOf(n int) (count int, mask uint32, done int) {
	if v.bytes == 0 {
		return 0, 0, 0
	}
	lanes := v.bytes / 4
	if v.masks {
		count = (n + lanes - 1) / lanes
		return count, uint32(1<<lanes-1) >> uint32(count*lanes-n), n
	}
	return n / lanes, 0, n / lanes * lanes
}

// maxOf is the largest of x, which is not empty.
func (v *vectors) maxOf(x []float32) float32 {
	top := float32(-math.MaxFloat32)
	count, mask, done := v.vectorsOf(len(x))
	if count > 0 {
		top = v.smaxRow(&x[0], count, mask)
	}
	for _, y := range x[done:] {
		top = larger(y, top)
	}
	return top
}

// expSum does x = exp(x - shift) and returns the sum. What would be below 2^-126
// is that.
func (v *vectors) expSum(x []float32, shift float32) float32 {
	var sum float32
	count, mask, done := v.vectorsOf(len(x))
	if count > 0 {
		sum = v.sexpSum(&x[0], count, mask, shift)
	}
	if rest := x[done:]; len(rest) > 0 && v.bytes > 0 {
		var last [16]float32
		for i := range last {
			last[i] = -math.MaxFloat32
		}
		copy(last[:], rest)
		sum += v.sexpSum(&last[0], 1, 0, shift)
		copy(rest, last[:])
		return sum
	}
	for i, y := range x[done:] {
		e := float32(math.Exp(float64(y - shift)))
		x[done+i] = e
		sum += e
	}
	return sum
}

// Softmax does dst = exp(src - max)/sum on rows of n values, one after another;
// dst may be src.
func Softmax(dst, src []float32, n int) {
	sameLen(len(dst), len(src))
	v := vec()
	parallelRows(len(src)/n, n, func(r int) {
		row := dst[r*n:][:n]
		copy(row, src[r*n:])
		f := 1 / v.expSum(row, v.maxOf(row))
		sscal(f, row)
	})
}

// LayerNorm does dst = (src - mean)/sqrt(variance + epsilon)*scale + shift on
// rows as long as scale and shift, one after another; dst may be src.
func LayerNorm(dst, src, scale, shift []float32, epsilon float32) {
	sameLen(len(dst), len(src))
	sameLen(len(scale), len(shift))
	n := len(scale)
	v := vec()
	parallelRows(len(src)/n, n, func(r int) { v.normRow(dst[r*n:][:n], src[r*n:][:n], scale, shift, epsilon) })
}

func (v *vectors) normRow(dst, src, scale, shift []float32, epsilon float32) {
	if count, mask, done := v.vectorsOf(len(src)); count > 0 && done == len(src) {
		v.snormRow(&dst[0], &src[0], &scale[0], &shift[0], count, mask, 1/float32(len(src)), epsilon)
		return
	}
	var sum, square float64
	for _, x := range src {
		sum += float64(x)
	}
	mean := sum / float64(len(src))
	for _, x := range src {
		d := float64(x) - mean
		square += d * d
	}
	r := 1 / math.Sqrt(square/float64(len(src))+float64(epsilon))
	for i, x := range src {
		dst[i] = float32((float64(x)-mean)*r)*scale[i] + shift[i]
	}
}

// rowWork is about how many values are worth a part.
const rowWork = 1 << 13

// parallelRows calls do for each of count rows of n values.
func parallelRows(count, n int, do func(r int)) {
	per := max(1, rowWork/max(1, n))
	parallel((count+per-1)/per, &rowPart{count, per, do})
}

type rowPart struct {
	count, per int
	do         func(r int)
}

func (p *rowPart) part(i int, _ *scratch) {
	for r := i * p.per; r < min((i+1)*p.per, p.count); r++ {
		p.do(r)
	}
}
