package rejection

import (
	"math"
	"slices"
)

const (
	maxBackground = 100  // descriptions
	moved         = 0.01 // of the way to the next description
)

// Background returns the descriptions for [Expected]: those of the seen classes, normalised, at most maxBackground of
// them, evenly spread. Each is moved slightly towards the next, so that a model that knows a seen class by its images
// scores it by the description alone, as it does a candidate. Nil: no two descriptions differ.
func Background(seen [][]float32) [][]float32 {
	n := min(len(seen), maxBackground)
	var out [][]float32
	for i := range n {
		v, next := seen[i*len(seen)/n], seen[(i+1)%n*len(seen)/n]
		if slices.Equal(v, next) {
			continue
		}
		w := make([]float32, len(v))
		for k := range w {
			w[k] = v[k] + moved*(next[k]-v[k])
		}
		out = append(out, w)
	}
	return out
}

// Expected returns the expected maximum of n scores drawn with replacement from the m scores of background in ascending
// order, sum_i s_i ((i/m)^n - ((i-1)/m)^n): the best score expected of n candidates that an image does not show. It sorts
// background.
func Expected(background []float32, n int) float64 {
	slices.Sort(background)
	sum, below := 0.0, 0.0
	for i, s := range background {
		upTo := math.Pow(float64(i+1)/float64(len(background)), float64(n))
		sum += float64(s) * (upTo - below)
		below = upTo
	}
	return sum
}
