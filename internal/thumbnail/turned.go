package thumbnail

import (
	"image"
	"image/color"
)

// oriented is an image as its EXIF orientation shows it.
type oriented struct {
	image.Image
	orientation int
}

// turned is the image turned and mirrored by an EXIF orientation.
func turned(img image.Image, orientation int) image.Image {
	if orientation < 2 || orientation > 8 {
		return img
	}
	return oriented{img, orientation}
}

// Bounds begin at 0, 0.
func (o oriented) Bounds() image.Rectangle {
	w, h := o.Image.Bounds().Dx(), o.Image.Bounds().Dy()
	if o.orientation >= 5 {
		w, h = h, w
	}
	return image.Rect(0, 0, w, h)
}

// At is the colour of a pixel, of which EXIF's orientation tells where it is stored.
func (o oriented) At(x, y int) color.Color {
	b := o.Image.Bounds()
	if o.orientation >= 5 {
		x, y = y, x
	}
	switch o.orientation {
	case 2, 8:
		x = b.Dx() - 1 - x
	case 3, 7:
		x, y = b.Dx()-1-x, b.Dy()-1-y
	case 4, 6:
		y = b.Dy() - 1 - y
	}
	return o.Image.At(b.Min.X+x, b.Min.Y+y)
}
