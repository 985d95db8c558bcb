package methods

import (
	"fmt"

	"vzsl/internal/kernels"
	"vzsl/onnxfile"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// compatibility is a model that scores by x'Ws.
type compatibility struct {
	feature, attribute int
	w                  []float32 // feature x attribute
}

var (
	_ method.Model     = (*compatibility)(nil)
	_ method.Describer = (*compatibility)(nil)
	_ method.Grapher   = (*compatibility)(nil)
)

func (m *compatibility) Dims() (feature, attribute int) { return m.feature, m.attribute }

func (m *compatibility) Tensors() []safetensors.Tensor {
	return []safetensors.Tensor{{Name: "w", Shape: []int{m.feature, m.attribute}, F32: m.w}}
}

func (m *compatibility) Score(features []float32, n int, attributes [][]float32) ([]float32, error) {
	s, err := joined(attributes, m.attribute)
	if err != nil {
		return nil, err
	}
	e, err := m.Describe(features, n)
	if err != nil {
		return nil, err
	}
	c := len(attributes)
	scores := make([]float32, n*c)
	kernels.Sgemm(false, true, n, c, m.attribute, 1, e, m.attribute, s, m.attribute, 0, scores, c)
	return scores, nil
}

// Describe is x'W, whose product with a class's vector is the score.
func (m *compatibility) Describe(features []float32, n int) ([]float32, error) {
	if len(features) != n*m.feature {
		return nil, fmt.Errorf("%d values for %d features of %d", len(features), n, m.feature)
	}
	e := make([]float32, n*m.attribute)
	kernels.Sgemm(false, false, n, m.attribute, m.feature, 1, features, m.feature, m.w, m.attribute, 0, e, m.attribute)
	return e, nil
}

// Graph adds Score to an ONNX graph.
func (m *compatibility) Graph(g *onnxfile.Graph, features, attributes string) string {
	e := g.Node("MatMul", []string{features, g.Floats("w", m.w, m.feature, m.attribute)})
	return g.Node("Gemm", []string{e, attributes}, onnxfile.Attr("transB", 1))
}
