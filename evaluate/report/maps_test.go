package report

import (
	"math"
	"strings"
	"testing"

	"vzsl/evaluate"
)

func TestMaps(t *testing.T) {
	r, _ := small(t)
	r.Maps = &evaluate.Maps{
		Seed: 1, Perplexity: 30, Classes: []int{0, 2}, Of: []int{0, 0, 2}, Features: [][2]float64{{0, 0}, {2, 0}, {10, 5}}, Latent: [][2]float64{{0, 0}, {1, 1}, {5, 5}},
		Priors: []evaluate.MapPrior{{Mean: [2]float64{0, 0}, Covariance: [3]float64{4, 0, 1}}, {Mean: [2]float64{5, 5}, Covariance: [3]float64{1, 0, 1}}},
	}
	elements := inspect(t, render(t, r, anyRun(), Options{}))
	text := textOf(elements["body"][0])
	for _, want := range []string{"t-SNE maps", "Latent codes", "Features", "class 2"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := len(elements["ellipse"]); n != 2 {
		t.Errorf("%d priors", n)
	}
	d := newMaps(r, r.Candidates).Drawings[0]
	// Ten wide: 940 units; the middle of the map at 500.
	if d.Groups[0].Dots != "M30 265h0M218 265h0" || d.Groups[1].Dots != "M970 735h0" || d.Groups[0].X != "124.0" {
		t.Errorf("%+v", d.Groups)
	}
	// Ellipses that would cover each other are drawn in part: 1 of 5 would be too far, 0.2 are two fifths.
	if p := legible(r.Maps.Latent, r.Maps.Priors); p != 0.2 {
		t.Errorf("%v of a standard deviation", p)
	}
	if p := scaled(r.Maps.Priors, 0.2); math.Abs(p[0].Covariance[0]-0.16) > 1e-12 || r.Maps.Priors[0].Covariance[0] != 4 {
		t.Errorf("%v", p)
	}
	r.Maps.Reconstructions = r.Maps.Features
	if m := newMaps(r, r.Candidates); len(m.Drawings) != 3 || m.Drawings[2].Title != "Reconstructions" || !strings.Contains(m.Drawings[1].Caption, " 0.2 standard deviations") {
		t.Errorf("%+v", m.Drawings)
	}
	// Without a latent space there is one map.
	r.Maps.Latent, r.Maps.Priors, r.Maps.Reconstructions = nil, nil, nil
	if elements = inspect(t, render(t, r, anyRun(), Options{})); len(elements["ellipse"]) != 0 {
		t.Error("priors of a method that has none")
	}
}

func TestAxes(t *testing.T) {
	// 3 and 1 along axes turned by 30 degrees.
	c, s := math.Cos(math.Pi/6), math.Sin(math.Pi/6)
	a, b, turn := axes([3]float64{9*c*c + s*s, 8 * c * s, 9*s*s + c*c})
	if math.Abs(a-3) > 1e-12 || math.Abs(b-1) > 1e-12 || math.Abs(turn-30) > 1e-9 {
		t.Errorf("%v, %v at %v", a, b, turn)
	}
}
