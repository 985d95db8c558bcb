package kernels

// Kernels of 8-bit images. They compute in integers, so that every level gives the same bits.

// raster is a level's kernels of 8-bit images, see the functions that call them; the zero value has none.
type raster struct {
	weighLines  func(dst, src *byte, stride int, weights *int32, lines, n int)
	weighPixels func(dst, src *byte, first *int, weights *int32, size, n int)
	inverseDCT  func(block *int32, dst *byte, stride int)
	ycc         func(dst, y, cb, cr *byte, n int)
	doubleRow   func(dst, src *byte, n int)
	doubleRows  func(dst, src, far *byte, n int)
}

// WeightBits is the number of fraction bits of the weights of lines and pixels, as in Pillow's resampling (Resample.c): 32 less 8 of a sample
// and 2 of headroom.
const WeightBits = 32 - 8 - 2

// level8 rounds a weighed sum, to which half has been added, and holds it between 0 and 255.
func level8(v int32) uint8 { return clamp8(v >> WeightBits) }

// WeighLines makes a line of an image of len(weights) others, which begin stride apart in src: dst[i] is the sum of
// weights[j]*src[j*stride+i] over j. Weights have 22 fraction bits.
func WeighLines(dst, src []uint8, stride int, weights []int32) {
	if len(dst) == 0 || len(weights) == 0 {
		clear(dst)
		return
	}
	_ = src[(len(weights)-1)*stride+len(dst)-1]
	done := 0
	if f := current.Load().raster.weighLines; f != nil {
		if n := len(dst) / 32; n > 0 {
			f(&dst[0], &src[0], stride, &weights[0], len(weights), n)
			done = 32 * n
		}
	}
	goWeighLines(dst[done:], src[done:], stride, weights)
}

func goWeighLines(dst, src []uint8, stride int, weights []int32) {
	for len(dst) > 0 {
		var sums [256]int32
		n := min(len(dst), len(sums))
		acc := sums[:n]
		for i := range acc {
			acc[i] = 1 << (WeightBits - 1)
		}
		for j, w := range weights {
			for i, v := range src[j*stride:][:n] {
				acc[i] += int32(v) * w
			}
		}
		for i, v := range acc {
			dst[i] = level8(v)
		}
		if dst = dst[n:]; len(dst) > 0 {
			src = src[n:]
		}
	}
}

// PixelWeights make a line of an image, 3 bytes a pixel, of another: pixel i is the sum of weights[i*size+j]*(pixel first[i]+j)
// over j < size. Weights of pixels beyond the end of the other line are 0, those inside it have 22 fraction bits.
type PixelWeights struct {
	first   []int
	weights []int32
	size    int
}

// Set keeps the slices; first must be in order.
func (w *PixelWeights) Set(first []int, weights []int32, size int) {
	for i, at := range first {
		if at < 0 || i > 0 && at < first[i-1] {
			panic("kernels: the pixels that are weighed are not in order")
		}
	}
	if size < 1 || len(weights) < size*len(first) {
		panic("kernels: an image's weights are missing")
	}
	*w = PixelWeights{first, weights, size}
}

// Line makes dst, 3 bytes for each of the pixels set, of src.
func (w *PixelWeights) Line(dst, src []uint8) {
	if len(w.first) == 0 {
		return
	}
	_ = dst[3*len(w.first)-1]
	done := 0
	if f := current.Load().raster.weighPixels; f != nil {
		// The kernel reads a byte beyond a pixel and writes one beyond it.
		n := len(w.first) - 1
		for n > 0 && 3*(w.first[n-1]+w.size)+1 > len(src) {
			n--
		}
		if n > 0 {
			f(&dst[0], &src[0], &w.first[0], &w.weights[0], w.size, n)
			done = n
		}
	}
	goWeighPixels(dst[3*done:], src, w.first[done:], w.weights[w.size*done:], w.size)
}

func goWeighPixels(dst, src []uint8, first []int, weights []int32, size int) {
	for i, at := range first {
		p := src[3*at:]
		r, g, b := int32(1<<(WeightBits-1)), int32(1<<(WeightBits-1)), int32(1<<(WeightBits-1))
		for _, w := range weights[i*size:][:min(size, len(p)/3)] {
			q := p[:3:len(p)]
			r += int32(q[0]) * w
			g += int32(q[1]) * w
			b += int32(q[2]) * w
			p = p[3:]
		}
		o := dst[3*i : 3*i+3 : 3*i+3]
		o[0], o[1], o[2] = level8(r), level8(g), level8(b)
	}
}

