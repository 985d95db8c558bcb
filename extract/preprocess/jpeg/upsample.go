package jpeg

import "vzsl/internal/kernels"

// row returns row y of component i at the image's full size (at least width
// samples). As in libjpeg's jdsample.c, halved directions are interpolated with the
// triangle filter (3/4 of the nearer sample, 1/4 of the further), with rounding
// that alternates so that nothing drifts; other factors repeat samples. The
// image's edge samples stand in for those beyond it.
func (d *Decoder) row(i, y int) []uint8 {
	c := &d.comps[i]
	eh, ev := d.hmax/c.h, d.vmax/c.v
	stride := c.stride * 8
	near := c.plane[(y/ev)*stride:][:stride]
	if eh == 1 && (ev == 1 || ev > 2) {
		return near
	}
	n := stride * eh
	if cap(d.rowBuf[i]) < n {
		d.rowBuf[i] = make([]uint8, n)
	}
	out := d.rowBuf[i][:n]
	near = near[:c.w]
	switch {
	case eh == 1: // ev == 2
		bias := int32(1)
		if y&1 == 1 {
			bias = 2
		}
		for x, far := range d.far(c, y)[:c.w] {
			out[x] = uint8((3*int32(near[x]) + int32(far) + bias) >> 2)
		}
	case eh == 2 && ev == 1 && c.w > 2:
		kernels.DoubleRow(out[:2*c.w], near)
	case eh == 2 && ev == 2 && c.w > 2:
		kernels.DoubleRows(out[:2*c.w], near, d.far(c, y)[:c.w])
	default:
		for x, v := range near {
			o := out[x*eh : (x+1)*eh]
			for j := range o {
				o[j] = v
			}
		}
	}
	return out
}

// far is the row on the other side of output row y, for ev == 2.
func (d *Decoder) far(c *component, y int) []uint8 {
	r := y/2 - 1 + 2*(y&1)
	r = min(max(r, 0), c.height-1)
	return c.plane[r*c.stride*8:][:c.stride*8]
}
