package gorgonia

import (
	"fmt"
	"runtime"
	"sync"

	onnxgo "github.com/owulveryck/onnx-go"
	"github.com/owulveryck/onnx-go/backend/x/gorgonnx"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"vzsl/extract/onnx"
	"vzsl/internal/kernels"
)

// Engine computes a layer's features with onnx-go's Gorgonia backend, image by image. Calls of Run
// wait for each other.
type Engine struct {
	mu      sync.Mutex
	model   []byte
	consts  map[string]*tensor.Dense
	in, out string
	dims    []int // of one image
	size    int
	dim     int
	heavy   bool // the weights are large: collect a graph's garbage before the next one's
}

// heavyWeights is where waiting for the garbage collector would cost gigabytes (elements).
const heavyWeights = 16 << 20

// useKernels gives Gorgonia and its tensors the project's BLAS, for the whole process.
var useKernels = sync.OnceFunc(func() { gorgonia.Use(kernels.BLAS{}) })

// New prepares net for the features of layer, on images of h x w. The weights are copied.
func New(net *onnx.Network, layer onnx.Layer, h, w int) (*Engine, error) {
	p, err := net.PlanLayer(layer, h, w)
	if err != nil {
		return nil, err
	}
	e := &Engine{dims: p.Values[p.Input].Dims, size: p.Values[p.Input].Len(), dim: p.Values[p.Output].Len()}
	if e.model, e.consts, e.in, e.out, err = encode(p); err != nil {
		return nil, fmt.Errorf("%s: %w", net.Path(), err)
	}
	total := 0
	for _, c := range e.consts {
		total += c.DataSize()
	}
	e.heavy = total > heavyWeights
	useKernels()
	return e, nil
}

// Dim is the number of features per image.
func (e *Engine) Dim() int { return e.dim }

// Close lets the weights go.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.model, e.consts = nil, nil
	return nil
}

// Run computes the features of n images. images holds them one after another in the network's own
// layout, channels first or last; features takes n*Dim() values.
func (e *Engine) Run(images []float32, n int, features []float32) error {
	if n < 0 || len(images) != n*e.size || len(features) != n*e.dim {
		return fmt.Errorf("gorgonia: %d images of %d values and %d features given %d and %d values", n, e.size, e.dim, len(images), len(features))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.consts == nil {
		return fmt.Errorf("gorgonia: the engine is closed")
	}
	for i := range n {
		if err := e.one(images[i*e.size:(i+1)*e.size], features[i*e.dim:(i+1)*e.dim]); err != nil {
			return fmt.Errorf("gorgonia: image %d of %d: %w", i+1, n, err)
		}
		if e.heavy {
			runtime.GC()
		}
	}
	return nil
}

// one runs one image on a new graph; only the weights are shared between graphs.
func (e *Engine) one(image, features []float32) (err error) {
	defer func() { // the libraries panic on what they do not expect
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	backend := gorgonnx.NewGraph()
	model := onnxgo.NewModel(backend)
	if err := model.UnmarshalBinary(e.model); err != nil {
		return err
	}
	set := func(name string, t tensor.Tensor) error {
		n, ok := model.GetNodeByName(name)
		if !ok {
			return fmt.Errorf("no node %q", name)
		}
		return n.(onnxgo.DataCarrier).SetTensor(t)
	}
	for name, t := range e.consts {
		if err := set(name, t); err != nil {
			return err
		}
	}
	x := append([]float32(nil), image...) // operators may work in place
	if err := set(e.in, tensor.New(tensor.WithShape(e.dims...), tensor.WithBacking(x))); err != nil {
		return err
	}
	graph, err := backend.GetExprGraph()
	if err != nil {
		return err
	}
	vm := gorgonia.NewTapeMachine(graph)
	defer vm.Close()
	backend.SetVM(vm)
	if err := backend.Run(); err != nil {
		return err
	}
	n, ok := model.GetNodeByName(e.out)
	if !ok {
		return fmt.Errorf("no node %q", e.out)
	}
	got, ok := n.(onnxgo.DataCarrier).GetTensor().Data().([]float32)
	if !ok || len(got) != len(features) {
		return fmt.Errorf("the backend gave %d features of type %T, not %d", len(got), n.(onnxgo.DataCarrier).GetTensor().Data(), len(features))
	}
	copy(features, got)
	return nil
}
