package report

import (
	"errors"
	"fmt"
	"html/template"
	"image"
	"os"
	"path/filepath"

	"golang.org/x/image/draw"

	"vzsl/internal/thumbnail"
)

// pictures makes thumbnails of a dataset's images. A nil *pictures makes none.
type pictures struct {
	root *os.Root
	turn thumbnail.Orientation
}

// openPictures opens the image folder; image names cannot refer to files outside it. Images are turned by their EXIF orientation unless
// turn is nil.
func openPictures(dir string, turn thumbnail.Orientation) (*pictures, error) {
	if dir == "" {
		return nil, nil
	}
	root, err := os.OpenRoot(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // the images were moved or deleted since: the report is written without them
	}
	if err != nil {
		return nil, fmt.Errorf("image folder: %w", err)
	}
	return &pictures{root, turn}, nil
}

func (p *pictures) close() {
	if p != nil {
		_ = p.root.Close()
	}
}

// thumbnail returns the image as a JPEG data URI with its longer side at most size pixels; "" if it cannot be read.
func (p *pictures) thumbnail(name string, size int) (uri template.URL, w, h int) {
	if p == nil {
		return "", 0, 0
	}
	img, err := p.decode(name)
	if err != nil {
		return "", 0, 0
	}
	small, w, h, err := thumbnail.Encode(img, size, draw.CatmullRom, 80)
	if err != nil {
		return "", 0, 0
	}
	return template.URL(thumbnail.URI(small)), w, h
}

func (p *pictures) decode(name string) (image.Image, error) {
	f, err := p.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return thumbnail.Decode(f, p.turn)
}
