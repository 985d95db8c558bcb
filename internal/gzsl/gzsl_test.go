package gzsl

import (
	"math"
	"testing"
)

// Two seen classes (0, 1) and two unseen ones (2, 3): scores, margins, and the curve by hand.
func TestCurve(t *testing.T) {
	var images []Image
	for _, im := range []struct {
		class  int
		scores []float32
	}{
		{0, []float32{5, 1, 2, 1}}, // margin 3, right among the seen
		{1, []float32{1, 3, 2, 1}}, // margin 1, right
		{2, []float32{4, 1, 2, 0}}, // margin 2, right among the unseen
		{3, []float32{1, 1, 2, 1}}, // margin -1, wrong
	} {
		images = append(images, Of(im.scores, 2, im.class))
	}
	for i, margin := range []float64{3, 1, 2, -1} {
		if images[i].Margin != margin || images[i].Right != (i != 3) {
			t.Errorf("image %d: %+v", i, images[i])
		}
	}
	// A tie goes to the seen classes: with the constant equal to the margin a seen image is still correct.
	if !images[0].Hit(2, 3) || images[0].Hit(2, 3.1) || images[2].Hit(2, 2) || !images[2].Hit(2, 2.1) {
		t.Error("sides at a tie")
	}
	points := Curve(images, 2, 4)
	for constant, want := range map[float64][2]float64{-5: {0, 1}, 1: {0, 1}, 2: {0, 0.5}, 3: {0.5, 0.5}, 4: {0.5, 0}} {
		if p := At(points, constant); p.U != want[0] || p.S != want[1] {
			t.Errorf("constant %v: U %v, S %v, want %v", constant, p.U, p.S, want)
		}
	}
	if b := Best(points); b.H() != 0.5 || b.U != 0.5 {
		t.Errorf("best %+v", b)
	}
	// The least of the constants with the largest H.
	if c := Constant(points, points); !(c > 2 && c <= 3) || At(points, c).H() != 0.5 || c != Best(points).Constant {
		t.Errorf("constant %v", c)
	}
	flat := []Point{{Constant: 1, U: 0.5, S: 0.5}, {Constant: 2, U: 0.5, S: 0.5}}
	if c := Constant(flat); c != 1 {
		t.Errorf("of equal ones %v", c)
	}
	if a := Area(points); math.Abs(a-0.25) > 1e-12 {
		t.Errorf("area %v", a)
	}
	if HarmonicMean(0, 0) != 0 || HarmonicMean(1, 0.5) != 2./3 {
		t.Error("harmonic mean")
	}
}
