package preprocess

import "math"

// tensorTaps are float32 weights of one direction: PyTorch's _compute_indices_weights_aa.
type tensorTaps struct {
	size         int
	first, count []int
	weight       []float32
}

// compute follows PyTorch's arithmetic: scale, support and weights in float32, with the constants 0.5 in float64.
func (t *tensorTaps) compute(f filter, in, out, lo, hi int) {
	scale := float32(in) / float32(out)
	stretch := max(scale, 1)
	support := float32(f.support) * stretch
	inverse := float32(1)
	if scale >= 1 {
		inverse = float32(1 / scale)
	}
	t.size = int(math.Ceil(float64(support)))*2 + 1
	n := hi - lo
	t.first, t.count, t.weight = grow(t.first, n), grow(t.count, n), grow(t.weight, n*t.size)
	for i := range n {
		centre := float32(float64(scale) * (float64(lo+i) + 0.5))
		first := max(int(float64(float32(centre-support))+0.5), 0)
		last := min(int(float64(float32(centre+support))+0.5), in)
		count := min(last-first, t.size)
		k := t.weight[i*t.size : (i+1)*t.size]
		sum := float32(0)
		for x := range count {
			k[x] = f.weight32(float32((float64(float32(float32(x+first)-centre)) + 0.5) * float64(inverse)))
			sum += k[x]
		}
		if sum != 0 {
			for x := range count {
				k[x] /= sum
			}
		}
		t.first[i], t.count[i] = first, count
	}
}

// weight32 is the kernel in float32.
func (f filter) weight32(x float32) float32 {
	if x < 0 {
		x = -x
	}
	if f.support == 1 {
		return max(1-x, 0)
	}
	// The first piece is in float64, as C's constants make it, the second in float32.
	const a = -0.5
	switch {
	case x < 1:
		v := float64(x)
		return float32(math.FMA(math.FMA(a+2, v, -(a+3))*v, v, 1))
	case x < 2:
		return float32(float64(fma32(fma32(x-5, x, 8), x, -4)) * a)
	}
	return 0
}

// tensorScratch is the memory of one such resize.
type tensorScratch struct {
	h, v tensorTaps
	rows []float32
	acc  []float32
}

// tensorWindow is window for torchvision's resize of a uint8 tensor with antialias=True: float32 throughout, rounded once
// at the end, halves to even.
func (s *scratch) tensorWindow(im *RGB, f filter, w, h, cx, cy, cw, ch int) []uint8 {
	t := &s.tensor
	t.h.compute(f, im.W, w, cx, cx+cw)
	t.v.compute(f, im.H, h, cy, cy+ch)
	y0 := t.v.first[0]
	y1 := t.v.first[ch-1] + t.v.count[ch-1]
	t.rows = grow(t.rows, (y1-y0)*cw*3)
	for y := range y1 - y0 {
		src := im.Pix[(y0+y)*im.W*3:][:im.W*3]
		dst := t.rows[y*cw*3:][:cw*3]
		for i, first := range t.h.first {
			k := t.h.weight[i*t.h.size:][:t.h.count[i]]
			for c := range 3 {
				v := float32(float32(src[3*first+c]) * k[0])
				for x := 1; x < len(k); x++ {
					v = addTap(v, float32(src[3*(first+x)+c]), k, x)
				}
				dst[3*i+c] = v
			}
		}
	}
	s.out = grow(s.out, cw*ch*3)
	t.acc = grow(t.acc, cw*3)
	for y := range ch {
		k := t.v.weight[y*t.v.size:][:t.v.count[y]]
		for j := range k {
			for i, v := range t.rows[(t.v.first[y]-y0+j)*cw*3:][:cw*3] {
				if j == 0 {
					t.acc[i] = float32(v * k[0])
				} else {
					t.acc[i] = addTap(t.acc[i], v, k, j)
				}
			}
		}
		for i, v := range t.acc {
			s.out[y*cw*3+i] = uint8(min(max(math.RoundToEven(float64(v)), 0), 255))
		}
	}
	return s.out
}

// addTap adds tap i > 0 of a sum as PyTorch's builds for x86 do: after the first, whole groups of four taps are multiplied and
// then added, the rest is fused.
func addTap(sum, v float32, k []float32, i int) float32 {
	if i <= (len(k)-1)/4*4 {
		return sum + float32(v*k[i])
	}
	return fma32(v, k[i], sum)
}

// fma32 is x*y+z with one rounding. The product is exact in float64; where the sum, rounded to float64, lies in the middle
// of two float32, what was lost decides.
func fma32(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := float64(p) + c
	if bits := math.Float64bits(s); bits&(1<<29-1) == 1<<28 {
		t := s - p
		if lost := (p - (s - t)) + (c - t); lost != 0 {
			if (lost > 0) == (s > 0) {
				bits++
			} else {
				bits--
			}
			s = math.Float64frombits(bits)
		}
	}
	return float32(s)
}
