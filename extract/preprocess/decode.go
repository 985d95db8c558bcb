package preprocess

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
	"sync"

	"vzsl/extract/preprocess/jpeg"
)

// MaxMegapixels is the usual limit on an image's size, in millions of pixels. It bounds the memory that a small file can
// ask for (a decompression bomb): an image of this size takes 300 MB as RGB.
const MaxMegapixels = 100

// keepBytes is the largest buffer that goes back to a pool.
const keepBytes = 32 << 20

// RGB is an image: W*H pixels of 3 interleaved bytes, row by row from the top.
type RGB struct {
	W, H int
	Pix  []uint8
	Flaw string // what of the file is damaged or missing, and was made up for; "" for nothing
}

var rgbPool = sync.Pool{New: func() any { return new(RGB) }}

// Release gives the image's memory back for a later Decode. The image must not
// be used any more. Calling it is optional.
func (im *RGB) Release() {
	if cap(im.Pix) <= keepBytes {
		rgbPool.Put(im)
	}
}

// newRGB takes an image from the pool; its pixels are not cleared.
func newRGB(w, h int) *RGB {
	im := rgbPool.Get().(*RGB)
	im.W, im.H, im.Flaw = w, h, ""
	if n := 3 * w * h; cap(im.Pix) < n {
		im.Pix = make([]uint8, n)
	} else {
		im.Pix = im.Pix[:n]
	}
	return im
}

// Decode decodes an image file of any supported format, told by its content:
// JPEG, PNG, GIF, BMP, WebP or TIFF. The error says what the file is instead, or what is
// wrong with it, in words for the user; it does not name the file. It is safe for
// concurrent use.
func Decode(data []byte) (*RGB, error) { return DecodeUpTo(data, MaxMegapixels) }

// DecodeUpTo is Decode with another limit on the image's size, in millions of pixels.
func DecodeUpTo(data []byte, megapixels int) (*RGB, error) {
	allow := func(w, h int) error { return Allow(w, h, megapixels) }
	switch f := sniff(data); f {
	case formatJPEG:
		return decodeJPEG(data, allow)
	case formatPNG, formatGIF, formatBMP, formatWebP, formatTIFF:
		return decodeOther(data, f, allow)
	}
	return nil, notAnImage(data)
}

// Size reads an image's size from the head of the file.
func Size(data []byte) (w, h int, err error) {
	switch f := sniff(data); f {
	case formatJPEG:
		return jpeg.Config(data)
	case formatPNG, formatGIF, formatBMP, formatWebP, formatTIFF:
		return sizeOther(data, f)
	}
	return 0, 0, notAnImage(data)
}

// Known reports whether a file begins like one of a format that is read.
func Known(data []byte) bool { return sniff(data) != formatNone }

// ErrTooLarge is wrapped by the error of an image with more pixels than allowed.
var ErrTooLarge = errors.New("too large")

// Allow refuses an image of w x h pixels that has more than that many millions of them; 0 stands for MaxMegapixels.
func Allow(w, h, megapixels int) error {
	if megapixels <= 0 {
		megapixels = MaxMegapixels
	}
	if w < 1 || h < 1 {
		return errors.New("an empty image")
	}
	if int64(w) > int64(megapixels)*1_000_000/int64(h) {
		return fmt.Errorf("%w: %d x %d pixels, the limit is %d million (--max-pixels)", ErrTooLarge, w, h, megapixels)
	}
	return nil
}

var jpegPool = sync.Pool{New: func() any { return new(jpeg.Decoder) }}

func decodeJPEG(data []byte, allow func(w, h int) error) (*RGB, error) {
	d := jpegPool.Get().(*jpeg.Decoder)
	im := rgbPool.Get().(*RGB)
	w, h, pix, err := d.Decode(data, allow, im.Pix)
	im.Flaw = d.Flaw()
	if d.Held() <= 2*keepBytes {
		jpegPool.Put(d)
	}
	if err != nil {
		im.Release()
		return nil, err
	}
	im.W, im.H, im.Pix = w, h, pix
	return im, nil
}

