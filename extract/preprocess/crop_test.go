package preprocess

import (
	"math"
	"testing"
)

func TestCrop(t *testing.T) {
	picture := func() *RGB {
		im := &RGB{W: 5, H: 4, Pix: make([]uint8, 60)}
		for i := range im.Pix {
			im.Pix[i] = uint8(i)
		}
		return im
	}
	for _, c := range []struct {
		x, y, w, h            float64
		left, top, wide, high int
	}{
		{0, 0, 5, 4, 0, 0, 5, 4},
		{1, 2, 3, 1, 1, 2, 3, 1},
		{1.5, 0.25, 1, 1, 1, 0, 2, 2}, // every pixel touched
		{-3, -3, 5, 5, 0, 0, 2, 2},
		{3, 1, 100, 100, 3, 1, 2, 3},
		{4, 3, 1, 1, 4, 3, 1, 1},
	} {
		im, whole := picture(), picture()
		if err := im.Crop(c.x, c.y, c.w, c.h); err != nil {
			t.Fatal(err)
		}
		if im.W != c.wide || im.H != c.high || len(im.Pix) != 3*c.wide*c.high {
			t.Errorf("%v: %d x %d, %d bytes", c, im.W, im.H, len(im.Pix))
			continue
		}
		for y := range im.H {
			for x := range im.W {
				if got, want := im.Pix[3*(y*im.W+x)+1], whole.Pix[3*((y+c.top)*5+x+c.left)+1]; got != want {
					t.Fatalf("%v: pixel %d,%d is %d, not %d", c, x, y, got, want)
				}
			}
		}
	}
	for _, c := range [][4]float64{{5, 0, 3, 3}, {0, 4, 3, 3}, {-3, 0, 3, 3}, {1, 1, 0, 2}, {1, 1, -2, 2}, {math.NaN(), 0, 3, 3}, {0, 0, math.NaN(), 3}} {
		if err := picture().Crop(c[0], c[1], c[2], c[3]); err == nil {
			t.Errorf("%v was cut out", c)
		}
	}
}
