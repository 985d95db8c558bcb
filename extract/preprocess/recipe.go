package preprocess

import (
	"errors"
	"fmt"
	"math"
)

// Recipe is the way from a decoded image to a network's input, as data. The image is turned upright if EXIF is set,
// made grey if Channels says so, resized by Resize and Interpolation, cropped or padded around its centre to Width x Height,
// and each sample v becomes (v*Rescale - Mean)/Std, rounded to float32 after each step. Its text form, String, is what
// manifests and models store; Parse reads it. Recipes are comparable by ==.
type Recipe struct {
	Width, Height int // of the network's input, pixels
	EXIF          bool

	Resize           Resize
	ResizeW, ResizeH int // what Resize aims at; 0 for ResizeNone
	Interpolation    Interpolation
	Rounding         Rounding // of the crop's place
	Pad              [3]uint8 // red, green, blue of what is padded

	Channels Channels
	Rescale  float64
	Mean     [3]float64 // in the order of the network's channels; of grey all three are equal
	Std      [3]float64
}

// Resize is how an image's new size follows from its old one.
type Resize string

// The ways to resize.
const (
	ResizeNone    Resize = "none"    // not at all
	ResizeExact   Resize = "exact"   // to ResizeW x ResizeH, whatever its shape
	ResizeShorter Resize = "shorter" // the smallest of its shape that covers ResizeW x ResizeH
	ResizeLonger  Resize = "longer"  // the largest of its shape within ResizeW x ResizeH
)

// resizes are the ways that Parse knows.
func resizes() []string {
	return []string{string(ResizeNone), string(ResizeExact), string(ResizeShorter), string(ResizeLonger)}
}

// Channels are what the network gets, in order.
type Channels string

// The channel orders.
const (
	ChannelsRGB  Channels = "rgb"
	ChannelsBGR  Channels = "bgr"
	ChannelsGrey Channels = "grey" // PIL's L: (19595 R + 38470 G + 7471 B + 2^15) / 2^16
)

// ChannelOrders are the orders that Parse knows.
func ChannelOrders() []string {
	return []string{string(ChannelsRGB), string(ChannelsBGR), string(ChannelsGrey)}
}

// Count is the number of channels.
func (c Channels) Count() int {
	if c == ChannelsGrey {
		return 1
	}
	return 3
}

// Rounding says where a crop lies whose distance from the centre is no whole number of pixels, and a padded image likewise.
type Rounding string

// The roundings.
const (
	RoundEven Rounding = "even"  // torchvision: crops at round((side-size)/2), halves to even; pads (size-side)/2 rounded down
	RoundDown Rounding = "floor" // transformers: crops at (side-size)/2 rounded down; pads rounded up
)

// maxSize bounds the input size and the sizes that a recipe resizes to.
const maxSize = 8192

// check refuses what no recipe can be.
func (r Recipe) check() error {
	size := func(what string, w, h int) error {
		if w < 1 || h < 1 || w > maxSize || h > maxSize {
			return fmt.Errorf("preprocessing: %s %dx%d is not within 1..%d", what, w, h, maxSize)
		}
		return nil
	}
	if err := size("input size", r.Width, r.Height); err != nil {
		return err
	}
	switch r.Resize {
	case ResizeNone:
		if r.ResizeW != 0 || r.ResizeH != 0 {
			return errors.New("preprocessing: resize none has no size")
		}
	case ResizeExact, ResizeShorter, ResizeLonger:
		if err := size("resize to", r.ResizeW, r.ResizeH); err != nil {
			return err
		}
	default:
		return fmt.Errorf("preprocessing: unknown resize %q: choose one of %s", r.Resize, list(resizes()))
	}
	if _, ok := filters[r.Interpolation]; !ok {
		return fmt.Errorf("preprocessing: unknown interpolation %q: choose one of %s", r.Interpolation, list(Interpolations()))
	}
	if r.Rounding != RoundEven && r.Rounding != RoundDown {
		return fmt.Errorf("preprocessing: unknown rounding %q of the crop: choose one of %s, %s", r.Rounding, RoundEven, RoundDown)
	}
	if r.Channels != ChannelsRGB && r.Channels != ChannelsBGR && r.Channels != ChannelsGrey {
		return fmt.Errorf("preprocessing: unknown channels %q: choose one of %s", r.Channels, list(ChannelOrders()))
	}
	if !(math.Abs(r.Rescale) > 1e-12 && math.Abs(r.Rescale) < 1e12) {
		return fmt.Errorf("preprocessing: rescale factor %v", r.Rescale)
	}
	for c := range 3 {
		if !(math.Abs(r.Mean[c]) < 1e12) || !(r.Std[c] > 1e-12 && r.Std[c] < 1e12) {
			return fmt.Errorf("preprocessing: mean %v and std %v: expected finite numbers, and std above 0", r.Mean[c], r.Std[c])
		}
		if r.Channels == ChannelsGrey && (r.Mean[c] != r.Mean[0] || r.Std[c] != r.Std[0]) {
			return fmt.Errorf("preprocessing: grey images have one channel, so one mean and one std, not %v and %v", r.Mean, r.Std)
		}
	}
	return nil
}

// Check refuses a recipe that cannot be applied.
func (r Recipe) Check() error { return r.check() }

// Values is the number of values of one image: channels x Height x Width.
func (r Recipe) Values() int { return r.Channels.Count() * r.Width * r.Height }

