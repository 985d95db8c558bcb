package onnx

// Weights are a layer's weights, still in the file.
type Weights struct {
	t     *Tensor
	scale *scale
	vals  []float32
}

// Use calls f with the values, which f must neither write to nor keep. They are shared with the mapped
// file where possible, else copied for the call; the pages of the file that they lie on are let go
// afterwards, as engines lay weights out in memory of their own.
func (w *Weights) Use(f func(values []float32) error) error {
	if w.vals != nil {
		return f(w.vals)
	}
	return w.t.use(w.scale, f)
}

// weightsOf makes a layer's weights of a constant, without copying those in the file.
func weightsOf(k *konst) (*Weights, error) {
	if k.t != nil && !k.turned {
		return &Weights{t: k.t, scale: k.scale}, nil
	}
	v, err := k.float32s()
	return &Weights{vals: v}, err
}
