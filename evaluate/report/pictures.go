package report

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"image"
	"image/color"
	_ "image/gif"
	"image/jpeg"
	_ "image/png"
	"io"
	"os"
	"path/filepath"

	_ "golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"
)

// What is larger is shown without its image.
const (
	maxPictureBytes  = 64 << 20
	maxPicturePixels = 64 << 20
)

// pictures gives thumbnails of a dataset's images. A nil *pictures has none.
type pictures struct{ root *os.Root }

// openPictures opens the image folder; image names cannot lead out of it.
func openPictures(dir string) (*pictures, error) {
	if dir == "" {
		return nil, nil
	}
	root, err := os.OpenRoot(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // the images were moved or deleted since: a report without them is still one
	}
	if err != nil {
		return nil, fmt.Errorf("folder of the images: %w", err)
	}
	return &pictures{root}, nil
}

func (p *pictures) close() {
	if p != nil {
		_ = p.root.Close()
	}
}

// thumbnail is the image as a JPEG data URI, its longer side at most size pixels; "" where it cannot be read.
func (p *pictures) thumbnail(name string, size int) (uri template.URL, w, h int) {
	if p == nil {
		return "", 0, 0
	}
	img, err := p.decode(name)
	if err != nil {
		return "", 0, 0
	}
	b := img.Bounds()
	w, h = b.Dx(), b.Dy()
	if long := max(w, h); long > size {
		w, h = max(1, w*size/long), max(1, h*size/long)
	}
	small := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(small, small.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src) // under what is transparent
	draw.CatmullRom.Scale(small, small.Bounds(), img, b, draw.Over, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, small, &jpeg.Options{Quality: 80}); err != nil {
		return "", 0, 0
	}
	return template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(out.Bytes())), w, h
}

func (p *pictures) decode(name string) (image.Image, error) {
	f, err := p.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() || fi.Size() > maxPictureBytes {
		return nil, errors.Join(err, errors.New("not a file of an image's size"))
	}
	c, _, err := image.DecodeConfig(f)
	if err != nil {
		return nil, err
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxPicturePixels/c.Height {
		return nil, fmt.Errorf("%d x %d pixels", c.Width, c.Height)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	img, _, err := image.Decode(f)
	return img, err
}
