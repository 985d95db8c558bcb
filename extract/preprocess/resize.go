package preprocess

import (
	"math"
	"sync"

	"vzsl/internal/kernels"
)

// precision is the number of fraction bits of Pillow's 8-bit resampling.
const precision = kernels.WeightBits

// taps are the weights of one direction of a resize: output i is the sum of
// count[i] input samples from first[i] on, weighed by weight[i*size:].
type taps struct {
	size         int
	first, count []int
	weight       []int32
	w            []float64 // of one output, while they are computed
}

// compute fills in the weights for outputs lo..hi of a line resized from in to out samples: Pillow's precompute_coeffs
// and normalize_coeffs_8bpc. The filter is stretched by the scale when shrinking, so that all input samples count. The
// conversions to float64 keep compilers from fusing a product and a sum, which rounds otherwise.
func (t *taps) compute(f filter, in, out, lo, hi int) {
	scale := float64(in) / float64(out)
	stretch := max(scale, 1)
	support := float64(f.support * stretch)
	t.size = int(math.Ceil(support))*2 + 1
	n := hi - lo
	t.first, t.count = grow(t.first, n), grow(t.count, n)
	t.weight = grow(t.weight, n*t.size)
	inverse := 1 / stretch
	t.w = grow(t.w, t.size)
	for i := range n {
		centre := float64((float64(lo+i) + 0.5) * scale)
		first := max(int(centre-support+0.5), 0)
		last := min(int(centre+support+0.5), in)
		count := last - first
		sum := 0.0
		for x := range count {
			v := f.weight(float64((float64(x+first) - centre + 0.5) * inverse))
			t.w[x] = v
			sum += v
		}
		k := t.weight[i*t.size : (i+1)*t.size]
		clear(k)
		for x := range count {
			v := t.w[x]
			if sum != 0 {
				v /= sum
			}
			v = float64(v * (1 << precision))
			if v < 0 {
				k[x] = int32(v - 0.5)
			} else {
				k[x] = int32(v + 0.5)
			}
		}
		t.first[i], t.count[i] = first, count
	}
}

// nearest fills in Pillow's nearest neighbours as weights of one sample each. Pillow adds the scale up from output to
// output, which rounds; so does this.
func (t *taps) nearest(in, out, lo, hi int) {
	n := hi - lo
	t.size = 1
	t.first, t.count, t.weight = grow(t.first, n), grow(t.count, n), grow(t.weight, n)
	scale := float64(in) / float64(out)
	at := float64(scale * 0.5)
	for i := range hi {
		if i >= lo {
			t.first[i-lo], t.count[i-lo], t.weight[i-lo] = min(int(at), in-1), 1, 1<<precision
		}
		at += scale
	}
}

func (t *taps) fill(i Interpolation, in, out, lo, hi int) {
	if i == nearest {
		t.nearest(in, out, lo, hi)
		return
	}
	t.compute(filters[i], in, out, lo, hi)
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// scratch is the memory of one resize.
type scratch struct {
	h, v taps
	rows []uint8 // the image after the horizontal pass
	out  []uint8 // the wanted window, w*h*3
	grey []uint8 // the image made grey
	pad  []uint8 // the window with its padding

	recipe Recipe // that lut is of
	lut    [3][256]float32

	tensor tensorScratch
}

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

// window resizes im to w by h and cuts out the cw by ch pixels at (cx, cy), which
// must lie inside; only what the window needs is computed. The result is
// s.out. Equal to Pillow's resize((w, h), filter) and crop, or torchvision's on tensors.
func (s *scratch) window(im *RGB, i Interpolation, w, h, cx, cy, cw, ch int) []uint8 {
	if filters[i].tensor && (w != im.W || h != im.H) {
		return s.tensorWindow(im, filters[i], w, h, cx, cy, cw, ch)
	}
	// Horizontal pass first, over the rows that the vertical one reads.
	y0, y1 := cy, cy+ch
	if h != im.H {
		s.v.fill(i, im.H, h, cy, cy+ch)
		y0 = s.v.first[0]
		y1 = s.v.first[ch-1] + s.v.count[ch-1]
	}
	src, stride, left := im.Pix[y0*im.W*3:], im.W*3, cx*3
	if w != im.W {
		s.h.fill(i, im.W, w, cx, cx+cw)
		s.rows = grow(s.rows, (y1-y0)*cw*3)
		var pixels kernels.PixelWeights
		pixels.Set(s.h.first, s.h.weight, s.h.size)
		for y := range y1 - y0 {
			pixels.Line(s.rows[y*cw*3:(y+1)*cw*3], src[y*stride:(y+1)*stride])
		}
		src, stride, left = s.rows, cw*3, 0
	}
	s.out = grow(s.out, cw*ch*3)
	if h == im.H {
		for y := range ch {
			copy(s.out[y*cw*3:(y+1)*cw*3], src[y*stride+left:])
		}
		return s.out
	}
	for y := range ch {
		at := (s.v.first[y]-y0)*stride + left
		k := s.v.weight[y*s.v.size:][:s.v.count[y]]
		kernels.WeighLines(s.out[y*cw*3:(y+1)*cw*3], src[at:], stride, k)
	}
	return s.out
}
