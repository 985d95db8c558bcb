package preprocess

import (
	"fmt"
	"math"
)

// Crop cuts the image to a rectangle, in pixels from its upper left corner: to the whole pixels that it touches and that
// the image has. A rectangle beside the image is an error.
func (im *RGB) Crop(x, y, w, h float64) error {
	side := func(from, length float64, most int) (lo, hi int) {
		return int(math.Floor(max(0, min(from, float64(most))))), int(math.Ceil(max(0, min(from+length, float64(most)))))
	}
	x0, x1 := side(x, w, im.W)
	y0, y1 := side(y, h, im.H)
	if !(w > 0 && h > 0) || x0 >= x1 || y0 >= y1 {
		return fmt.Errorf("the box %g,%g of %g x %g is outside the image of %d x %d", x, y, w, h, im.W, im.H)
	}
	row := 3 * (x1 - x0)
	for r := y0; r < y1; r++ { // rows only move towards the front
		from := 3 * (r*im.W + x0)
		copy(im.Pix[(r-y0)*row:(r-y0+1)*row], im.Pix[from:from+row])
	}
	im.W, im.H = x1-x0, y1-y0
	im.Pix = im.Pix[:row*im.H]
	return nil
}
