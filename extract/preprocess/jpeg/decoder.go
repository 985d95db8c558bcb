package jpeg

import (
	"errors"
	"fmt"
)

// errTruncated is returned for a file that ends before its image does.
var errTruncated = errors.New("truncated JPEG: the file ends before the image does")

// corruptError says what in a file contradicts the format.
type corruptError string

func (e corruptError) Error() string { return "corrupt JPEG: " + string(e) }

// unsupportedError names a kind of JPEG that is not read.
type unsupportedError string

func (e unsupportedError) Error() string { return "unsupported JPEG: " + string(e) }

// Markers, ITU T.81 table B.1.
const (
	markSOF0  = 0xc0 // baseline
	markSOF1  = 0xc1 // extended sequential
	markSOF2  = 0xc2 // progressive
	markSOF9  = 0xc9 // sequential, arithmetic coding
	markSOF10 = 0xca // progressive, arithmetic coding
	markDHT   = 0xc4
	markJPG   = 0xc8
	markDAC   = 0xcc
	markSOF15 = 0xcf
	markRST0  = 0xd0
	markRST7  = 0xd7
	markSOI   = 0xd8
	markEOI   = 0xd9
	markSOS   = 0xda
	markDQT   = 0xdb
	markDRI   = 0xdd
	markAPP0  = 0xe0
	markAPP14 = 0xee
	markTEM   = 0x01
)

// maxScans bounds the work that a small file can ask for: each scan of a
// progressive file visits every block.
const maxScans = 500

// component is one colour channel of the frame.
type component struct {
	id   byte
	h, v int // sampling factors
	tq   byte

	w, height int // samples that belong to the image: ceil(W*h/hmax), ceil(H*v/vmax)
	bw, bh    int // blocks that hold them: what a scan of this component alone codes
	stride    int // blocks a row in memory, padded to whole MCUs
	rows      int // rows of blocks in memory

	quant   [64]int32 // natural order; latched at the component's first scan
	latched bool

	plane []uint8 // stride*8 by rows*8 samples
	coef  []int16 // progressive only: 64 per block, natural order

	// What is known of each coefficient (file order) after the scans so far, and before the last of this component: the number
	// of low bits that are missing, -1 for nothing known.
	known, before [64]int8

	pred int32 // DC prediction in the current scan
}

// Decoder decodes one file after another, keeping its buffers. The zero value is
// ready. It is not for concurrent use.
type Decoder struct {
	data []byte
	pos  int

	width, height int
	progressive   bool
	arithmetic    bool
	comps         []component
	compStore     [4]component
	hmax, vmax    int
	mcux, mcuy    int

	quant     [4][64]int32
	quantSeen [4]bool
	dc, ac    [4]huffman
	restart   int // MCUs between restart markers, 0 = none

	jfif           bool
	adobe          bool
	adobeTransform byte

	single  bool // the first scan is sequential and has all components, so that no other follows
	scans   int
	scanEnd int // position after the last scan's data

	starved  bool // the data of this interval ended too early
	flaw     string
	lastGood int // row of MCUs up to which the last scan has data

	bits    bitReader
	arith   arithmetic
	eobrun  int32
	scratch [64]int32

	rowBuf [4][]uint8
}

// Config reads the image's size from the header, without decoding.
func Config(data []byte) (width, height int, err error) {
	var d Decoder
	d.data = data
	err = d.parse(func(int, int) error { return errStop })
	if errors.Is(err, errStop) {
		err = nil
	}
	return d.width, d.height, err
}

var errStop = errors.New("stop")

// Decode decodes a file to interleaved RGB, in the memory of pix where that is
// large enough. allow is asked as soon as the size is known, before anything of
// that size is allocated; its error is returned as it is. It may be nil.
func (d *Decoder) Decode(data []byte, allow func(width, height int) error, pix []uint8) (width, height int, rgb []uint8, err error) {
	d.data, d.pos = data, 0
	d.width, d.height = 0, 0
	d.comps = nil
	d.quantSeen = [4]bool{}
	for i := range d.dc {
		d.dc[i].defined, d.ac[i].defined = false, false
	}
	d.restart, d.scans, d.scanEnd, d.lastGood = 0, 0, 0, 0
	d.single, d.flaw, d.bits.bad = false, "", false
	d.arith.conditioning()
	d.jfif, d.adobe, d.adobeTransform = false, false, 0
	defer func() { d.data = nil }()
	if err := d.parse(allow); err != nil {
		return 0, 0, nil, err
	}
	if d.progressive {
		d.reconstruct()
	}
	n := d.width * d.height * 3
	if cap(pix) < n {
		pix = make([]uint8, n)
	}
	pix = pix[:n]
	d.render(pix)
	return d.width, d.height, pix, nil
}

