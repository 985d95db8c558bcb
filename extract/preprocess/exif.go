package preprocess

import (
	"bytes"
	"encoding/binary"
)

// Orientation is the EXIF orientation that a file carries, 1 to 8; 1, which is upright, where it carries none. It is looked
// for in a JPEG's APP1 segment, the eXIf chunk of a PNG, the EXIF chunk of a WebP and a TIFF's own tags.
func Orientation(data []byte) int {
	switch sniff(data) {
	case formatJPEG:
		return orientation(exifOfJPEG(data))
	case formatPNG:
		var exif []byte
		_ = eachPNGChunk(data, func(kind string, body []byte, _ uint32) bool {
			if kind == "eXIf" {
				exif = body
			}
			return exif == nil
		})
		return orientation(exif)
	case formatWebP:
		return orientation(bytes.TrimPrefix(webpChunk(data[12:], "EXIF"), []byte("Exif\x00\x00")))
	case formatTIFF:
		return orientation(data)
	}
	return 1
}

// exifOfJPEG walks the segments before the picture's data.
func exifOfJPEG(b []byte) []byte {
	for at := 2; at+4 <= len(b) && b[at] == 0xff; {
		m := b[at+1]
		if m == 0xff || m == 0x01 || m >= 0xd0 && m <= 0xd8 { // fill bytes and markers that stand alone
			at++
			if m != 0xff {
				at++
			}
			continue
		}
		n := int(b[at+2])<<8 | int(b[at+3])
		if m == 0xda || m == 0xd9 || n < 2 || at+2+n > len(b) {
			return nil
		}
		if seg := b[at+4 : at+2+n]; m == 0xe1 && bytes.HasPrefix(seg, []byte("Exif\x00\x00")) {
			return seg[6:]
		}
		at += 2 + n
	}
	return nil
}

// orientation is tag 274 of a TIFF structure.
func orientation(b []byte) int {
	if v := tiffTag(b, 274); v >= 1 && v <= 8 {
		return v
	}
	return 1
}

// tiffTag finds a single small number in the first directory of a TIFF structure; 0 where it is not there.
func tiffTag(b []byte, tag uint16) int {
	var o binary.ByteOrder
	switch {
	case len(b) < 8:
		return 0
	case string(b[:4]) == "II*\x00":
		o = binary.LittleEndian
	case string(b[:4]) == "MM\x00*":
		o = binary.BigEndian
	default:
		return 0
	}
	at := uint64(o.Uint32(b[4:]))
	if at+2 > uint64(len(b)) {
		return 0
	}
	entries := b[at+2:]
	for range o.Uint16(b[at:]) {
		if len(entries) < 12 {
			return 0
		}
		if e := entries[:12]; o.Uint16(e) == tag && o.Uint32(e[4:]) == 1 {
			switch o.Uint16(e[2:]) {
			case 1: // BYTE
				return int(e[8])
			case 3: // SHORT
				return int(o.Uint16(e[8:]))
			case 4: // LONG
				return int(min(o.Uint32(e[8:]), 1<<16))
			}
			return 0
		}
		entries = entries[12:]
	}
	return 0
}
