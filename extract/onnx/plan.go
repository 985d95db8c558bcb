package onnx

import (
	"fmt"
)

// Plan is the part of a network that leads from its input to one layer, for one image: engines run
// it over any number of images side by side. Steps are in an order in which they can run.
type Plan struct {
	Values        []Value
	Steps         []Step
	Input, Output int // indices into Values
}

// Value is a tensor between steps. Dims are the network's own (channels first after a
// convolution), with 1 for the batch axis.
type Value struct {
	Name string
	Dims []int
}

// Len is the number of elements for one image.
func (v Value) Len() int { return product(v.Dims) }

// Step computes one value from others.
type Step struct {
	Node string // the network's node, for messages: operator and name
	Op   Op
	In   []int
	Out  int
}

// maxValue bounds the elements of one value for one image (256 MB).
const maxValue = 1 << 26

// maxConstants bounds the elements of all constants computed for a plan (64 MB).
const maxConstants = 1 << 24

// UnsupportedError says which operator of a network cannot be run.
type UnsupportedError struct {
	Node   string // operator and node name
	Reason string
	Advice string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("the network's %s %s; %s", e.Node, e.Reason, e.Advice)
}

const exportAdvice = "take a layer before it (--layer), or export the network again in float32 with plain operators (PyTorch: torch.onnx.export in evaluation mode, opset 11 to 17)"

func unsupported(n *node, format string, args ...any) error {
	return &UnsupportedError{Node: n.String(), Reason: fmt.Sprintf(format, args...), Advice: exportAdvice}
}

// Plan makes the plan for a layer's tensor as it is and images of h x w. Where the file fixes the input's
// size, h and w must agree with it.
func (n *Network) Plan(tensor string, h, w int) (*Plan, error) {
	return n.PlanLayer(Layer{Tensor: tensor}, h, w)
}

// PlanLayer is Plan with the layer's pooling.
func (n *Network) PlanLayer(l Layer, h, w int) (*Plan, error) {
	in := n.Input()
	if in.Height > 0 && h != in.Height || in.Width > 0 && w != in.Width {
		return nil, fmt.Errorf("%s takes images of %d x %d, not %d x %d: choose a recipe of that size", n.path, in.Height, in.Width, h, w)
	}
	if h <= 0 || w <= 0 || h > 1<<14 || w > 1<<14 {
		return nil, fmt.Errorf("images of %d x %d for %s: the size is out of range", h, w, n.path)
	}
	b, err := n.build(l.Tensor, h, w)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.path, err)
	}
	if err := b.finish(&l); err != nil {
		return nil, fmt.Errorf("%s: %w", n.path, err)
	}
	b.plan.simplify()
	return b.plan, nil
}
