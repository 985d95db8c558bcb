package settings

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// WeightsAuto is the value of weights that selects them on the validation classes.
const WeightsAuto = "auto"

// Shares are the weights of n descriptions, their sum 1; nil: equal, or to be selected. With n 0 the number may be any.
func (s *Settings) Shares(n int) ([]float64, error) {
	if s.Weights == "" || s.Weights == WeightsAuto {
		return nil, nil
	}
	var shares []float64
	sum := 0.0
	for word := range strings.SplitSeq(s.Weights, ",") {
		w, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
		if err != nil || !(w >= 0) || math.IsInf(w, 0) {
			return nil, fmt.Errorf("setting weights = %q: give a list of numbers of at least 0, as in 3,1, or auto", s.Weights)
		}
		shares, sum = append(shares, w), sum+w
	}
	if sum <= 0 {
		return nil, fmt.Errorf("setting weights = %q: one must be more than 0", s.Weights)
	}
	if n > 0 && len(shares) != n {
		return nil, fmt.Errorf("setting weights = %q: %d weights of %d descriptions", s.Weights, len(shares), n)
	}
	for i := range shares {
		shares[i] /= sum
	}
	return shares, nil
}

// maxWeighed descriptions can be weighed by a grid.
const maxWeighed = 3

// WeightGrid are the weights of n descriptions that are tried: equal ones first, then those by quarters, of two by tenths at the ends too.
func WeightGrid(n int) ([]string, error) {
	switch {
	case n < 2:
		return nil, fmt.Errorf("setting weights = %s: the classes have only one description; 'vzsl attributes --own' makes several, --descriptions selects them", WeightsAuto)
	case n > maxWeighed:
		return nil, fmt.Errorf("setting weights = %s: %d descriptions side by side are too many to try; give their weights", WeightsAuto, n)
	}
	grid := [][]int{slices.Repeat([]int{1}, n)}
	const parts = 4
	var fill func(w []int, left int)
	fill = func(w []int, left int) {
		if len(w) == n-1 {
			if w = append(slices.Clone(w), left); slices.Min(w) < slices.Max(w) {
				grid = append(grid, w)
			}
			return
		}
		for k := 0; k <= left; k++ {
			fill(append(slices.Clone(w), k), left-k)
		}
	}
	fill(nil, parts)
	if n == 2 {
		grid = append(grid, []int{1, 9}, []int{9, 1})
	}
	var texts []string
	for _, w := range grid {
		texts = append(texts, strings.Trim(strings.ReplaceAll(fmt.Sprint(w), " ", ","), "[]"))
	}
	return texts, nil
}
