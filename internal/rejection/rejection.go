// Package rejection tells images of the candidate classes from images of none of them by the excess of the best candidate's score, before
// any softmax, over the best score that as many other classes are expected to come to in the same image: an image whose excess is below a
// threshold is rejected. The other classes are the seen ones, as their descriptions alone tell of them ([Background], [Expected]). The score
// itself (the maximum logit: Hendrycks et al., Scaling Out-of-Distribution Detection for Real-World Settings, ICML 2022) grows with the
// number of candidates and differs from image to image and from model to model, so that a threshold on it keeps its rates less well.
// Probabilities compare the candidates with each other, and are near 1 of an image that is like none of them but least unlike one.
//
// The more candidates, the harder it is to tell. A threshold is therefore selected for several numbers of candidates, on classes that the
// model was not trained on and that are no test classes, of which some are the candidates and the images of the others are of none.
package rejection

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Judged is the excess of the best candidate's score for an image, and whether the image's class is among the candidates.
type Judged struct {
	Score float64
	Known bool
}

// Point is a threshold for a number of candidates, and what it came to on the images that it was chosen on. Rates are 0 to 1.
type Point struct {
	Candidates      int     `json:"candidates"`
	Threshold       float64 `json:"threshold"` // of the excess
	AUROC           float64 `json:"auroc"`
	FalseAcceptance float64 `json:"false_acceptance"` // images of none of the candidates that are accepted
	FalseRejection  float64 `json:"false_rejection"`  // images of a candidate that are rejected
	Known           int     `json:"known_images"`     // over all draws of candidates
	Unknown         int     `json:"unknown_images"`
}

// Draws is the number of sets of candidates that are drawn for each number of them.
const Draws = 32

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

// Best judges an image by the scores of the candidates and the best score expected of as many other classes.
func Best(scores []float32, expected float64, known bool) Judged {
	return Judged{float64(slices.Max(scores)) - expected, known}
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

// sorted is by falling score.
func sorted(all []Judged) []Judged {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Judged) int { return cmp.Compare(b.Score, a.Score) })
	return all
}

// AUROC is the probability that an image of a candidate has a larger score than one of none, ties counted half: 0.5 is chance. It
// is NaN where there are none of the one or the other.
func AUROC(all []Judged) float64 {
	known, unknown := counts(all)
	above, area := 0.0, 0.0 // known ones above
	s := sorted(all)
	for lo := 0; lo < len(s); {
		hi := lo
		k, u := 0.0, 0.0
		for ; hi < len(s) && s[hi].Score == s[lo].Score; hi++ {
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
// smallest, which rejects least. It lies halfway between two scores, or is the least score.
func Threshold(all []Judged) float64 {
	known, unknown := counts(all)
	s := sorted(all)
	best, at := math.Inf(1), 0.0              // of no images
	rejected, accepted := float64(known), 0.0 // with a threshold above all
	for lo := 0; lo < len(s); {
		hi := lo
		for ; hi < len(s) && s[hi].Score == s[lo].Score; hi++ {
			if s[hi].Known {
				rejected--
			} else {
				accepted++
			}
		}
		cost := accepted/max(1, float64(unknown)) + rejected/max(1, float64(known))
		if cost <= best {
			best = cost
			if at = s[lo].Score; hi < len(s) {
				at = (s[hi].Score + s[lo].Score) / 2
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
		case j.Known && j.Score < threshold:
			rejected++
		case !j.Known && j.Score >= threshold:
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

// FalseAcceptanceAt is the share of unknown images that are accepted with the largest threshold that accepts at least this share of the
// known ones.
func FalseAcceptanceAt(all []Judged, share float64) float64 {
	known, _ := counts(all)
	var of []float64
	for _, j := range all {
		if j.Known {
			of = append(of, j.Score)
		}
	}
	slices.SortFunc(of, func(a, b float64) int { return cmp.Compare(b, a) })
	if known == 0 {
		return math.NaN()
	}
	accepted, _ := Rates(all, of[min(known, max(1, int(math.Ceil(share*float64(known)))))-1])
	return accepted
}

// Thresholds are at most n, falling, from one above all scores to the smallest, evenly by the number of images above them.
func Thresholds(all []Judged, n int) []float64 {
	s := sorted(all)
	var at []float64
	if len(s) > 0 {
		at = append(at, math.Nextafter(s[0].Score, math.Inf(1)))
	}
	for i := range n {
		if len(s) == 0 {
			break
		}
		if v := s[i*(len(s)-1)/max(1, n-1)].Score; v < at[len(at)-1] {
			at = append(at, v)
		}
	}
	return at
}
