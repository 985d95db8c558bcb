package vzsl

import (
	"math"

	G "gorgonia.org/gorgonia"
)

// terms are the objective's parts, means over a batch, and their weights.
type terms struct {
	kl, margin, reconstruction float64
	unlabelled                 float64 // KL(p(c|x) || q(c|x)) of unlabelled samples
}

// margin adds, for divergences KL (n x c) and the true classes y, the mean over the batch of
//
//	weight.kl KL_y + weight.margin log sum_c exp(-KL_c)
//
// to the graph. weights holds the three weights; parts, if not nil, receives the two unweighted means.
func (b *builder[T]) margin(kl, labels, weights *G.Node, parts *terms) *G.Node {
	if b.err != nil {
		return nil
	}
	n, c := kl.Shape()[0], kl.Shape()[1]
	return b.apply(&fused[T]{
		name: "margin", wrt: []bool{true, false, false},
		do: func(v [][]T, to []T) {
			var own, all float64
			for i := range n {
				row := v[0][i*c : (i+1)*c]
				own += float64(row[int(v[1][i])])
				all += logSumExp(row)
			}
			own, all = own/float64(n), all/float64(n)
			if parts != nil {
				parts.kl, parts.margin = own, all
			}
			to[0] = T(float64(v[2][0])*own + float64(v[2][1])*all)
		},
		back: func(nodes G.Nodes, out, grad *G.Node) (G.Nodes, error) {
			byKL := b.apply(&fused[T]{name: "margin back", shape: kl.Shape(), do: func(v [][]T, to []T) {
				g := float64(v[3][0]) / float64(n)
				wKL, wMargin := g*float64(v[2][0]), g*float64(v[2][1])
				for i := range n {
					row, d := v[0][i*c:(i+1)*c], to[i*c:(i+1)*c]
					all := logSumExp(row)
					for j, k := range row {
						d[j] = T(-wMargin * math.Exp(-float64(k)-all))
					}
					d[int(v[1][i])] += T(wKL)
				}
			}}, nodes[0], nodes[1], nodes[2], grad)
			return b.grads(byKL, nil, nil)
		},
	}, kl, labels, weights)
}

// logSumExp is log sum exp(-kl), the largest term taken out first.
func logSumExp[T float](kl []T) float64 {
	least := kl[0]
	for _, k := range kl {
		least = min(least, k)
	}
	sum := 0.0
	for _, k := range kl {
		sum += math.Exp(float64(least - k))
	}
	return math.Log(sum) - float64(least)
}

// reconstruction adds weight.reconstruction times the mean over the rows of
//
//	1/2 exp(-s) |x - mean|^2 + D/2 s
//
// to the graph: up to a constant -log p(x|z) of a Gaussian with the given mean and the log variance s of each of the D
// values; without s (nil) that is 0, and the weight the inverse variance. mean has a whole number of times the rows of
// x: Monte-Carlo samples.
func (b *builder[T]) reconstruction(mean, x, s, weights *G.Node, part *float64) *G.Node {
	if b.err != nil {
		return nil
	}
	rows, n := mean.Shape()[0], x.Shape()[0]
	dim := x.Shape()[1]
	nodes, wrt := []*G.Node{mean, x, weights}, []bool{true, false, false}
	if s != nil {
		nodes, wrt = append(nodes, s), append(wrt, true)
	}
	// squares is the mean over the rows of |x - mean|^2.
	squares := func(mean, x []T) float64 {
		sum := 0.0
		for i := range rows {
			// A row at a time in the graph's own precision, the rows in double precision.
			var row T
			a, b := mean[i*dim:(i+1)*dim], x[i%n*dim:(i%n+1)*dim]
			for j, y := range a {
				d := y - b[j]
				row += d * d
			}
			sum += float64(row)
		}
		return sum / float64(rows)
	}
	logVariance := func(v [][]T, at int) float64 {
		if s == nil {
			return 0
		}
		return float64(v[at][0])
	}
	return b.apply(&fused[T]{
		name: "reconstruction", wrt: wrt,
		do: func(v [][]T, to []T) {
			l := logVariance(v, 3)
			loss := (math.Exp(-l)*squares(v[0], v[1]) + float64(dim)*l) / 2
			if part != nil {
				*part = loss
			}
			to[0] = T(float64(v[2][2]) * loss)
		},
		back: func(nodes G.Nodes, out, grad *G.Node) (G.Nodes, error) {
			in := append(append(G.Nodes{}, nodes...), grad)
			last := len(nodes)
			byMean := b.apply(&fused[T]{name: "reconstruction back", shape: mean.Shape(), do: func(v [][]T, to []T) {
				w := v[last][0] * v[2][2] / T(rows) * T(math.Exp(-logVariance(v, 3)))
				for i := range rows {
					d, a, b := to[i*dim:(i+1)*dim], v[0][i*dim:(i+1)*dim], v[1][i%n*dim:(i%n+1)*dim]
					for j := range d {
						d[j] = w * (a[j] - b[j])
					}
				}
			}}, in...)
			if s == nil {
				return b.grads(byMean, nil, nil)
			}
			byS := b.apply(&fused[T]{name: "reconstruction by variance", shape: s.Shape(), do: func(v [][]T, to []T) {
				l := logVariance(v, 3)
				to[0] = T(float64(v[last][0]) * float64(v[2][2]) * (float64(dim) - math.Exp(-l)*squares(v[0], v[1])) / 2)
			}}, in...)
			return b.grads(byMean, nil, nil, byS)
		},
	}, nodes...)
}

// unlabelled adds, for divergences KL (n x c) and targets p (n x c), weight.unlabelled times the mean over the batch of
//
//	KL(p || q) = sum_c p_c (log p_c - log q_c),    log q_c = -KL_c - log sum_c' exp(-KL_c')
//
// to the graph. Its derivative by KL_c is p_c - q_c.
func (b *builder[T]) unlabelled(kl, targets, weights *G.Node, part *float64) *G.Node {
	if b.err != nil {
		return nil
	}
	n, c := kl.Shape()[0], kl.Shape()[1]
	return b.apply(&fused[T]{
		name: "unlabelled", wrt: []bool{true, false, false},
		do: func(v [][]T, to []T) {
			sum := 0.0
			for i := range n {
				row := v[0][i*c : (i+1)*c]
				all := logSumExp(row)
				for j, p := range v[1][i*c : (i+1)*c] {
					if p > 0 {
						sum += float64(p) * (math.Log(float64(p)) + float64(row[j]) + all)
					}
				}
			}
			sum /= float64(n)
			if part != nil {
				*part = sum
			}
			to[0] = T(float64(v[2][3]) * sum)
		},
		back: func(nodes G.Nodes, out, grad *G.Node) (G.Nodes, error) {
			byKL := b.apply(&fused[T]{name: "unlabelled back", shape: kl.Shape(), do: func(v [][]T, to []T) {
				w := float64(v[3][0]) * float64(v[2][3]) / float64(n)
				for i := range n {
					row, p := v[0][i*c:(i+1)*c], v[1][i*c:(i+1)*c]
					all := logSumExp(row)
					for j, k := range row {
						to[i*c+j] = T(w * (float64(p[j]) - math.Exp(-float64(k)-all)))
					}
				}
			}}, nodes[0], nodes[1], nodes[2], grad)
			return b.grads(byKL, nil, nil)
		},
	}, kl, targets, weights)
}
