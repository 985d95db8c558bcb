package method

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// Matrix is a matrix of rows in double precision.
func Matrix(rows [][]float32) *mat.Dense {
	m := mat.NewDense(len(rows), len(rows[0]), nil)
	for i, row := range rows {
		to := m.RawRowView(i)
		for j, v := range row {
			to[j] = float64(v)
		}
	}
	return m
}

// Softmax turns logits into probabilities and returns the logarithm of their normaliser.
func Softmax[T float32 | float64](v []T) float64 {
	top := v[0]
	for _, x := range v {
		top = max(top, x)
	}
	sum := 0.0
	for i, x := range v {
		e := math.Exp(float64(x - top))
		v[i] = T(e)
		sum += e
	}
	for i := range v {
		v[i] = T(float64(v[i]) / sum)
	}
	return float64(top) + math.Log(sum)
}

// Deviation is the standard deviation of rows of scores about each row's mean.
func Deviation[T float32 | float64](scores []T, classes int) float64 {
	sum := 0.0
	for at := 0; at < len(scores); at += classes {
		row, mean := scores[at:at+classes], 0.0
		for _, s := range row {
			mean += float64(s) / float64(classes)
		}
		for _, s := range row {
			sum += (float64(s) - mean) * (float64(s) - mean)
		}
	}
	return math.Sqrt(sum / float64(max(len(scores), 1)))
}
