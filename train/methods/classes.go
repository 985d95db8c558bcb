package methods

import (
	"context"

	"gonum.org/v1/gonum/mat"

	"vzsl/train/method"
)

// classStatistics are the features' moments class by class.
type classStatistics struct {
	attributes       [][]float32 // of the classes that have samples
	index            []int       // their rows in the data's classes
	counts           []float64
	means, variances *mat.Dense // classes x d; a class of one sample has the mean variances of the others
	mean, variance   []float64  // of all samples
	within           float64    // mean of the variances
}

func newClassStatistics(ctx context.Context, t *method.Data) (*classStatistics, error) {
	d := t.Dim()
	all := counts(t)
	index := make([]int, len(all))
	s := &classStatistics{mean: make([]float64, d), variance: make([]float64, d)}
	for c, n := range all {
		if n > 0 {
			index[c] = len(s.counts)
			s.attributes, s.index, s.counts = append(s.attributes, t.Attributes[c]), append(s.index, c), append(s.counts, n)
		}
	}
	classes := len(s.counts)
	s.means, s.variances = mat.NewDense(classes, d, nil), mat.NewDense(classes, d, nil)
	row, total := make([]float32, d), float64(t.Len())
	for pass := range 2 { // the second about the means of the first
		for i := range t.Len() {
			if i%512 == 0 && ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			t.Row(i, row)
			c := index[t.Label(i)]
			mean, variance, n := s.means.RawRowView(c), s.variances.RawRowView(c), s.counts[c]
			if pass == 0 {
				for j, v := range row {
					mean[j] += float64(v) / n
					s.mean[j] += float64(v) / total
				}
				continue
			}
			for j, v := range row {
				x := float64(v) - mean[j]
				variance[j] += x * x / n
				x = float64(v) - s.mean[j]
				s.variance[j] += x * x / total
			}
		}
	}
	shared, several := make([]float64, d), 0.0
	for c, n := range s.counts {
		if n > 1 {
			several++
			for j, v := range s.variances.RawRowView(c) {
				shared[j] += v
			}
		}
	}
	for j := range shared {
		shared[j] /= max(several, 1)
		s.within += shared[j] / float64(d)
	}
	for c, n := range s.counts {
		if n == 1 {
			s.variances.SetRow(c, shared)
		}
	}
	return s, nil
}
