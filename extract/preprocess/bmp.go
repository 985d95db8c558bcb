package preprocess

import (
	"encoding/binary"
	"fmt"
	"io"
)

// bitmap is the head of a BMP file.
type bitmap struct {
	w, h        int
	down        bool // rows from the top
	bits        int
	compression uint32
	masks       [4]uint32 // red, green, blue, alpha; of 16 and more bits
	palette     [256][3]uint8
	at          int // of the pixels
}

// Kinds of compression.
const (
	bmpRaw = iota
	bmpRLE8
	bmpRLE4
	bmpFields
)

func bmpSize(data []byte) (int, int, error) {
	m, err := bmpHead(data)
	if err != nil {
		return 0, 0, err
	}
	return m.w, m.h, nil
}

// bmpHead reads the headers of OS/2 1 and 2 and of Windows 3 to 5, as PIL does.
func bmpHead(b []byte) (*bitmap, error) {
	if len(b) < 18 {
		return nil, io.ErrUnexpectedEOF
	}
	le := binary.LittleEndian
	m := &bitmap{at: int(le.Uint32(b[10:]))}
	size := int(le.Uint32(b[14:]))
	if size != 12 && size != 40 && size != 52 && size != 56 && size != 64 && size != 108 && size != 124 {
		return nil, unsupported(fmt.Sprintf("a header of %d bytes", size))
	}
	if len(b) < 14+size {
		return nil, io.ErrUnexpectedEOF
	}
	head := b[14 : 14+size]
	colours, entry, next := 0, 4, 14+size
	if size == 12 {
		m.w, m.h = int(le.Uint16(head[4:])), int(le.Uint16(head[6:]))
		m.bits, entry = int(le.Uint16(head[10:])), 3
	} else {
		m.w, m.h = int(int32(le.Uint32(head[4:]))), int(int32(le.Uint32(head[8:])))
		if m.h < 0 {
			m.h, m.down = -m.h, true
		}
		m.bits, m.compression = int(le.Uint16(head[14:])), le.Uint32(head[16:])
		colours = int(le.Uint32(head[32:]))
	}
	if m.w < 1 || m.h < 1 {
		return nil, fmt.Errorf("an image of %d x %d pixels", m.w, m.h)
	}
	switch {
	case m.compression == bmpRaw:
	case m.compression == bmpRLE8 && m.bits == 8, m.compression == bmpRLE4 && m.bits == 4:
	case m.compression == bmpFields && m.bits >= 16:
	default:
		return nil, unsupported(fmt.Sprintf("compression %d of %d bits a pixel; convert it to PNG", m.compression, m.bits))
	}
	switch m.bits {
	case 1, 4, 8:
		if colours == 0 || colours > 1<<m.bits {
			colours = 1 << m.bits
		}
		if m.at > 0 && next <= m.at {
			colours = min(colours, (m.at-next)/entry)
		}
		for i := range colours {
			p := next + i*entry
			if p+3 > len(b) {
				return nil, io.ErrUnexpectedEOF
			}
			m.palette[i] = [3]uint8{b[p+2], b[p+1], b[p]}
		}
		next += colours * entry
	case 16:
		m.masks = [4]uint32{0x7c00, 0x3e0, 0x1f}
	case 24, 32:
		m.masks = [4]uint32{0xff0000, 0xff00, 0xff}
	default:
		return nil, unsupported(fmt.Sprintf("%d bits a pixel; convert it to PNG", m.bits))
	}
	if m.compression == bmpFields {
		masks := head[min(40, len(head)):]
		if len(masks) < 12 {
			if masks = b[next:]; len(masks) < 12 {
				return nil, io.ErrUnexpectedEOF
			}
			next += 12
		}
		for i := range 3 {
			m.masks[i] = le.Uint32(masks[4*i:])
		}
		if m.masks[0]|m.masks[1]|m.masks[2] == 0 && m.bits == 32 {
			m.masks = [4]uint32{0xff0000, 0xff00, 0xff}
		}
	}
	if m.at == 0 {
		m.at = next
	}
	if m.at > len(b) {
		return nil, io.ErrUnexpectedEOF
	}
	return m, nil
}

