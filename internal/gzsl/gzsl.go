// Package gzsl has the figures of generalised zero-shot learning: U and S, the mean per-class accuracies of unseen and of
// seen images among all classes, and their harmonic mean, for every constant of calibrated stacking (Chao et al., An
// Empirical Study and Analysis of Generalized Zero-Shot Learning, ECCV 2016): a model trained on the seen classes scores
// these too high beside the unseen ones, and a constant subtracted from every seen class's score makes up for it.
package gzsl

import (
	"math"
	"sort"
)

// Image is what the curve needs of one image: by how much the best seen class outscores the best unseen one, and whether
// the best class on the image's own side is the true one. With a constant g subtracted from the seen scores the image goes to
// the seen side where Margin >= g (a tie goes to the seen classes, which stand first).
type Image struct {
	Margin float64
	Right  bool // the best class of the true class's own side is the true class
	Class  int
}

// Of reads an image's scores for all candidates, the seen classes first; class is the true one.
func Of(scores []float32, seen, class int) Image {
	s, u := argmax(scores[:seen]), seen+argmax(scores[seen:])
	own := s
	if class >= seen {
		own = u
	}
	return Image{
		Margin: float64(scores[s]) - float64(scores[u]),
		Right:  own == class,
		Class:  class,
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

// Hit reports whether the image is classified correctly with the constant subtracted from the scores of the seen classes.
func (im Image) Hit(seen int, constant float64) bool {
	return im.Right && (im.Margin >= constant) == (im.Class < seen)
}

// Point is U and S with a constant subtracted from the scores of seen classes.
type Point struct {
	Constant, U, S float64
}

// H is the harmonic mean of the point's U and S.
func (p Point) H() float64 { return HarmonicMean(p.U, p.S) }

// HarmonicMean is 2 u s / (u + s), 0 where both are.
func HarmonicMean(u, s float64) float64 {
	if u+s == 0 {
		return 0
	}
	return 2 * u * s / (u + s)
}

// Curve returns S against U for every constant that changes either, from all images on the seen side to all on the unseen
// one. U and S are step functions of the constant, so the points are exact: each holds above the constant of the point
// before it up to and including its own (an image goes to the seen side where Margin >= g), the last one beyond it too.
// Classes without images are not part of the means.
func Curve(images []Image, seen, candidates int) []Point {
	count := make([]int, candidates)
	for _, im := range images {
		count[im.Class]++
	}
	var groups [2]int // classes with images: seen, unseen
	side := func(class int) int {
		if class < seen {
			return 0
		}
		return 1
	}
	for c, n := range count {
		if n > 0 {
			groups[side(c)]++
		}
	}
	byMargin := append([]Image(nil), images...)
	sort.SliceStable(byMargin, func(i, j int) bool { return byMargin[i].Margin < byMargin[j].Margin })

	weight := func(im Image) float64 { return 1 / (float64(count[im.Class]) * float64(groups[side(im.Class)])) }
	p := Point{Constant: byMargin[0].Margin}
	for _, im := range images {
		if im.Right && im.Class < seen {
			p.S += weight(im)
		}
	}
	points := []Point{p}
	for i := 0; i < len(byMargin); {
		m, changed := byMargin[i].Margin, false
		for ; i < len(byMargin) && byMargin[i].Margin == m; i++ {
			im := byMargin[i]
			switch {
			case !im.Right:
				continue
			case im.Class < seen:
				p.S = max(0, p.S-weight(im)) // rounding may not make it negative
			default:
				p.U += weight(im)
			}
			changed = true
		}
		// The images up to m have changed sides with any constant above m, up to the next margin.
		p.Constant = math.Nextafter(m, math.Inf(1))
		if i < len(byMargin) {
			p.Constant = byMargin[i].Margin
		}
		if changed {
			points = append(points, p)
		} else { // neither U nor S moved: the point before holds up to here
			points[len(points)-1].Constant = p.Constant
		}
	}
	// Rounding errors of the sums, where the figure is zero.
	last := &points[len(points)-1]
	if math.Abs(last.S) < 1e-12 {
		last.S = 0
	}
	return points
}

// Area is the area under S as a function of U, by trapezoids.
func Area(points []Point) float64 {
	var a float64
	for i := 1; i < len(points); i++ {
		a += (points[i].U - points[i-1].U) * (points[i].S + points[i-1].S) / 2
	}
	return a
}

// Best is the point with the largest H, the first of equal ones.
func Best(points []Point) Point {
	best := points[0]
	for _, p := range points {
		if p.H() > best.H() {
			best = p
		}
	}
	return best
}

// At is the point that holds with the constant.
func At(points []Point, constant float64) Point {
	i := sort.Search(len(points), func(i int) bool { return points[i].Constant >= constant })
	return points[min(i, len(points)-1)]
}

// Constant is the one with the largest mean of H over several curves, the smallest of equal ones.
func Constant(curves ...[]Point) float64 {
	best, most := 0.0, -1.0
	var all []float64
	for _, points := range curves {
		for _, p := range points {
			all = append(all, p.Constant)
		}
	}
	sort.Float64s(all)
	for _, c := range all {
		sum := 0.0
		for _, points := range curves {
			sum += At(points, c).H()
		}
		if sum > most {
			best, most = c, sum
		}
	}
	return best
}