// InverseDCT transforms a JPEG's dequantized coefficients, row by row, as libjpeg's accurate integer inverse DCT (jidctint.c,
// "islow") does, writes 8 x 8 samples to dst, rows stride apart, and clears the block. Where the level has no kernel for it,
// nothing is done, and the result is false.
func InverseDCT(block *[64]int32, dst []uint8, stride int) bool {
	f := current.Load().raster.inverseDCT
	if f == nil || stride < 8 {
		return false
	}
	_ = dst[7*stride+7]
	f(&block[0], &dst[0], stride)
	return true
}

func clamp8(v int32) uint8 {
	if uint32(v) > 255 {
		return uint8(^(v >> 31)) // 0 below, 255 above
	}
	return uint8(v)
}

// The fixed-point conversion of libjpeg (jdcolor.c), 16 fraction bits.
const (
	crR, crG = 91881, -46802
	cbB, cbG = 116130, -22554
)

// YCCPixels converts pixels, 3 bytes each in dst:
//
//	R = Y + 1.40200 Cr, G = Y - 0.34414 Cb - 0.71414 Cr, B = Y + 1.77200 Cb
func YCCPixels(dst, y, cb, cr []uint8) {
	n := len(y)
	if n == 0 {
		return
	}
	_, _, _ = cb[n-1], cr[n-1], dst[3*n-1]
	done := 0
	if f := current.Load().raster.ycc; f != nil && n >= 10 {
		groups := (n - 2) / 8 // the kernel writes beyond its last pixel
		f(&dst[0], &y[0], &cb[0], &cr[0], groups)
		done = 8 * groups
	}
	goYCCPixels(dst[3*done:], y[done:], cb[done:], cr[done:])
}

func goYCCPixels(dst, y, cb, cr []uint8) {
	for x, v := range y {
		l, u, v := int32(v), int32(cb[x])-128, int32(cr[x])-128
		p := dst[x*3 : x*3+3 : x*3+3]
		p[0] = clamp8(l + (crR*v+1<<15)>>16)
		p[1] = clamp8(l + (cbG*u+crG*v+1<<15)>>16)
		p[2] = clamp8(l + (cbB*u+1<<15)>>16)
	}
}

// DoubleRow makes a row of at least 2 samples twice as long by the triangle filter of libjpeg (jdsample.c): 3/4 of the nearer
// sample and 1/4 of the further, with rounding that alternates so that nothing drifts.
func DoubleRow(dst, src []uint8) {
	n := len(src)
	dst = dst[:2*n]
	done := 0
	if f := current.Load().raster.doubleRow; f != nil {
		if groups := (n - 1) / 16; groups > 0 {
			f(&dst[1], &src[0], groups)
			done = 16 * groups
		}
	}
	dst[0] = src[0]
	for x := done; x < n-1; x++ {
		a, b := int32(src[x]), int32(src[x+1])
		dst[2*x+1] = uint8((3*a + b + 2) >> 2)
		dst[2*x+2] = uint8((3*b + a + 1) >> 2)
	}
	dst[2*n-1] = src[n-1]
}

// DoubleRows is DoubleRow on 3/4 of the samples of src and 1/4 of those of far, rounded once.
func DoubleRows(dst, src, far []uint8) {
	n := len(src)
	dst, far = dst[:2*n], far[:n]
	done := 0
	if f := current.Load().raster.doubleRows; f != nil {
		if groups := (n - 1) / 16; groups > 0 {
			f(&dst[1], &src[0], &far[0], groups)
			done = 16 * groups
		}
	}
	sum := func(x int) int32 { return 3*int32(src[x]) + int32(far[x]) }
	dst[0] = uint8((4*sum(0) + 8) >> 4)
	a := sum(done)
	for x := done; x < n-1; x++ {
		b := sum(x + 1)
		dst[2*x+1] = uint8((3*a + b + 7) >> 4)
		dst[2*x+2] = uint8((3*b + a + 8) >> 4)
		a = b
	}
	dst[2*n-1] = uint8((4*sum(n-1) + 7) >> 4)
}
