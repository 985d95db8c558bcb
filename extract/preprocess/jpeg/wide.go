package jpeg

// narrow is the sum of a block's coefficients' magnitudes up to which nothing in its transform can exceed 16 bits: a value between
// the passes is at most 1.39 * 4 times it.
const narrow = 5800

// magnitude is |v|.
func magnitude(v int32) int64 { return int64((v ^ v>>31) - v>>31) }

// transform turns the coefficients in scratch, whose magnitudes add up to sum, into samples and clears them.
func (d *Decoder) transform(last int, sum int64, dst []uint8, stride int) {
	if sum > narrow {
		idctWide(&d.scratch, last, dst, stride)
		return
	}
	idct(&d.scratch, last, dst, stride)
}

// idctWide is idct for coefficients of any size, which come of damaged data. It does what the vectorised form of libjpeg-turbo on
// x86 does: coefficients and four sums have 16 bits and wrap around, and the values between the passes are clipped.
func idctWide(b *[64]int32, last int, dst []uint8, stride int) {
	for i, v := range b {
		b[i] = int32(int16(v))
	}
	if last == 0 {
		v := clamp((int32(int16(b[0]<<passBits))+16)>>5 + 128)
		b[0] = 0
		for y := range 8 {
			row := dst[y*stride : y*stride+8 : y*stride+8]
			for x := range row {
				row[x] = v
			}
		}
		return
	}
	// Columns.
	flat := true // so far only the first row has coefficients
	for x := range 8 {
		if b[8+x]|b[16+x]|b[24+x]|b[32+x]|b[40+x]|b[48+x]|b[56+x] == 0 {
			v := b[x] << passBits
			if v != int32(int16(v)) {
				v = beyond(b, x, flat, v)
			}
			b[x], b[8+x], b[16+x], b[24+x], b[32+x], b[40+x], b[48+x], b[56+x] = v, v, v, v, v, v, v, v
			continue
		}
		flat = false
		o0, o1, o2, o3, o4, o5, o6, o7 := idct8Wide(b[x], b[8+x], b[16+x], b[24+x], b[32+x], b[40+x], b[48+x], b[56+x])
		const shift, half = constBits - passBits, 1 << (constBits - passBits - 1)
		b[x], b[8+x], b[16+x], b[24+x] = saturate((o0+half)>>shift), saturate((o1+half)>>shift), saturate((o2+half)>>shift), saturate((o3+half)>>shift)
		b[32+x], b[40+x], b[48+x], b[56+x] = saturate((o4+half)>>shift), saturate((o5+half)>>shift), saturate((o6+half)>>shift), saturate((o7+half)>>shift)
	}
	// Rows.
	for y := range 8 {
		r := b[y*8 : y*8+8 : y*8+8]
		row := dst[y*stride : y*stride+8 : y*stride+8]
		o0, o1, o2, o3, o4, o5, o6, o7 := idct8Wide(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7])
		const shift = constBits + passBits + 3
		const half = 1 << (shift - 1)
		row[0], row[1], row[2], row[3] = clamp((o0+half)>>shift+128), clamp((o1+half)>>shift+128), clamp((o2+half)>>shift+128), clamp((o3+half)>>shift+128)
		row[4], row[5], row[6], row[7] = clamp((o4+half)>>shift+128), clamp((o5+half)>>shift+128), clamp((o6+half)>>shift+128), clamp((o7+half)>>shift+128)
	}
	*b = [64]int32{}
}

// idct8Wide is the one-dimensional transform, scaled up by sqrt(8)*2^constBits.
func idct8Wide(i0, i1, i2, i3, i4, i5, i6, i7 int32) (o0, o1, o2, o3, o4, o5, o6, o7 int32) {
	// Even part: a rotation by sqrt(2)*c6 and a butterfly.
	z1 := (i2 + i6) * f0_541196100
	t2 := z1 - i6*f1_847759065
	t3 := z1 + i2*f0_765366865
	t0 := int32(int16(i0+i4)) << constBits
	t1 := int32(int16(i0-i4)) << constBits
	e0, e3 := t0+t3, t0-t3
	e1, e2 := t1+t2, t1-t2

	// Odd part, figure 8 of the paper with the matrix unitary (hence transposed).
	z1, z2 := i7+i1, i5+i3
	z3, z4 := int32(int16(i7+i3)), int32(int16(i5+i1))
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

// beyond is a column's value that exceeds 16 bits: it wraps around where the whole block has but its first row, else it is
// clipped.
func beyond(b *[64]int32, x int, flat bool, v int32) int32 {
	for c := x + 1; flat && c < 8; c++ {
		for r := 1; r < 8; r++ {
			flat = flat && b[8*r+c] == 0
		}
	}
	if flat {
		return int32(int16(v))
	}
	return saturate(v)
}

// saturate clips to 16 bits.
func saturate(v int32) int32 {
	if v != int32(int16(v)) {
		return int32(int16(0x7fff)) ^ v>>31
	}
	return v
}
