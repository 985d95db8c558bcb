package rejection

import (
	"math"
	"slices"
)

const (
	maxBackground = 100  // descriptions
	moved         = 0.01 // of the way to the next description
)

// Background are the descriptions that [Expected] is taken over: of the seen classes, normalised, at most maxBackground evenly spread.
// Each is moved slightly towards the next: a model that knows a seen class by its images must score it as it scores the candidates, by its
// description alone. Nil: there are no two different descriptions.
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

// Expected is the expected largest of n scores drawn from background with replacement, sum of s_i ((i/m)^n - ((i-1)/m)^n) over its m scores
// in rising order: the best score that so many candidates come to in an image of none of them. background is sorted.
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