func decodeBMP(data []byte) (*RGB, error) {
	m, err := bmpHead(data)
	if err != nil {
		return nil, err
	}
	pixels := data[m.at:]
	if m.compression == bmpRLE8 || m.compression == bmpRLE4 {
		index := m.runs(pixels, m.at)
		im := newRGB(m.w, m.h)
		for y := range m.h {
			for x, v := range index[y*m.w : (y+1)*m.w] {
				copy(im.Pix[3*(m.row(y)*m.w+x):][:3], m.palette[v][:])
			}
		}
		return im, nil
	}
	stride := (m.w*m.bits + 31) / 32 * 4
	last := (m.w*m.bits + 7) / 8 // bytes of the last row
	if len(pixels) < (m.h-1)*stride+last {
		return nil, io.ErrUnexpectedEOF
	}
	var scale [3]channel
	for i := range scale {
		if scale[i], err = channelOf(m.masks[i]); err != nil && m.bits > 8 {
			return nil, err
		}
	}
	im := newRGB(m.w, m.h)
	for y := range m.h {
		src, dst := pixels[y*stride:], im.Pix[3*m.row(y)*m.w:][:3*m.w]
		for x := range m.w {
			p := dst[3*x : 3*x+3]
			switch m.bits {
			case 1, 4, 8:
				at := x * m.bits
				v := src[at/8] >> (8 - m.bits - at%8) & (1<<m.bits - 1)
				copy(p, m.palette[v][:])
				continue
			}
			v := uint32(0)
			for i := range m.bits / 8 {
				v |= uint32(src[x*m.bits/8+i]) << (8 * i)
			}
			p[0], p[1], p[2] = scale[0].of(v), scale[1].of(v), scale[2].of(v)
		}
	}
	return im, nil
}

// row is where the y-th stored row belongs.
func (m *bitmap) row(y int) int {
	if m.down {
		return y
	}
	return m.h - 1 - y
}

// channel is a colour's bits within a pixel.
type channel struct {
	shift int
	most  uint32
}

func channelOf(mask uint32) (c channel, err error) {
	if mask == 0 {
		return c, unsupported("a colour mask without bits")
	}
	for mask&1 == 0 {
		mask >>= 1
		c.shift++
	}
	c.most = mask
	if mask&(mask+1) != 0 || mask > 0xffff {
		return c, unsupported("a colour mask whose bits are not adjacent")
	}
	return c, nil
}

// of scales the colour to 0..255, rounded down as PIL does.
func (c channel) of(v uint32) uint8 { return uint8(v >> c.shift & c.most * 255 / c.most) }

// runs decodes run lengths to the indices of the rows as stored. What the runs leave out has index 0. at is where b begins
// in the file: literal pixels end at an even place of it.
func (m *bitmap) runs(b []byte, at int) []uint8 {
	index := make([]uint8, m.w*m.h)
	n, x := 0, 0 // pixels so far, and within the row
	put := func(v uint8) {
		if n < len(index) {
			index[n] = v
		}
		n++
	}
	pair := func(v uint8, second bool) uint8 {
		switch {
		case m.bits == 8:
			return v
		case second:
			return v & 15
		}
		return v >> 4
	}
	for i := 0; n < len(index) && i+2 <= len(b); {
		count, v := int(b[i]), b[i+1]
		i += 2
		switch {
		case count > 0:
			count = max(0, min(count, m.w-x))
			for j := range count {
				put(pair(v, j%2 == 1))
			}
			x += count
		case v == 0: // end of row
			for n%m.w != 0 {
				put(0)
			}
			x = 0
		case v == 1: // end of image
			return index
		case v == 2: // a leap
			if i+2 > len(b) {
				return index
			}
			n += int(b[i]) + int(b[i+1])*m.w
			x = n % m.w
			i += 2
		default: // literal pixels
			bytes := int(v)
			if m.bits == 4 {
				bytes = int(v) / 2
			}
			for j := range bytes {
				if i+j >= len(b) {
					return index
				}
				put(pair(b[i+j], false))
				if m.bits == 4 {
					put(pair(b[i+j], true))
				}
			}
			if m.bits == 4 && v%2 == 1 { // PIL drops the last half byte; every other reader, and the format, has it
				if i+bytes < len(b) {
					put(pair(b[i+bytes], false))
				}
				bytes++
			}
			i += bytes
			x += int(v)
			if (at+i)%2 != 0 {
				i++
			}
		}
	}
	return index
}
