package preprocess

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"
	"slices"

	"golang.org/x/image/webp"
)

// webpChunk finds a chunk among RIFF chunks; nil where there is none.
func webpChunk(b []byte, kind string) []byte {
	_, chunk := firstChunk(b, kind)
	return chunk
}

// firstChunk finds the first chunk of one of the kinds.
func firstChunk(b []byte, kinds ...string) (kind string, chunk []byte) {
	for at := 0; at+8 <= len(b); {
		n := int(binary.LittleEndian.Uint32(b[at+4:]))
		if n < 0 || n > len(b)-at-8 {
			n = len(b) - at - 8
		}
		if kind := string(b[at : at+4]); slices.Contains(kinds, kind) {
			return kind, b[at+8 : at+8+n]
		}
		at += 8 + n + n&1
	}
	return "", nil
}

// animation is the head of a WebP that moves.
type animation struct {
	w, h   int
	x, y   int    // of the first frame
	fw, fh int    // its size
	still  []byte // the frame as a file of its own
}

// firstFrame takes the first frame out of an animation; nil where the file is none.
func firstFrame(data []byte) (*animation, error) {
	const flagAnimation = 2
	if len(data) < 30 || string(data[12:16]) != "VP8X" || data[20]&flagAnimation == 0 {
		return nil, nil
	}
	f := webpChunk(data[12:], "ANMF")
	if len(f) < 16 {
		return nil, io.ErrUnexpectedEOF
	}
	u24 := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	a := &animation{w: u24(data[24:]) + 1, h: u24(data[27:]) + 1, x: 2 * u24(f), y: 2 * u24(f[3:]), fw: u24(f[6:]) + 1, fh: u24(f[9:]) + 1}
	if a.x+a.fw > a.w || a.y+a.fh > a.h {
		return nil, errors.New("its first frame is outside the image")
	}
	frame := f[16:]
	a.still = append(a.still, "RIFF\x00\x00\x00\x00WEBP"...)
	if alpha := webpChunk(frame, "ALPH"); alpha != nil {
		head := [18]byte{'V', 'P', '8', 'X', 10, 0, 0, 0, 0x10}
		copy(head[12:], f[6:12])
		a.still = append(a.still, head[:]...)
	}
	a.still = append(a.still, frame...)
	binary.LittleEndian.PutUint32(a.still[4:], uint32(len(a.still)-8))
	return a, nil
}

// bitstreamSize is the size that the head of the frame itself has, a VP8 or VP8L chunk among chunks: the one that is decoded.
func bitstreamSize(chunks []byte) (w, h int, err error) {
	switch kind, b := firstChunk(chunks, "VP8 ", "VP8L"); {
	case kind == "VP8 " && len(b) >= 10: // frame tag, start code, 14 bits of width and height
		return int(binary.LittleEndian.Uint16(b[6:]) & 0x3fff), int(binary.LittleEndian.Uint16(b[8:]) & 0x3fff), nil
	case kind == "VP8L" && len(b) >= 5: // signature, 14 bits of width - 1 and height - 1
		v := binary.LittleEndian.Uint32(b[1:])
		return int(v&0x3fff) + 1, int(v>>14&0x3fff) + 1, nil
	}
	return 0, 0, io.ErrUnexpectedEOF
}

var errCanvas = errors.New("its canvas and its frame have different sizes")

// webpSize refuses a canvas that is not the frame's size, as libwebp does: what is decoded is of the frame's, whatever the canvas says.
func webpSize(data []byte) (int, int, error) {
	a, err := firstFrame(data)
	if err != nil {
		return 0, 0, err
	}
	if a != nil {
		w, h, err := bitstreamSize(a.still[12:])
		if err == nil && (w != a.fw || h != a.fh) {
			err = errors.New("its first frame does not have the size that the header gives")
		}
		return a.w, a.h, err
	}
	w, h, err := configSize(data, webp.DecodeConfig)
	if err != nil {
		return 0, 0, err
	}
	fw, fh, err := bitstreamSize(data[12:])
	if err == nil && (fw != w || fh != h) {
		err = errCanvas
	}
	return w, h, err
}

// decodeWebP reads a still image, or the first frame of an animation on a black canvas, as PIL has it.
func decodeWebP(data []byte) (*RGB, error) {
	if _, _, err := webpSize(data); err != nil {
		return nil, err
	}
	a, err := firstFrame(data)
	if err != nil || a == nil {
		if err == nil {
			return decodeStillWebP(data)
		}
		return nil, err
	}
	frame, err := decodeStillWebP(a.still)
	if err != nil {
		return nil, err
	}
	if a.fw == a.w && a.fh == a.h {
		return frame, nil
	}
	defer frame.Release()
	im := newRGB(a.w, a.h)
	clear(im.Pix)
	for y := range a.fh {
		copy(im.Pix[3*((a.y+y)*a.w+a.x):][:3*a.fw], frame.Pix[3*y*a.fw:])
	}
	return im, nil
}

func decodeStillWebP(data []byte) (*RGB, error) {
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