// Flaw says what is damaged or missing in the file decoded last, which was made up for as libjpeg does; "" for a whole one.
func (d *Decoder) Flaw() string { return d.flaw }

// flawed notes the first flaw.
func (d *Decoder) flawed(what string) {
	if d.flaw == "" {
		d.flaw = what
	}
}

// Held is the number of bytes that the decoder keeps for the next file.
func (d *Decoder) Held() int {
	n := 0
	for i := range d.compStore {
		n += cap(d.compStore[i].plane) + 2*cap(d.compStore[i].coef)
	}
	return n
}

// parse walks the markers up to EOI, decoding scans on the way.
func (d *Decoder) parse(allow func(w, h int) error) error {
	if len(d.data) < 2 || d.data[0] != 0xff || d.data[1] != markSOI {
		return corruptError("no SOI marker at its start")
	}
	d.pos = 2
	for {
		m, ok := d.nextMarker()
		if !ok {
			return d.ended()
		}
		switch {
		case m == markEOI:
			return d.complete()
		case m == markTEM || m >= markRST0 && m <= markRST7 || m == markSOI:
			continue
		}
		seg, ok := d.segment()
		if !ok {
			return errTruncated
		}
		var err error
		switch {
		case m == markDHT:
			err = d.readDHT(seg)
		case m == markDQT:
			err = d.readDQT(seg)
		case m == markDRI:
			if len(seg) != 2 {
				return corruptError("wrong DRI length")
			}
			d.restart = int(seg[0])<<8 | int(seg[1])
		case m == markSOS:
			if err = d.readScan(seg); err == nil && d.single {
				return d.ended()
			}
		case m == markAPP0:
			if len(seg) >= 14 && string(seg[:5]) == "JFIF\x00" {
				d.jfif = true
			}
		case m == markAPP14:
			if len(seg) >= 12 && string(seg[:5]) == "Adobe" {
				d.adobe, d.adobeTransform = true, seg[11]
			}
		case m == markDAC:
			err = d.readDAC(seg)
		case m >= markSOF0 && m <= markSOF15 && m != markJPG:
			if m > markSOF2 && m != markSOF9 && m != markSOF10 {
				return unsupportedError(sofName(m))
			}
			d.arithmetic = m >= markSOF9
			if err = d.readSOF(seg, m == markSOF2 || m == markSOF10); err == nil && allow != nil {
				err = allow(d.width, d.height)
			}
			if err == nil {
				d.allocate()
			}
		}
		if err != nil {
			return err
		}
	}
}

func sofName(m byte) string {
	switch m {
	case 0xc3, 0xc7:
		return "lossless coding"
	case 0xc5, 0xc6:
		return "hierarchical coding"
	case 0xcb, 0xcf:
		return "lossless arithmetic coding"
	}
	return "hierarchical arithmetic coding"
}

// nextMarker skips to the next marker; bytes between segments are ignored, as
// libjpeg does.
func (d *Decoder) nextMarker() (byte, bool) {
	for d.pos+1 < len(d.data) {
		if d.data[d.pos] != 0xff {
			d.pos++
			continue
		}
		m := d.data[d.pos+1]
		if m == 0xff {
			d.pos++
			continue
		}
		d.pos += 2
		if m != 0 {
			return m, true
		}
	}
	return 0, false
}

// segment returns the bytes of the segment after its length.
func (d *Decoder) segment() ([]byte, bool) {
	if d.pos+2 > len(d.data) {
		return nil, false
	}
	n := int(d.data[d.pos])<<8 | int(d.data[d.pos+1])
	if n < 2 {
		n = 2
	}
	if d.pos+n > len(d.data) {
		return nil, false
	}
	seg := d.data[d.pos+2 : d.pos+n]
	d.pos += n
	return seg, true
}

// ended judges a sequential image whose only scan is done, or a file without an EOI marker. As in PIL, what follows that scan
// does not count, but something must: libjpeg reads ahead, and finds a file cut that ends with its data.
func (d *Decoder) ended() error {
	const slack = 16
	if !d.single || d.scans == 0 {
		return errTruncated
	}
	if _, marker := d.nextMarker(); !marker && len(d.data)-d.scanEnd < slack {
		return errTruncated
	}
	return d.complete()
}

// complete ends an image. A component that no scan had, of a file that breaks off between its scans, is grey, as
// libjpeg has it; without any scan there is no image.
func (d *Decoder) complete() error {
	if d.comps == nil || d.scans == 0 {
		return corruptError("no image in it")
	}
	for i := range d.comps {
		c := &d.comps[i]
		if !c.latched {
			d.flawed("a colour channel has no data")
		}
		if !c.latched && !d.progressive {
			for j := range c.plane {
				c.plane[j] = 128
			}
		}
	}
	return nil
}

