package plda

import (
	"math/rand/v2"
	"slices"

	"vzsl/onnxfile"
)

// Graph adds Score to an ONNX graph.
func (m *Model) Graph(g *onnxfile.Graph, features, attributes string) string {
	scores, _ := m.Graphs(g, "", features, attributes)
	return g.Node("Cast", []string{scores}, onnxfile.Attr("to", int(onnxfile.Float)))
}

// Graphs adds the log scores (float64, n x c) and BesideOthers of the classes (float64, one value) to an ONNX graph, with prefix
// before the names of its tensors.
//
// Classes of which there are images are found among the attribute vectors given by their products with four random vectors,
// which agree to 1e-5: a comparison of all values would need memory for classes x known classes x attributes.
func (m *Model) Graphs(g *onnxfile.Graph, prefix, features, attributes string) (scores, share string) {
	node := func(op string, in ...string) string { return g.Node(op, in) }
	double := func(x string) string { return g.Node("Cast", []string{x}, onnxfile.Attr("to", int(onnxfile.Double))) }
	number := func(name string, v float64) string { return g.Doubles(prefix+name, []float64{v}, 1, 1) }
	s, k := len(m.seen), m.dims
	one, half := number("one", 1), number("minus_half", -0.5)

	y := g.Node("Gemm", []string{features, g.Floats(prefix+"project", m.project, k, m.feature)}, onnxfile.Attr("transB", 1))
	offset := make([]float64, k)
	for j, v := range m.offset {
		offset[j] = float64(v)
	}
	y = node("Sub", double(y), g.Doubles(prefix+"offset", offset, 1, k))

	a := double(attributes)
	transposed := func(rows [][]float32) []float64 { // attribute x rows
		out := make([]float64, m.attribute*len(rows))
		for i, row := range rows {
			for j, v := range row {
				out[j*len(rows)+i] = float64(v)
			}
		}
		return out
	}
	kernel := node("Add", node("MatMul", a, g.Doubles(prefix+"seen", transposed(m.seen), m.attribute, s)), one)
	kernel = node("Mul", kernel, kernel)
	alpha, unknown := make([]float64, s*k), m.unknown(k)
	for i := range s {
		copy(alpha[i*k:], m.alpha.RawRowView(i))
	}
	prototypes := node("MatMul", kernel, g.Doubles(prefix+"alpha", alpha, s, k))
	linear := node("Mul", prototypes, g.Doubles(prefix+"unknown", unknown, 1, k))
	axis := g.Ints(prefix+"axis", 1)
	sum := func(x string) string { return g.Node("ReduceSum", []string{x, axis}, onnxfile.Attr("keepdims", 1)) }
	constant := node("Mul", sum(node("Mul", prototypes, linear)), half)

	// The classes with images: their posteriors in place of what their attributes say.
	vectors := distinctKnown(m)
	c := len(vectors)
	p := m.posteriors(vectors)
	means, weights := make([]float64, c*k), make([]float64, c*k)
	for i, v := range p.mean {
		means[i] = v * p.w[i]
		weights[i] = p.w[i] - unknown[i%k]
	}
	const products = 4
	r := rand.New(rand.NewPCG(0x9a5b, 0))
	mask := one
	for t := range products {
		by := make([]float64, m.attribute)
		for j := range by {
			by[j] = r.NormFloat64()
		}
		own := make([]float64, c)
		for i, v := range vectors {
			for j, x := range v {
				own[i] += float64(x) * by[j]
			}
		}
		name := prefix + "known.product" + string(rune('0'+t))
		d := node("Sub", node("MatMul", a, g.Doubles(name+".by", by, m.attribute, 1)), g.Doubles(name, own, 1, c))
		mask = node("Mul", mask, double(node("Less", node("Abs", d), number("known.within"+string(rune('0'+t)), 1e-5))))
	}
	other := node("Sub", one, sum(mask))
	linear = node("Add", node("Mul", linear, other), node("MatMul", mask, g.Doubles(prefix+"known.means", means, c, k)))
	quadratic := node("MatMul", mask, g.Doubles(prefix+"known.weights", weights, c, k))
	constant = node("Add", node("Mul", constant, other), node("MatMul", mask, g.Doubles(prefix+"known.constant", p.constant, c, 1)))

	turn := func(x string) string { return g.Node("Transpose", []string{x}) }
	scores = node("Add", node("MatMul", y, turn(linear)), turn(constant))
	scores = node("Add", scores, node("Mul", node("MatMul", node("Mul", y, y), turn(quadratic)), half))

	// BesideOthers: the mean over the known candidates, by the seen ones alone where there are any.
	n, seen := m.Images(vectors)
	shots, isSeen, isKnown := make([]float64, c), make([]float64, c), make([]float64, c)
	for i := range vectors {
		if seen[i] {
			isSeen[i] = 1
		} else if n[i] > 0 {
			isKnown[i], shots[i] = 1, n[i]/m.shotWeight
		}
	}
	total := func(name string, v []float64) string {
		x := node("MatMul", mask, g.Doubles(prefix+name, v, c, 1))
		return g.Node("ReduceSum", []string{x}, onnxfile.Attr("keepdims", 1)) // over all
	}
	zero := number("zero", 0)
	anySeen, known := node("Greater", total("known.seen", isSeen), zero), total("known.unseen", isKnown)
	count := node("Max", known, one)
	few := number("share.transductive", 0.5)
	if !m.transductive {
		few = node("Div", number("share.few", 0.6), node("Add", one, node("Div", node("Div", total("known.shots", shots), count), number("share.shots", 10))))
	}
	share = node("Where", anySeen, number("share.seen", 0.5), node("Where", node("Greater", known, zero), few, one))
	return scores, share
}

// distinctKnown are the vectors of all classes with images, each once.
func distinctKnown(m *Model) [][]float32 {
	var out [][]float32
	have := map[string]bool{}
	for _, v := range slices.Concat(m.seen, knownVectors(m)) {
		if !have[bits(v)] {
			have[bits(v)] = true
			out = append(out, v)
		}
	}
	return out
}

func knownVectors(m *Model) [][]float32 {
	var out [][]float32
	for _, k := range m.known {
		out = append(out, k.vector)
	}
	return out
}
