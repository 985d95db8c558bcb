package plda

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"vzsl/internal/kernels"
	"vzsl/train/method"
)

// prototypes are p(a) of classes, c x rank.
func (m *Model) prototypes(classes [][]float32) *mat.Dense {
	var p mat.Dense
	p.Mul(kernelOf(method.Matrix(classes), method.Matrix(m.seen)), m.alpha)
	return &p
}

// gaussians are N(y; m, w^-1) of classes with weights w = 1/(1+v) in k coordinates, and what is added to their log scores.
type gaussians struct {
	c, k       int
	mean, w    []float64 // c x k
	constant   []float64
	unknown    []float64 // k: w of a class of which nothing is known
	everywhere bool      // all classes have those

	linear, quadratic []float64 // c x k: mean w, and w less that of the unknown class
}

// tauAt is the prior's variance in a coordinate.
func (m *Model) tauAt(j int) float64 {
	if j < m.rank {
		return m.tau[j]
	}
	return m.floor
}

// unknown are the weights 1/(1+v) of a class of which nothing is known, in k coordinates. Beyond the span of the means all classes
// share the variance of one with as many images as the known ones have on average: shrunk variances within classes are well below
// the 1 that is assumed, so that over hundreds of coordinates differences of v would decide between classes with more and with
// fewer images, whatever the image. In the transductive setting, where biases make up for that, each has its own.
func (m *Model) unknown(k int) []float64 {
	w := make([]float64, k)
	n := 0.0
	if !m.transductive {
		for _, c := range m.known {
			n += c.n / float64(len(m.known))
		}
	}
	for j := range w {
		w[j] = 1 / (1 + m.tauAt(j))
		if j >= m.rank {
			w[j] = 1 / (1 + 1/(1/m.floor+n))
		}
	}
	return w
}

// posteriors are those of classes: from their attributes and from the images there are of them.
func (m *Model) posteriors(classes [][]float32) *gaussians {
	g := &gaussians{c: len(classes), k: m.rank, everywhere: true}
	at := make([]int, len(classes))
	for i, v := range classes {
		row, ok := m.index[bits(v)]
		if at[i] = -1; ok {
			at[i] = row
			g.k, g.everywhere = m.dims, false
		}
	}
	g.unknown = m.unknown(g.k)
	p := m.prototypes(classes)
	g.mean, g.w, g.constant = make([]float64, g.c*g.k), make([]float64, g.c*g.k), make([]float64, g.c)
	for i, row := range at {
		prior, n, sum, seen := p.RawRowView(i), 0.0, []float64(nil), -1
		if row >= len(m.seen) {
			known := &m.known[row-len(m.seen)]
			n, sum = known.n, known.sum
			g.constant[i] = known.bias
			row = m.seenRow(known.vector)
		}
		if row >= 0 {
			seen, prior = row, m.prior.RawRowView(row)
		}
		m.posterior(g.mean[i*g.k:(i+1)*g.k], g.w[i*g.k:(i+1)*g.k], prior, n, sum, seen)
		if !m.transductive && g.k > m.rank {
			copy(g.w[i*g.k+m.rank:(i+1)*g.k], g.unknown[m.rank:])
		}
		g.constant[i] += m.constant(g.mean[i*g.k:(i+1)*g.k], g.w[i*g.k:(i+1)*g.k], g.unknown)
	}
	g.linear, g.quadratic = make([]float64, g.c*g.k), make([]float64, g.c*g.k)
	for i, w := range g.w {
		g.linear[i], g.quadratic[i] = g.mean[i]*w, w-g.unknown[i%g.k]
	}
	return g
}

// cached are the posteriors of classes, those of the last call where the classes are the same.
func (m *Model) cached(classes [][]float32) *gaussians {
	if l := m.last.Load(); l != nil && slices.EqualFunc(l.classes, classes, slices.Equal) {
		return l.g
	}
	l := &scored{g: m.posteriors(classes)}
	for _, v := range classes {
		l.classes = append(l.classes, slices.Clone(v))
	}
	m.last.Store(l)
	return l.g
}

// posterior writes mean and w = 1/(1+v) of a class: of its prior mean, of n images of that sum, and of a seen class's own.
func (m *Model) posterior(mean, w, prior []float64, n float64, sum []float64, seen int) {
	if seen >= 0 {
		n += m.counts[seen]
	}
	for j := range mean {
		tau, s, p := m.tauAt(j), 0.0, 0.0
		if sum != nil {
			s = sum[j]
		}
		if j < m.rank {
			p = prior[j]
			if seen >= 0 {
				s += m.counts[seen] * m.means.At(seen, j)
			}
		}
		v := 1 / (1/tau + n)
		mean[j], w[j] = v*(p/tau+s), 1/(1+v)
	}
}

// constant is what does not depend on the image: -1/2 sum_j [ m^2 w - log (w/w0) ], without the logarithm in the transductive
// setting.
func (m *Model) constant(mean, w, unknown []float64) float64 {
	sum := 0.0
	for j, x := range mean {
		sum += x * x * w[j]
		if !m.transductive {
			if w[j] != unknown[j] {
				sum -= math.Log(w[j] / unknown[j])
			}
		}
	}
	return -sum / 2
}

// score writes n x c log scores: log N(y; m, 1/w) - log N(y; 0, 1/w0), two matrix products, of which the zero-shot setting
// needs one.
func (g *gaussians) score(to, y []float64, n int) {
	for i := range n {
		copy(to[i*g.c:(i+1)*g.c], g.constant)
	}
	kernels.Dgemm(false, true, n, g.c, g.k, 1, y, g.k, g.linear, g.k, 1, to, g.c)
	if g.everywhere {
		return
	}
	squares := make([]float64, n*g.k)
	for i, v := range y[:n*g.k] {
		squares[i] = v * v
	}
	kernels.Dgemm(false, true, n, g.c, g.k, -0.5, squares, g.k, g.quadratic, g.k, 1, to, g.c)
}
