package jpeg

// arithmetic is the adaptive binary arithmetic decoder of T.81 annex D, with the statistics of its contexts (F.1.4.4).
type arithmetic struct {
	data []byte
	pos  int
	eof  bool // the file ended, no marker

	c, a int64 // the code register, with ct bits below its point, and the interval
	ct   int   // -1 after damaged data: nothing more of this interval is decoded

	dcStats [16][64]state
	acStats [16][256]state
	even    state // a context of fixed probability 1/2
	context [4]int

	dcLow, dcHigh, acLow [16]byte // conditioning, from DAC segments
}

// state is a context's: the index into estimates, and the more probable symbol in the highest bit.
type state uint8

// estimate is a row of T.81 table D.3: probability of the less probable symbol, the next states, and whether the symbols
// change places.
type estimate struct {
	qe       uint16
	lps, mps state
	exchange state
}

// estimates is T.81 table D.3, and a state that never changes.
var estimates = [114]estimate{
	{0x5a1d, 1, 1, 1}, {0x2586, 14, 2, 0}, {0x1114, 16, 3, 0}, {0x080b, 18, 4, 0}, {0x03d8, 20, 5, 0}, {0x01da, 23, 6, 0},
	{0x00e5, 25, 7, 0}, {0x006f, 28, 8, 0}, {0x0036, 30, 9, 0}, {0x001a, 33, 10, 0}, {0x000d, 35, 11, 0}, {0x0006, 9, 12, 0},
	{0x0003, 10, 13, 0}, {0x0001, 12, 13, 0}, {0x5a7f, 15, 15, 1}, {0x3f25, 36, 16, 0}, {0x2cf2, 38, 17, 0}, {0x207c, 39, 18, 0},
	{0x17b9, 40, 19, 0}, {0x1182, 42, 20, 0}, {0x0cef, 43, 21, 0}, {0x09a1, 45, 22, 0}, {0x072f, 46, 23, 0}, {0x055c, 48, 24, 0},
	{0x0406, 49, 25, 0}, {0x0303, 51, 26, 0}, {0x0240, 52, 27, 0}, {0x01b1, 54, 28, 0}, {0x0144, 56, 29, 0}, {0x00f5, 57, 30, 0},
	{0x00b7, 59, 31, 0}, {0x008a, 60, 32, 0}, {0x0068, 62, 33, 0}, {0x004e, 63, 34, 0}, {0x003b, 32, 35, 0}, {0x002c, 33, 9, 0},
	{0x5ae1, 37, 37, 1}, {0x484c, 64, 38, 0}, {0x3a0d, 65, 39, 0}, {0x2ef1, 67, 40, 0}, {0x261f, 68, 41, 0}, {0x1f33, 69, 42, 0},
	{0x19a8, 70, 43, 0}, {0x1518, 72, 44, 0}, {0x1177, 73, 45, 0}, {0x0e74, 74, 46, 0}, {0x0bfb, 75, 47, 0}, {0x09f8, 77, 48, 0},
	{0x0861, 78, 49, 0}, {0x0706, 79, 50, 0}, {0x05cd, 48, 51, 0}, {0x04de, 50, 52, 0}, {0x040f, 50, 53, 0}, {0x0363, 51, 54, 0},
	{0x02d4, 52, 55, 0}, {0x025c, 53, 56, 0}, {0x01f8, 54, 57, 0}, {0x01a4, 55, 58, 0}, {0x0160, 56, 59, 0}, {0x0125, 57, 60, 0},
	{0x00f6, 58, 61, 0}, {0x00cb, 59, 62, 0}, {0x00ab, 61, 63, 0}, {0x008f, 61, 32, 0}, {0x5b12, 65, 65, 1}, {0x4d04, 80, 66, 0},
	{0x412c, 81, 67, 0}, {0x37d8, 82, 68, 0}, {0x2fe8, 83, 69, 0}, {0x293c, 84, 70, 0}, {0x2379, 86, 71, 0}, {0x1edf, 87, 72, 0},
	{0x1aa9, 87, 73, 0}, {0x174e, 72, 74, 0}, {0x1424, 72, 75, 0}, {0x119c, 74, 76, 0}, {0x0f6b, 74, 77, 0}, {0x0d51, 75, 78, 0},
	{0x0bb6, 77, 79, 0}, {0x0a40, 77, 48, 0}, {0x5832, 80, 81, 1}, {0x4d1c, 88, 82, 0}, {0x438e, 89, 83, 0}, {0x3bdd, 90, 84, 0},
	{0x34ee, 91, 85, 0}, {0x2eae, 92, 86, 0}, {0x299a, 93, 87, 0}, {0x2516, 86, 71, 0}, {0x5570, 88, 89, 1}, {0x4ca9, 95, 90, 0},
	{0x44d9, 96, 91, 0}, {0x3e22, 97, 92, 0}, {0x3824, 99, 93, 0}, {0x32b4, 99, 94, 0}, {0x2e17, 93, 86, 0}, {0x56a8, 95, 96, 1},
	{0x4f46, 101, 97, 0}, {0x47e5, 102, 98, 0}, {0x41cf, 103, 99, 0}, {0x3c3d, 104, 100, 0}, {0x375e, 99, 93, 0}, {0x5231, 105, 102, 0},
	{0x4c0f, 106, 103, 0}, {0x4639, 107, 104, 0}, {0x415e, 103, 99, 0}, {0x5627, 105, 106, 1}, {0x50e7, 108, 107, 0}, {0x4b85, 109, 103, 0},
	{0x5597, 110, 109, 0}, {0x504f, 111, 107, 0}, {0x5a10, 110, 111, 1}, {0x5522, 112, 109, 0}, {0x59eb, 112, 111, 1}, {0x5a1d, 113, 113, 0}}

