package train

import (
	"math"

	"vzsl/train/method"
)

// fitTemperature returns the T for which the probabilities softmax(score / T) of the classes of d explain its labels best:
// the least mean of -log p(label), by Guo et al., On Calibration of Modern Neural Networks (ICML 2017). The model must not
// have been trained on these classes.
//
// In b = 1/T that mean is convex with the derivative
//
//	mean_i ( sum_c p_ic s_ic - s_iy ),    p_i = softmax(b s_i),
//
// whose sign is halved down on a logarithmic scale. Where it has no zero (every label has the highest score, or scores that
// say nothing) T is the end of the scale: the scores' own spread by or times a thousand.
func fitTemperature(m method.Model, d *method.Data) (float64, error) {
	const (
		most = 1 << 23 // scores: one number is fitted, more would add nothing
		wide = 1000.0
	)
	classes := len(d.Attributes)
	some := every{d, max(1, d.Len()*classes/most)}
	var scores []float32
	var labels []int
	if err := method.Scores(m, some, d.Attributes, func(i int, row []float32) error {
		scores, labels = append(scores, row...), append(labels, some.Label(i))
		return nil
	}); err != nil {
		return 0, err
	}
	spread := method.Deviation(scores, classes)
	if spread == 0 || math.IsNaN(spread) || math.IsInf(spread, 0) {
		return 0, nil // nothing to calibrate
	}
	lo, hi := 1/(wide*spread), wide/spread
	for range 60 {
		b := math.Sqrt(lo * hi)
		if slope(scores, labels, classes, b) > 0 {
			hi = b
		} else {
			lo = b
		}
	}
	return 1 / math.Sqrt(lo*hi), nil
}

// every are samples step apart.
type every struct {
	method.Samples
	step int
}

func (e every) Len() int                 { return (e.Samples.Len() + e.step - 1) / e.step }
func (e every) Row(i int, dst []float32) { e.Samples.Row(i*e.step, dst) }
func (e every) Label(i int) int          { return e.Samples.Label(i * e.step) }

// slope is the derivative above.
func slope(scores []float32, labels []int, classes int, b float64) float64 {
	sum := 0.0
	for i, y := range labels {
		row := scores[i*classes : (i+1)*classes]
		top := row[0]
		for _, s := range row {
			top = max(top, s)
		}
		weight, mean := 0.0, 0.0
		for _, s := range row {
			e := math.Exp(b * (float64(s) - float64(top)))
			weight += e
			mean += e * float64(s)
		}
		sum += mean/weight - float64(row[y])
	}
	return sum / float64(len(labels))
}
