package native

import (
	"fmt"
	"sync"

	"vzsl/extract/onnx"
	"vzsl/extract/onnx/plan"
	"vzsl/internal/kernels"
)

// Engine computes a layer's features. It holds prepared weights, and buffers for the largest batch
// it has seen up to a bound; larger batches run in pieces. Calls of Run wait for each other: the
// kernels use all processors for one.
type Engine struct {
	mu       sync.Mutex
	program  *compiler
	frame    frame
	in, dim  int
	bytes    int
	input    int
	output   int
	maxBatch int
}

const (
	// batchBytes bounds the buffers for feature maps.
	batchBytes = 512 << 20
	// usualBatch is where the kernels' speed has levelled off.
	usualBatch = 16
)

// New prepares net for the features of layer, on images of h x w.
func New(net *onnx.Network, layer onnx.Layer, h, w int) (*Engine, error) {
	return create(net, layer, h, w, kernels.LastLevelCache())
}

// create is New for a last-level cache of so many bytes.
func create(net *onnx.Network, layer onnx.Layer, h, w, cache int) (*Engine, error) {
	p, err := net.PlanLayer(layer, h, w)
	if err != nil {
		return nil, err
	}
	e, err := ofPlan(p, cache)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", net.Path(), err)
	}
	return e, nil
}

// OfPlan prepares what a plan says: of a text's tokens, say. The network's file must stay open, as rows of its tables are read there.
func OfPlan(p *plan.Plan) (*Engine, error) { return ofPlan(p, kernels.LastLevelCache()) }

func ofPlan(p *plan.Plan, cache int) (*Engine, error) {
	c, err := compile(p, cache)
	if err != nil {
		return nil, err
	}
	each, fixed := c.bytesPerImage()
	e := &Engine{
		program: c, input: c.byPlan[p.Input], output: c.byPlan[p.Output],
		in: p.Values[p.Input].Len(), dim: p.Values[p.Output].Len(), bytes: each,
		maxBatch: max(1, min(64, (batchBytes-fixed)/max(1, each))),
	}
	e.frame.c, e.frame.in = c, e.in
	return e, nil
}

// Dim is the number of features per image.
func (e *Engine) Dim() int { return e.dim }

// BytesPerImage is the memory that Run takes for each image of a batch.
func (e *Engine) BytesPerImage() int { return e.bytes }

// Run computes the features of n images. images holds them one after another in the network's own
// layout, channels first or last; features takes n*Dim() values.
func (e *Engine) Run(images []float32, n int, features []float32) error {
	if n < 0 || len(images) != n*e.in || len(features) != n*e.dim {
		return fmt.Errorf("native: %d images of %d values and %d features given %d and %d values", n, e.in, e.dim, len(images), len(features))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.program == nil {
		return fmt.Errorf("native: the engine is closed")
	}
	pieces := (n + e.maxBatch - 1) / e.maxBatch
	for i := range pieces {
		lo := i * n / pieces
		k := (i+1)*n/pieces - lo
		kernels.Run(func() { e.frame.run(images[lo*e.in:(lo+k)*e.in], k) })
		copy(features[lo*e.dim:(lo+k)*e.dim], e.frame.plain(e.output, k))
	}
	e.frame.images = nil
	return nil
}

// Close releases the memory.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.program != nil {
		e.program.release()
		e.frame.free()
		e.program = nil
	}
	return nil
}
