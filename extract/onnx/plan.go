package onnx

import (
	"errors"
	"fmt"

	"vzsl/internal/kernels"
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

// Op is one of Conv, Linear, Pool, GlobalPool, Affine, Activation, Binary, Constant2, Concat,
// Reshape, Transpose, Softmax, LRN, Pad, Mean.
type Op interface{ isOp() }

// Conv convolves; Weight is in ONNX's order [Out][In/Groups][KernelH][KernelW]. The result of
// output channel o is Scale[o] * (convolution) + Bias[o], then ReLU where Relu is set. Scale and Bias may be nil.
type Conv struct {
	kernels.Conv2D
	Weight      *Weights
	Scale, Bias []float32
	Relu        bool
}

// Linear multiplies each row of In values by the weight matrix: y[o] = Scale[o] * sum_i x[i]
// w[i,o] + Bias[o], then ReLU where Relu is set. Weight is stored Out x In where Transposed is set,
// else In x Out. Scale and Bias may be nil.
type Linear struct {
	In, Out     int
	Weight      *Weights
	Transposed  bool
	Scale, Bias []float32
	Relu        bool
}

// Pool takes the maximum or the mean of windows.
type Pool struct {
	kernels.Pool2D
	Max bool
}

// GlobalPool takes the mean over each channel's map: N x C x 1 x 1.
type GlobalPool struct{}

// Affine computes x*Scale[c] + Shift[c] with c the index along Axis, then ReLU where Relu is set.
// Scale or Shift may be nil.
type Affine struct {
	Axis         int
	Scale, Shift []float32
	Relu         bool
}

// Activation applies a function to each element.
type Activation struct {
	Kind   ActivationKind
	Lo, Hi float32 // Clip's bounds; Lo is LeakyRelu's slope
}

// ActivationKind names a function.
type ActivationKind int

// The functions.
const (
	Relu ActivationKind = iota
	LeakyRelu
	Clip
	Sigmoid
	Tanh
)

// BinaryKind names an operation on two values.
type BinaryKind byte

// The operations.
const (
	Add BinaryKind = '+'
	Sub BinaryKind = '-'
	Mul BinaryKind = '*'
	Div BinaryKind = '/'
)

// Binary combines two values element by element. The second may have one element for each channel
// (N x C x 1 x 1) where the first has a map. ReLU follows where Relu is set.
type Binary struct {
	Kind BinaryKind
	Relu bool
}

// Constant2 combines a value with a constant of the value's shape, in the network's order.
// Swapped puts the constant first.
type Constant2 struct {
	Kind    BinaryKind
	Values  []float32
	Swapped bool
}

// Concat joins values along Axis.
type Concat struct{ Axis int }

// Reshape keeps the elements in the network's order and changes the dimensions.
type Reshape struct{}

// Transpose permutes the dimensions: output axis i is input axis Perm[i]; Perm[0] is 0.
type Transpose struct{ Perm []int }

// Softmax is exp(x)/sum exp(x) over axes From to To-1 together.
type Softmax struct{ From, To int }

// LRN is local response normalisation over Size channels:
// x / (Bias + Alpha/Size * sum x^2)^Beta.
type LRN struct {
	Size              int
	Alpha, Beta, Bias float32
}

// Pad surrounds each map with Value.
type Pad struct {
	Top, Left, Bottom, Right int
	Value                    float32
}

// Mean averages over Axes (ascending, never 0); the value's dimensions say whether they are kept.
type Mean struct{ Axes []int }

func (*Conv) isOp()       {}
func (*Linear) isOp()     {}
func (*Pool) isOp()       {}
func (*GlobalPool) isOp() {}
func (*Affine) isOp()     {}
func (*Activation) isOp() {}
func (*Binary) isOp()     {}
func (*Constant2) isOp()  {}
func (*Concat) isOp()     {}
func (*Reshape) isOp()    {}
func (*Transpose) isOp()  {}
func (*Softmax) isOp()    {}
func (*LRN) isOp()        {}
func (*Pad) isOp()        {}
func (*Mean) isOp()       {}

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

// Plan makes the plan for a layer's tensor and images of h x w. Where the file fixes the input's
// size, h and w must agree with it.
func (n *Network) Plan(tensor string, h, w int) (*Plan, error) {
	in := n.Input()
	if in.Height > 0 && h != in.Height || in.Width > 0 && w != in.Width {
		return nil, fmt.Errorf("%s takes images of %d x %d, not %d x %d: choose a recipe of that size", n.path, in.Height, in.Width, h, w)
	}
	if h <= 0 || w <= 0 || h > 1<<14 || w > 1<<14 {
		return nil, fmt.Errorf("images of %d x %d for %s: the size is out of range", h, w, n.path)
	}
	b, err := n.build(tensor, h, w)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.path, err)
	}
	b.plan.Output = b.vals[tensor]
	b.plan.simplify()
	return b.plan, nil
}

// builder turns nodes into steps. Names map to a value that depends on the image or to a constant.
type builder struct {
	net    *Network
	batch  int // the batch size the file is written for; 1 where it is open
	plan   *Plan
	vals   map[string]int
	consts map[string]*konst
	room   int // elements that folded constants may still take
}

