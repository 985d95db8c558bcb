//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"regexp"
	"slices"
)

// extremes are numbers that sizes and offsets are wrong with.
var extremes = []uint64{0, 1, 2, 7, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 1 << 20, 1 << 24, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1 << 40, 1<<62 + 1, 1<<63 - 1, 1 << 63, 1<<64 - 1}

var (
	digits = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?`)
	texts  = []string{"", "-1", "0", "1e308", "1e999", "NaN", "-Inf", "99999999999999999999", "4294967296", "2147483648", "null", "[]", "{}", `""`, "true",
		"../../../../etc/passwd", "/etc/passwd", "=1+1", "\x00", "\xff\xfe", "\u202e", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "\r\n", ",,,,", "\"", "a\tb"}
)

// mutate returns a changed copy of one of the seeds: one to eight changes of one kind or another.
func mutate(r *rand.Rand, seeds [][]byte) []byte {
	b := slices.Clone(seeds[r.IntN(len(seeds))])
	for range 1 + r.IntN(8)*r.IntN(2) {
		if len(b) == 0 {
			return b
		}
		// The head of a file says how long things are: half of the changes go there.
		at := r.IntN(len(b))
		if r.IntN(2) == 0 {
			at = r.IntN(min(len(b), 512))
		} else if r.IntN(4) == 0 { // and the end: Parquet, zip, Arrow
			at = len(b) - 1 - r.IntN(min(len(b), 512))
		}
		n := 1 + r.IntN(min(64, len(b)-at))
		switch r.IntN(11) {
		case 0, 1:
			b[at] ^= 1 << r.IntN(8)
		case 2:
			b[at] = byte(r.IntN(256))
		case 3:
			b = b[:at]
		case 4:
			b = slices.Delete(b, at, at+n)
		case 5:
			b = slices.Insert(b, at, slices.Clone(b[at:at+n])...)
		case 6:
			for i := range n {
				b[at+i] = byte(r.IntN(256))
			}
		case 7, 8:
			overwrite(r, b[at:])
		case 9: // of another seed
			other := seeds[r.IntN(len(seeds))]
			if len(other) == 0 {
				continue
			}
			from := r.IntN(len(other))
			copy(b[at:], other[from:min(len(other), from+1+r.IntN(256))])
		case 10:
			b = retext(r, b)
		}
	}
	return b
}

// overwrite puts an extreme number of two to eight bytes over what is there.
func overwrite(r *rand.Rand, b []byte) {
	v := extremes[r.IntN(len(extremes))]
	order := []binary.ByteOrder{binary.LittleEndian, binary.BigEndian}[r.IntN(2)]
	switch size := []int{2, 4, 8}[r.IntN(3)]; {
	case size > len(b):
	case size == 2:
		order.PutUint16(b, uint16(v))
	case size == 4:
		order.PutUint32(b, uint32(v))
	default:
		order.PutUint64(b, v)
	}
}

// retext replaces a number in a text, or any few bytes of it.
func retext(r *rand.Rand, b []byte) []byte {
	from := r.IntN(len(b))
	window := b[from:min(len(b), from+4096)]
	span := digits.FindIndex(window)
	if span == nil || r.IntN(4) == 0 {
		span = []int{0, min(len(window), r.IntN(4))}
	}
	return bytes.Join([][]byte{b[:from+span[0]], []byte(texts[r.IntN(len(texts))]), b[from+span[1]:]}, nil)
}
