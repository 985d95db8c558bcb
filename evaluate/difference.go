package evaluate

import (
	"fmt"
	"slices"
)

// Difference is by how much b's mean per-class top-1 is above a's on the same images among the same candidates, with 95 % intervals
// of the paired bootstrap: both results of an image are drawn together, so that what is hard for both counts for neither. The
// resamples and their seed are a's.
func Difference(a, b *Result) (Estimate, error) {
	if !slices.Equal(a.Candidates, b.Candidates) || len(a.Predictions) != len(b.Predictions) {
		return Estimate{}, fmt.Errorf("results cannot be compared: one is on %d images and %d classes, the other on %d images and %d classes; compare runs on the same split", len(a.Predictions), len(a.Candidates), len(b.Predictions), len(b.Candidates))
	}
	classes := make([]outcomes, len(a.Candidates))
	for i := range a.Predictions {
		p, q := &a.Predictions[i], &b.Predictions[i]
		if p.Image != q.Image || p.Class != q.Class {
			return Estimate{}, fmt.Errorf("results cannot be compared: they are on different images (%q and %q); compare runs on the same split", p.Image, q.Image)
		}
		o := &classes[p.Class]
		o.images++
		switch {
		case q.Correct() && !p.Correct():
			o.won++
		case p.Correct() && !q.Correct():
			o.lost++
		}
	}
	classes = slices.DeleteFunc(classes, func(o outcomes) bool { return o.images == 0 })
	r := newResampler(a.Bootstrap.Seed)
	var reps replicates
	drawn := make([]outcomes, len(classes))
	for range a.Bootstrap.Resamples {
		for i, o := range classes {
			drawn[i] = r.outcomes(o)
		}
		reps.overImages = append(reps.overImages, meanGain(drawn))
		if len(classes) < 2 {
			continue
		}
		for i := range drawn {
			drawn[i] = classes[r.draw(len(classes))]
		}
		reps.overClasses = append(reps.overClasses, meanGain(drawn))
	}
	return reps.estimate(meanGain(classes)), nil
}

// outcomes counts the images of a class that the second of two results has right and the first wrong, and the other way round.
type outcomes struct{ images, won, lost int }

func meanGain(classes []outcomes) float64 {
	sum := 0.0
	for _, o := range classes {
		sum += float64(o.won-o.lost) / float64(o.images)
	}
	return sum / float64(len(classes))
}

// outcomes draws as many images with replacement.
func (r resampler) outcomes(o outcomes) outcomes {
	out := outcomes{images: o.images}
	if o.won+o.lost == 0 {
		return out
	}
	for range o.images {
		switch k := r.draw(o.images); {
		case k < o.won:
			out.won++
		case k < o.won+o.lost:
			out.lost++
		}
	}
	return out
}
