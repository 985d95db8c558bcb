package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"vzsl/evaluate"
)

// mapSection is the t-SNE maps as drawn. Hues alone cannot distinguish fifty classes: each also has a number at its
// mean.
type mapSection struct {
	Perplexity string
	Points     int
	Seed       uint64
	Names      []string // the classes' names in the order of their numbers, which start at 1
	Of         []int    // index of each among the candidates
	Drawings   []mapDrawing
}

type mapDrawing struct {
	Title, Caption string
	Groups         []mapGroup
	places         [][2]float64 // path data of the points
}

// mapGroup is a class on a map; coordinates run from 0 to 1000.
type mapGroup struct {
	Name         string
	Number       int
	Hue          int
	Dots         string // path data: lines of length 0
	X, Y         string // position of the number
	Ellipse      bool
	CX, CY       string
	RX, RY, Turn string
}

func newMaps(r *evaluate.Result, shown []string) *mapSection {
	m := r.Maps
	if m == nil || len(m.Of) == 0 {
		return nil
	}
	s := &mapSection{Perplexity: short(m.Perplexity), Points: len(m.Of), Seed: m.Seed}
	for _, c := range m.Classes {
		s.Names, s.Of = append(s.Names, shown[c]), append(s.Of, c)
	}
	if len(m.Features) == len(m.Of) {
		s.Drawings = append(s.Drawings, drawMap(m, m.Features, nil, s.Names, "Features", "Test images by the network’s features."))
	}
	if len(m.Latent) == len(m.Of) && len(m.Priors) == len(m.Classes) {
		part := legible(m.Latent, m.Priors)
		caption := "The same images by their latent codes. Ellipses: the priors of the classes, computed from their attributes, at one standard deviation."
		if part < 1 {
			caption = fmt.Sprintf("The same images by their latent codes. Ellipses: the priors of the classes, computed from their attributes, at %g standard deviations (at one they would overlap).", part)
		}
		s.Drawings = append(s.Drawings, drawMap(m, m.Latent, scaled(m.Priors, part), s.Names, "Latent codes", caption))
	}
	if len(m.Reconstructions) == len(m.Of) {
		s.Drawings = append(s.Drawings, drawMap(m, m.Reconstructions, nil, s.Names, "Reconstructions", "The same images by the decoder’s reconstructions of their features."))
	}
	return s
}

// legible is the largest factor on the standard deviations with which half of the ellipses have a semi-axis of at most
// a twelfth of the map.
func legible(points [][2]float64, priors []evaluate.MapPrior) float64 {
	lo, hi := points[0], points[0]
	for _, p := range points {
		for k := range p {
			lo[k], hi[k] = min(lo[k], p[k]), max(hi[k], p[k])
		}
	}
	var reach []float64
	for _, p := range priors {
		a, _, _ := axes(p.Covariance)
		reach = append(reach, a)
	}
	slices.Sort(reach)
	parts := []float64{1, 0.5, 0.2, 0.1, 0.05}
	for _, part := range parts {
		if part*reach[len(reach)/2] <= max(hi[0]-lo[0], hi[1]-lo[1])/12 {
			return part
		}
	}
	return parts[len(parts)-1]
}

// scaled returns the priors with their standard deviations multiplied by part.
func scaled(priors []evaluate.MapPrior, part float64) []evaluate.MapPrior {
	out := slices.Clone(priors)
	for i := range out {
		for k := range out[i].Covariance {
			out[i].Covariance[k] *= part * part
		}
	}
	return out
}

func drawMap(m *evaluate.Maps, points [][2]float64, priors []evaluate.MapPrior, names []string, title, caption string) mapDrawing {
	d := mapDrawing{Title: title, Caption: caption}
	lo, hi := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	reach := func(x, y, rx, ry float64) {
		lo[0], hi[0] = min(lo[0], x-rx), max(hi[0], x+rx)
		lo[1], hi[1] = min(lo[1], y-ry), max(hi[1], y+ry)
	}
	for _, p := range points {
		reach(p[0], p[1], 0, 0)
	}
	for _, p := range priors {
		reach(p.Mean[0], p.Mean[1], math.Sqrt(p.Covariance[0]), math.Sqrt(p.Covariance[2]))
	}
	const side, edge = 1000, 30
	scale := (side - 2*edge) / max(hi[0]-lo[0], hi[1]-lo[1], 1e-9)
	at := func(v float64, k int) float64 { return side/2 + scale*(v-(lo[k]+hi[k])/2) }
	write := func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
	for _, p := range points {
		d.places = append(d.places, [2]float64{at(p[0], 0), at(p[1], 1)})
	}
	for i, c := range m.Classes {
		g := mapGroup{Name: names[i], Number: i + 1, Hue: i * 137 % 360} // the golden angle: consecutive numbers get different hues
		var dots strings.Builder
		n, x, y := 0.0, 0.0, 0.0
		for k, p := range points {
			if m.Of[k] == c {
				px, py := at(p[0], 0), at(p[1], 1)
				fmt.Fprintf(&dots, "M%.0f %.0fh0", px, py)
				n, x, y = n+1, x+px, y+py
			}
		}
		g.Dots, g.X, g.Y = dots.String(), write(x/max(n, 1)), write(y/max(n, 1))
		if priors != nil {
			p := priors[i]
			a, b, turn := axes(p.Covariance)
			g.Ellipse, g.CX, g.CY = true, write(at(p.Mean[0], 0)), write(at(p.Mean[1], 1))
			g.RX, g.RY, g.Turn = write(scale*a), write(scale*b), write(turn)
			g.X, g.Y = g.CX, g.CY
		}
		d.Groups = append(d.Groups, g)
	}
	return d
}

// axes returns the standard deviations along the principal axes of a covariance (xx, xy, yy), the larger one first, and
// its angle in degrees: the square roots of the eigenvalues (xx + yy)/2 +- sqrt(((xx - yy)/2)^2 + xy^2).
func axes(c [3]float64) (a, b, degrees float64) {
	middle, half := (c[0]+c[2])/2, math.Hypot((c[0]-c[2])/2, c[1])
	return math.Sqrt(middle + half), math.Sqrt(max(middle-half, 0)), math.Atan2(2*c[1], c[0]-c[2]) / 2 * 180 / math.Pi
}
