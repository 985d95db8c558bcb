package evaluate

import (
	"context"
	"errors"

	"vzsl/internal/gzsl"
)

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

// harmonic returns U, S and H with the constant subtracted from the seen scores; H is resampled from the pairs of U and S.
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

func (s *inputs) generalised(ctx context.Context, model Scorer, unseen, seen *testSet, opts Options, progress func(int)) (*Generalised, error) {
	n := len(seen.classes)
	candidates := append(append([]string(nil), seen.classes...), unseen.classes...)
	truth := make(map[int]int, len(unseen.rows)+len(seen.rows))
	for i, row := range seen.rows {
		truth[row] = seen.truth[i]
	}
	for i, row := range unseen.rows {
		if _, both := truth[row]; both {
			return nil, errors.New("an image is both a seen and an unseen test image: make the split again")
		}
		truth[row] = n + unseen.truth[i]
	}
	rows := make([]int, 0, len(truth))
	for row := range s.features.Rows() {
		if _, ok := truth[row]; ok {
			rows = append(rows, row)
		}
	}
	g := &Generalised{
		Candidates:   candidates,
		Seen:         n,
		SeenImages:   len(seen.rows),
		UnseenImages: len(unseen.rows),
	}
	images := make([]gzsl.Image, 0, len(rows))
	err := s.score(ctx, model, rows, candidates, opts.Batch, func(i int, scores []float32) {
		c := truth[rows[i]]
		images = append(images, gzsl.Of(scores, n, c))
		g.Predictions = append(g.Predictions, Prediction{
			Image: s.features.Images()[rows[i]],
			Class: c,
			Rank:  rankOf(scores, c),
			Score: scores[c],
			Top:   top(scores, ranked),
		})
		progress(1)
	})
	if err != nil {
		return nil, err
	}
	b := Bootstrap{Resamples: opts.Resamples, Seed: opts.Seed, Level: level}
	g.Plain = harmonic(images, n, len(candidates), 0, b)
	if opts.Calibration != nil {
		h := harmonic(images, n, len(candidates), *opts.Calibration, b)
		g.Calibrated = &h
	}
	points := gzsl.Curve(images, n, len(candidates))
	g.AUSUC = gzsl.Area(points)
	g.Best = CurvePoint(gzsl.Best(points))
	g.Curve = thin(points, 400)
	return g, nil
}
