package vzsl

import (
	"math"

	G "gorgonia.org/gorgonia"
)

// terms are the objective's parts, means over a batch, and their weights.
type terms struct {
	kl, margin, reconstruction float64
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

// reconstruction adds weight.reconstruction times the mean over the batch of 1/2 |x - mean|^2 to the graph: up to a
// constant -log p(x|z) of a Gaussian with the given mean and the weight's inverse as variance.
func (b *builder[T]) reconstruction(mean, x, weights *G.Node, part *float64) *G.Node {
	if b.err != nil {
		return nil
	}
	n := x.Shape()[0]
	return b.apply(&fused[T]{
		name: "reconstruction", wrt: []bool{true, false, false},
		do: func(v [][]T, to []T) {
			sum := 0.0
			dim := len(v[0]) / n
			for i := range n {
				// A row at a time in the graph's own precision, the rows in double precision.
				var row T
				a, b := v[0][i*dim:(i+1)*dim], v[1][i*dim:(i+1)*dim]
				for j, y := range a {
					d := y - b[j]
					row += d * d
				}
				sum += float64(row)
			}
			sum /= 2 * float64(n)
			if part != nil {
				*part = sum
			}
			to[0] = T(float64(v[2][2]) * sum)
		},
		back: func(nodes G.Nodes, out, grad *G.Node) (G.Nodes, error) {
			byMean := b.apply(&fused[T]{name: "reconstruction back", shape: mean.Shape(), do: func(v [][]T, to []T) {
				w := v[3][0] * v[2][2] / T(n)
				a, b := v[0][:len(to)], v[1][:len(to)]
				for i := range to {
					to[i] = w * (a[i] - b[i])
				}
			}}, nodes[0], nodes[1], nodes[2], grad)
			return b.grads(byMean, nil, nil)
		},
	}, mean, x, weights)
}
