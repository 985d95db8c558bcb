package method

import "math"

// The feature normalisations, by name.
const (
	FeaturesNone   = "none"    // x
	FeaturesL2     = "l2"      // x / ||x||
	FeaturesSqrtL2 = "sqrt-l2" // y / ||y|| with y = sign(x) sqrt|x|
)

// FeatureKinds are the names of the feature normalisations.
func FeatureKinds() []string { return []string{FeaturesNone, FeaturesL2, FeaturesSqrtL2} }

// Normalise writes a normalised feature to dst, which may be src. A feature of zeros stays so.
func Normalise(kind string, src, dst []float32) {
	sum := 0.0
	switch kind {
	case FeaturesL2:
		for _, v := range src {
			sum += float64(v) * float64(v)
		}
	case FeaturesSqrtL2:
		for _, v := range src {
			sum += math.Abs(float64(v))
		}
	}
	if sum == 0 || math.IsInf(sum, 0) {
		copy(dst, src)
		return
	}
	factor := 1 / math.Sqrt(sum)
	if kind == FeaturesL2 {
		for i, v := range src {
			dst[i] = float32(float64(v) * factor)
		}
		return
	}
	for i, v := range src {
		y := math.Sqrt(math.Abs(float64(v))) * factor
		dst[i] = float32(math.Copysign(y, float64(v)))
	}
}
