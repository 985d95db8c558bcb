// Package rejection tells images of the candidate classes from images of none of them by the largest probability of a candidate
// (Hendrycks & Gimpel, A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural Networks, ICLR 2017): an image
// whose confidence is below a threshold is rejected.
//
// A threshold holds for a number of candidates: among more of them, probabilities are smaller. It is therefore chosen for several
// numbers, on classes that the model was not trained on and that are no test classes, of which some play the candidates and the others
// the rest of the world.
package rejection

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Judged is the confidence of an image and whether its class is among the candidates.
type Judged struct {
	Confidence float64
	Known      bool
}

// Point is a threshold for a number of candidates, and what it came to on the images that it was chosen on. Rates are 0 to 1.
type Point struct {
	Candidates      int     `json:"candidates"`
	Threshold       float64 `json:"threshold"`
	AUROC           float64 `json:"auroc"`
	FalseAcceptance float64 `json:"false_acceptance"` // images of none of the candidates that are accepted
	FalseRejection  float64 `json:"false_rejection"`  // images of a candidate that are rejected
	Known           int     `json:"known_images"`     // over all draws of candidates
	Unknown         int     `json:"unknown_images"`
}

// Draws is the number of sets of candidates that are drawn for each number of them.
const Draws = 4

// Sizes are the numbers of candidates that a threshold is chosen for among so many classes: 2, 5, 10, 20, ..., and half of them; at
// least a quarter of the classes are left as the rest of the world. Nil: too few classes.
func Sizes(classes int) []int {
	var all []int
	for base := 1; base <= classes; base *= 10 {
		all = append(all, 2*base, 5*base, 10*base)
	}
	all = append(all, classes/2)
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(n int) bool { return n < 2 || n > classes-max(1, classes/4) })
}

// Candidates draws size of so many classes, in rising order; the same for the same seed and draw.
func Candidates(seed uint64, classes, size, draw int) []int {
	some := rand.New(rand.NewPCG(seed, uint64(size)<<32|uint64(draw))).Perm(classes)[:size]
	slices.Sort(some)
	return some
}

// Confidence is the largest of softmax(scores / temperature).
func Confidence(scores []float32, temperature float64) float64 {
	best := slices.Max(scores)
	sum := 0.0
	for _, s := range scores {
		sum += math.Exp((float64(s) - float64(best)) / temperature)
	}
	return 1 / sum
}

// counts are the known and the unknown ones.
func counts(all []Judged) (known, unknown int) {
	for _, j := range all {
		if j.Known {
			known++
		}
	}
	return known, len(all) - known
}

// sorted is by falling confidence.
func sorted(all []Judged) []Judged {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Judged) int { return cmp.Compare(b.Confidence, a.Confidence) })
	return all
}

// AUROC is the probability that an image of a candidate has a larger confidence than one of none, ties counted half: 0.5 is chance. It
// is NaN where there are none of the one or the other.
func AUROC(all []Judged) float64 {
	known, unknown := counts(all)
	above, area := 0.0, 0.0 // known ones above
	s := sorted(all)
	for lo := 0; lo < len(s); {
		hi := lo
		k, u := 0.0, 0.0
		for ; hi < len(s) && s[hi].Confidence == s[lo].Confidence; hi++ {
			if s[hi].Known {
				k++
			} else {
				u++
			}
		}
		area += u * (above + k/2)
		above, lo = above+k, hi
	}
	return area / float64(known) / float64(unknown)
}

// Threshold has the smallest mean of false acceptances and false rejections (the largest of Youden's J); of several that have it, the
// smallest, which rejects least. It lies halfway between two confidences.
func Threshold(all []Judged) float64 {
	known, unknown := counts(all)
	s := sorted(all)
	best, at := math.Inf(1), 0.0
	rejected, accepted := float64(known), 0.0 // with a threshold above all
	for lo := 0; lo < len(s); {
		hi := lo
		for ; hi < len(s) && s[hi].Confidence == s[lo].Confidence; hi++ {
			if s[hi].Known {
				rejected--
			} else {
				accepted++
			}
		}
		cost := accepted/max(1, float64(unknown)) + rejected/max(1, float64(known))
		if cost <= best {
			best = cost
			if at = 0; hi < len(s) {
				at = (s[hi].Confidence + s[lo].Confidence) / 2
			}
		}
		lo = hi
	}
	return at
}

// Rates are the shares of the unknown images that are accepted, and of the known ones that are rejected.
func Rates(all []Judged, threshold float64) (falseAcceptance, falseRejection float64) {
	known, unknown := counts(all)
	accepted, rejected := 0, 0
	for _, j := range all {
		switch {
		case j.Known && j.Confidence < threshold:
			rejected++
		case !j.Known && j.Confidence >= threshold:
			accepted++
		}
	}
	return float64(accepted) / max(1, float64(unknown)), float64(rejected) / max(1, float64(known))
}

// Choose gives the threshold for a number of candidates.
func Choose(candidates int, all []Judged) Point {
	p := Point{Candidates: candidates, Threshold: Threshold(all), AUROC: AUROC(all)}
	p.Known, p.Unknown = counts(all)
	p.FalseAcceptance, p.FalseRejection = Rates(all, p.Threshold)
	return p
}

// For is the point that was chosen for the number of candidates nearest to one, by their ratio; nil: there is none.
func For(points []Point, candidates int) *Point {
	var best *Point
	far := func(p *Point) float64 { return math.Abs(math.Log(float64(p.Candidates) / float64(candidates))) }
	for i := range points {
		if p := &points[i]; best == nil || far(p) < far(best) {
			best = p
		}
	}
	return best
}
