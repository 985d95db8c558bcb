// Package rejection separates images of the candidate classes (known) from images of no candidate (unknown). It compares
// the best candidate's score, before the softmax, with the best score expected of as many classes that the image does not
// show: an image is rejected if the difference, the excess, is below a threshold. The expected score is that of seen
// classes, scored by their descriptions alone like the candidates ([Background], [Expected]).
//
// The score itself (maximum logit: Hendrycks et al., Scaling Out-of-Distribution Detection for Real-World Settings, ICML
// 2022) increases with the number of candidates and depends on image and model, so the error rates of a threshold on it
// transfer less well from validation to unseen classes. Probabilities are less suited still: they only compare the
// candidates with each other, and can be near 1 for an image that resembles none of them.
//
// With more candidates the separation is harder. A threshold is therefore selected for several numbers of candidates,
// on classes that are neither training nor test classes: some serve as candidates, the others as unknown classes.
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

// Point is a threshold for a number of candidates, with its metrics on the images that it was selected on. Rates are 0 to 1.
type Point struct {
	Candidates      int     `json:"candidates"`
	Threshold       float64 `json:"threshold"` // of the excess
	AUROC           float64 `json:"auroc"`
	FalseAcceptance float64 `json:"false_acceptance"` // fraction of unknown images that are accepted
	FalseRejection  float64 `json:"false_rejection"`  // fraction of known images that are rejected
	Known           int     `json:"known_images"`     // counted over all draws of candidates
	Unknown         int     `json:"unknown_images"`
}

// Draws is the number of random candidate sets for each number of candidates.
const Draws = 32

// Sizes returns the numbers of candidates to select a threshold for, given the number of classes: 2, 5, 10, 20, ...,
// and half of the classes; at least a quarter of the classes remain unknown. Nil: too few classes.
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

// Candidates draws size classes of the given number, in ascending order; the same seed and draw give the same classes.
func Candidates(seed uint64, classes, size, draw int) []int {
	some := rand.New(rand.NewPCG(seed, uint64(size)<<32|uint64(draw))).Perm(classes)[:size]
	slices.Sort(some)
	return some
}

// Best judges an image by the scores of the candidates and the best score expected of as many other classes.
func Best(scores []float32, expected float64, known bool) Judged {
	return Judged{float64(slices.Max(scores)) - expected, known}
}

// counts returns the numbers of known and unknown images.
func counts(all []Judged) (known, unknown int) {
	for _, j := range all {
		if j.Known {
			known++
		}
	}
	return known, len(all) - known
}

// sorted returns a copy in descending order of the scores.
func sorted(all []Judged) []Judged {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Judged) int { return cmp.Compare(b.Score, a.Score) })
	return all
}

// AUROC is the probability that a known image has a larger score than an unknown one, ties counted half: 0.5 is chance.
// It is NaN if there are no known or no unknown images.
func AUROC(all []Judged) float64 {
	known, unknown := counts(all)
	above, area := 0.0, 0.0 // above: known images with a larger score
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

// threshold returns the threshold with the smallest mean of false acceptance and false rejection rate (the largest
// Youden's J); of several, the smallest, which rejects least. It is halfway between two scores, or the smallest score.
func threshold(all []Judged) float64 {
	known, unknown := counts(all)
	s := sorted(all)
	best, at := math.Inf(1), 0.0              // 0 if there are no images
	rejected, accepted := float64(known), 0.0 // for a threshold above all scores
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

// Rates returns the fraction of unknown images that are accepted, and of known images that are rejected.
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

// Choose selects the threshold for a number of candidates.
func Choose(candidates int, all []Judged) Point {
	p := Point{Candidates: candidates, Threshold: threshold(all), AUROC: AUROC(all)}
	p.Known, p.Unknown = counts(all)
	p.FalseAcceptance, p.FalseRejection = Rates(all, p.Threshold)
	return p
}

// For returns the point whose number of candidates is nearest to the given one, by their ratio; nil: there are no
// points.
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

// FalseAcceptanceAt returns the fraction of unknown images that are accepted with the largest threshold that accepts at
// least the given fraction of the known images.
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

// Thresholds returns at most n thresholds in descending order, from one above all scores to the smallest score, evenly
// spaced by the number of images above them.
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
