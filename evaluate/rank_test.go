package evaluate

import (
	"math"
	"sort"
	"testing"

	"pgregory.net/rapid"

	"vzsl/internal/gzsl"
)

// The ranking against a stable sort, with scores coarse enough to tie.
func TestRankProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.IntRange(-4, 4), 1, 30).Draw(t, "scores")
		scores := make([]float32, len(raw))
		order := make([]int, len(raw))
		for i, v := range raw {
			scores[i], order[i] = float32(v), i
		}
		sort.SliceStable(order, func(i, j int) bool { return scores[order[i]] > scores[order[j]] })
		for place, c := range order {
			if got := rankOf(scores, c); got != place+1 {
				t.Fatalf("class %d has rank %d, want %d", c, got, place+1)
			}
		}
		k := rapid.IntRange(1, 8).Draw(t, "k")
		best := top(scores, k)
		if len(best) != min(k, len(scores)) {
			t.Fatalf("%d of %d", len(best), k)
		}
		for i, b := range best {
			if b.Class != order[i] || b.Score != scores[order[i]] {
				t.Fatalf("place %d: %+v, want class %d", i, b, order[i])
			}
		}
		if want := len(scores) > 1 && scores[order[0]] == scores[order[1]]; tied(scores) != want {
			t.Fatalf("tied %v, want %v", !want, want)
		}
	})
}

func TestWilsonStaysInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 500).Draw(t, "images")
		k := rapid.IntRange(0, n).Draw(t, "hits")
		ci, p := wilson(tally{n, k}), float64(k)/float64(n)
		if ci.Low < 0 || ci.High > 1 || ci.Low > p+1e-12 || ci.High < p-1e-12 {
			t.Fatalf("%d of %d: %+v", k, n, *ci)
		}
	})
}

// Each point of the curve must be what the definition gives with that constant, and H never above the arithmetic mean.
func TestCurveProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seen, unseen := rapid.IntRange(1, 4).Draw(t, "seen"), rapid.IntRange(1, 4).Draw(t, "unseen")
		n := rapid.IntRange(2, 40).Draw(t, "images")
		images := make([]gzsl.Image, n)
		for i := range images {
			class := i // one image of each group at least
			if i == 1 {
				class = seen
			} else if i > 1 {
				class = rapid.IntRange(0, seen+unseen-1).Draw(t, "class")
			}
			scores := make([]float32, seen+unseen)
			for c := range scores {
				scores[c] = float32(rapid.IntRange(-6, 6).Draw(t, "score")) / 4
			}
			images[i] = gzsl.Of(scores, seen, class)
		}
		points := gzsl.Curve(images, seen, seen+unseen)
		for i, p := range points {
			u, s := tallies(images, seen, seen+unseen, p.Constant)
			if math.Abs(meanPerClass(u)-p.U) > 1e-12 || math.Abs(meanPerClass(s)-p.S) > 1e-12 {
				t.Fatalf("constant %v: U %v S %v, want %v %v", p.Constant, p.U, p.S, meanPerClass(u), meanPerClass(s))
			}
			if i > 0 && (p.U < points[i-1].U || p.S > points[i-1].S+1e-12 || p.Constant <= points[i-1].Constant) {
				t.Fatalf("the curve turns back at %d: %+v, %+v", i, points[i-1], p)
			}
			if at := gzsl.At(points, p.Constant); at != p {
				t.Fatalf("at %v the curve gives %+v, not %+v", p.Constant, at, p)
			}
			if p.H() > (p.U+p.S)/2+1e-12 {
				t.Fatalf("H %v of %+v", p.H(), p)
			}
		}
		// Between two points, before the first and beyond the last one too: with several folds the constants of one are looked
		// up in the curves of the others.
		between := rapid.Float64Range(-4, 4).Draw(t, "constant")
		u, s := tallies(images, seen, seen+unseen, between)
		if at := gzsl.At(points, between); math.Abs(meanPerClass(u)-at.U) > 1e-12 || math.Abs(meanPerClass(s)-at.S) > 1e-12 {
			t.Fatalf("constant %v: the curve gives U %v S %v, want %v %v", between, at.U, at.S, meanPerClass(u), meanPerClass(s))
		}
		if a := gzsl.Area(points); a < 0 || a > 1+1e-12 {
			t.Fatalf("area %v", a)
		}
		best := gzsl.Best(points)
		if c := gzsl.Constant(points, points); gzsl.At(points, c).H() != best.H() {
			t.Fatalf("the constant %v has H %v, the best %v", c, gzsl.At(points, c).H(), best.H())
		}
		if few := thin(points, 5); len(few) > 5 || few[0] != CurvePoint(points[0]) || few[len(few)-1] != CurvePoint(points[len(points)-1]) {
			t.Fatalf("thinned to %v", few)
		}
	})
}
