package preprocess

import (
	"bytes"
	"encoding/binary"

	"github.com/bep/imagemeta"
)

// carriers are the formats whose EXIF tags are read: a JPEG's APP1 segment, the eXIf chunk of a PNG, the EXIF chunk of a WebP, a
// TIFF's own tags.
var carriers = map[format]imagemeta.ImageFormat{
	formatJPEG: imagemeta.JPEG, formatPNG: imagemeta.PNG, formatWebP: imagemeta.WebP, formatTIFF: imagemeta.TIFF,
}

// Orientation is the EXIF orientation that a file carries, 1 to 8; 1, which is upright, where it carries none or its tags are
// damaged.
func Orientation(data []byte) int {
	kind, ok := carriers[sniff(data)]
	if !ok {
		return 1
	}
	orientation := 1
	_, err := imagemeta.Decode(imagemeta.Options{
		R: bytes.NewReader(data), ImageFormat: kind, Sources: imagemeta.EXIF,
		ShouldHandleTag: func(t imagemeta.TagInfo) bool { return t.Tag == "Orientation" && t.Namespace == "IFD0" },
		HandleTag: func(t imagemeta.TagInfo) error {
			if v := number(t.Value); v >= 1 && v <= 8 {
				orientation = v
			}
			return imagemeta.ErrStopWalking
		},
	})
	if err != nil {
		return 1
	}
	return orientation
}

// number is a tag's value where it is one whole number of any of EXIF's sizes, otherwise 0.
func number(v any) int {
	switch v := v.(type) {
	case uint8:
		return int(v)
	case uint16:
		return int(v)
	case uint32:
		return int(min(v, 1<<16))
	}
	return 0
}

// tiffTag finds a single small number in the first directory of a TIFF structure; 0 if it does not exist.
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