// build infers shapes and emits a step for each node that tensor needs.
func (n *Network) build(tensor string, h, w int) (*builder, error) {
	in := n.Input()
	c := in.Channels
	if c == 0 {
		c = 3
	}
	b := &builder{net: n, batch: 1, plan: &Plan{}, vals: map[string]int{}, consts: map[string]*konst{}, room: maxConstants}
	if len(n.input.dims) == 4 && n.input.dims[0] > 0 {
		if b.batch = n.input.dims[0]; b.batch > 1<<16 {
			return nil, fmt.Errorf("its batch of %d images is out of range", b.batch)
		}
	}
	dims := []int{b.batch, c, h, w}
	if in.NHWC {
		dims = []int{b.batch, h, w, c}
	}
	if _, err := b.value(n.input.name, dims); err != nil {
		return nil, err
	}
	if n.maker[tensor] == nil && tensor != n.input.name {
		return nil, fmt.Errorf("there is no tensor %q", tensor)
	}
	need := map[*node]bool{}
	stack := []string{tensor}
	for len(stack) > 0 {
		t := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		d := n.maker[t]
		if d == nil || need[d] {
			continue
		}
		need[d] = true
		stack = append(stack, d.inputs...)
	}
	for _, d := range n.nodes {
		if !need[d] {
			continue
		}
		if err := b.node(d); err != nil {
			var u *UnsupportedError
			if errors.As(err, &u) { // names the node itself
				return nil, err
			}
			return nil, fmt.Errorf("%s: %w", d, err)
		}
	}
	if _, ok := b.vals[tensor]; !ok {
		return nil, fmt.Errorf("the tensor %q does not depend on the image", tensor)
	}
	return b, nil
}

// value adds a value with dims as inferred, the batch axis first.
func (b *builder) value(name string, dims []int) (int, error) {
	if len(dims) == 0 || dims[0] != b.batch {
		return 0, fmt.Errorf("its result of shape %v mixes the images of a batch", dims)
	}
	own := append([]int{1}, dims[1:]...)
	size := 1
	for _, d := range own {
		if d <= 0 {
			return 0, fmt.Errorf("its result has the impossible shape %v: the image is too small for it, or the file is damaged", dims)
		}
		if size > maxValue/d {
			return 0, fmt.Errorf("its result of shape %v is too large", dims)
		}
		size *= d
	}
	if len(own) > 8 {
		return 0, fmt.Errorf("its result has %d dimensions", len(own))
	}
	b.plan.Values = append(b.plan.Values, Value{name, own})
	b.vals[name] = len(b.plan.Values) - 1
	return len(b.plan.Values) - 1, nil
}

// emit adds a step that makes the node's first output.
func (b *builder) emit(n *node, op Op, dims []int, in ...int) error {
	out, err := b.value(n.outputs[0], dims)
	if err != nil {
		return err
	}
	b.plan.Steps = append(b.plan.Steps, Step{Node: n.String(), Op: op, In: in, Out: out})
	return nil
}

// alias makes the node's first output another name of a value.
func (b *builder) alias(n *node, v int) error {
	b.vals[n.outputs[0]] = v
	return nil
}

// dims are a value's dimensions with the batch size of the file.
func (b *builder) dims(v int) []int {
	return append([]int{b.batch}, b.plan.Values[v].Dims[1:]...)
}

// arg finds a node's i-th argument: a value (>= 0) or a constant; neither where it is left out.
func (b *builder) arg(n *node, i int) (v int, k *konst, err error) {
	if i >= len(n.inputs) || n.inputs[i] == "" {
		return -1, nil, nil
	}
	name := n.inputs[i]
	if v, ok := b.vals[name]; ok {
		return v, nil, nil
	}
	if k, ok := b.consts[name]; ok {
		return -1, k, nil
	}
	if t := b.net.tensors[name]; t != nil {
		k := constOf(t)
		b.consts[name] = k
		return -1, k, nil
	}
	if d := b.net.maker[name]; d != nil && d.outputs[0] != name {
		return -1, nil, unsupported(n, "reads the further output %q of %s", name, d)
	}
	return -1, nil, fmt.Errorf("its argument %q is made by no earlier operator: the file is damaged", name)
}

// image is arg for an argument that must depend on the image.
func (b *builder) image(n *node, i int) (int, []int, error) {
	v, k, err := b.arg(n, i)
	if err != nil {
		return 0, nil, err
	}
	if k != nil {
		return 0, nil, unsupported(n, "has a constant where the image's data belong")
	}
	if v < 0 {
		return 0, nil, fmt.Errorf("its argument %d is missing", i+1)
	}
	return v, b.dims(v), nil
}

// constant is arg for an argument that must be a constant; optional ones may be nil.
func (b *builder) constant(n *node, i int, optional bool) (*konst, error) {
	v, k, err := b.arg(n, i)
	switch {
	case err != nil:
		return nil, err
	case v >= 0:
		return nil, unsupported(n, "computes its argument %d from the image, where a constant is wanted", i+1)
	case k == nil && !optional:
		return nil, fmt.Errorf("its argument %d is missing", i+1)
	}
	return k, nil
}

// floats is constant for a list of count floats; nil where an optional one is missing.
func (b *builder) floats(n *node, i, count int, optional bool) ([]float32, error) {
	k, err := b.constant(n, i, optional)
	if k == nil || err != nil {
		return nil, err
	}
	f, err := k.float32s()
	if err == nil && len(f) != count {
		err = fmt.Errorf("its argument %d has %d values where %d belong", i+1, len(f), count)
	}
	return f, err
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}
