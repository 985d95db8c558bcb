package attributes

import (
	"fmt"
	"slices"

	"vzsl/onnxfile"
)

// Graph adds what Apply does to an ONNX graph: from raw attribute vectors (float32, classes x attributes, NaN where missing if
// missing values are filled) to normalised ones. It is computed in double precision, as Apply computes it.
func (n *Normaliser) Graph(g *onnxfile.Graph, raw string) string {
	double, single := onnxfile.Attr("to", int(onnxfile.Double)), onnxfile.Attr("to", int(onnxfile.Float))
	x := g.Node("Cast", []string{raw}, double)
	if n.fills() {
		missing := g.Node("IsNaN", []string{x})
		x = g.Node("Where", []string{missing, g.Doubles("attributes.fill", n.fill, 1, n.dim), x})
	}
	var parts []string
	for i, v := range n.views() {
		name := "attributes."
		if i > 0 {
			name = fmt.Sprintf("attributes%d.", i+1)
		}
		parts = append(parts, v.graph(g, name, x))
	}
	if x = parts[0]; len(parts) > 1 {
		x = g.Node("Concat", parts, onnxfile.Attr("axis", 1))
	}
	return g.Node("Cast", []string{x}, single)
}

// graph adds the normalisation of vectors without missing values, its constants under names of that beginning.
func (n *Normaliser) graph(g *onnxfile.Graph, name, x string) string {
	if n.kind == SqrtCentreL2 {
		x = g.Node("Mul", []string{g.Node("Sign", []string{x}), g.Node("Sqrt", []string{g.Node("Abs", []string{x})})})
	}
	if n.mean != nil {
		x = g.Node("Sub", []string{x, g.Doubles(name+"mean", n.mean, 1, n.dim)})
	}
	switch n.kind {
	case Standardise:
		factors := make([]float64, n.dim)
		for k, s := range n.scale {
			if s > 0 {
				factors[k] = 1 / s
			}
		}
		x = g.Node("Mul", []string{x, g.Doubles(name+"factor", factors, 1, n.dim)})
	case L2, CentreL2, SqrtCentreL2:
		blocks := []string{x}
		if n.blocks != nil {
			blocks = g.Nodes("Split", len(n.blocks), []string{x, g.Ints(name+"blocks", n.blocks...)}, onnxfile.Attr("axis", 1))
		}
		one := g.Doubles(name+"one", []float64{1}, 1)
		zero := g.Doubles(name+"zero", []float64{0}, 1)
		count := g.Doubles(name+"count", []float64{float64(len(blocks))}, 1)
		for i, b := range blocks {
			squares := g.Node("ReduceSumSquare", []string{b}, onnxfile.Attr("axes", []int{1}), onnxfile.Attr("keepdims", 1))
			length := g.Node("Sqrt", []string{g.Node("Mul", []string{squares, count})})
			// A block of zeros stays so.
			length = g.Node("Where", []string{g.Node("Equal", []string{length, zero}), one, length})
			blocks[i] = g.Node("Div", []string{b, length})
		}
		if x = blocks[0]; len(blocks) > 1 {
			x = g.Node("Concat", blocks, onnxfile.Attr("axis", 1))
		}
	}
	if factors := n.factors(); factors != nil {
		var all []float64
		for i, w := range n.blocks {
			all = append(all, slices.Repeat(factors[i:i+1], w)...)
		}
		x = g.Node("Mul", []string{x, g.Doubles(name+"weights", all, 1, n.dim)})
	}
	return x
}

// Parts are the numbers of a fitted normaliser by name: fill in place of missing values, mean (of sqrt-centre-l2 that of the
// signed square roots), roots (of both-centre-l2 that mean, beside the plain one) and scale (standard deviations), and weights (shares of the descriptions side by side in the squared length).
func (n *Normaliser) Parts() map[string][]float64 {
	parts := map[string][]float64{}
	var fill []float64
	if n.fills() {
		fill = n.fill
	}
	for name, v := range map[string][]float64{"fill": fill, "mean": n.mean, "roots": n.roots, "scale": n.scale, "weights": n.shares} {
		if v != nil {
			parts[name] = v
		}
	}
	return parts
}
