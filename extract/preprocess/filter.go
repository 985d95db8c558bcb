package preprocess

import "math"

// Interpolation is how samples between pixels are found: a filter of Pillow's Image.resize, or of torchvision's resize of
// tensors with antialias=True.
type Interpolation string

// The interpolations. The tensor ones compute in float32 and round once at the end, Pillow's in 22-bit fixed point
// with a rounding after each direction; they differ by a level here and there.
const (
	nearest        Interpolation = "nearest"
	box            Interpolation = "box"
	bilinear       Interpolation = "bilinear"
	hamming        Interpolation = "hamming"
	bicubic        Interpolation = "bicubic"
	lanczos        Interpolation = "lanczos"
	bilinearTensor Interpolation = "bilinear-tensor"
	bicubicTensor  Interpolation = "bicubic-tensor"
)

// filter is a kernel: its weight at a distance, in samples of the coarser side, and the distance from which on it is 0.
type filter struct {
	support float64
	weight  func(x float64) float64
	tensor  bool
}

var filters = map[Interpolation]filter{
	nearest:        {},
	box:            {0.5, boxWeight, false},
	bilinear:       {1, bilinearWeight, false},
	hamming:        {1, hammingWeight, false},
	bicubic:        {2, bicubicWeight, false},
	lanczos:        {3, lanczosWeight, false},
	bilinearTensor: {1, bilinearWeight, true},
	bicubicTensor:  {2, bicubicWeight, true},
}

// Interpolations are the names that Parse knows.
func Interpolations() []string {
	return []string{string(nearest), string(box), string(bilinear), string(hamming), string(bicubic), string(lanczos), string(bilinearTensor), string(bicubicTensor)}
}

func boxWeight(x float64) float64 {
	if x > -0.5 && x <= 0.5 {
		return 1
	}
	return 0
}

func bilinearWeight(x float64) float64 { return max(1-math.Abs(x), 0) }

func hammingWeight(x float64) float64 {
	x = math.Abs(x)
	switch {
	case x == 0:
		return 1
	case x >= 1:
		return 0
	}
	x = float64(x * math.Pi)
	// Pillow's constants are float32.
	return float64(math.Sin(x) / x * (float64(float32(0.54)) + float64(float64(float32(0.46))*math.Cos(x))))
}

// bicubicWeight is Keys' cubic convolution with a = -0.5.
func bicubicWeight(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		return float64(float64((float64((a+2)*x)-(a+3))*x)*x) + 1
	case x < 2:
		return float64((float64((float64((x-5)*x)+8)*x) - 4) * a)
	}
	return 0
}

func lanczosWeight(x float64) float64 {
	if x >= -3 && x < 3 {
		return sinc(x) * sinc(x/3)
	}
	return 0
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x = float64(x * math.Pi)
	return math.Sin(x) / x
}
