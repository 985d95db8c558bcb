package jpeg

import "vzsl/internal/kernels"

// space is the colour space of the file's channels.
type space int

const (
	grey space = iota
	rgb
	ycc
	cmyk
	ycck
)

// colourSpace guesses as libjpeg does (jdapimin.c, default_decompress_parms).
func (d *Decoder) colourSpace() space {
	switch len(d.comps) {
	case 1:
		return grey
	case 3:
		a, b, c := d.comps[0].id, d.comps[1].id, d.comps[2].id
		switch {
		case d.jfif:
			return ycc
		case d.adobe:
			if d.adobeTransform == 0 {
				return rgb
			}
			return ycc
		case a == 'R' && b == 'G' && c == 'B':
			return rgb
		}
		return ycc
	}
	if d.adobe && d.adobeTransform != 0 {
		return ycck
	}
	return cmyk
}

// render upsamples and converts the planes, row by row.
func (d *Decoder) render(pix []uint8) {
	w := d.width
	sp := d.colourSpace()
	var rows [4][]uint8
	for y := range d.height {
		for i := range d.comps {
			rows[i] = d.row(i, y)[:w]
		}
		dst := pix[y*w*3 : (y+1)*w*3]
		switch sp {
		case grey:
			for x, v := range rows[0] {
				p := dst[x*3 : x*3+3 : x*3+3]
				p[0], p[1], p[2] = v, v, v
			}
		case rgb:
			g, b := rows[1][:w], rows[2][:w]
			for x, v := range rows[0] {
				p := dst[x*3 : x*3+3 : x*3+3]
				p[0], p[1], p[2] = v, g[x], b[x]
			}
		case ycc:
			kernels.YCCPixels(dst, rows[0], rows[1], rows[2])
		default:
			d.cmykRow(dst, rows, sp == ycck)
		}
	}
}

// cmykRow converts as libjpeg and PIL do it between them: YCCK to CMYK, an
// inversion (Adobe's writers store 255-ink, and PIL takes every CMYK file for
// theirs), and PIL's CMYK to RGB, (255-K) - C*(255-K)/255.
func (d *Decoder) cmykRow(dst []uint8, rows [4][]uint8, ycck bool) {
	if ycck {
		kernels.YCCPixels(dst, rows[0], rows[1], rows[2])
	}
	for x := range d.width {
		c := [4]uint8{rows[0][x], rows[1][x], rows[2][x], rows[3][x]}
		if ycck {
			c[0], c[1], c[2] = 255-dst[x*3], 255-dst[x*3+1], 255-dst[x*3+2]
		}
		k := int32(c[3])
		for i := range 3 {
			t := int32(255-c[i])*k + 128
			dst[x*3+i] = clamp(k - (t>>8+t)>>8)
		}
	}
}