func (r *arithmetic) conditioning() {
	for i := range r.dcLow {
		r.dcLow[i], r.dcHigh[i], r.acLow[i] = 0, 1, 5
	}
}

// readDAC reads conditioning values, T.81 B.2.4.3.
func (d *Decoder) readDAC(seg []byte) error {
	for ; len(seg) >= 2; seg = seg[2:] {
		class, id, v := seg[0]>>4, seg[0]&15, seg[1]
		switch {
		case class > 1, class == 0 && v&15 > v>>4:
			return corruptError("bad arithmetic conditioning")
		case class == 1:
			d.arith.acLow[id] = v
		default:
			d.arith.dcLow[id], d.arith.dcHigh[id] = v&15, v>>4
		}
	}
	return nil
}

// startArithmetic begins a scan or an interval.
func (d *Decoder) startArithmetic(s *scan, pos int) {
	r := &d.arith
	r.data, r.pos, r.eof = d.data, pos, false
	r.c, r.a, r.ct = 0, 0, -16
	r.even = 113
	for i := range s.n {
		if s.ss == 0 && s.ah == 0 {
			r.dcStats[s.dcTable[i]] = [64]state{}
			r.context[i] = 0
			s.comps[i].pred = 0
		}
		if s.se > 0 {
			r.acStats[s.acTable[i]] = [256]state{}
		}
	}
}

// next is the next byte of data; 0 at a marker, before which it stays.
func (r *arithmetic) next() int64 {
	if r.pos >= len(r.data) {
		r.eof = true
		return 0
	}
	b := r.data[r.pos]
	if b != 0xff {
		r.pos++
		return int64(b)
	}
	q := r.pos + 1
	for q < len(r.data) && r.data[q] == 0xff {
		q++
	}
	if q >= len(r.data) {
		r.eof = true
		return 0
	}
	if r.data[q] != 0 {
		r.pos = q - 1
		return 0
	}
	r.pos = q + 1
	return 0xff
}

// bit decodes one decision in a context.
func (r *arithmetic) bit(st *state) bool {
	for r.a < 0x8000 { // renormalise, D.2.6
		if r.ct--; r.ct < 0 {
			r.c = r.c<<8 | r.next()
			if r.ct += 8; r.ct < 0 { // the first two bytes
				if r.ct++; r.ct == 0 {
					r.a = 0x8000
				}
			}
		}
		r.a <<= 1
	}
	sv := *st
	e := &estimates[sv&0x7f]
	qe := int64(e.qe)
	r.a -= qe
	var lps bool
	if edge := r.a << r.ct; r.c >= edge { // D.2.4
		r.c -= edge
		lps = r.a >= qe
		r.a = qe
	} else {
		if r.a >= 0x8000 {
			return sv>>7 != 0
		}
		lps = r.a < qe
	}
	if lps { // D.2.5
		*st = sv&0x80 ^ (e.exchange<<7 | e.lps)
		return sv>>7 == 0
	}
	*st = sv&0x80 ^ e.mps
	return sv>>7 != 0
}

// damaged stops decoding until the next restart, as libjpeg does.
func (r *arithmetic) damaged() { r.ct = -1 }