// value is what the network gets for a sample in its channel c. The product is rounded to float32 before the mean is
// subtracted: for 1/255 that is ToTensor's v/255 for every v, and transformers' v*(1/255).
func (r *Recipe) value(c int, v uint8) float32 {
	x := float32(float64(v) * r.Rescale)
	x = float32(x - float32(r.Mean[c]))
	return float32(x / float32(r.Std[c]))
}

// resized is the size that an image of w x h pixels is resized to.
func (r *Recipe) resized(w, h int) (int, int) {
	switch r.Resize {
	case ResizeNone:
		return w, h
	case ResizeExact:
		return r.ResizeW, r.ResizeH
	case ResizeShorter:
		if r.ResizeW == r.ResizeH {
			return shorterTo(w, h, r.ResizeW)
		}
		return keepRatio(w, h, min(float64(w)/float64(r.ResizeW), float64(h)/float64(r.ResizeH)))
	default:
		return keepRatio(w, h, max(float64(w)/float64(r.ResizeW), float64(h)/float64(r.ResizeH)))
	}
}

// shorterTo is torchvision's Resize(size): the shorter side becomes size, the
// longer int(size*long/short).
func shorterTo(w, h, size int) (int, int) {
	if w <= h {
		return size, size * h / w
	}
	return size * w / h, size
}

// keepRatio is ResizeKeepRatio of timm and OpenCLIP: both sides divided by ratio, rounded, halves to even.
func keepRatio(w, h int, ratio float64) (int, int) {
	side := func(v int) int { return max(1, int(math.RoundToEven(float64(v)/ratio))) }
	return side(w), side(h)
}

// place lays a side of a resized image over a side of the input: count pixels from from on go to at.
func (r *Recipe) place(side, size int) (from, at, count int) {
	if d := side - size; d > 0 {
		if r.Rounding == RoundDown || d%2 == 0 {
			return d / 2, 0, size
		}
		return (d/2 + 1) / 2 * 2, 0, size
	}
	d := size - side
	if r.Rounding == RoundDown {
		return 0, (d + 1) / 2, side
	}
	return 0, d / 2, side
}

// Apply computes the network's input for one image into dst (Values() long), in
// the order channel, row, column, or row, column, channel where nhwc is set. It is safe
// for concurrent use and leaves the image as it is; turning it by EXIF is the caller's (Orient).
func (r Recipe) Apply(im *RGB, nhwc bool, dst []float32) error {
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	if s.recipe != r || r == (Recipe{}) {
		if err := r.check(); err != nil {
			return err
		}
		s.recipe = r
		for c := range 3 {
			for v := range 256 {
				s.lut[c][v] = r.value(c, uint8(v))
			}
		}
	}
	if len(dst) != r.Values() {
		return fmt.Errorf("recipe %s gives %d values, the destination holds %d", r, r.Values(), len(dst))
	}
	if im.W < 1 || im.H < 1 || len(im.Pix) != 3*im.W*im.H {
		return fmt.Errorf("an image of %d x %d pixels with %d bytes", im.W, im.H, len(im.Pix))
	}
	if r.Channels == ChannelsGrey {
		im = s.toGrey(im)
	}
	w, h := r.resized(im.W, im.H)
	x, atX, cw := r.place(w, r.Width)
	y, atY, ch := r.place(h, r.Height)
	pix := s.window(im, r.Interpolation, w, h, x, y, cw, ch)
	if cw < r.Width || ch < r.Height {
		pix = s.padded(pix, cw, ch, atX, atY)
	}
	channels, area := r.Channels.Count(), r.Width*r.Height
	for c := range channels {
		colour := c
		if r.Channels == ChannelsBGR {
			colour = 2 - c
		}
		lut := &s.lut[c]
		src := pix[colour:]
		if nhwc {
			for i := range area {
				dst[channels*i+c] = lut[src[3*i]]
			}
			continue
		}
		out := dst[c*area : (c+1)*area]
		for i := range out {
			out[i] = lut[src[3*i]]
		}
	}
	return nil
}

// toGrey is PIL's convert("L"), with the grey in all three channels.
func (s *scratch) toGrey(im *RGB) *RGB {
	s.grey = grow(s.grey, len(im.Pix))
	for i := 0; i+2 < len(im.Pix); i += 3 {
		v := uint8((uint32(im.Pix[i])*19595 + uint32(im.Pix[i+1])*38470 + uint32(im.Pix[i+2])*7471 + 0x8000) >> 16)
		s.grey[i], s.grey[i+1], s.grey[i+2] = v, v, v
	}
	return &RGB{W: im.W, H: im.H, Pix: s.grey}
}

// padded surrounds the cw x ch pixels of pix, which go to (x, y), by the recipe's colour.
func (s *scratch) padded(pix []uint8, cw, ch, x, y int) []uint8 {
	r := &s.recipe
	s.pad = grow(s.pad, 3*r.Width*r.Height)
	for i := 0; i < len(s.pad); i += 3 {
		s.pad[i], s.pad[i+1], s.pad[i+2] = r.Pad[0], r.Pad[1], r.Pad[2]
	}
	for row := range ch {
		copy(s.pad[3*((y+row)*r.Width+x):][:3*cw], pix[3*row*cw:])
	}
	return s.pad
}
