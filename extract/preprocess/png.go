package preprocess

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"strings"
)

const pngHead = "\x89PNG\r\n\x1a\n"

// eachPNGChunk visits the chunks of a PNG up to IEND or the end of the file; the last may be cut. want is the checksum
// stored, 0 where the file ends before it.
func eachPNGChunk(data []byte, visit func(kind string, body []byte, want uint32) bool) error {
	b := data[min(len(data), len(pngHead)):]
	for len(b) >= 8 {
		n, kind := binary.BigEndian.Uint32(b), string(b[4:8])
		b = b[8:]
		if uint64(n) > uint64(len(b)) {
			if !visit(kind, b, 0) {
				return nil
			}
			return io.ErrUnexpectedEOF
		}
		body := b[:n]
		b = b[n:]
		want := uint32(0)
		if len(b) >= 4 {
			want = binary.BigEndian.Uint32(b)
			b = b[4:]
		}
		if !visit(kind, body, want) || kind == "IEND" {
			return nil
		}
	}
	return io.ErrUnexpectedEOF
}

// pngWriter writes chunks.
type pngWriter struct{ out []byte }

func (w *pngWriter) put(kind string, body []byte) {
	if len(w.out) == 0 {
		w.out = append(w.out, pngHead...)
	}
	w.out = binary.BigEndian.AppendUint32(w.out, uint32(len(body)))
	at := len(w.out)
	w.out = append(append(w.out, kind...), body...)
	w.out = binary.BigEndian.AppendUint32(w.out, crc32.ChecksumIEEE(w.out[at:]))
}

// mendedPNG is the file as PIL and libpng see it: what tells of the image's colours, with right checksums and an end.
// Of the stored checksums only those of the header and the palette are minded. Transparency is left out: alpha is dropped
// here, and the decoder would turn 16-bit grey with a transparent level into another kind of image.
func mendedPNG(data []byte) ([]byte, error) {
	w := pngWriter{make([]byte, 0, len(data)+24)}
	var bad error
	pixels := false
	cut := eachPNGChunk(data, func(kind string, body []byte, want uint32) bool {
		switch kind {
		case "IHDR", "PLTE":
			if chunkSum(kind, body) != want {
				bad = errWrongSum(map[string]string{"IHDR": "header", "PLTE": "palette"}[kind])
				return false
			}
			w.put(kind, body)
		case "IDAT":
			pixels = true
			w.put(kind, body)
		}
		return true
	})
	if bad == nil && !pixels { // otherwise a cut file is the decoder's to judge
		bad = cut
	}
	if bad != nil {
		return nil, bad
	}
	w.put("IEND", nil)
	return w.out, nil
}

// pngSize reads the header chunk, which comes first.
func pngSize(data []byte) (w, h int, err error) {
	cut := eachPNGChunk(data, func(kind string, body []byte, want uint32) bool {
		switch {
		case kind != "IHDR" || len(body) != 13:
			err = errors.New("no header at its start")
		case chunkSum(kind, body) != want:
			err = errWrongSum("header")
		default:
			w, h = int(min(binary.BigEndian.Uint32(body), math.MaxInt32)), int(min(binary.BigEndian.Uint32(body[4:]), math.MaxInt32))
			if w == 0 || h == 0 {
				err = errors.New("an empty image")
			}
		}
		return false
	})
	if err == nil {
		err = cut
	}
	return w, h, err
}

func chunkSum(kind string, body []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE([]byte(kind)), crc32.IEEETable, body)
}

func errWrongSum(what string) error { return fmt.Errorf("the checksum of its %s is wrong", what) }

func decodePNG(data []byte) (*RGB, error) {
	data, err := mendedPNG(data)
	if err != nil {
		return nil, err
	}
	m, err := png.Decode(bytes.NewReader(data))
	if tooFewRows(err) {
		m, err = decodeCutPNG(data)
	}
	if err != nil {
		return nil, err
	}
	return fromImage(m)
}

// tooFewRows tells of compressed data that end early.
func tooFewRows(err error) bool {
	var f png.FormatError
	return errors.As(err, &f) && strings.HasSuffix(string(f), "not enough pixel data")
}

// decodeCutPNG decodes a PNG whose compressed data are cut: all rows may be there nevertheless.
func decodeCutPNG(data []byte) (image.Image, error) {
	var packed []byte
	_ = eachPNGChunk(data, func(kind string, body []byte, _ uint32) bool {
		if kind == "IDAT" {
			packed = append(packed, body...)
		}
		return true
	})
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	defer r.Close()
	var rows bytes.Buffer
	w, err := zlib.NewWriterLevel(&rows, zlib.NoCompression)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(w, r); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	var whole pngWriter
	_ = eachPNGChunk(data, func(kind string, body []byte, _ uint32) bool {
		if kind != "IDAT" && kind != "IEND" {
			whole.put(kind, body)
		}
		return true
	})
	whole.put("IDAT", rows.Bytes())
	whole.put("IEND", nil)
	m, err := png.Decode(bytes.NewReader(whole.out))
	if tooFewRows(err) {
		return nil, io.ErrUnexpectedEOF
	}
	return m, err
}

// rawPalette returns a palette's colours as stored, without their alpha.
func rawPalette(p color.Palette) (out [256][3]uint8) {
	for i, c := range p {
		if i == len(out) {
			break
		}
		switch c := c.(type) {
		case color.RGBA:
			out[i] = [3]uint8{c.R, c.G, c.B}
		case color.NRGBA:
			out[i] = [3]uint8{c.R, c.G, c.B}
		default:
			n := color.NRGBAModel.Convert(c).(color.NRGBA)
			out[i] = [3]uint8{n.R, n.G, n.B}
		}
	}
	return out
}
