package kernels

import "math"

// vectors are a level's routines over arrays. They take whole vectors; what is
// left at the end is done in Go. The plain Go level has none.
type vectors struct {
	// Of activations; nil: by their definition. mask is of the last vector's values.
	sexp, ssigmoid, ssilu, stanh rowFunction
	shardSigmoid, shardSwish     rowFunction
	sgelu, sgeluTanh             rowFunction

	bytes       int // of a vector, 0 for none
	piece       int // values of a tile that kernels taking pieces want together, 0 for all
	saxpy       func(alpha float32, x, y *float32, n int)
	daxpy       func(alpha float64, x, y *float64, n int)
	sscal       func(alpha float32, x *float32, n int)
	dscal       func(alpha float64, x *float64, n int)
	sdot        func(x, y *float32, n int) float32
	ddot        func(x, y *float64, n int) float64
	sumSquares  func(x *float32, n int) float64
	sadd        func(dst, a, b *float32, n int)
	smul        func(dst, a, b *float32, n int)
	saddMax     func(dst, a, b *float32, floor float32, n int)
	smax        func(dst, a, b *float32, n int)
	srelu       func(dst, src *float32, n int)
	sclip       func(dst, src *float32, lo, hi float32, n int)
	sleakyRelu  func(dst, src *float32, slope float32, n int)
	sscaleShift func(dst, src, scale, shift *float32, floor float32, n int)
	masks       bool // the kernels of layers leave out columns
	smaxRow     func(x *float32, n int, mask uint32) float32
	sexpSum     func(x *float32, n int, mask uint32, shift float32) float32
	snormRow    func(dst, src, scale, shift *float32, n int, mask uint32, part, epsilon float32)
	depthwise   func(d *depthRow)
	windowMax   func(d *depthRow)
	sliding     [3][2]func(d *depthRow) // of windows of 3, 5 and 7 columns, 1 and 2 apart
	adam        func(k, param, grad, m, v *float32, n int)
	smulRows    func(dst *float32, to int, src *float32, from int, factors *float32, rows, n int, mask uint32)
	// nil where there is none
	ssumRows     func(dst, src *float32, step, rows, n int, mask uint32)
	sinterleave3 func(dst, a, b, c *float32, n int)
	poolMax      func(src *float32, pixel, row, step int, dst *float32, to, pixels, n int)
	winogradIn   func(src *float32, pixel, row int, dst *float32, plane, step, n int)
	winogradOut  func(src *float32, plane int, dst *float32, pixel, row int, bias *float32, floor float32, n int)
}

// rowFunction is a function of values, on rows of n vectors that lie to and from
// bytes apart. mask is of the last vector's values where vectors have masks.
type rowFunction func(dst *float32, to int, src *float32, from int, rows, n int, mask uint32, alpha, beta float32)

// whole is how many vectors of values of so many bytes there are in n, and how
// many values those are.
func (v *vectors) whole(n, size int) (count, values int) {
	if v.bytes == 0 {
		return 0, 0
	}
	count = n * size / v.bytes
	return count, count * v.bytes / size
}

func vec() *vectors { return &current.Load().vec }

// axpy does y += alpha*x.
func saxpy(alpha float32, x, y []float32) {
	v := vec()
	n, i := v.whole(len(x), 4)
	if n > 0 {
		_ = y[len(x)-1]
		v.saxpy(alpha, &x[0], &y[0], n)
	}
	goAxpy(alpha, x[i:], y[i:])
}

func daxpy(alpha float64, x, y []float64) {
	v := vec()
	n, i := v.whole(len(x), 8)
	if n > 0 {
		_ = y[len(x)-1]
		v.daxpy(alpha, &x[0], &y[0], n)
	}
	goAxpy(alpha, x[i:], y[i:])
}

func goAxpy[T float](alpha T, x, y []T) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += alpha * v
	}
}

// scal does x *= alpha.
func sscal(alpha float32, x []float32) {
	v := vec()
	n, i := v.whole(len(x), 4)
	if n > 0 {
		v.sscal(alpha, &x[0], n)
	}
	goScal(alpha, x[i:])
}

func dscal(alpha float64, x []float64) {
	v := vec()
	n, i := v.whole(len(x), 8)
	if n > 0 {
		v.dscal(alpha, &x[0], n)
	}
	goScal(alpha, x[i:])
}

func goScal[T float](alpha T, x []T) {
	for i := range x {
		x[i] *= alpha
	}
}

// dot returns the sum of x*y.
func sdot(x, y []float32) float32 {
	v := vec()
	n, i := v.whole(len(x), 4)
	var sum float32
	if n > 0 {
		_ = y[len(x)-1]
		sum = v.sdot(&x[0], &y[0], n)
	}
	return sum + goDot(x[i:], y[i:])
}

func ddot(x, y []float64) float64 {
	v := vec()
	n, i := v.whole(len(x), 8)
	var sum float64
	if n > 0 {
		_ = y[len(x)-1]
		sum = v.ddot(&x[0], &y[0], n)
	}
	return sum + goDot(x[i:], y[i:])
}