func (d *Decoder) readDQT(seg []byte) error {
	for len(seg) > 0 {
		prec, id := seg[0]>>4, seg[0]&15
		n := 64
		if prec == 1 {
			n = 128
		}
		if prec > 1 || id > 3 || len(seg) < 1+n {
			return corruptError("bad quantization table")
		}
		for i := range 64 {
			if prec == 0 {
				d.quant[id][zigzag[i]] = int32(seg[1+i])
			} else {
				d.quant[id][zigzag[i]] = int32(seg[1+2*i])<<8 | int32(seg[2+2*i])
			}
		}
		d.quantSeen[id] = true
		seg = seg[1+n:]
	}
	return nil
}

func (d *Decoder) readDHT(seg []byte) error {
	for len(seg) > 0 {
		if len(seg) < 17 {
			return corruptError("bad Huffman table")
		}
		class, id := seg[0]>>4, seg[0]&15
		total := 0
		for _, c := range seg[1:17] {
			total += int(c)
		}
		if class > 1 || id > 3 || total > 256 || len(seg) < 17+total {
			return corruptError("bad Huffman table")
		}
		t := &d.dc[id]
		if class == 1 {
			t = &d.ac[id]
		}
		if !t.build(seg[1:17], seg[17:17+total], class == 0) {
			return corruptError("bad Huffman table")
		}
		seg = seg[17+total:]
	}
	return nil
}

func (d *Decoder) readSOF(seg []byte, progressive bool) error {
	if d.comps != nil {
		return corruptError("two frames")
	}
	if len(seg) < 6 || len(seg) != 6+3*int(seg[5]) {
		return corruptError("wrong SOF length")
	}
	if seg[0] != 8 {
		return unsupportedError(fmt.Sprintf("%d bits a sample", seg[0]))
	}
	height, width := int(seg[1])<<8|int(seg[2]), int(seg[3])<<8|int(seg[4])
	if width == 0 || height == 0 {
		return corruptError("an empty image")
	}
	n := int(seg[5])
	if n != 1 && n != 3 && n != 4 {
		return unsupportedError(fmt.Sprintf("%d colour channels", n))
	}
	comps := d.compStore[:n]
	hmax, vmax := 1, 1
	for i := range comps {
		s := seg[6+3*i:]
		c := &comps[i]
		*c = component{id: s[0], h: int(s[1] >> 4), v: int(s[1] & 15), tq: s[2], plane: c.plane, coef: c.coef}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.tq > 3 {
			return corruptError("bad sampling factor")
		}
		for j := range i {
			if comps[j].id == c.id {
				return corruptError("two colour channels with the same id")
			}
		}
		hmax, vmax = max(hmax, c.h), max(vmax, c.v)
		for k := range c.known {
			c.known[k] = -1
		}
	}
	for i := range comps {
		if hmax%comps[i].h != 0 || vmax%comps[i].v != 0 {
			return unsupportedError("fractional sampling factors")
		}
	}
	d.width, d.height, d.progressive = width, height, progressive
	d.hmax, d.vmax = hmax, vmax
	d.mcux, d.mcuy = ceilDiv(width, 8*hmax), ceilDiv(height, 8*vmax)
	for i := range comps {
		c := &comps[i]
		c.w, c.height = ceilDiv(width*c.h, hmax), ceilDiv(height*c.v, vmax)
		c.bw, c.bh = ceilDiv(c.w, 8), ceilDiv(c.height, 8)
		c.stride, c.rows = d.mcux*c.h, d.mcuy*c.v
	}
	d.comps = comps
	return nil
}

// allocate makes the planes and, for a progressive file, the coefficients.
func (d *Decoder) allocate() {
	for i := range d.comps {
		c := &d.comps[i]
		n := c.stride * c.rows * 64
		if cap(c.plane) < n {
			c.plane = make([]uint8, n)
		}
		c.plane = c.plane[:n]
		if !d.progressive {
			continue
		}
		if cap(c.coef) < n {
			c.coef = make([]int16, n)
		}
		c.coef = c.coef[:n]
		clear(c.coef)
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// zigzag maps the order of the file to the natural order, T.81 figure 5. Damaged data may go beyond; libjpeg puts that into
// the last place.
var zigzag = [128]uint8{
	0, 1, 8, 16, 9, 2, 3, 10,
	17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34,
	27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36,
	29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46,
	53, 60, 61, 54, 47, 55, 62, 63,
}

func init() {
	for k := 64; k < len(zigzag); k++ {
		zigzag[k] = 63
	}
}
