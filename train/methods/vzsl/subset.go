package vzsl

import "vzsl/train/method"

// subset are some classes of a problem's samples.
type subset struct {
	method.Samples
	rows, labels []int
}

func (s *subset) Len() int                 { return len(s.rows) }
func (s *subset) Label(i int) int          { return s.labels[i] }
func (s *subset) Row(i int, dst []float32) { s.Samples.Row(s.rows[i], dst) }

// some are the samples of the classes that keep takes, and these alone.
func some(d *method.Data, keep func(label int) bool) method.Data {
	out := method.Data{}
	s := &subset{Samples: d.Samples}
	place := make([]int, len(d.Attributes))
	for l, a := range d.Attributes {
		if place[l] = -1; keep(l) {
			place[l] = len(out.Attributes)
			out.Attributes = append(out.Attributes, a)
		}
	}
	for i := range d.Len() {
		if l := place[d.Label(i)]; l >= 0 {
			s.rows, s.labels = append(s.rows, i), append(s.labels, l)
		}
	}
	out.Samples = s
	return out
}

// joined are samples and, after them, unlabelled ones under the labels given.
type joined struct {
	method.Samples
	more   method.Features
	rows   []int
	labels []int
}

func (j *joined) Len() int { return j.Samples.Len() + len(j.rows) }
func (j *joined) Label(i int) int {
	if n := j.Samples.Len(); i >= n {
		return j.labels[i-n]
	}
	return j.Samples.Label(i)
}
func (j *joined) Row(i int, dst []float32) {
	if n := j.Samples.Len(); i >= n {
		j.more.Row(j.rows[i-n], dst)
	} else {
		j.Samples.Row(i, dst)
	}
}

// scored are a model's scores of samples for classes.
func scored(m method.Model, f method.Features, classes [][]float32) ([]float64, error) {
	out := make([]float64, 0, f.Len()*len(classes))
	err := method.Scores(m, f, classes, func(_ int, row []float32) error {
		for _, v := range row {
			out = append(out, float64(v))
		}
		return nil
	})
	return out, err
}

// sure returns each image's most probable class where it is certain, else -1.
func sure(q []float32, classes int) []float32 {
	out := make([]float32, 0, len(q)/classes)
	for at := 0; at < len(q); at += classes {
		best := 0
		for c, p := range q[at : at+classes] {
			if p > q[at+best] {
				best = c
			}
		}
		if q[at+best] <= certain {
			best = -1
		}
		out = append(out, float32(best))
	}
	return out
}
