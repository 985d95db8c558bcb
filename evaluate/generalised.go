package evaluate

import (
	"math"
	"sort"
)

// stacked is what the seen-unseen curve needs of one image: by how much the best seen class outscores the best unseen
// one, and whether the best class on the image's own side is the true one. With a constant g taken off the seen scores
// the image goes to the seen side where margin >= g (a tie goes to the seen classes, which stand first).
type stacked struct {
	margin float64
	right  bool // the best class of the true class's own side is the true class
	class  int
}

func stack(scores []float32, seen, class int) stacked {
	s, u := argmax(scores[:seen]), seen+argmax(scores[seen:])
	own := s
	if class >= seen {
		own = u
	}
	return stacked{
		margin: float64(scores[s]) - float64(scores[u]),
		right:  own == class,
		class:  class,
	}
}

func argmax(scores []float32) int {
	best := 0
	for i, s := range scores {
		if s > scores[best] {
			best = i
		}
	}
	return best
}

// tallies counts hits by class with the constant taken off: the unseen group, then the seen one, each over the classes
// that have images.
func tallies(images []stacked, seen, candidates int, constant float64) (unseen, seenGroup []tally) {
	all := make([]tally, candidates)
	for _, im := range images {
		t := &all[im.class]
		t.images++
		if im.right && (im.margin >= constant) == (im.class < seen) {
			t.hits++
		}
	}
	return withImages(all[seen:]), withImages(all[:seen])
}

func withImages(all []tally) []tally {
	var ts []tally
	for _, t := range all {
		if t.images > 0 {
			ts = append(ts, t)
		}
	}
	return ts
}

// harmonic gives U, S and H with the constant taken off the seen scores; H is resampled from the pairs of U and S.
func harmonic(images []stacked, seen, candidates int, constant float64, b Bootstrap) Harmonic {
	ut, st := tallies(images, seen, candidates, constant)
	r := newResampler(b.Seed)
	u, _ := r.replicate(ut, b.Resamples)
	s, _ := r.replicate(st, b.Resamples)
	pair := func(a, b []float64) []float64 {
		n := min(len(a), len(b))
		h := make([]float64, n)
		for i := range h {
			h[i] = harmonicMean(a[i], b[i])
		}
		return h
	}
	h := replicates{pair(u.overImages, s.overImages), pair(u.overClasses, s.overClasses)}
	mu, ms := meanPerClass(ut), meanPerClass(st)
	return Harmonic{
		Constant: constant,
		U:        u.estimate(mu),
		S:        s.estimate(ms),
		H:        h.estimate(harmonicMean(mu, ms)),
	}
}

// curve gives S against U for every constant that changes either, from all images on the seen side to all on the unseen
// one. U and S are step functions of the constant, so the points are exact.
func curve(images []stacked, seen, candidates int) []CurvePoint {
	ut, st := tallies(images, seen, candidates, 0)
	count := make([]int, candidates)
	for _, im := range images {
		count[im.class]++
	}
	byMargin := append([]stacked(nil), images...)
	sort.SliceStable(byMargin, func(i, j int) bool { return byMargin[i].margin < byMargin[j].margin })

	weight := func(im stacked) float64 {
		group := len(ut)
		if im.class < seen {
			group = len(st)
		}
		return 1 / (float64(count[im.class]) * float64(group))
	}
	p := CurvePoint{Constant: byMargin[0].margin}
	for _, im := range images {
		if im.right && im.class < seen {
			p.S += weight(im)
		}
	}
	points := []CurvePoint{p}
	for i := 0; i < len(byMargin); {
		m, changed := byMargin[i].margin, false
		for ; i < len(byMargin) && byMargin[i].margin == m; i++ {
			im := byMargin[i]
			switch {
			case !im.right:
				continue
			case im.class < seen:
				p.S = max(0, p.S-weight(im)) // rounding leaves no less than nothing
			default:
				p.U += weight(im)
			}
			changed = true
		}
		if !changed {
			continue
		}
		// The images up to m have changed sides with any constant above m, up to the next margin.
		p.Constant = math.Nextafter(m, math.Inf(1))
		if i < len(byMargin) {
			p.Constant = byMargin[i].margin
		}
		points = append(points, p)
	}
	// Sums of weights leave rounding crumbs where the figure is zero.
	last := &points[len(points)-1]
	if math.Abs(last.S) < 1e-12 {
		last.S = 0
	}
	return points
}

// area is the area under S as a function of U, by trapezoids.
func area(points []CurvePoint) float64 {
	var a float64
	for i := 1; i < len(points); i++ {
		a += (points[i].U - points[i-1].U) * (points[i].S + points[i-1].S) / 2
	}
	return a
}

func bestH(points []CurvePoint) CurvePoint {
	best := points[0]
	for _, p := range points {
		if p.H() > best.H() {
			best = p
		}
	}
	return best
}

// thin keeps at most n points, ends included, evenly by index: enough to draw the curve.
func thin(points []CurvePoint, n int) []CurvePoint {
	if len(points) <= n {
		return points
	}
	kept := make([]CurvePoint, n)
	for i := range kept {
		kept[i] = points[i*(len(points)-1)/(n-1)]
	}
	return kept
}
