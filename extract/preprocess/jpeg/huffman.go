package jpeg

// lookBits is how many bits are looked up at once. Codes are at most 16 bits long,
// but longer ones than 9 are rare by construction.
const lookBits = 9

// huffman is a decoding table.
type huffman struct {
	defined bool
	// look maps the next lookBits bits to length<<8 | symbol, 0 for a longer code.
	look [1 << lookBits]uint16
	// fast maps the next lookBits bits to a whole AC coefficient where code and
	// value bits fit: value<<8 | run<<4 | bits used; 0 where they do not.
	fast [1 << lookBits]int16
	// For longer codes, by length: a code of length l is below limit[l] (in 16 bits,
	// left-aligned), and its symbol is values[code+offset[l]].
	limit  [18]int32
	offset [17]int32
	values [256]uint8
}

// build makes the table from the counts of codes of 1..16 bits and the symbols in
// order of their codes (T.81 annex C).
func (t *huffman) build(counts, symbols []byte, dc bool) bool {
	t.look = [1 << lookBits]uint16{}
	t.fast = [1 << lookBits]int16{}
	t.values = [256]uint8{}
	copy(t.values[:], symbols)
	code, k := int32(0), 0
	for l := 1; l <= 16; l++ {
		t.offset[l] = int32(k) - code
		for range counts[l-1] {
			if dc && symbols[k] > 15 {
				return false
			}
			if l <= lookBits {
				first := int(code) << (lookBits - l)
				for i := range 1 << (lookBits - l) {
					if first+i >= len(t.look) {
						return false
					}
					t.look[first+i] = uint16(l)<<8 | uint16(symbols[k])
				}
			}
			code++
			k++
		}
		if code > 1<<l {
			return false
		}
		t.limit[l] = code << (16 - l)
		code <<= 1
	}
	t.limit[17] = 1 << 30
	if !dc {
		t.buildFast()
	}
	t.defined = true
	return true
}

func (t *huffman) buildFast() {
	for i, e := range t.look {
		if e == 0 {
			continue
		}
		length, run, size := int(e>>8), int(e>>4&15), int(e&15)
		if size == 0 || length+size > lookBits {
			continue
		}
		v := i >> (lookBits - length - size) & (1<<size - 1)
		if v < 1<<(size-1) {
			v -= 1<<size - 1
		}
		if v >= -128 && v <= 127 {
			t.fast[i] = int16(v<<8 | run<<4 | (length + size))
		}
	}
}

// bitReader reads the entropy-coded bytes of a scan. At a marker or at the end of
// the file it continues with zero bits, and counts them: the scan checks after each
// MCU whether it has used any.
type bitReader struct {
	data []byte
	pos  int
	acc  uint64 // the low n bits are the next ones
	n    int
	pad  int  // how many of all bits put into acc were made up
	eof  bool // made up because the file ended, not for a marker
	bad  bool // an impossible code was met
}

func (b *bitReader) reset(data []byte, pos int) {
	*b = bitReader{data: data, pos: pos}
}

// fill makes at least 48 bits ready.
func (b *bitReader) fill() {
	for b.n <= 56 {
		if b.pos >= len(b.data) {
			b.eof = true
			b.acc <<= 8
			b.n += 8
			b.pad += 8
			continue
		}
		c := b.data[b.pos]
		if c == 0xff {
			// FF00 stands for FF; FF FF.. is fill before what follows.
			q := b.pos + 1
			for q < len(b.data) && b.data[q] == 0xff {
				q++
			}
			if q >= len(b.data) || b.data[q] != 0 {
				if q >= len(b.data) {
					b.eof = true
				}
				b.acc <<= 8
				b.n += 8
				b.pad += 8
				continue
			}
			b.pos = q
		}
		b.pos++
		b.acc = b.acc<<8 | uint64(c)
		b.n += 8
	}
}

// starved reports whether made-up bits were used.
func (b *bitReader) starved() bool { return b.n < b.pad }

// symbol decodes one Huffman symbol, 0 for a code that does not exist. At least 17 bits must be ready.
func (b *bitReader) symbol(t *huffman) uint8 {
	if e := t.look[b.acc>>(b.n-lookBits)&(1<<lookBits-1)]; e != 0 {
		b.n -= int(e >> 8)
		return uint8(e)
	}
	code := int32(b.acc >> (b.n - 16) & 0xffff)
	for l := lookBits + 1; l <= 16; l++ {
		if code < t.limit[l] {
			b.n -= l
			return t.values[(code>>(16-l)+t.offset[l])&255]
		}
	}
	b.bad = true
	b.n -= 17 // as libjpeg, which looks for one of 17 bits before it gives up
	return 0
}

// take returns the next s bits, s <= 16; they must be ready.
func (b *bitReader) take(s int) int32 {
	b.n -= s
	return int32(b.acc >> b.n & (1<<s - 1))
}

// extend reads an s-bit value with its sign, T.81 F.2.2.1.
func (b *bitReader) extend(s int) int32 {
	if s == 0 {
		return 0
	}
	v := b.take(s)
	if v < 1<<(s-1) {
		v -= 1<<s - 1
	}
	return v
}
