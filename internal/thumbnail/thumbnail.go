// Package thumbnail makes small JPEGs of image files, for pages.
package thumbnail

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif"
	"image/jpeg"
	_ "image/png"
	"io"
	"os"

	_ "golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"
)

// Larger files and images are refused.
const (
	maxBytes  = 64 << 20
	maxPixels = 64 << 20
	head      = 1 << 20 // bytes of a file that are searched for its EXIF orientation
)

// Orientation reads the EXIF orientation, 1 to 8, of an image file's bytes.
type Orientation func(data []byte) int

// Of returns the image in an open file as a JPEG, its longer side at most size pixels, and the image's own size. It is turned by its EXIF
// orientation unless turn is nil. Transparent areas become white.
func Of(f *os.File, size int, turn Orientation) (jpegBytes []byte, width, height int, err error) {
	img, err := Decode(f, turn)
	if err != nil {
		return nil, 0, 0, err
	}
	jpegBytes, _, _, err = Encode(img, size, draw.BiLinear, 78)
	if err != nil {
		return nil, 0, 0, err
	}
	return jpegBytes, img.Bounds().Dx(), img.Bounds().Dy(), nil
}

// Decode returns the image in an open file, turned by its EXIF orientation unless turn is nil.
func Decode(f *os.File, turn Orientation) (image.Image, error) {
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() || fi.Size() > maxBytes {
		return nil, errors.Join(err, errors.New("not a file of an image's size"))
	}
	c, _, err := image.DecodeConfig(f)
	if err != nil {
		return nil, err
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxPixels/c.Height {
		return nil, fmt.Errorf("%d x %d pixels", c.Width, c.Height)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	img, _, err := image.Decode(f)
	if err != nil || turn == nil {
		return img, err
	}
	data := make([]byte, head)
	n, err := f.ReadAt(data, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return turned(img, turn(data[:n])), nil
}

// Encode returns an image as a JPEG of the given quality, its longer side at most size pixels, and the JPEG's size. Transparent areas become white.
func Encode(img image.Image, size int, scaler draw.Interpolator, quality int) (jpegBytes []byte, w, h int, err error) {
	b := img.Bounds()
	w, h = b.Dx(), b.Dy()
	if long := max(w, h); long > size {
		w, h = max(1, w*size/long), max(1, h*size/long)
	}
	small := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(small, small.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	scaler.Scale(small, small.Bounds(), img, b, draw.Over, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, small, &jpeg.Options{Quality: quality}); err != nil {
		return nil, 0, 0, err
	}
	return out.Bytes(), w, h, nil
}

// URI returns a JPEG as a data URI.
func URI(jpegBytes []byte) string {
	return "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(jpegBytes)
}
