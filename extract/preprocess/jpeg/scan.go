package jpeg

// scan is what one SOS segment asks for.
type scan struct {
	comps  [4]*component
	dc, ac [4]*huffman
	n      int

	dcTable, acTable [4]byte
	ss, se           int // spectral band
	ah, al           int // successive approximation
}

// readScan decodes the scan behind an SOS segment.
func (d *Decoder) readScan(seg []byte) error {
	if d.comps == nil {
		return corruptError("a scan before the frame")
	}
	if d.scans++; d.scans > maxScans {
		return corruptError("too many scans")
	}
	if len(seg) < 1 || len(seg) != 4+2*int(seg[0]) || seg[0] < 1 || seg[0] > 4 {
		return corruptError("wrong SOS length")
	}
	s := scan{n: int(seg[0]), se: 63}
	if d.progressive {
		p := seg[1+2*s.n:]
		s.ss, s.se, s.ah, s.al = int(p[0]), int(p[1]), int(p[2]>>4), int(p[2]&15)
		if s.ss > s.se || s.se > 63 || s.ss == 0 && s.se != 0 || s.ss > 0 && s.n > 1 || s.al > 13 || s.ah != 0 && s.ah != s.al+1 {
			return corruptError("bad progression parameters")
		}
	}
	if d.scans == 1 && !d.progressive && !d.arithmetic {
		d.standardTables()
	}
	blocks := 0
	for i := range s.n {
		id, tables := seg[1+2*i], seg[2+2*i]
		for j := range d.comps {
			if d.comps[j].id == id {
				s.comps[i] = &d.comps[j]
			}
		}
		c := s.comps[i]
		if c == nil {
			return corruptError("a scan of an unknown colour channel")
		}
		for j := range i {
			if s.comps[j] == c {
				return corruptError("a scan of one colour channel twice")
			}
		}
		if !d.arithmetic {
			if tables>>4 > 3 || tables&15 > 3 {
				return corruptError("bad Huffman table number")
			}
			s.dc[i], s.ac[i] = &d.dc[tables>>4], &d.ac[tables&15]
		}
		s.dcTable[i], s.acTable[i] = tables>>4, tables&15
		if !d.arithmetic && (s.ss == 0 && s.ah == 0 && !s.dc[i].defined || s.se > 0 && !s.ac[i].defined) {
			return corruptError("a Huffman table is missing")
		}
		if !c.latched {
			if !d.quantSeen[c.tq] {
				return corruptError("a quantization table is missing")
			}
			c.quant, c.latched = d.quant[c.tq], true
		}
		blocks += c.h * c.v
	}
	if d.progressive {
		for i := range s.n {
			s.comps[i].know(&s, d.scans)
		}
	}
	d.single = !d.progressive && d.scans == 1 && s.n == len(d.comps)
	if s.n > 1 && blocks > 10 {
		return corruptError("too many blocks in an MCU")
	}
	return d.decodeScan(&s)
}

// decodeScan walks the MCUs of a scan. A scan of one component has one block an
// MCU and leaves out the blocks that only pad the image (T.81 A.2).
//
// Damaged data are taken as libjpeg takes them: an impossible code stands for the symbol 0; where a marker comes before the
// data are complete, zero bits stand for what is missing of the MCU, and the MCUs after it, up to the next restart, keep the
// coefficients they have (0 in a sequential file, which is grey). Only a file that ends there is an error.
func (d *Decoder) decodeScan(s *scan) error {
	d.startInterval(s, d.pos)
	d.starved = false
	mx, my, rows := d.mcux, d.mcuy, 1
	if s.n == 1 {
		mx, my, rows = s.comps[0].bw, s.comps[0].bh, s.comps[0].v
	}
	left, rst := d.restart, byte(0)
	for y := range my {
		row := y / rows
		for x := range mx {
			if d.restart > 0 && left == 0 {
				if err := d.restartMarker(s, rst); err != nil {
					return err
				}
				left, rst = d.restart, (rst+1)&7
			}
			left--
			if !d.starved {
				d.lastGood = row
			} else if d.progressive {
				continue
			}
			if s.n == 1 {
				d.decodeBlock(s, 0, x, y)
			} else {
				for i := range s.n {
					c := s.comps[i]
					for v := range c.v {
						for h := range c.h {
							d.decodeBlock(s, i, x*c.h+h, y*c.v+v)
						}
					}
				}
			}
			if d.arithmetic {
				if d.arith.eof {
					return errTruncated
				}
				continue
			}
			if d.bits.pad > 0 && d.bits.starved() {
				if d.bits.eof {
					return errTruncated
				}
				d.starved = true
				if y < my-1 || x < mx-1 { // some writers leave out the last bits of a scan
					d.flawed("its data end early")
				}
			}
		}
	}
	d.endInterval()
	if d.arithmetic {
		d.bits.pos = d.arith.pos
	}
	d.pos = min(d.bits.pos, len(d.data))
	d.scanEnd = d.pos
	return nil
}

