package methods

import (
	"errors"
	"fmt"
	"slices"

	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// model is a fitted model: its tensors, and its method's way to score by them.
type model struct {
	feature, attribute int
	tensors            []safetensors.Tensor
	// score gives n x c scores; x is n x feature, s c x attribute. Safe for concurrent use; it leaves x and s alone.
	score func(x []float32, n int, s []float32, c int) []float32
}

var _ method.Model = (*model)(nil)

func (m *model) Dims() (feature, attribute int) { return m.feature, m.attribute }

func (m *model) Tensors() []safetensors.Tensor { return m.tensors }

func (m *model) Score(features []float32, n int, attributes [][]float32) ([]float32, error) {
	if len(features) != n*m.feature {
		return nil, fmt.Errorf("%d values for %d features of %d", len(features), n, m.feature)
	}
	s, err := joined(attributes, m.attribute)
	if err != nil {
		return nil, err
	}
	return m.score(features, n, s, len(attributes)), nil
}

// described is a model that estimates attributes too.
type described struct {
	*model
	// describe gives n x attribute; x is n x feature. Safe for concurrent use; it leaves x alone.
	describe func(x []float32, n int) []float32
}

var _ method.Describer = (*described)(nil)

func (m *described) Describe(features []float32, n int) ([]float32, error) {
	if len(features) != n*m.feature {
		return nil, fmt.Errorf("%d values for %d features of %d", len(features), n, m.feature)
	}
	return m.describe(features, n), nil
}

// joined are vectors of that length one after another.
func joined(vectors [][]float32, length int) ([]float32, error) {
	if len(vectors) == 0 {
		return nil, errors.New("no classes")
	}
	all := make([]float32, 0, len(vectors)*length)
	for i, v := range vectors {
		if len(v) != length {
			return nil, fmt.Errorf("class %d has %d attributes, not %d", i, len(v), length)
		}
		all = append(all, v...)
	}
	return all, nil
}

// classVectors are the attributes of the classes trained on, one after another, and their length.
func classVectors(p *method.Problem) (s []float32, length int, err error) {
	if p.Train.Len() == 0 || len(p.Train.Attributes) == 0 {
		return nil, 0, errors.New("no samples to train on")
	}
	length = len(p.Train.Attributes[0])
	s, err = joined(p.Train.Attributes, length)
	return s, length, err
}

// tensor finds a tensor of single precision in a file; a length of -1 in the shape is any.
func tensor(f *safetensors.File, name string, shape ...int) ([]float32, error) {
	t, ok := f.Get(name)
	if !ok || t.F64 != nil || len(t.Shape) != len(shape) || slices.Contains(t.Shape, 0) {
		return nil, fmt.Errorf("the tensor %s is missing or no float32 array of %d dimensions", name, len(shape))
	}
	for i, s := range shape {
		if s != -1 && s != t.Shape[i] {
			return nil, fmt.Errorf("the tensor %s has the shape %v, not %v", name, t.Shape, shape)
		}
	}
	return t.F32, nil
}

// nearest scores n points e by classes at v (c x dim): 2 e'v - |v|^2, the negative squared distance but for what is the
// same for all classes.
func nearest(e []float32, n int, v []float32, c, dim int) []float32 {
	scores := make([]float32, n*c)
	kernels.Sgemm(false, true, n, c, dim, 2, e, dim, v, dim, 0, scores, c)
	for j := range c {
		length := squares(v[j*dim : (j+1)*dim])
		for i := range n {
			scores[i*c+j] -= float32(length)
		}
	}
	return scores
}

// squares adds up v^2.
func squares[T float](v []T) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum
}

// tensorsOf are the parameters as a model's file holds them.
func tensorsOf(all []*weights[float32]) []safetensors.Tensor {
	var ts []safetensors.Tensor
	for _, w := range all {
		ts = append(ts, safetensors.Tensor{Name: w.name, Shape: w.shape, F32: w.values})
	}
	return ts
}
