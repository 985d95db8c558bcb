package evaluate

import (
	"context"
	"fmt"

	"vzsl/internal/rejection"
)

const (
	judgedImages    = 10_000 // of more test images evenly spread ones are judged
	rejectionPoints = 100    // of the curve
)

// Rejection is how well images of none of the candidates are distinguished from those of a candidate by the excess of the best candidate's score over
// the one expected of as many other classes: one whose excess is below a threshold is rejected. Of the unseen classes with images, in the split's order, every other one is a
// candidate and the images of the rest are of none; then the other way round. Both count together.
type Rejection struct {
	Candidates int `json:"candidates"` // the larger of the two numbers
	Known      int `json:"known_images"`
	Unknown    int `json:"unknown_images"`
	// AUROC is the probability that an image of a candidate has a larger excess than one of none; 0.5 is chance.
	AUROC float64 `json:"auroc"`
	// At95 is the share of images of none that are accepted where 95 % of the images of candidates are.
	At95 float64 `json:"false_acceptance_at_95"`
	// Selected is the threshold that was selected on validation classes for a number of candidates near this, with its rates there, and
	// Chosen what it comes to here; nil: none was.
	Selected *rejection.Point `json:"selected,omitempty"`
	Chosen   *RejectionPoint  `json:"chosen,omitempty"`
	// Curve goes from accepting nothing to accepting all.
	Curve []RejectionPoint `json:"curve"`
}

// RejectionPoint is what a threshold comes to.
type RejectionPoint struct {
	Threshold       float64 `json:"threshold"`        // of the excess
	FalseAcceptance float64 `json:"false_acceptance"` // share of the images of none that are accepted
	FalseRejection  float64 `json:"false_rejection"`  // share of the images of candidates that are rejected
	Accuracy        float64 `json:"accuracy"`         // top-1 per image of the images of candidates that are accepted; 0 where none is
}

// judged is an image, and whether its best candidate is its class.
type judged struct {
	rejection.Judged
	right bool
}

// halves are the candidates of the two rounds; nil: there are too few classes with images.
func halves(pictured []int) [][]int {
	if len(pictured) < 4 {
		return nil
	}
	var out [2][]int
	for i, c := range pictured {
		out[i%2] = append(out[i%2], c)
	}
	return out[:]
}

// judgedRows are the rows that are judged.
func (t *testSet) judgedRows() []int {
	step := max(1, (len(t.rows)+judgedImages-1)/judgedImages)
	var at []int
	for i := 0; i < len(t.rows); i += step {
		at = append(at, i)
	}
	return at
}

// reject judges the test images among each half of the classes with images.
func (s *inputs) reject(ctx context.Context, model Scorer, t *testSet, pictured []int, opts Options, progress func(int)) (*Rejection, error) {
	at := t.judgedRows()
	rows := make([]int, len(at))
	for i, k := range at {
		rows[i] = t.rows[k]
	}
	var all []judged
	r := &Rejection{}
	for _, half := range halves(pictured) {
		r.Candidates = max(r.Candidates, len(half))
		names, place := make([]string, len(half)), map[int]int{}
		for i, c := range half {
			names[i], place[c] = t.classes[c], i
		}
		expected, err := s.expected(ctx, rows, len(half), opts)
		if err != nil {
			return nil, err
		}
		err = s.score(ctx, model, rows, names, opts.Batch, func(i int, scores []float32) {
			c, known := place[t.truth[at[i]]]
			j := judged{Judged: rejection.Best(scores, expected[i], known)}
			j.right = known && rankOf(scores, c) == 1
			all = append(all, j)
			progress(1)
		})
		if err != nil {
			return nil, err
		}
	}
	plain := make([]rejection.Judged, len(all))
	for i, j := range all {
		plain[i] = j.Judged
		if j.Known {
			r.Known++
		} else {
			r.Unknown++
		}
	}
	r.AUROC, r.At95, r.Curve = rejection.AUROC(plain), rejection.FalseAcceptanceAt(plain, 0.95), []RejectionPoint{}
	for _, threshold := range rejection.Thresholds(plain, rejectionPoints) {
		r.Curve = append(r.Curve, pointAt(all, plain, threshold))
	}
	if opts.NoneBelow != nil {
		if r.Selected = opts.NoneBelow(r.Candidates); r.Selected != nil {
			p := pointAt(all, plain, r.Selected.Threshold)
			r.Chosen = &p
		}
	}
	return r, nil
}

// expected is the best score of each row that so many classes are expected to come to; 0 where that is not known.
func (s *inputs) expected(ctx context.Context, rows []int, candidates int, opts Options) ([]float64, error) {
	out := make([]float64, 0, len(rows))
	if opts.Expected == nil {
		return out[:len(rows)], nil
	}
	var buf []float32
	for lo := 0; lo < len(rows); lo += opts.Batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part := rows[lo:min(lo+opts.Batch, len(rows))]
		buf = buf[:0]
		for _, row := range part {
			buf = append(buf, s.features.Feature(row)...)
		}
		some, err := opts.Expected(buf, len(part), candidates)
		if err != nil {
			return nil, fmt.Errorf("scoring %d images from %q on: %w", len(part), s.features.Images()[part[0]], err)
		}
		if some == nil { // the model keeps none
			return out[:len(rows)], nil
		}
		out = append(out, some...)
	}
	return out, nil
}

// pointAt is what a threshold comes to.
func pointAt(all []judged, plain []rejection.Judged, threshold float64) RejectionPoint {
	p := RejectionPoint{Threshold: threshold}
	p.FalseAcceptance, p.FalseRejection = rejection.Rates(plain, threshold)
	accepted, right := 0, 0
	for _, j := range all {
		if j.Known && j.Score >= threshold {
			accepted++
			if j.right {
				right++
			}
		}
	}
	p.Accuracy = float64(right) / float64(max(1, accepted))
	return p
}
