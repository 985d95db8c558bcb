package thumbnail

import (
	"image"
	"image/color"

	"vzsl/internal/exif"
)

// oriented is an image as its EXIF orientation shows it.
type oriented struct {
	image.Image
	view exif.View
}

// turned is the image turned and mirrored by an EXIF orientation.
func turned(img image.Image, orientation int) image.Image {
	if orientation < 2 || orientation > 8 {
		return img
	}
	return oriented{img, exif.Shown(orientation, img.Bounds().Dx(), img.Bounds().Dy())}
}

// Bounds begin at 0, 0.
func (o oriented) Bounds() image.Rectangle { return image.Rect(0, 0, o.view.Width, o.view.Height) }

// At is the colour of a pixel as shown.
func (o oriented) At(x, y int) color.Color {
	b, at := o.Image.Bounds(), o.view.First+x*o.view.Right+y*o.view.Down
	return o.Image.At(b.Min.X+at%b.Dx(), b.Min.Y+at/b.Dx())
}
