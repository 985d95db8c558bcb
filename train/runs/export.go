package runs

import (
	"encoding/json"
	"errors"
	"fmt"

	"vzsl/onnxfile"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// ErrNoGraph: a method whose models cannot be written as ONNX.
var ErrNoGraph = errors.New("models of this method cannot be written as ONNX")

// ONNX is the model as an ONNX file (opset 17) with its normalisations inside:
//
//	features [N, D]  raw, as in the shards      scores        [N, C]  higher is better
//	classes  [C, A]  raw, as in the class table  probabilities [N, C]  softmax(scores / temperature)
//
// Its metadata holds the attributes' names and what the features were made from. program and version name the writer.
func (p *Predictor) ONNX(program, version string) ([]byte, error) {
	m, ok := p.model.(method.Grapher)
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoGraph, p.settings.Method)
	}
	g := onnxfile.New(p.settings.Method, program, version)
	g.Comment("Scores of images, given as features, against classes, given as attribute vectors; higher is better. Both inputs are raw: the model normalises them.")
	dim, _ := p.model.Dims()
	x, err := featureGraph(g, p.settings.FeatureNorm, g.Input("features", "N", dim))
	if err != nil {
		return nil, err
	}
	a := p.normaliser.Graph(g, g.Input("classes", "C", p.normaliser.Dim()))
	scores := m.Graph(g, x, a)
	t := p.Temperature()
	if t == 0 {
		t = 1
	}
	g.Output("scores", scores, "N", "C")
	scaled := g.Node("Div", []string{scores, g.Floats("temperature", []float32{float32(t)}, 1)})
	g.Output("probabilities", g.Node("Softmax", []string{scaled}, onnxfile.Attr("axis", 1)), "N", "C")
	meta, err := p.about()
	if err != nil {
		return nil, err
	}
	for k, v := range meta {
		g.Metadata(k, v)
	}
	return g.Encode(), nil
}

// featureGraph adds what normalise does to an ONNX graph, in double precision as there.
func featureGraph(g *onnxfile.Graph, kind, raw string) (string, error) {
	if kind == method.FeaturesNone {
		return raw, nil
	}
	x := g.Node("Cast", []string{raw}, onnxfile.Attr("to", int(onnxfile.Double)))
	magnitude, axis := g.Node("Abs", []string{x}), g.Ints("features.axis", 1)
	var sum string
	switch kind {
	case method.FeaturesL2:
		sum = g.Node("ReduceSum", []string{g.Node("Mul", []string{x, x}), axis}, onnxfile.Attr("keepdims", 1))
	case method.FeaturesSqrtL2:
		sum = g.Node("ReduceSum", []string{magnitude, axis}, onnxfile.Attr("keepdims", 1))
		x = g.Node("Mul", []string{g.Node("Sign", []string{x}), g.Node("Sqrt", []string{magnitude})})
	default:
		return "", fmt.Errorf("the feature normalisation %q cannot be written as ONNX", kind)
	}
	// A feature of zeros stays so.
	zero, one := g.Doubles("features.zero", []float64{0}, 1), g.Doubles("features.one", []float64{1}, 1)
	sum = g.Node("Where", []string{g.Node("Equal", []string{sum, zero}), one, sum})
	x = g.Node("Div", []string{x, g.Node("Sqrt", []string{sum})})
	return g.Node("Cast", []string{x}, onnxfile.Attr("to", int(onnxfile.Float))), nil
}

// about says of an exported model what it takes and where it comes from.
func (p *Predictor) about() (map[string]string, error) {
	src := p.Source()
	meta := map[string]string{
		"vzsl.method": p.settings.Method, "vzsl.dataset": src.Dataset, "vzsl.split": p.Split(),
		"vzsl.network": src.Network, "vzsl.network_sha256": src.NetworkSHA256, "vzsl.layer": src.Layer, "vzsl.recipe": src.Recipe,
		"vzsl.feature_normalisation": p.settings.FeatureNorm, "vzsl.attribute_normalisation": p.normaliser.Kind(),
		"vzsl.temperature": exact(p.Temperature()), "vzsl.seed": fmt.Sprint(p.settings.Seed),
	}
	if c, ok := p.settings.Config.(method.Annotated); ok {
		for k, v := range c.Annotations() {
			meta["vzsl."+k] = v
		}
	}
	lists := map[string]any{"vzsl.attributes": p.attributes, "vzsl.seen": p.seen, "vzsl.choice": p.result.Choice}
	if blocks := p.normaliser.Blocks(); blocks != nil {
		lists["vzsl.blocks"] = blocks
	}
	for key, v := range lists {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		meta[key] = string(b)
	}
	return meta, nil
}

// Safetensors is the model's weights beside the numbers of its attribute normalisation (attributes.mean, attributes.scale,
// attributes.fill, as far as there are any; float64).
func (p *Predictor) Safetensors() (*safetensors.File, error) {
	meta, err := p.about()
	if err != nil {
		return nil, err
	}
	f := &safetensors.File{Tensors: p.model.Tensors(), Metadata: meta}
	for name, v := range p.normaliser.Parts() {
		f.Tensors = append(f.Tensors, safetensors.Tensor{Name: "attributes." + name, Shape: []int{len(v)}, F64: v})
	}
	return f, nil
}
