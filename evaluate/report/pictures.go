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
	return thumbnail.Decode(f)
}
