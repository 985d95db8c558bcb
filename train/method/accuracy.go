package method

import "fmt"

// Accuracy is the model's mean per-class top-1 accuracy over the classes of d that have samples, 0..1. Ties go to the
// first class; a row of NaN is an error.
func Accuracy(m Model, d *Data) (float64, error) {
	const chunk = 512
	classes := len(d.Attributes)
	right, all := make([]int, classes), make([]int, classes)
	rows := make([]float32, min(chunk, d.Len())*d.Dim())
	for lo := 0; lo < d.Len(); lo += chunk {
		n := min(chunk, d.Len()-lo)
		for i := range n {
			d.Row(lo+i, rows[i*d.Dim():(i+1)*d.Dim()])
		}
		scores, err := m.Score(rows[:n*d.Dim()], n, d.Attributes)
		if err != nil {
			return 0, err
		}
		for i := range n {
			best := 0
			row := scores[i*classes : (i+1)*classes]
			for c, s := range row {
				if s != s {
					return 0, fmt.Errorf("the score of validation sample %d is not a number", lo+i)
				}
				if s > row[best] {
					best = c
				}
			}
			y := d.Label(lo + i)
			all[y]++
			if best == y {
				right[y]++
			}
		}
	}
	return perClass(right, all), nil
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
