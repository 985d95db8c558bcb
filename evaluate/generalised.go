package evaluate

import "vzsl/internal/gzsl"

// tallies counts hits by class with the constant taken off: the unseen group, then the seen one, each over the classes
// that have images.
func tallies(images []gzsl.Image, seen, candidates int, constant float64) (unseen, seenGroup []tally) {
	all := make([]tally, candidates)
	for _, im := range images {
		t := &all[im.Class]
		t.images++
		if im.Hit(seen, constant) {
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
func harmonic(images []gzsl.Image, seen, candidates int, constant float64, b Bootstrap) Harmonic {
	ut, st := tallies(images, seen, candidates, constant)
	r := newResampler(b.Seed)
	u, _ := r.replicate(ut, b.Resamples)
	s, _ := r.replicate(st, b.Resamples)
	pair := func(a, b []float64) []float64 {
		n := min(len(a), len(b))
		h := make([]float64, n)
		for i := range h {
			h[i] = gzsl.HarmonicMean(a[i], b[i])
		}
		return h
	}
	h := replicates{pair(u.overImages, s.overImages), pair(u.overClasses, s.overClasses)}
	mu, ms := meanPerClass(ut), meanPerClass(st)
	return Harmonic{
		Constant: constant,
		U:        u.estimate(mu),
		S:        s.estimate(ms),
		H:        h.estimate(gzsl.HarmonicMean(mu, ms)),
	}
}

// thin keeps at most n points, ends included, evenly by index: enough to draw the curve.
func thin(points []gzsl.Point, n int) []CurvePoint {
	n = min(n, len(points))
	kept := make([]CurvePoint, n)
	for i := range kept {
		kept[i] = CurvePoint(points[i*(len(points)-1)/max(1, n-1)])
	}
	return kept
}