// dc decodes a DC coefficient, F.2.4.1; false for damaged data.
func (r *arithmetic) dc(c *component, s *scan, i int) bool {
	table := s.dcTable[i]
	stats := &r.dcStats[table]
	at := r.context[i]
	if !r.bit(&stats[at]) {
		r.context[i] = 0
		return true
	}
	sign := r.bit(&stats[at+1])
	at += 2
	if sign {
		at++
	}
	m := 0
	if r.bit(&stats[at]) {
		m = 1
		for at = 20; r.bit(&stats[at]); at++ {
			if m <<= 1; m == 0x8000 {
				r.damaged()
				return false
			}
		}
	}
	side := 0
	if sign {
		side = 4
	}
	switch {
	case m < 1<<r.dcLow[table]>>1:
		r.context[i] = 0
	case m > 1<<r.dcHigh[table]>>1:
		r.context[i] = 12 + side
	default:
		r.context[i] = 4 + side
	}
	v := r.magnitude(m, &stats[at+14]) + 1
	if sign {
		v = -v
	}
	c.pred = int32(int16(c.pred + int32(v)))
	return true
}

// magnitude reads the bits below the highest, figure F.24.
func (r *arithmetic) magnitude(m int, st *state) int {
	v := m
	for m >>= 1; m > 0; m >>= 1 {
		if r.bit(st) {
			v |= m
		}
	}
	return v
}

// ac decodes the AC coefficients ss..se of a block, F.2.4.2, and hands on their places in the file's order and values.
func (r *arithmetic) ac(table byte, ss, se int, set func(k, v int)) {
	stats := &r.acStats[table]
	for k := ss; k <= se; k++ {
		at := 3 * (k - 1)
		if r.bit(&stats[at]) {
			return // end of block
		}
		for !r.bit(&stats[at+1]) {
			at += 3
			if k++; k > se {
				r.damaged()
				return
			}
		}
		sign := r.bit(&r.even)
		at += 2
		m := 0
		if r.bit(&stats[at]) {
			m = 1
			if r.bit(&stats[at]) {
				m = 2
				at = 217
				if k <= int(r.acLow[table]) {
					at = 189
				}
				for ; r.bit(&stats[at]); at++ {
					if m <<= 1; m == 0x8000 {
						r.damaged()
						return
					}
				}
			}
		}
		v := r.magnitude(m, &stats[at+14]) + 1
		if sign {
			v = -v
		}
		set(k, v)
	}
}

// arithmeticBlock decodes a whole block as baseline does.
func (d *Decoder) arithmeticBlock(s *scan, i int) (last int, sum int64) {
	r, c := &d.arith, s.comps[i]
	if r.ct == -1 || !r.dc(c, s, i) {
		return 0, 0
	}
	d.scratch[0] = int32(int16(c.pred)) * c.quant[0]
	sum = magnitude(d.scratch[0])
	r.ac(s.acTable[i], 1, 63, func(k, v int) {
		z := zigzag[k] & 63
		d.scratch[z] = int32(int16(v)) * c.quant[z]
		sum += magnitude(d.scratch[z])
		last = k
	})
	return last, sum
}

// arithmeticPart decodes what this scan has of a block of a progressive file.
func (d *Decoder) arithmeticPart(coef *[64]int16, s *scan, i int) {
	r, c := &d.arith, s.comps[i]
	plus := int16(1) << s.al
	switch {
	case s.ss == 0 && s.ah != 0:
		if r.bit(&r.even) {
			coef[0] |= plus
		}
	case r.ct == -1:
	case s.ss == 0:
		if r.dc(c, s, i) {
			coef[0] = int16(c.pred << s.al)
		}
	case s.ah == 0:
		r.ac(s.acTable[i], s.ss, s.se, func(k, v int) { coef[zigzag[k]&63] = int16(v << s.al) })
	default:
		r.refine(coef, s, plus)
	}
}

// refine adds a bit to each coefficient of a band, G.1.3.3.
func (r *arithmetic) refine(coef *[64]int16, s *scan, plus int16) {
	stats := &r.acStats[s.acTable[0]]
	end := s.se
	for end > 0 && coef[zigzag[end]&63] == 0 {
		end--
	}
	for k := s.ss; k <= s.se; k++ {
		at := 3 * (k - 1)
		if k > end && r.bit(&stats[at]) {
			return
		}
		for {
			p := &coef[zigzag[k]&63]
			if *p != 0 {
				if r.bit(&stats[at+2]) {
					if *p < 0 {
						*p -= plus
					} else {
						*p += plus
					}
				}
				break
			}
			if r.bit(&stats[at+1]) {
				*p = plus
				if r.bit(&r.even) {
					*p = -plus
				}
				break
			}
			at += 3
			if k++; k > s.se {
				r.damaged()
				return
			}
		}
	}
}
