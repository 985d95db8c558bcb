package preprocess

import (
	"fmt"
	"strconv"
	"strings"
)

// Recipe is a way from pixels to a network's input: Size by Size values of 3
// channels.
type Recipe struct {
	Name string // torchvision, caffe or caffe-crop
	Size int
}

// recipe is what stands behind a name.
type recipe struct {
	name string
	crop bool // shorter side to size*256/224, then the centre; else the whole picture
	bgr  bool
	// value is what the network gets for a sample, by colour (0 red, 1 green, 2 blue).
	value func(colour int, sample uint8) float32
}

// The constants as float32, as torchvision and Keras hold them.
var (
	imageNetMean = [3]float32{0.485, 0.456, 0.406}
	imageNetStd  = [3]float32{0.229, 0.224, 0.225}
	caffeMean    = [3]float32{123.68, 116.779, 103.939} // red, green, blue
)

// torchvisionValue is ToTensor and Normalize: (x/255 - mean)/std, rounded to
// float32 after each step.
func torchvisionValue(c int, v uint8) float32 {
	x := float32(float32(v) / 255)
	x = float32(x - imageNetMean[c])
	return float32(x / imageNetStd[c])
}

// caffeValue subtracts the training set's mean colour.
func caffeValue(c int, v uint8) float32 { return float32(v) - caffeMean[c] }

var recipes = []recipe{
	{"torchvision", true, false, torchvisionValue},
	{"caffe", false, true, caffeValue},
	{"caffe-crop", true, true, caffeValue},
}

// maxSize bounds the input size that a recipe takes.
const maxSize = 8192

// Recipes are the names that Parse knows.
func Recipes() []string {
	names := make([]string, len(recipes))
	for i, r := range recipes {
		names[i] = r.name
	}
	return names
}

// Parse finds a recipe by name, for inputs of size by size:
//
//	torchvision  shorter side to size*256/224, centre crop, RGB, /255, minus mean, by std
//	caffe        whole picture to size x size, BGR, minus mean
//	caffe-crop   shorter side to size*256/224, centre crop, BGR, minus mean
//
// An unknown name is an error that lists the known ones.
func Parse(name string, size int) (Recipe, error) {
	for _, r := range recipes {
		if r.name == name {
			if size < 1 || size > maxSize {
				return Recipe{}, fmt.Errorf("preprocessing recipe %s: input size %d is not in 1..%d", name, size, maxSize)
			}
			return Recipe{name, size}, nil
		}
	}
	return Recipe{}, fmt.Errorf("unknown preprocessing recipe %q: choose one of %s", name, strings.Join(Recipes(), ", "))
}

// ParseIdentity gives the recipe that String gave the identity of.
func ParseIdentity(identity string) (Recipe, error) {
	at := strings.LastIndexByte(identity, '-')
	size, err := strconv.Atoi(identity[at+1:])
	if at < 0 || err != nil {
		return Recipe{}, fmt.Errorf("%q names no preprocessing recipe and size, as torchvision-224 does", identity)
	}
	return Parse(identity[:at], size)
}

// String is the recipe's identity, as written into artefacts: "torchvision-224".
func (r Recipe) String() string { return fmt.Sprintf("%s-%d", r.Name, r.Size) }

// Values is the number of values of one image: 3*Size*Size.
func (r Recipe) Values() int { return 3 * r.Size * r.Size }

// Apply computes the network's input for one picture into dst (Values() long), in
// the order channel, row, column, or row, column, channel where nhwc is set. It is safe
// for concurrent use.
func (r Recipe) Apply(im *RGB, nhwc bool, dst []float32) error {
	t := tableFor(r.Name)
	if t == nil {
		return fmt.Errorf("unknown preprocessing recipe %q", r.Name)
	}
	if len(dst) != r.Values() {
		return fmt.Errorf("recipe %s gives %d values, the destination holds %d", r, r.Values(), len(dst))
	}
	if im.W < 1 || im.H < 1 || len(im.Pix) != 3*im.W*im.H {
		return fmt.Errorf("a picture of %d x %d pixels with %d bytes", im.W, im.H, len(im.Pix))
	}
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	n := r.Size
	w, h, x, y := n, n, 0, 0
	if t.crop {
		w, h = shorterTo(im.W, im.H, n*256/224)
		x, y = centre(w, n), centre(h, n)
	}
	pix := s.window(im, w, h, x, y, n, n)
	area := n * n
	for c := range 3 { // the network's channel order
		colour := c
		if t.bgr {
			colour = 2 - c
		}
		lut := &t.lut[colour]
		src := pix[colour:]
		if nhwc {
			for i := range area {
				dst[3*i+c] = lut[src[3*i]]
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

// shorterTo is torchvision's Resize(size): the shorter side becomes size, the
// longer int(size*long/short).
func shorterTo(w, h, size int) (int, int) {
	if w <= h {
		return size, size * h / w
	}
	return size * w / h, size
}

// centre is torchvision's CenterCrop: round((side-size)/2), halves to even.
func centre(side, size int) int {
	d := side - size
	if d%2 == 0 {
		return d / 2
	}
	return (d/2 + 1) / 2 * 2
}

// table is a recipe with its values tabulated: 256 per colour.
type table struct {
	recipe
	lut [3][256]float32
}

var tables = func() []table {
	out := make([]table, len(recipes))
	for i, r := range recipes {
		out[i].recipe = r
		for c := range 3 {
			for v := range 256 {
				out[i].lut[c][v] = r.value(c, uint8(v))
			}
		}
	}
	return out
}()

func tableFor(name string) *table {
	for i := range tables {
		if tables[i].name == name {
			return &tables[i]
		}
	}
	return nil
}
