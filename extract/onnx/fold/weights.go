package fold

import (
	"vzsl/extract/onnx/load"
)

// Weights are a layer's weights, still in the file.
type Weights struct {
	t     *load.Tensor
	scale *load.Quantisation
	vals  []float32
}

// Use calls f with the values, which f must neither write to nor keep. They are shared with the mapped
// file where possible, else copied for the call; the pages of the file that they lie on are let go
// afterwards, as engines lay weights out in memory of their own.
func (w *Weights) Use(f func(values []float32) error) error {
	if w.vals != nil {
		return f(w.vals)
	}
	return w.t.Use(w.scale, f)
}

// NewWeights makes a layer's weights of a constant, without copying those in the file.
func NewWeights(k *Constant) (*Weights, error) {
	if k.Tensor != nil && !k.Transposed {
		return &Weights{t: k.Tensor, scale: k.Quantised}, nil
	}
	v, err := k.Float32s()
	return &Weights{vals: v}, err
}

// Row copies row i of a matrix to out, as many values as that has.
func (w *Weights) Row(i int, out []float32) error {
	if w.vals != nil {
		copy(out, w.vals[i*len(out):])
		return nil
	}
	return w.t.Row(w.scale, i, out)
}
