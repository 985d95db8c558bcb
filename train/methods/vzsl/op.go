package vzsl

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// float is the element type of a graph: float32 to train, float64 to check gradients.
type float interface{ float32 | float64 }

// fused is a Gorgonia operation that does a whole layer or term at once. Its result is memory of its own that every
// run of the graph overwrites, so that a training step allocates nothing large. Its derivative is made of further
// fused operations.
type fused[T float] struct {
	id     int // tells operations apart: Gorgonia merges those of equal hash and inputs
	name   string
	inputs []tensor.Shape
	shape  tensor.Shape // empty: a scalar
	result G.Value
	out    []T
	// do computes out from the inputs.
	do func(in [][]T, out []T)
	// wrt tells for each input whether it has a derivative, back makes them, nil for the others.
	wrt  []bool
	back func(in G.Nodes, out, grad *G.Node) (G.Nodes, error)

	last []G.Value // inputs of the last run
	in   [][]T     // their memory
}

var (
	_ G.Op   = (*fused[float32])(nil)
	_ G.SDOp = (*fused[float32])(nil)
)

func dtype[T float]() tensor.Dtype {
	if _, ok := any(T(0)).(float32); ok {
		return tensor.Float32
	}
	return tensor.Float64
}

// newTensor wraps values.
func newTensor[T float](shape []int, values []T) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(values))
}

// memory is the value's own.
func memory[T float](v G.Value) ([]T, error) {
	switch x := v.Data().(type) {
	case []T:
		return x, nil
	case T:
		return []T{x}, nil
	}
	return nil, fmt.Errorf("a value of type %v where %v is expected", v.Dtype(), dtype[T]())
}

func (f *fused[T]) Arity() int { return len(f.inputs) }

// Type is made again each time: Gorgonia recycles it.
func (f *fused[T]) Type() hm.Type {
	kind := func(s tensor.Shape) hm.Type {
		if len(s) == 0 {
			return dtype[T]()
		}
		return G.TensorType{Dims: len(s), Of: dtype[T]()}
	}
	var ts []hm.Type
	for _, s := range f.inputs {
		ts = append(ts, kind(s))
	}
	return hm.NewFnType(append(ts, kind(f.shape))...)
}

func (f *fused[T]) InferShape(in ...G.DimSizer) (tensor.Shape, error) {
	for i, d := range in {
		if s, ok := d.(tensor.Shape); ok && !s.Eq(f.inputs[i]) {
			return nil, fmt.Errorf("%s: input %d has the shape %v, not %v", f.name, i, s, f.inputs[i])
		}
	}
	return f.shape, nil
}

func (f *fused[T]) Do(in ...G.Value) (G.Value, error) {
	if len(in) != len(f.inputs) {
		return nil, fmt.Errorf("%s: %d inputs, not %d", f.name, len(in), len(f.inputs))
	}
	for i, v := range in {
		if f.last[i] == v && len(f.inputs[i]) > 0 {
			continue
		}
		m, err := memory[T](v)
		if err != nil {
			return nil, fmt.Errorf("%s: input %d: %w", f.name, i, err)
		}
		if len(m) != f.inputs[i].TotalSize() {
			return nil, fmt.Errorf("%s: input %d has %d values, not %v", f.name, i, len(m), f.inputs[i])
		}
		f.last[i], f.in[i] = v, m
	}
	f.do(f.in, f.out)
	switch s := f.result.(type) {
	case *G.F32:
		*s = G.F32(f.out[0])
	case *G.F64:
		*s = G.F64(f.out[0])
	}
	return f.result, nil
}

func (f *fused[T]) ReturnsPtr() bool     { return true }
func (f *fused[T]) CallsExtern() bool    { return false }
func (f *fused[T]) OverwritesInput() int { return -1 }
func (f *fused[T]) String() string       { return f.name }

func (f *fused[T]) WriteHash(h hash.Hash) { fmt.Fprintf(h, "vzsl %s %d", f.name, f.id) }

func (f *fused[T]) Hashcode() uint32 {
	h := fnv.New32a()
	f.WriteHash(h)
	return h.Sum32()
}

func (f *fused[T]) DiffWRT(inputs int) []bool {
	if f.wrt == nil {
		return make([]bool, inputs)
	}
	return f.wrt
}

func (f *fused[T]) SymDiff(in G.Nodes, out, grad *G.Node) (G.Nodes, error) {
	if f.back == nil {
		return nil, fmt.Errorf("%s has no derivative", f.name)
	}
	return f.back(in, out, grad)
}

// builder makes the graph's operations and keeps the first error, so that the model reads as formulas.
type builder[T float] struct {
	g   *G.ExprGraph
	ops int
	err error
}

// apply adds op to the graph.
func (b *builder[T]) apply(op *fused[T], in ...*G.Node) *G.Node {
	if b.err != nil {
		return nil
	}
	b.ops++
	op.id = b.ops
	for _, n := range in {
		op.inputs = append(op.inputs, n.Shape())
	}
	op.last, op.in = make([]G.Value, len(in)), make([][]T, len(in))
	if op.out == nil {
		op.out = make([]T, op.shape.TotalSize())
	}
	switch {
	case len(op.shape) > 0:
		op.result = newTensor(op.shape, op.out)
	case dtype[T]() == tensor.Float32:
		op.result = G.NewF32(0)
	default:
		op.result = G.NewF64(0)
	}
	n, err := G.ApplyOp(op, in...)
	if err != nil {
		b.err = fmt.Errorf("%s: %w", op.name, err)
		return nil
	}
	return n
}

// add adds two terms of the loss.
func (b *builder[T]) add(x, y *G.Node) *G.Node {
	if b.err != nil {
		return nil
	}
	var n *G.Node
	n, b.err = G.Add(x, y)
	return n
}

// input adds an input bound to values, which the caller may change between runs.
func (b *builder[T]) input(name string, shape []int, values []T) *G.Node {
	return G.NewTensor(b.g, dtype[T](), len(shape), G.WithShape(shape...), G.WithName(name), G.WithValue(newTensor(shape, values)))
}

// grads returns the derivatives that back made, or the error met on the way.
func (b *builder[T]) grads(ns ...*G.Node) (G.Nodes, error) {
	if b.err != nil {
		return nil, b.err
	}
	return ns, nil
}
