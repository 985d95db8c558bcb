package preprocess

import "vzsl/internal/exif"

// Orient turns and mirrors the image as EXIF's orientation (1 to 8) asks, as PIL's ImageOps.exif_transpose does.
func (im *RGB) Orient(orientation int) {
	if orientation < 2 || orientation > 8 {
		return
	}
	v := exif.Shown(orientation, im.W, im.H)
	out := newRGB(v.Width, v.Height)
	for y := range v.Height {
		at := v.First + y*v.Down
		for x := range v.Width {
			copy(out.Pix[3*(y*v.Width+x):][:3], im.Pix[3*at:][:3])
			at += v.Right
		}
	}
	*im, *out = *out, *im
	out.Release()
}
