package vzsl

import (
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"vzsl/internal/kernels"
)

// linear computes out = x W^T + bias for n rows, then ReLU if relu; x is n x in, weight units x in, bias may be nil.
// mask, if not nil, multiplies the result: 0 for a dropped unit, 1/keep for a kept one.
func linear[T float](out, x, weight, bias, mask []T, n, in, units int, relu bool) {
	kernels.Gemm(false, true, n, units, in, 1, x, in, weight, in, 0, out, units)
	for i := range n {
		row := out[i*units : (i+1)*units]
		if bias != nil {
			for j, b := range bias[:len(row)] {
				row[j] += b
			}
		}
		if relu {
			for j, v := range row {
				row[j] = max(v, 0)
			}
		}
		if mask != nil {
			for j, m := range mask[i*units : (i+1)*units] {
				row[j] *= m
			}
		}
	}
}

// linear adds a layer to the graph: relu and mask (nil: no dropout) as in the function above. inner reports whether the
// layer's input depends on parameters; the first layer's derivative by the features is not computed.
func (b *builder[T]) linear(name string, x, weight, bias, mask *G.Node, relu, inner bool) *G.Node {
	if b.err != nil {
		return nil
	}
	n, in, units := x.Shape()[0], x.Shape()[1], weight.Shape()[0]
	nodes := []*G.Node{x, weight}
	wrt := []bool{inner, true}
	at := func(p *G.Node, diff bool) int {
		if p == nil {
			return -1
		}
		nodes, wrt = append(nodes, p), append(wrt, diff)
		return len(nodes) - 1
	}
	ib, im := at(bias, true), at(mask, false)
	pick := func(in [][]T, i int) []T {
		if i < 0 {
			return nil
		}
		return in[i]
	}
	return b.apply(&fused[T]{
		name: name, shape: tensor.Shape{n, units}, wrt: wrt,
		do: func(v [][]T, out []T) {
			linear(out, v[0], v[1], pick(v, ib), pick(v, im), n, in, units, relu)
		},
		back: func(nodes G.Nodes, out, grad *G.Node) (G.Nodes, error) {
			gs := make(G.Nodes, len(nodes))
			before := grad // the derivative by x W^T + bias
			if relu {
				// A unit is at zero where ReLU or the mask put it: no derivative passes in either case.
				gate := []*G.Node{grad, out}
				if mask != nil {
					gate = append(gate, nodes[im])
				}
				before = b.apply(&fused[T]{name: name + " gate", shape: tensor.Shape{n, units}, do: func(v [][]T, to []T) {
					g, o := v[0][:len(to)], v[1][:len(to)]
					for i := range to {
						if o[i] > 0 {
							to[i] = g[i]
						} else {
							to[i] = 0
						}
					}
					if mask != nil {
						for i, m := range v[2][:len(to)] {
							to[i] *= m
						}
					}
				}}, gate...)
			}
			gs[1] = b.apply(&fused[T]{name: name + " by weight", shape: tensor.Shape{units, in}, do: func(v [][]T, to []T) {
				kernels.Gemm(true, false, units, in, n, 1, v[0], units, v[1], in, 0, to, in)
			}}, before, nodes[0])
			if ib >= 0 {
				gs[ib] = b.apply(&fused[T]{name: name + " by bias", shape: tensor.Shape{units}, do: func(v [][]T, to []T) {
					columnSums(to, v[0], n)
				}}, before)
			}
			if inner {
				gs[0] = b.apply(&fused[T]{name: name + " by input", shape: tensor.Shape{n, in}, do: func(v [][]T, to []T) {
					kernels.Gemm(false, false, n, in, units, 1, v[0], units, v[1], in, 0, to, in)
				}}, before, nodes[1])
			}
			return b.grads(gs...)
		},
	}, nodes...)
}

// columnSums adds up the n rows of x.
func columnSums[T float](to, x []T, n int) {
	clear(to)
	for i := range n {
		for j, v := range x[i*len(to) : (i+1)*len(to)] {
			to[j] += v
		}
	}
}

// bounded does t -> bound*tanh(t/bound): the identity near 0, never beyond the bound.
func bounded[T float](to, t []T, bound float64) {
	for i, v := range t[:len(to)] {
		to[i] = T(bound * math.Tanh(float64(v)/bound))
	}
}

// bounded adds the bound of log variances to the graph; 0 is none.
func (b *builder[T]) bounded(name string, t *G.Node, bound float64) *G.Node {
	if b.err != nil || bound == 0 {
		return t
	}
	return b.apply(&fused[T]{
		name: name, shape: t.Shape(), wrt: []bool{true},
		do: func(v [][]T, to []T) { bounded(to, v[0], bound) },
		back: func(nodes G.Nodes, out, grad *G.Node) (G.Nodes, error) {
			return b.grads(b.apply(&fused[T]{name: name + " back", shape: t.Shape(), do: func(v [][]T, to []T) {
				g, o := v[0][:len(to)], v[1][:len(to)]
				for i := range to {
					r := o[i] / T(bound)
					to[i] = g[i] * (1 - r*r)
				}
			}}, grad, out))
		},
	}, t)
}

// sample adds z = mu + exp(logVariance/2) * noise to the graph, the noise standard normal and a whole number of times as
// many rows as mu has: so many samples of each Gaussian, the first of all, then the second of all.
func (b *builder[T]) sample(mu, logVariance, noise *G.Node) *G.Node {
	if b.err != nil {
		return nil
	}
	each := mu.Shape().TotalSize()
	return b.apply(&fused[T]{
		name: "sample", shape: noise.Shape(), wrt: []bool{true, true, false},
		do: func(v [][]T, to []T) {
			m, l := v[0][:each], v[1][:each]
			for lo := 0; lo < len(to); lo += each {
				e, z := v[2][lo:lo+each], to[lo:lo+each]
				for i := range z {
					z[i] = m[i] + exp(l[i]/2)*e[i]
				}
			}
		},
		back: func(nodes G.Nodes, out, grad *G.Node) (G.Nodes, error) {
			byMu := grad
			if noise.Shape().TotalSize() > each {
				byMu = b.apply(&fused[T]{name: "sample by mu", shape: mu.Shape(), do: func(v [][]T, to []T) {
					clear(to)
					for lo := 0; lo < len(v[0]); lo += each {
						for i, g := range v[0][lo : lo+each] {
							to[i] += g
						}
					}
				}}, grad)
			}
			byLog := b.apply(&fused[T]{name: "sample by log variance", shape: mu.Shape(), do: func(v [][]T, to []T) {
				clear(to)
				m := v[2][:each]
				for lo := 0; lo < len(v[0]); lo += each {
					g, z := v[0][lo:lo+each], v[1][lo:lo+each]
					for i := range to {
						to[i] += g[i] * (z[i] - m[i]) / 2
					}
				}
			}}, grad, out, nodes[0])
			return b.grads(byMu, byLog, nil)
		},
	}, mu, logVariance, noise)
}

func exp[T float](x T) T { return T(math.Exp(float64(x))) }
