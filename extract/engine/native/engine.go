package native

import (
	"fmt"
	"sync"

	"vzsl/extract/onnx"
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
	input    int
	output   int
	maxBatch int
}

// batchBytes bounds the buffers for feature maps.
const batchBytes = 512 << 20

// New prepares net for the features of layer, on images of h x w.
func New(net *onnx.Network, layer onnx.Layer, h, w int) (*Engine, error) {
	plan, err := net.Plan(layer.Tensor, h, w)
	if err != nil {
		return nil, err
	}
	c, err := compile(plan)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", net.Path(), err)
	}
	total := 0
	for _, s := range c.slots {
		total += s
	}
	e := &Engine{
		program: c, input: c.byPlan[plan.Input], output: c.byPlan[plan.Output],
		in: plan.Values[plan.Input].Len(), dim: plan.Values[plan.Output].Len(),
		maxBatch: max(1, min(64, batchBytes/4/max(1, total))),
	}
	e.frame.c = c
	return e, nil
}

// Dim is the number of features per image.
func (e *Engine) Dim() int { return e.dim }

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
		e.frame.bind(k)
		e.frame.images = images[lo*e.in : (lo+k)*e.in]
		for j := range e.program.code {
			ins := &e.program.code[j]
			e.frame.enter(j, k)
			ins.run(&e.frame, k)
		}
		copy(features[lo*e.dim:(lo+k)*e.dim], e.frame.plain(e.output, k))
	}
	e.frame.images = nil
	return nil
}

// Close gives the memory back.
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

// frame is the memory of a run.
type frame struct {
	c      *compiler
	n      int // images the views are made for
	room   int // images the buffers hold
	bufs   []*kernels.Buffer
	acts   []*kernels.Act // of values that are maps
	clear  [][]int        // values whose halo is to be cleared before an instruction
	images []float32      // the caller's
}

// bind makes room for n images and views of them.
func (f *frame) bind(n int) {
	if n > f.room {
		for _, b := range f.bufs {
			b.Free()
		}
		f.bufs = f.bufs[:0]
		for _, s := range f.c.slots {
			f.bufs = append(f.bufs, kernels.NewBuffer(n*s))
		}
		f.room = n
		f.n = 0
	}
	if n == f.n {
		return
	}
	f.n = n
	f.acts = make([]*kernels.Act, len(f.c.values))
	f.clear = make([][]int, len(f.c.code))
	for v := range f.c.values {
		f.view(v, n)
	}
	for v, x := range f.c.values {
		if x.maps && x.first >= 0 && f.c.root(v) == v && x.halo != (kernels.Halo{}) {
			f.clear[x.first] = append(f.clear[x.first], v)
		}
	}
}

// view makes the feature maps of a value.
func (f *frame) view(v, n int) *kernels.Act {
	x := &f.c.values[v]
	if !x.maps || f.acts[v] != nil {
		return f.acts[v]
	}
	switch {
	case x.parent >= 0:
		f.acts[v] = f.view(x.parent, n).Channels(x.lo, x.lo+x.dims[1])
	case x.slot >= 0:
		f.acts[v] = kernels.NewAct(n, x.dims[2], x.dims[3], x.dims[1], x.halo, f.bufs[x.slot].Data)
	}
	return f.acts[v]
}

// enter clears the halo of maps that the instruction is the first to write to: the buffer held
// something else before.
func (f *frame) enter(i, n int) {
	for _, v := range f.clear[i] {
		f.acts[v].ClearHalo()
	}
}

func (f *frame) maps(v, _ int) *kernels.Act { return f.acts[v] }

func (f *frame) plain(v, n int) []float32 {
	for f.c.values[v].alias >= 0 {
		v = f.c.values[v].alias
	}
	x := &f.c.values[v]
	if x.slot < 0 {
		return f.images
	}
	return f.bufs[x.slot].Data[:n*x.size()]
}

// pairs applies an element-wise function, whatever the layout.
func (f *frame) pairs(x, o, n int, apply func(dst, src []float32)) {
	if !f.c.values[x].maps {
		size := f.c.values[x].size()
		each(n, func(i int) { apply(f.plain(o, n)[i*size:][:size], f.plain(x, n)[i*size:][:size]) })
		return
	}
	a, b := f.maps(x, n), f.maps(o, n)
	each(n*a.H, func(r int) {
		i, y := r/a.H, r%a.H
		for c := range a.W {
			apply(b.Data[b.At(i, y, c):][:a.C], a.Data[a.At(i, y, c):][:a.C])
		}
	})
}

func (f *frame) free() {
	for _, b := range f.bufs {
		b.Free()
	}
	f.bufs, f.acts, f.n, f.room = nil, nil, 0, 0
}
