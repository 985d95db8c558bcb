package preprocess

import (
	"bytes"
	"image"

	"golang.org/x/image/webp"
)

func webpSize(data []byte) (int, int, error) {
	if err := animated(data); err != nil {
		return 0, 0, err
	}
	return configSize(data, webp.DecodeConfig)
}

// animated refuses what x/image does not read, by name.
func animated(data []byte) error {
	const flagAnimation = 2
	if len(data) > 20 && string(data[12:16]) == "VP8X" && data[20]&flagAnimation != 0 {
		return unsupported("an animation; convert its first frame to PNG")
	}
	return nil
}

func decodeWebP(data []byte) (*RGB, error) {
	m, err := webp.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	switch m := m.(type) {
	case *image.YCbCr:
		return fromVP8(m), nil
	case *image.NYCbCrA:
		return fromVP8(&m.YCbCr), nil
	}
	return fromImage(m)
}

// fromVP8 converts as libwebp does. The planes of a lossy WebP hold studio-range
// BT.601 values, which image.YCbCr's own conversion takes for JPEG's full range; and
// libwebp interpolates the chroma: each pixel from the four nearest samples with
// weights 9, 3, 3, 1 (dsp/upsampling.c).
func fromVP8(m *image.YCbCr) *RGB {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	im := newRGB(w, h)
	cw, ch := (w+1)/2, (h+1)/2
	for y := range h {
		near := y / 2
		far := min(max(near-1+2*(y&1), 0), ch-1)
		nu, nv := m.Cb[near*m.CStride:][:cw], m.Cr[near*m.CStride:][:cw]
		fu, fv := m.Cb[far*m.CStride:][:cw], m.Cr[far*m.CStride:][:cw]
		dst := im.Pix[y*w*3 : (y+1)*w*3]
		for x, l := range m.Y[y*m.YStride:][:w] {
			a := x / 2
			b := min(max(a-1+2*(x&1), 0), cw-1)
			vp8Pixel(dst[3*x:3*x+3], int32(l), vp8Mix(nu[a], nu[b], fu[a], fu[b]), vp8Mix(nv[a], nv[b], fv[a], fv[b]))
		}
	}
	return im
}

// vp8Mix weighs the nearest chroma sample 9, its neighbours in the row and in the
// column 3, the diagonal one 1, in libwebp's order of roundings.
func vp8Mix(near, row, col, diag uint8) int32 {
	n, r, c, d := int32(near), int32(row), int32(col), int32(diag)
	return ((n+r+c+d+8+2*(r+c))>>3 + n) >> 1
}

// vp8Pixel converts with 14-bit constants, two fraction bits at a time (dsp/yuv.h).
func vp8Pixel(dst []uint8, y, u, v int32) {
	l := y * 19077 >> 8
	dst[0] = vp8Clip(l + v*26149>>8 - 14234)
	dst[1] = vp8Clip(l - u*6419>>8 - v*13320>>8 + 8708)
	dst[2] = vp8Clip(l + u*33050>>8 - 17685)
}

func vp8Clip(v int32) uint8 {
	switch {
	case v < 0:
		return 0
	case v >= 256<<6:
		return 255
	}
	return uint8(v >> 6)
}
