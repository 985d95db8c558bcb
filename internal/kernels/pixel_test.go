package kernels

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// fenced is n bytes at an odd place with others around them, which intact looks at.
type fenced struct{ all, s []uint8 }

func newFenced(n, at int) fenced {
	all := bytes.Repeat([]byte{0xa5}, n+at+64)
	return fenced{all, all[at+32:][:n:n]}
}

func (f fenced) intact(t *testing.T, what string) {
	t.Helper()
	at := len(f.all) - len(f.s) - 32
	for i, v := range f.all {
		if (i < at || i >= at+len(f.s)) && v != 0xa5 {
			t.Fatalf("%s wrote %d bytes from its place", what, i-at)
		}
	}
}

func randomBytes(r *rand.Rand, n int) []uint8 {
	b := make([]uint8, n)
	for i := range b {
		switch r.IntN(4) {
		case 0:
			b[i] = 255
		case 1:
			b[i] = 0
		default:
			b[i] = uint8(r.Uint32())
		}
	}
	return b
}

// The kernels of 8-bit images give the bits of their plain Go forms at every length around the vectors' and write nothing else.
func TestPixels(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 8))
		weight := func() int32 { return int32(r.IntN(3<<WeightBits) - 1<<WeightBits) }
		for n := 1; n < 200; n++ {
			check := func(what string, size int, f, plain func(dst []uint8)) {
				t.Helper()
				got, want := newFenced(size, n%7), make([]uint8, size)
				f(got.s)
				plain(want)
				got.intact(t, what)
				if !bytes.Equal(got.s, want) {
					t.Fatalf("%s of %d gives %v, want %v", what, n, got.s, want)
				}
			}
			lines := 1 + r.IntN(5)
			weights := make([]int32, lines)
			for i := range weights {
				weights[i] = weight()
			}
			src := randomBytes(r, n*lines)
			check("WeighLines", n, func(dst []uint8) { WeighLines(dst, src, n, weights) }, func(dst []uint8) { goWeighLines(dst, src, n, weights) })

			size, from := 1+r.IntN(6), 1+r.IntN(300)
			line := randomBytes(r, 3*from)
			first, taps := make([]int, n), make([]int32, n*size)
			for i := range first {
				first[i] = i * from / n
				for j := range min(size, from-first[i]) {
					taps[i*size+j] = weight()
				}
			}
			var w PixelWeights
			w.Set(first, taps, size)
			check("PixelWeights", 3*n, func(dst []uint8) { w.Line(dst, line) }, func(dst []uint8) { goWeighPixels(dst, line, first, taps, size) })

			y, cb, cr := randomBytes(r, n), randomBytes(r, n), randomBytes(r, n)
			check("YCCPixels", 3*n, func(dst []uint8) { YCCPixels(dst, y, cb, cr) }, func(dst []uint8) { goYCCPixels(dst, y, cb, cr) })
			if n < 2 {
				continue
			}
			// By the definition: for each half of a sample, 3 of it and 1 of its neighbour.
			doubled := func(src []int32, share, odd, even int32) func([]uint8) {
				return func(dst []uint8) {
					for i := range dst {
						near, far, bias := src[i/2], src[min(max(i/2-1+i%2*2, 0), n-1)], even
						if i%2 == 1 {
							bias = odd
						}
						dst[i] = uint8((3*near + far + bias) / share)
					}
				}
			}
			row, rows := make([]int32, n), make([]int32, n)
			for i := range row {
				row[i], rows[i] = int32(y[i]), 3*int32(y[i])+int32(cb[i])
			}
			check("DoubleRow", 2*n, func(dst []uint8) { DoubleRow(dst, y) }, doubled(row, 4, 2, 1))
			check("DoubleRows", 2*n, func(dst []uint8) { DoubleRows(dst, y, cb) }, doubled(rows, 16, 7, 8))
		}
	})
}
