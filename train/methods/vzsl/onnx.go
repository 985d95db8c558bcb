package vzsl

import (
	"fmt"

	"vzsl/onnxfile"
)

// Graph adds Score to an ONNX graph: from normalised features (n x feature) and attribute vectors (c x attribute) to -KL
// (n x c), by the two matrix products of divergences.between, of which the first is split: with S = mu^2 + exp l,
//
//	S.(exp -t) - sum (l + 1) = S.(exp -t - 1) + sum (S - l - 1)
//
// where no term is much larger than the divergence, as the sum of exp(l - t) over the latent dimensions is. Computed in single
// precision, this is what keeps probabilities within 1e-5.
func (m *Model) Graph(g *onnxfile.Graph, features, attributes string) string {
	number := func(name string, v float64) string { return g.Floats(name, []float32{float32(v)}, 1) }
	layer := func(name, x string) string {
		w := m.byName[name+".weight"]
		in := []string{x, g.Floats(name+".weight", w.values, w.rows, w.cols)}
		if b := m.byName[name+".bias"]; b != nil {
			in = append(in, g.Floats(name+".bias", b.values, b.cols))
		}
		return g.Node("Gemm", in, onnxfile.Attr("transB", 1))
	}
	logVariance := func(name, x string) string {
		t := layer(name, x)
		if b := m.config.LogVarianceBound; b > 0 {
			bound := number(name+".bound", b)
			t = g.Node("Mul", []string{g.Node("Tanh", []string{g.Node("Div", []string{t, bound})}), bound})
		}
		return t
	}
	sum := func(x string, keep int) string {
		return g.Node("ReduceSum", []string{x, "latent.axis"}, onnxfile.Attr("keepdims", keep))
	}
	g.Ints("latent.axis", 1)
	if m.views > 1 {
		attributes = g.Nodes("Split", m.views, []string{attributes}, onnxfile.Attr("axis", 1))[0]
	}

	h := features
	if m.config.Scale != 1 {
		h = g.Node("Mul", []string{h, number("encoder.scale", m.config.Scale)})
	}
	for i := range m.config.Hidden {
		h = g.Node("Relu", []string{layer(fmt.Sprintf("encoder.%d", i), h)})
	}
	mu, l := layer("encoder.mu", h), logVariance("encoder.log_variance", h)
	u, t := layer("prior.mu", attributes), logVariance("prior.log_variance", attributes)

	second := g.Node("Add", []string{g.Node("Mul", []string{mu, mu}), g.Node("Exp", []string{l})})
	one := number("one", 1)
	inverse := g.Node("Exp", []string{g.Node("Neg", []string{t})})
	scaled := g.Node("Mul", []string{u, inverse})
	class := sum(g.Node("Add", []string{t, g.Node("Mul", []string{u, scaled})}), 0)
	sample := sum(g.Node("Sub", []string{second, g.Node("Add", []string{l, one})}), 1)
	kl := g.Node("Gemm", []string{second, g.Node("Sub", []string{inverse, one})}, onnxfile.Attr("transB", 1))
	kl = g.Node("Gemm", []string{mu, scaled, kl}, onnxfile.Attr("transB", 1), onnxfile.Attr("alpha", float32(-2)))
	kl = g.Node("Add", []string{g.Node("Add", []string{kl, class}), sample})
	return g.Node("Mul", []string{kl, number("minus_half", -0.5)})
}
