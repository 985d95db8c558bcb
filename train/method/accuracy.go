package method

import "fmt"

// Accuracy is the model's mean per-class top-1 accuracy over the classes of d that have samples, 0..1. Ties go to the
// first class; a row of NaN is an error.
func Accuracy(m Model, d *Data) (float64, error) {
	right, all := make([]int, len(d.Attributes)), make([]int, len(d.Attributes))
	err := Scores(m, d, d.Attributes, func(i int, scores []float32) error {
		best := 0
		for c, s := range scores {
			if s != s {
				return fmt.Errorf("the score of validation sample %d is not a number", i)
			}
			if s > scores[best] {
				best = c
			}
		}
		y := d.Label(i)
		all[y]++
		if best == y {
			right[y]++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return perClass(right, all), nil
}

// AccuracyOf is Accuracy of scores that are known, row after row.
func AccuracyOf(scores []float64, d *Data) float64 {
	classes := len(d.Attributes)
	right, all := make([]int, classes), make([]int, classes)
	for i := range d.Len() {
		row, best := scores[i*classes:(i+1)*classes], 0
		for c, s := range row {
			if s > row[best] {
				best = c
			}
		}
		y := d.Label(i)
		all[y]++
		if best == y {
			right[y]++
		}
	}
	return perClass(right, all)
}

func perClass(right, all []int) float64 {
	sum, n := 0.0, 0
	for c := range all {
		if all[c] > 0 {
			sum += float64(right[c]) / float64(all[c])
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}