// endInterval notes what was wrong with the data of one.
func (d *Decoder) endInterval() {
	if d.bits.bad || d.arithmetic && d.arith.ct == -1 {
		d.flawed("an impossible code in its data")
	}
	d.bits.bad = false
}

// startInterval resets what a restart resets.
func (d *Decoder) startInterval(s *scan, pos int) {
	if d.arithmetic {
		d.startArithmetic(s, pos)
		return
	}
	d.bits.reset(d.data, pos)
	d.eobrun = 0
	for i := range s.n {
		s.comps[i].pred = 0
	}
}

// restartMarker continues after the marker RSTn that must come next. Where another comes, the choice is libjpeg's
// (jpeg_resync_to_restart): a marker of one or two intervals before is passed over; at one of the next two, or at any other than a
// restart marker, decoding stops for this interval; any further away is treated as the one wanted.
func (d *Decoder) restartMarker(s *scan, n byte) error {
	d.endInterval()
	d.pos = d.bits.pos
	if d.arithmetic {
		d.pos = d.arith.pos
	}
	for {
		m, ok := d.nextMarker()
		if !ok {
			return errTruncated
		}
		if m < markSOF0 {
			continue // no marker that exists
		}
		if m >= markRST0 && m <= markRST7 {
			far := (m - markRST0 - n) & 7
			if far != 0 {
				d.flawed("a restart marker is missing")
			}
			switch far {
			case 6, 7:
				continue
			case 0, 3, 4, 5:
				d.starved = false
				d.startInterval(s, d.pos)
				return nil
			}
		}
		d.flawed("a restart marker is missing")
		// Before the marker, so that the reader finds no data.
		starved := d.starved
		d.startInterval(s, d.pos-2)
		d.starved = starved
		return nil
	}
}

// decodeBlock decodes the part of one block that is in this scan.
func (d *Decoder) decodeBlock(s *scan, i, bx, by int) {
	c := s.comps[i]
	at := by*c.stride + bx
	if !d.progressive {
		last, sum := 0, int64(0)
		switch {
		case d.arithmetic:
			last, sum = d.arithmeticBlock(s, i)
		case !d.starved:
			last, sum = d.baseline(c, s.dc[i], s.ac[i])
		}
		stride := c.stride * 8
		d.transform(last, sum, c.plane[by*8*stride+bx*8:], stride)
		return
	}
	coef := (*[64]int16)(c.coef[at*64 : at*64+64])
	if d.arithmetic {
		d.arithmeticPart(coef, s, i)
		return
	}
	switch {
	case s.ss == 0 && s.ah == 0:
		d.bits.fill()
		t := d.bits.symbol(s.dc[i])
		c.pred += d.bits.extend(int(t))
		coef[0] = int16(c.pred << s.al)
	case s.ss == 0:
		d.bits.fill()
		if d.bits.take(1) != 0 {
			coef[0] |= 1 << s.al
		}
	case s.ah == 0:
		d.acFirst(coef, s.ac[i], s)
	default:
		d.acRefine(coef, s.ac[i], s)
	}
}