// decodeOther decodes with the decoders of the standard library and x/image. They
// are not ours, so a panic in one of them is made an error: one odd file must not end a run
// over a million.
func decodeOther(data []byte, f format, allow func(w, h int) error) (im *RGB, err error) {
	defer func() {
		if r := recover(); r != nil {
			im, err = nil, fmt.Errorf("corrupt %s: its decoder failed: %v", f, r)
		}
	}()
	w, h, err := sizeOther(data, f)
	if err != nil {
		return nil, err
	}
	if err := allow(w, h); err != nil {
		return nil, err
	}
	im, err = codecs[f].decode(data)
	if err != nil {
		return nil, describe(err, f)
	}
	return im, nil
}

func sizeOther(data []byte, f format) (w, h int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("corrupt %s: its decoder failed: %v", f, r)
		}
	}()
	if w, h, err = codecs[f].size(data); err != nil {
		return 0, 0, describe(err, f)
	}
	return w, h, nil
}

// describe puts a decoder's error into words.
func describe(err error, f format) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("truncated %s: the file ends before the image does", f)
	}
	var u unsupported
	if errors.As(err, &u) {
		return fmt.Errorf("unsupported %s: %s", f, string(u))
	}
	return fmt.Errorf("corrupt or unsupported %s: %w", f, err)
}

// unsupported names a feature of a format that is not read.
type unsupported string

func (u unsupported) Error() string { return "unsupported: " + string(u) }

// codec reads one format.
type codec struct {
	size   func(data []byte) (w, h int, err error)
	decode func(data []byte) (*RGB, error)
}

var codecs = map[format]codec{
	formatPNG:  {pngSize, decodePNG},
	formatGIF:  {gifSize, decodeGIF},
	formatBMP:  {bmpSize, decodeBMP},
	formatWebP: {webpSize, decodeWebP},
	formatTIFF: {tiffSize, decodeTIFF},
}

// configSize adapts a DecodeConfig function.
func configSize(data []byte, config func(io.Reader) (image.Config, error)) (int, int, error) {
	c, err := config(bytes.NewReader(data))
	return c.Width, c.Height, err
}

// fromImage copies the colours of an image and leaves its alpha.
func fromImage(m image.Image) (*RGB, error) {
	b := m.Bounds()
	im := newRGB(b.Dx(), b.Dy())
	for y := range im.H {
		row := im.Pix[y*im.W*3 : (y+1)*im.W*3]
		switch m := m.(type) {
		case *image.Gray:
			for x, v := range m.Pix[y*m.Stride:][:im.W] {
				row[x*3], row[x*3+1], row[x*3+2] = v, v, v
			}
		case *image.Gray16:
			src := m.Pix[y*m.Stride:]
			for x := range im.W {
				v := src[2*x+1]
				if src[2*x] != 0 { // PIL's mode I to RGB clips
					v = 255
				}
				row[x*3], row[x*3+1], row[x*3+2] = v, v, v
			}
		case *image.RGBA:
			fromWide(row, m.Pix[y*m.Stride:], 4, 1)
		case *image.NRGBA:
			fromWide(row, m.Pix[y*m.Stride:], 4, 1)
		case *image.RGBA64:
			fromWide(row, m.Pix[y*m.Stride:], 8, 2)
		case *image.NRGBA64:
			fromWide(row, m.Pix[y*m.Stride:], 8, 2)
		case *image.Paletted:
			palette := rawPalette(m.Palette)
			for x, v := range m.Pix[y*m.Stride:][:im.W] {
				copy(row[x*3:x*3+3], palette[v][:])
			}
		default:
			return nil, fmt.Errorf("unexpected pixel type %T", m)
		}
	}
	return im, nil
}

// fromWide copies one row of pixels of size bytes, a sample every step bytes, of
// which the first is the high one.
func fromWide(row, src []uint8, size, step int) {
	for x := range len(row) / 3 {
		p := src[x*size:]
		row[x*3], row[x*3+1], row[x*3+2] = p[0], p[step], p[2*step]
	}
}
