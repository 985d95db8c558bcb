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
)

// Of is the image in an open file as a JPEG, its longer side at most size pixels, and the image's own size. What is transparent is white.
func Of(f *os.File, size int) (jpegBytes []byte, width, height int, err error) {
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() || fi.Size() > maxBytes {
		return nil, 0, 0, errors.Join(err, errors.New("not a file of an image's size"))
	}
	c, _, err := image.DecodeConfig(f)
	if err != nil {
		return nil, 0, 0, err
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxPixels/c.Height {
		return nil, 0, 0, fmt.Errorf("%d x %d pixels", c.Width, c.Height)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, 0, 0, err
	}
	img, _, err := image.Decode(f)
	if err != nil {
		return nil, 0, 0, err
	}
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	if long := max(w, h); long > size {
		w, h = max(1, w*size/long), max(1, h*size/long)
	}
	small := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(small, small.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.BiLinear.Scale(small, small.Bounds(), img, b, draw.Over, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, small, &jpeg.Options{Quality: 78}); err != nil {
		return nil, 0, 0, err
	}
	return out.Bytes(), b.Dx(), b.Dy(), nil
}

// URI is a JPEG as a data URI.
func URI(jpegBytes []byte) string {
	return "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(jpegBytes)
}
