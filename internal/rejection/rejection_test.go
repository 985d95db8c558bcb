package rejection

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func drawn(r *rand.Rand, n int) []Judged {
	all := make([]Judged, n)
	for i := range all {
		all[i].Known = i == 0 || i > 1 && r.IntN(2) == 0 // at least one of each
		all[i].Score = float64(r.IntN(12)) / 12
		if all[i].Known {
			all[i].Score = min(1, all[i].Score+0.2)
		}
	}
	return all
}

// The area is the share of pairs, and no threshold has a smaller cost, by going over all of them.
func TestObvious(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 300 {
		all := drawn(r, 2+r.IntN(40))
		pairs, right := 0.0, 0.0
		for _, k := range all {
			for _, u := range all {
				if k.Known && !u.Known {
					pairs++
					if k.Score > u.Score {
						right++
					} else if k.Score == u.Score {
						right += 0.5
					}
				}
			}
		}
		if got := AUROC(all); math.Abs(got-right/pairs) > 1e-12 {
			t.Fatalf("%v: %v, want %v", all, got, right/pairs)
		}
		cost := func(at float64) float64 { a, b := Rates(all, at); return a + b }
		got := cost(threshold(all))
		for k := 0; k <= 130; k++ {
			if at := float64(k)/100 - 0.02; cost(at) < got-1e-12 {
				t.Fatalf("%v: %v costs %v, %v costs %v", all, threshold(all), got, at, cost(at))
			}
		}
	}
	if a := AUROC([]Judged{{1, true}}); !math.IsNaN(a) {
		t.Error(a)
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[int][]int{0: nil, 1: nil, 2: nil, 3: {2}, 4: {2}, 10: {2, 5}, 12: {2, 5, 6}, 50: {2, 5, 10, 20, 25}, 300: {2, 5, 10, 20, 50, 100, 150, 200}} {
		if got := Sizes(n); !slices.Equal(got, want) {
			t.Errorf("%d classes: %v, want %v", n, got, want)
		}
	}
	a, b := Candidates(1, 50, 10, 0), Candidates(1, 50, 10, 1)
	if !slices.Equal(a, Candidates(1, 50, 10, 0)) || slices.Equal(a, b) || !slices.IsSorted(a) || len(slices.Compact(a)) != 10 {
		t.Error(a, b)
	}
}

func TestFor(t *testing.T) {
	points := []Point{{Candidates: 2}, {Candidates: 10}, {Candidates: 50}}
	for n, want := range map[int]int{1: 2, 4: 2, 5: 10, 22: 10, 23: 50, 9000: 50} {
		if got := For(points, n); got.Candidates != want {
			t.Errorf("%d: %d, want %d", n, got.Candidates, want)
		}
	}
	if For(nil, 3) != nil {
		t.Error("a point of none")
	}
}

// The expected best of draws, by drawing.
func TestExpected(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	background := make([]float32, 30)
	for i := range background {
		background[i] = float32(r.NormFloat64())
	}
	for _, n := range []int{1, 2, 7, 100} {
		sum := 0.0
		const draws = 20000
		for range draws {
			best := math.Inf(-1)
			for range n {
				best = max(best, float64(background[r.IntN(len(background))]))
			}
			sum += best
		}
		if got := Expected(background, n); math.Abs(got-sum/draws) > 0.03 {
			t.Errorf("of %d: %v, by drawing %v", n, got, sum/draws)
		}
	}
}

// Few seen classes: every one, moved; many: an even choice. Equal descriptions are left out.
func TestBackground(t *testing.T) {
	if got := Background([][]float32{{0, 1}, {10, 1}}); len(got) != 2 || math.Abs(float64(got[0][0])-0.1) > 1e-6 || math.Abs(float64(got[1][0])-9.9) > 1e-5 || got[0][1] != 1 {
		t.Error(got)
	}
	if got := Background([][]float32{{1}, {1}}); got != nil {
		t.Error(got)
	}
	if got := Background(nil); got != nil {
		t.Error(got)
	}
	var many [][]float32
	for i := range 251 {
		many = append(many, []float32{float32(i)})
	}
	got := Background(many)
	if len(got) != maxBackground || got[99][0] < 240 || got[99][0] > 250 {
		t.Error(len(got), got[len(got)-1])
	}
}