func goDot[T float](x, y []T) T {
	y = y[:len(x)]
	var sum T
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

// sumSquares returns the sum of x's squares in double precision, as a
// gradient's norm needs it.
func sumSquares(x []float32) float64 {
	v := vec()
	n, i := v.whole(len(x), 8)
	var sum float64
	if n > 0 {
		sum = v.sumSquares(&x[0], n)
	}
	for _, w := range x[i:] {
		sum += float64(w) * float64(w)
	}
	return sum
}

// add does dst = a + b.
func (v *vectors) add(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	n, i := v.whole(len(dst), 4)
	if n > 0 {
		v.sadd(&dst[0], &a[0], &b[0], n)
	}
	for ; i < len(dst); i++ {
		dst[i] = a[i] + b[i]
	}
}

// mul does dst = a * b.
func (v *vectors) mul(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	n, i := v.whole(len(dst), 4)
	if n > 0 {
		v.smul(&dst[0], &a[0], &b[0], n)
	}
	for ; i < len(dst); i++ {
		dst[i] = a[i] * b[i]
	}
}

// addMax does dst = a + b, or its positive part with relu.
func (v *vectors) addMax(dst, a, b []float32, relu bool) {
	a, b = a[:len(dst)], b[:len(dst)]
	n, i := v.whole(len(dst), 4)
	if n > 0 {
		v.saddMax(&dst[0], &a[0], &b[0], floor(relu), n)
	}
	for ; i < len(dst); i++ {
		x := a[i] + b[i]
		if relu && x < 0 {
			x = 0
		}
		dst[i] = x
	}
}

// floor is what an activation raises smaller values to.
func floor(relu bool) float32 {
	if relu {
		return 0
	}
	return float32(math.Inf(-1))
}

// max does dst = the larger of dst and src, dst where one is NaN.
func (v *vectors) max(dst, src []float32) {
	src = src[:len(dst)]
	n, i := v.whole(len(dst), 4)
	if n > 0 {
		v.smax(&dst[0], &src[0], &dst[0], n)
	}
	for ; i < len(dst); i++ {
		if src[i] > dst[i] {
			dst[i] = src[i]
		}
	}
}

// pool2x2 writes the maxima of n windows of 2x2 pixels side by side, pixel and
// row apart, to pixels to apart.
func (v *vectors) pool2x2(src []float32, pixel, row int, dst []float32, to, n, channels int) {
	if n == 0 {
		return
	}
	_ = src[row+(2*n-1)*pixel+channels-1]
	_ = dst[(n-1)*to+channels-1]
	count, done := v.whole(channels, 4)
	if count > 0 {
		v.poolMax(&src[0], pixel*4, row*4, 2*pixel*4, &dst[0], to*4, n, count)
	}
	for i := range n {
		for c := done; c < channels; c++ {
			at := 2*i*pixel + c
			dst[i*to+c] = larger(larger(src[at], src[at+pixel]), larger(src[at+row], src[at+row+pixel]))
		}
	}
}

func larger(a, b float32) float32 {
	if a > b {
		return a
	}
	return b
}

// mulRows does dst = src*factors on rows as long as factors, to and from apart.
func (v *vectors) mulRows(rows int, dst []float32, to int, src []float32, from int, factors []float32) {
	n := len(factors)
	_ = dst[(rows-1)*to+n-1]
	_ = src[(rows-1)*from+n-1]
	count, done := v.whole(n, 4)
	mask := uint32(1<<(v.bytes/4) - 1)
	if v.masks && done < n {
		count++
		mask >>= uint32(count*v.bytes/4 - n)
		done = n
	}
	if count > 0 {
		v.smulRows(&dst[0], 4*to, &src[0], 4*from, &factors[0], rows, count, mask)
	}
	for i := range rows {
		for j := done; j < n; j++ {
			dst[i*to+j] = src[i*from+j] * factors[j]
		}
	}
}

// sumRows does dst = the sum of rows as long as dst, step apart, one after another.
func (v *vectors) sumRows(rows int, dst, src []float32, step int) {
	n, done := len(dst), 0
	_ = src[(rows-1)*step+n-1]
	if v.ssumRows != nil {
		var count int
		var mask uint32
		if count, mask, done = v.vectorsOf(n); count > 0 {
			v.ssumRows(&dst[0], &src[0], 4*step, rows, count, mask)
		}
	}
	for j := done; j < n; j++ {
		sum := float32(0)
		for i := range rows {
			sum += src[i*step+j]
		}
		dst[j] = sum
	}
}

// interleave3 does dst[3*i+j] = src[j][i].
func (v *vectors) interleave3(dst []float32, src [3][]float32) {
	n := len(src[0])
	a, b, c, dst := src[0], src[1][:n], src[2][:n], dst[:3*n]
	done := 0
	if count := n / 16; count > 0 && v.sinterleave3 != nil {
		v.sinterleave3(&dst[0], &a[0], &b[0], &c[0], count)
		done = 16 * count
	}
	for i := done; i < n; i++ {
		dst[3*i], dst[3*i+1], dst[3*i+2] = a[i], b[i], c[i]
	}
}
