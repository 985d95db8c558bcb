package preprocess

// Orient turns and mirrors the image as EXIF's orientation (1 to 8) asks, as PIL's ImageOps.exif_transpose does.
func (im *RGB) Orient(orientation int) {
	if orientation < 2 || orientation > 8 {
		return
	}
	w, h := im.W, im.H
	swap := orientation >= 5
	if swap {
		w, h = h, w
	}
	out := newRGB(w, h)
	for y := range h {
		for x := range w {
			sx, sy := x, y
			if swap {
				sx, sy = y, x
			}
			switch orientation {
			case 2, 8: // left and right exchanged
				sx = im.W - 1 - sx
			case 3, 7:
				sx, sy = im.W-1-sx, im.H-1-sy
			case 4, 6:
				sy = im.H - 1 - sy
			}
			copy(out.Pix[3*(y*w+x):][:3], im.Pix[3*(sy*im.W+sx):][:3])
		}
	}
	*im, *out = *out, *im
	out.Release()
}
