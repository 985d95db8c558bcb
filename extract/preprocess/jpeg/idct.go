package jpeg

import "vzsl/internal/kernels"

// The accurate integer inverse DCT of libjpeg (jidctint.c, "islow"): Loeffler,
// Ligtenberg and Moschytz, "Practical Fast 1-D DCT Algorithms with 11
// Multiplications" (ICASSP 1989), constants scaled by 2^13, two more bits kept
// between the passes.
const (
	constBits = 13
	passBits  = 2

	f0_298631336 = 2446
	f0_390180644 = 3196
	f0_541196100 = 4433
	f0_765366865 = 6270
	f0_899976223 = 7373
	f1_175875602 = 9633
	f1_501321110 = 12299
	f1_847759065 = 15137
	f1_961570560 = 16069
	f2_053119869 = 16819
	f2_562915447 = 20995
	f3_072711026 = 25172
)

// idct transforms the dequantized coefficients b, writes 8x8 samples to dst and
// clears b. last = 0 tells that only the DC coefficient is set.
func idct(b *[64]int32, last int, dst []uint8, stride int) {
	if last == 0 {
		v := clamp((b[0]+4)>>3 + 128)
		b[0] = 0
		for y := range 8 {
			row := dst[y*stride : y*stride+8 : y*stride+8]
			for x := range row {
				row[x] = v
			}
		}
		return
	}
	if !kernels.InverseDCT(b, dst, stride) {
		plainIDCT(b, dst, stride)
	}
}

// plainIDCT is idct in plain Go.
func plainIDCT(b *[64]int32, dst []uint8, stride int) {
	// Columns.
	for x := range 8 {
		if b[8+x]|b[16+x]|b[24+x]|b[32+x]|b[40+x]|b[48+x]|b[56+x] == 0 {
			v := b[x] << passBits
			b[x], b[8+x], b[16+x], b[24+x], b[32+x], b[40+x], b[48+x], b[56+x] = v, v, v, v, v, v, v, v
			continue
		}
		o0, o1, o2, o3, o4, o5, o6, o7 := idct8(b[x], b[8+x], b[16+x], b[24+x], b[32+x], b[40+x], b[48+x], b[56+x])
		const shift, half = constBits - passBits, 1 << (constBits - passBits - 1)
		b[x], b[8+x], b[16+x], b[24+x] = (o0+half)>>shift, (o1+half)>>shift, (o2+half)>>shift, (o3+half)>>shift
		b[32+x], b[40+x], b[48+x], b[56+x] = (o4+half)>>shift, (o5+half)>>shift, (o6+half)>>shift, (o7+half)>>shift
	}
	// Rows.
	for y := range 8 {
		r := b[y*8 : y*8+8 : y*8+8]
		row := dst[y*stride : y*stride+8 : y*stride+8]
		o0, o1, o2, o3, o4, o5, o6, o7 := idct8(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7])
		const shift = constBits + passBits + 3
		const half = 1<<(shift-1) + 128<<shift // rounds and shifts the level
		row[0], row[1], row[2], row[3] = clamp((o0+half)>>shift), clamp((o1+half)>>shift), clamp((o2+half)>>shift), clamp((o3+half)>>shift)
		row[4], row[5], row[6], row[7] = clamp((o4+half)>>shift), clamp((o5+half)>>shift), clamp((o6+half)>>shift), clamp((o7+half)>>shift)
	}
	*b = [64]int32{}
}

// idct8 is the one-dimensional transform, scaled up by sqrt(8)*2^constBits.
func idct8(i0, i1, i2, i3, i4, i5, i6, i7 int32) (o0, o1, o2, o3, o4, o5, o6, o7 int32) {
	// Even part: a rotation by sqrt(2)*c6 and a butterfly.
	z1 := (i2 + i6) * f0_541196100
	t2 := z1 - i6*f1_847759065
	t3 := z1 + i2*f0_765366865
	t0 := (i0 + i4) << constBits
	t1 := (i0 - i4) << constBits
	e0, e3 := t0+t3, t0-t3
	e1, e2 := t1+t2, t1-t2

	// Odd part, figure 8 of the paper with the matrix unitary (hence transposed).
	z1, z2 := i7+i1, i5+i3
	z3, z4 := i7+i3, i5+i1
	z5 := (z3 + z4) * f1_175875602
	z1 *= -f0_899976223
	z2 *= -f2_562915447
	z3 = z3*-f1_961570560 + z5
	z4 = z4*-f0_390180644 + z5
	d0 := i7*f0_298631336 + z1 + z3
	d1 := i5*f2_053119869 + z2 + z4
	d2 := i3*f3_072711026 + z2 + z3
	d3 := i1*f1_501321110 + z1 + z4

	return e0 + d3, e1 + d2, e2 + d1, e3 + d0, e3 - d0, e2 - d1, e1 - d2, e0 - d3
}

func clamp(v int32) uint8 {
	if uint32(v) > 255 {
		return uint8(^(v >> 31)) // 0 below, 255 above
	}
	return uint8(v)
}
