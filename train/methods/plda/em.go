package plda

import (
	"context"
	"fmt"
	"math"
	"slices"

	"vzsl/internal/kernels"
	"vzsl/train/method"
)

// Evidence are the log scores of another model for the unlabelled images, row after row, and their weight beside the closed
// form's: each counts by its standard deviation. The zero value is none.
type Evidence struct {
	Scores []float64
	Weight float64
}

// Transduced is the outcome of expectation and maximisation.
type Transduced struct {
	Model *Model
	// Responsibilities are the probabilities of the classes, n x c.
	Responsibilities []float32
	// Deviation is that of the model's scores before the first round, by which they are made comparable with the evidence's.
	Deviation, EvidenceDeviation float64
}

// Transduce fits the classes of unlabelled images to these, from what the model knows of the classes on. It does not change the
// model.
func (m *Model) Transduce(ctx context.Context, u *method.Unlabelled, c *Config, evidence Evidence) (*Transduced, error) {
	const block = 512
	if err := m.check(u.Attributes); err != nil {
		return nil, fmt.Errorf("unlabelled images: %w", err)
	}
	if u.Dim() != m.feature {
		return nil, fmt.Errorf("unlabelled features of %d values, the model was trained on %d", u.Dim(), m.feature)
	}
	n, k := u.Len(), m.dims
	// Classes of one description are one class to the model: they are fitted as one.
	vectors, of := distinct(u.Attributes)
	classes := len(vectors)
	out := *m
	out.known, out.transductive = slices.Clone(m.known), true
	for _, v := range vectors {
		out.add(v, 0, make([]float64, k))
	}
	out.ready()
	base := make([]known, classes)
	for i, v := range vectors {
		base[i] = out.known[out.index[bits(v)]-len(out.seen)]
	}
	y := make([]float32, n*k) // single precision: as many as there are images
	x := make([]float32, min(block, n)*m.feature)
	each := func(do func(lo, rows int)) error {
		for lo := 0; lo < n; lo += block {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			do(lo, min(block, n-lo))
		}
		return nil
	}
	if err := each(func(lo, rows int) {
		for i := range rows {
			u.Row(lo+i, x[i*m.feature:(i+1)*m.feature])
		}
		for i, v := range m.coordinates(x, rows, k) {
			y[lo*k+i] = float32(v)
		}
	}); err != nil {
		return nil, err
	}
	scores := make([]float64, n*classes)
	part := make([]float64, min(block, n)*k)
	rescore := func() error {
		g := out.posteriors(vectors)
		for i, v := range vectors { // the bias joins later
			g.constant[i] -= out.known[out.index[bits(v)]-len(out.seen)].bias
		}
		return each(func(lo, rows int) {
			for i, v := range y[lo*k : (lo+rows)*k] {
				part[i] = float64(v)
			}
			g.score(scores[lo*classes:(lo+rows)*classes], part, rows)
		})
	}
	if err := rescore(); err != nil {
		return nil, err
	}
	t := &Transduced{Model: &out, Deviation: method.Deviation(scores, classes)}
	var other []float64 // the evidence, in the units of the scores
	if evidence.Scores != nil && evidence.Weight > 0 {
		joined := merged(evidence.Scores, of, classes)
		t.EvidenceDeviation = method.Deviation(joined, classes)
		if t.Deviation > 0 && t.EvidenceDeviation > 0 {
			by := evidence.Weight * t.Deviation / t.EvidenceDeviation
			for i := range joined {
				joined[i] *= by
			}
			other = joined
		}
	}
	bias := make([]float64, classes)
	q := make([]float64, n*classes)
	expect := func() { // Q = softmax((L + evidence)/T + b)
		for i := range n {
			row := q[i*classes : (i+1)*classes]
			for j := range row {
				v := scores[i*classes+j]
				if other != nil {
					v += other[i*classes+j]
				}
				row[j] = v/c.EMTemperature + bias[j]
			}
			method.Softmax(row)
		}
	}
	for range c.EMRounds {
		expect()
		if c.ClassPrior == priorUniform {
			balance(q, bias, n, classes)
		}
		weight, sums := make([]float64, classes), make([]float64, classes*k)
		for i, v := range q {
			weight[i%classes] += v
		}
		if err := each(func(lo, rows int) {
			for i, v := range y[lo*k : (lo+rows)*k] {
				part[i] = float64(v)
			}
			kernels.Dgemm(true, false, classes, k, rows, c.EMWeight, q[lo*classes:], classes, part, k, 1, sums, k)
		}); err != nil {
			return nil, err
		}
		for j, v := range vectors {
			if c.ClassPrior == priorEstimated {
				bias[j] = math.Log((weight[j] + c.PriorCount + math.SmallestNonzeroFloat64) / (float64(n) + c.PriorCount*float64(classes)))
			}
			known := known{vector: v, n: base[j].n + c.EMWeight*weight[j], sum: sums[j*k : (j+1)*k], bias: c.EMTemperature * bias[j]}
			for i, s := range base[j].sum {
				known.sum[i] += s
			}
			out.known[out.index[bits(v)]-len(out.seen)] = known
		}
		if err := rescore(); err != nil {
			return nil, err
		}
	}
	expect()
	t.Responsibilities = make([]float32, n*len(of))
	for i := range n {
		for c, j := range of {
			t.Responsibilities[i*len(of)+c] = float32(q[i*classes+j])
		}
	}
	return t, nil
}

// distinct returns the vectors without repetitions, and of each vector its place among them.
func distinct(all [][]float32) (vectors [][]float32, of []int) {
	at := map[string]int{}
	for _, v := range all {
		i, ok := at[bits(v)]
		if !ok {
			i = len(vectors)
			at[bits(v)] = i
			vectors = append(vectors, v)
		}
		of = append(of, i)
	}
	return vectors, of
}

// merged takes the columns of the first class of each distinct vector.
func merged(scores []float64, of []int, classes int) []float64 {
	all := len(of)
	first := make([]int, classes)
	for c, j := range slices.Backward(of) {
		first[j] = c
	}
	out := make([]float64, 0, len(scores)/all*classes)
	for at := 0; at < len(scores); at += all {
		for _, c := range first {
			out = append(out, scores[at+c])
		}
	}
	return out
}

// balance moves the biases until every class has the same sum of probabilities, by Sinkhorn's iteration.
func balance(q, bias []float64, n, classes int) {
	target := float64(n) / float64(classes)
	for range 20 {
		sums := make([]float64, classes)
		for i, v := range q {
			sums[i%classes] += v
		}
		for j, s := range sums {
			step := math.Log(target / max(s, 1e-300))
			sums[j] = math.Exp(step)
			bias[j] += step
		}
		for i := range n {
			row, total := q[i*classes:(i+1)*classes], 0.0
			for j := range row {
				row[j] *= sums[j]
				total += row[j]
			}
			for j := range row {
				row[j] /= max(total, 1e-300)
			}
		}
	}
}
