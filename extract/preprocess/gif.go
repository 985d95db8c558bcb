package preprocess

import (
	"compress/lzw"
	"errors"
	"io"
)

// gifFrame is the first image of a GIF file. image/gif is not used since it
// forgets the colour of the transparent index (PIL keeps it), crops to the frame
// and decodes all frames.
type gifFrame struct {
	w, h         int // the canvas, grown to hold the frame as PIL does
	x, y, fw, h1 int
	interlaced   bool
	palette      [256][3]uint8
	background   uint8 // index outside the frame
	litWidth     int
	data         []byte // sub-blocks
}

func gifSize(data []byte) (int, int, error) {
	f, err := gifHead(data)
	if err != nil {
		return 0, 0, err
	}
	return f.w, f.h, nil
}

func gifHead(b []byte) (*gifFrame, error) {
	if len(b) < 13 {
		return nil, io.ErrUnexpectedEOF
	}
	f := &gifFrame{w: le16(b[6:]), h: le16(b[8:])}
	flags := b[10]
	for i := range f.palette { // without a palette: grey, as PIL has it
		f.palette[i] = [3]uint8{uint8(i), uint8(i), uint8(i)}
	}
	pos := 13
	table := func(flags byte) error {
		n := 2 << (flags & 7)
		if len(b) < pos+3*n {
			return io.ErrUnexpectedEOF
		}
		for i := range n {
			copy(f.palette[i][:], b[pos+3*i:])
		}
		pos += 3 * n
		return nil
	}
	if flags&0x80 != 0 {
		if err := table(flags); err != nil {
			return nil, err
		}
	}
	for {
		if pos >= len(b) {
			return nil, io.ErrUnexpectedEOF
		}
		switch b[pos] {
		case 0x3b:
			return nil, errors.New("no image in it")
		case 0x21:
			// An extension: label, then sub-blocks.
			if len(b) < pos+3 {
				return nil, io.ErrUnexpectedEOF
			}
			if b[pos+1] == 0xf9 && len(b) >= pos+8 && b[pos+2] == 4 && b[pos+3]&1 != 0 {
				f.background = b[pos+6]
			}
			pos += 2
			for {
				if pos >= len(b) {
					return nil, io.ErrUnexpectedEOF
				}
				n := int(b[pos])
				pos += 1 + n
				if n == 0 {
					break
				}
			}
		case 0x2c:
			if len(b) < pos+11 {
				return nil, io.ErrUnexpectedEOF
			}
			d := b[pos+1:]
			f.x, f.y, f.fw, f.h1 = le16(d), le16(d[2:]), le16(d[4:]), le16(d[6:])
			f.interlaced = d[8]&0x40 != 0
			pos += 10
			if d[8]&0x80 != 0 {
				if err := table(d[8]); err != nil {
					return nil, err
				}
			}
			if pos >= len(b) {
				return nil, io.ErrUnexpectedEOF
			}
			f.litWidth = int(b[pos])
			f.data = b[pos+1:]
			f.w, f.h = max(f.w, f.x+f.fw), max(f.h, f.y+f.h1)
			return f, nil
		default:
			pos++ // stray bytes between blocks, as PIL
		}
	}
}

func decodeGIF(data []byte) (*RGB, error) {
	f, err := gifHead(data)
	if err != nil {
		return nil, err
	}
	if f.litWidth < 1 || f.litWidth > 8 {
		return nil, errors.New("bad LZW code size")
	}
	index := make([]uint8, f.fw*f.h1)
	r := lzw.NewReader(&subBlocks{b: f.data}, lzw.LSB, f.litWidth)
	defer r.Close()
	if _, err := io.ReadFull(r, index); err != nil {
		return nil, err
	}
	im := newRGB(f.w, f.h)
	for i := range f.w * f.h {
		copy(im.Pix[3*i:3*i+3], f.palette[f.background][:])
	}
	for row := range f.h1 {
		y := row
		if f.interlaced {
			y = interlaced(row, f.h1)
		}
		dst := im.Pix[((f.y+y)*f.w+f.x)*3:]
		for x, v := range index[row*f.fw : (row+1)*f.fw] {
			copy(dst[3*x:3*x+3], f.palette[v][:])
		}
	}
	return im, nil
}

// interlaced is the place of the n-th stored row of an interlaced frame of h rows.
func interlaced(n, h int) int {
	for _, p := range [4][2]int{{0, 8}, {4, 8}, {2, 4}, {1, 2}} {
		rows := (h - p[0] + p[1] - 1) / p[1]
		if h <= p[0] {
			rows = 0
		}
		if n < rows {
			return p[0] + n*p[1]
		}
		n -= rows
	}
	return h - 1
}

// subBlocks joins the length-prefixed blocks of GIF data.
type subBlocks struct {
	b    []byte
	left int
}

func (s *subBlocks) ReadByte() (byte, error) {
	for s.left == 0 {
		if len(s.b) == 0 {
			return 0, io.ErrUnexpectedEOF
		}
		s.left = int(s.b[0])
		s.b = s.b[1:]
		if s.left == 0 {
			return 0, io.EOF
		}
	}
	if len(s.b) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	c := s.b[0]
	s.b, s.left = s.b[1:], s.left-1
	return c, nil
}

func (s *subBlocks) Read(p []byte) (int, error) {
	for i := range p {
		c, err := s.ReadByte()
		if err != nil {
			return i, err
		}
		p[i] = c
	}
	return len(p), nil
}

func le16(b []byte) int { return int(b[0]) | int(b[1])<<8 }

var _ io.ByteReader = (*subBlocks)(nil)