// baseline decodes a whole block, dequantized, into scratch, which it leaves to be
// cleared by transform; it returns the largest index in file order that was set, and the sum of the magnitudes.
func (d *Decoder) baseline(c *component, dc, ac *huffman) (last int, sum int64) {
	b := &d.bits
	b.fill()
	t := b.symbol(dc)
	c.pred += b.extend(int(t))
	v := int32(int16(c.pred)) * c.quant[0]
	d.scratch[0], sum = v, magnitude(v)
	for k := 1; k < 64; k++ {
		if b.n < 32 {
			b.fill()
		}
		if f := ac.fast[b.acc>>(b.n-lookBits)&(1<<lookBits-1)]; f != 0 {
			k += int(f >> 4 & 15)
			b.n -= int(f & 15)
			z := zigzag[k&127] & 63
			v = int32(f>>8) * c.quant[z]
			d.scratch[z] = v
			sum += magnitude(v)
			last = k
			continue
		}
		rs := b.symbol(ac)
		run, size := int(rs>>4), int(rs&15)
		if size == 0 {
			if run != 15 {
				break
			}
			k += 15
			continue
		}
		k += run
		z := zigzag[k&127] & 63
		v = b.extend(size) * c.quant[z]
		d.scratch[z] = v
		sum += magnitude(v)
		last = k
	}
	if last > 63 {
		b.bad = true
	}
	return last, sum
}

// acFirst decodes the first pass over a band, T.81 G.1.2.2.
func (d *Decoder) acFirst(coef *[64]int16, t *huffman, s *scan) {
	if d.eobrun > 0 {
		d.eobrun--
		return
	}
	b := &d.bits
	for k := s.ss; k <= s.se; k++ {
		b.fill()
		rs := b.symbol(t)
		run, size := int(rs>>4), int(rs&15)
		if size == 0 {
			if run != 15 {
				d.eobrun = 1<<run - 1 + b.take(run)
				return
			}
			k += 15
			continue
		}
		k += run
		coef[zigzag[k&127]&63] = int16(b.extend(size) << s.al)
	}
}

// acRefine adds one bit to each coefficient of a band, T.81 G.1.2.3.
func (d *Decoder) acRefine(coef *[64]int16, t *huffman, s *scan) {
	b := &d.bits
	plus := int16(1) << s.al
	k := s.ss
	if d.eobrun == 0 {
		for ; k <= s.se; k++ {
			b.fill()
			rs := b.symbol(t)
			run, size := int(rs>>4), int(rs&15)
			var fresh int16
			if size == 0 {
				if run != 15 {
					d.eobrun = 1<<run + b.take(run)
					break
				}
			} else {
				// Only sizes of 1 are legal; libjpeg takes any for 1.
				if fresh = -plus; b.take(1) != 0 {
					fresh = plus
				}
			}
			// Skip run coefficients that are still zero, refining those that are not.
			for ; k <= s.se; k++ {
				p := &coef[zigzag[k&127]&63]
				if *p != 0 {
					b.refine(p, plus)
				} else if run--; run < 0 {
					break
				}
			}
			if fresh != 0 { // beyond the band in damaged data
				coef[zigzag[k&127]&63] = fresh
			}
		}
	}
	if d.eobrun > 0 {
		for ; k <= s.se; k++ {
			if p := &coef[zigzag[k&127]&63]; *p != 0 {
				b.refine(p, plus)
			}
		}
		d.eobrun--
	}
}

// refine reads the correction bit of a coefficient that is not zero.
func (b *bitReader) refine(p *int16, plus int16) {
	if b.n < 1 {
		b.fill()
	}
	if b.take(1) == 0 || *p&plus != 0 {
		return
	}
	if *p >= 0 {
		*p += plus
	} else {
		*p -= plus
	}
}

// reconstruct turns the coefficients of a progressive file into samples.
func (d *Decoder) reconstruct() {
	smooth := d.smoothing()
	if smooth {
		d.flawed("its scans are incomplete")
	}
	for i := range d.comps {
		c := &d.comps[i]
		stride := c.stride * 8
		var block [64]int16
		for by := range c.bh {
			var estimate *estimator
			if smooth {
				estimate = d.estimator(c, by)
			}
			for bx := range c.bw {
				at := (by*c.stride + bx) * 64
				copy(block[:], c.coef[at:at+64])
				if smooth {
					estimate.fill(&block, bx)
				}
				last, sum := 0, int64(0)
				for k, v := range block {
					if v != 0 {
						d.scratch[k] = int32(v) * c.quant[k]
						sum += magnitude(d.scratch[k])
						if k > 0 {
							last = 63
						}
					}
				}
				d.transform(last, sum, c.plane[by*8*stride+bx*8:], stride)
			}
		}
	}
}
