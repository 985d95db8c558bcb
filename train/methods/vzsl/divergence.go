package vzsl

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"vzsl/internal/kernels"
)

// divergences is the working memory of all pairwise KL divergences between n and c Gaussians in z dimensions.
type divergences[T float] struct {
	n, c, z         int
	second          []T // n x z: mu^2 + exp(log variance) of the samples
	inverse, scaled []T // c x z: the classes' exp(-log variance), and mu times it
	sample, class   []T // the terms that depend on one of the two alone
}

func newDivergences[T float](n, c, z int) *divergences[T] {
	return &divergences[T]{n: n, c: c, z: z,
		second: make([]T, n*z), inverse: make([]T, c*z), scaled: make([]T, c*z),
		sample: make([]T, n), class: make([]T, c)}
}

// between writes to (n x c) the KL divergences from n samples' Gaussians q = N(m, exp l) to c classes' p = N(u, exp t):
//
//	KL(q||p) = 1/2 sum_z [ t - l - 1 + (exp l + (m-u)^2) exp -t ]
//	         = 1/2 [ (m^2 + exp l).(exp -t) - 2 m.(u exp -t) + sum_z (t + u^2 exp -t) - sum_z (l + 1) ]
//
// which is two matrix products and a term for each row and column.
func (d *divergences[T]) between(to, m, l, u, t []T) {
	d.classes(u, t)
	for i := range d.n {
		sum := T(0)
		for j := i * d.z; j < (i+1)*d.z; j++ {
			d.second[j] = m[j]*m[j] + exp(l[j])
			sum += l[j] + 1
		}
		d.sample[i] = sum
	}
	kernels.Gemm(false, true, d.n, d.c, d.z, 1, d.second, d.z, d.inverse, d.z, 0, to, d.c)
	kernels.Gemm(false, true, d.n, d.c, d.z, -2, m, d.z, d.scaled, d.z, 1, to, d.c)
	for i := range d.n {
		row := to[i*d.c : (i+1)*d.c]
		for j, v := range row {
			row[j] = (v + d.class[j] - d.sample[i]) / 2
		}
	}
}

func (d *divergences[T]) classes(u, t []T) {
	for i := range d.c {
		sum := T(0)
		for j := i * d.z; j < (i+1)*d.z; j++ {
			inv := exp(-t[j])
			d.inverse[j], d.scaled[j] = inv, u[j]*inv
			sum += t[j] + u[j]*d.scaled[j]
		}
		d.class[i] = sum
	}
}

// derivatives writes those by m, l, u and t, given g, the derivative by each divergence (n x c). It uses what between
// left of the same inputs.
//
//	by m: m (g e) - g s          by l: 1/2 [ exp l (g e) - sum_c g ]
//	by u: s sum_n g - e (g' m)   by t: 1/2 [ sum_n g - e (g' (m^2 + exp l) - 2 u (g' m) + u^2 sum_n g) ]
//
// with e = exp -t, s = u e and g' the transpose.
func (d *divergences[T]) derivatives(byM, byL, byU, byT, g, m, u []T) {
	kernels.Gemm(false, false, d.n, d.z, d.c, 1, g, d.c, d.inverse, d.z, 0, byL, d.z)
	kernels.Gemm(false, false, d.n, d.z, d.c, -1, g, d.c, d.scaled, d.z, 0, byM, d.z)
	for i := range d.n {
		sum := T(0)
		for _, v := range g[i*d.c : (i+1)*d.c] {
			sum += v
		}
		for j := i * d.z; j < (i+1)*d.z; j++ {
			ge := byL[j]
			byM[j] += m[j] * ge
			byL[j] = ((d.second[j]-m[j]*m[j])*ge - sum) / 2
		}
	}
	columnSums(d.class, g, d.n)
	kernels.Gemm(true, false, d.c, d.z, d.n, 1, g, d.c, m, d.z, 0, byU, d.z)
	kernels.Gemm(true, false, d.c, d.z, d.n, 1, g, d.c, d.second, d.z, 0, byT, d.z)
	for i := range d.c {
		sum := d.class[i]
		for j := i * d.z; j < (i+1)*d.z; j++ {
			gm, gs := byU[j], byT[j]
			byU[j] = d.scaled[j]*sum - d.inverse[j]*gm
			byT[j] = (sum - d.inverse[j]*(gs-2*u[j]*gm+u[j]*u[j]*sum)) / 2
		}
	}
}

// divergences adds the n x c divergences between samples and classes to the graph.
func (b *builder[T]) divergences(mu, logVariance, classMu, classLogVariance *G.Node) *G.Node {
	if b.err != nil {
		return nil
	}
	n, c, z := mu.Shape()[0], classMu.Shape()[0], mu.Shape()[1]
	d := newDivergences[T](n, c, z)
	return b.apply(&fused[T]{
		name: "divergences", shape: tensor.Shape{n, c}, wrt: []bool{true, true, true, true},
		do: func(v [][]T, to []T) { d.between(to, v[0], v[1], v[2], v[3]) },
		back: func(nodes G.Nodes, out, grad *G.Node) (G.Nodes, error) {
			// An operation has one result: the four derivatives are computed as one matrix, of which each is some rows.
			all := make([]T, 2*(n+c)*z)
			parts := [4][]T{all[:n*z], all[n*z : 2*n*z], all[2*n*z : (2*n+c)*z], all[(2*n+c)*z:]}
			whole := b.apply(&fused[T]{name: "divergences back", shape: tensor.Shape{2 * (n + c), z}, out: all, do: func(v [][]T, _ []T) {
				d.derivatives(parts[0], parts[1], parts[2], parts[3], v[0], v[1], v[2])
			}}, grad, nodes[0], nodes[2], out)
			gs := make(G.Nodes, 4)
			for i, rows := range []int{n, n, c, c} {
				gs[i] = b.apply(&fused[T]{name: "divergences back, part", shape: tensor.Shape{rows, z}, out: parts[i], do: func([][]T, []T) {}}, whole)
			}
			return b.grads(gs...)
		},
	}, mu, logVariance, classMu, classLogVariance)
}
