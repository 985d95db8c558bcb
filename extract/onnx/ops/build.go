package ops

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"vzsl/extract/onnx/fold"
	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/plan"
)

// Builder turns nodes into steps. Names map to a value that depends on the image or to a constant.
//
// A plan is what the network computes for one image alone: the batch axis, wherever the network moves it
// or whatever it joins it with, is an axis of one entry. Only a file that is written for several images
// at once keeps its batch size in shapes; there the batch stays the outermost part of the first axis, or
// the operator is refused.
type Builder struct {
	file    *load.File
	batch   int // the batch size the file is written for; 1 where it is open
	plan    *plan.Plan
	types   []int32 // element type of each value of the plan
	fixed   []bool  // whether a value of the plan is the same for every image
	vals    map[string]int
	consts  map[string]*fold.Constant
	budget  fold.Budget // for folded constants
	folding bool        // a node's steps are to be evaluated at once
	depth   int         // of graphs within operators
	calls   int         // of functions within those
}

// Build infers shapes and emits a step for each node that tensor needs. With an error comes what was built
// before it, or nil.
func Build(n *load.File, tensor string, h, w int) (*Builder, error) {
	in := n.Input()
	c := in.Channels
	if c == 0 {
		c = 3
	}
	b := &Builder{file: n, batch: 1, plan: &plan.Plan{}, vals: map[string]int{}, consts: map[string]*fold.Constant{}, budget: fold.Budget{Left: load.MaxConstants}}
	if len(n.Image.Dims) == 4 && n.Image.Dims[0] > 0 {
		if b.batch = n.Image.Dims[0]; b.batch > 1<<16 {
			return nil, fmt.Errorf("a batch of %d images is out of range", b.batch)
		}
	}
	dims := []int{b.batch, c, h, w}
	if in.NHWC {
		dims = []int{b.batch, h, w, c}
	}
	if _, err := b.addValue(n.Image.Name, dims, load.TypeFloat, false); err != nil {
		return nil, err
	}
	return b.walk(tensor)
}

// walk emits a step for each node that tensor needs, from the values that there are.
func (b *Builder) walk(tensor string) (*Builder, error) {
	n := b.file
	if n.Producer[tensor] == nil && tensor != n.Image.Name {
		return nil, fmt.Errorf("no tensor named %q", tensor)
	}
	need := n.Needs(tensor)
	uses := map[string]int{tensor: 1}
	for d := range need {
		d.EachInput(func(name string) { uses[name]++ })
	}
	for _, d := range n.Nodes {
		if !need[d] {
			continue
		}
		if err := b.addNode(d); err != nil {
			var u *load.UnsupportedError
			if errors.As(err, &u) { // names the node itself
				return b, err
			}
			return b, fmt.Errorf("%s: %w", d, err)
		}
		d.EachInput(func(name string) {
			if uses[name]--; uses[name] == 0 {
				b.release(name)
			}
		})
	}
	if _, ok := b.vals[tensor]; !ok {
		return nil, fmt.Errorf("the tensor %q does not depend on the image", tensor)
	}
	return b, nil
}

// Shapes are the dimensions, for one image, of the values that depend on the image.
func (b *Builder) Shapes() map[string][]int {
	out := make(map[string][]int, len(b.vals))
	for name, v := range b.vals {
		out[name] = b.imageDims(v)
	}
	return out
}

// Plan is the plan as the network's operators are written.
func (b *Builder) Plan() *plan.Plan { return b.plan }

// addValue adds a value with dims as inferred. fixed says that it is the same for every image.
func (b *Builder) addValue(name string, dims []int, typ int32, fixed bool) (int, error) {
	own := slices.Clone(dims)
	if b.batch > 1 && !fixed {
		if len(dims) == 0 || dims[0]%b.batch != 0 {
			return 0, fmt.Errorf("its output of shape %v mixes the images of a batch of %d: export the network for one image, or with a dynamic batch axis", dims, b.batch)
		}
		own[0] /= b.batch
	}
	size := 1
	for _, d := range own {
		if d < 0 || d == 0 && !fixed {
			return 0, fmt.Errorf("invalid output shape %v: the image is too small for this network, or the file is corrupt", dims)
		}
		if d > 0 && size > load.MaxValue/d {
			return 0, fmt.Errorf("its output of shape %v is too large", dims)
		}
		size *= d
	}
	if len(own) > load.MaxRank {
		return 0, fmt.Errorf("its output has %d dimensions", len(own))
	}
	b.plan.Values = append(b.plan.Values, plan.Value{Name: name, Dims: own})
	b.types = append(b.types, typ)
	b.fixed = append(b.fixed, fixed)
	v := len(b.plan.Values) - 1
	if name != "" {
		b.vals[name] = v
	}
	return v, nil
}

// addStep emits a step whose result has a name ("" for one that only the builder knows). The result has
// the type of the first argument.
func (b *Builder) addStep(n *load.Node, name string, op plan.Op, dims []int, in ...int) (int, error) {
	typ, fixed := int32(load.TypeFloat), true
	for i, v := range in {
		if i == 0 {
			typ = b.types[v]
		}
		fixed = fixed && b.fixed[v]
	}
	out, err := b.addValue(name, dims, typ, fixed)
	if err != nil {
		return 0, err
	}
	b.plan.Steps = append(b.plan.Steps, plan.Step{Node: n.String(), Op: op, In: in, Out: out})
	return out, nil
}

// emit adds a step that makes the node's first output.
func (b *Builder) emit(n *load.Node, op plan.Op, dims []int, in ...int) error {
	_, err := b.addStep(n, n.Outputs[0], op, dims, in...)
	return err
}

// alias makes the node's first output another name of a value.
func (b *Builder) alias(n *load.Node, v int) error { return b.name(n.Outputs[0], v) }

// name gives a value a further name.
func (b *Builder) name(name string, v int) error {
	b.vals[name] = v
	return nil
}

// dims are a value's dimensions with the batch size of the file.
func (b *Builder) dims(v int) []int {
	d := slices.Clone(b.plan.Values[v].Dims)
	if b.batch > 1 && !b.fixed[v] {
		d[0] *= b.batch
	}
	return d
}

// imageDims are a value's dimensions for one image.
func (b *Builder) imageDims(v int) []int { return slices.Clone(b.plan.Values[v].Dims) }

// refuseBatchAxis refuses to work along an axis that holds a batch of several images.
func (b *Builder) refuseBatchAxis(n *load.Node, v int, axes ...int) error {
	if b.batch > 1 && !b.fixed[v] && slices.Contains(axes, 0) {
		return load.Unsupported(n, "mixes the images of a batch of %d", b.batch)
	}
	return nil
}

// arg finds a node's i-th argument: a value (>= 0) or a constant; neither where it is left out.
func (b *Builder) arg(n *load.Node, i int) (v int, k *fold.Constant, err error) {
	if i >= len(n.Inputs) || n.Inputs[i] == "" {
		return -1, nil, nil
	}
	return b.lookup(n, n.Inputs[i])
}

func (b *Builder) lookup(n *load.Node, name string) (v int, k *fold.Constant, err error) {
	if v, ok := b.vals[name]; ok {
		return v, nil, nil
	}
	if k, ok := b.consts[name]; ok {
		return -1, k, nil
	}
	if t := b.file.Tensors[name]; t != nil {
		k := fold.OfTensor(t)
		b.consts[name] = k
		return -1, k, nil
	}
	if d := b.file.Producer[name]; d != nil && d.Outputs[0] != name {
		return -1, nil, load.Unsupported(n, "reads the secondary output %q of %s", name, d)
	}
	if slices.Contains(b.file.OtherInputs, name) {
		return -1, nil, load.Unsupported(n, "depends on the network input %q, which is not the image (%q)", name, b.file.Image.Name)
	}
	return -1, nil, fmt.Errorf("its input %q is not the output of any operator: the file is corrupt", name)
}

// operand is arg for an argument to compute with: a constant becomes a value that is the same for every image.
func (b *Builder) operand(n *load.Node, i int) (int, []int, error) {
	v, k, err := b.arg(n, i)
	switch {
	case err != nil:
		return 0, nil, err
	case k != nil:
		if v, err = b.constantValue(n, k); err != nil {
			return 0, nil, err
		}
	case v < 0:
		return 0, nil, fmt.Errorf("its input %d is missing", i+1)
	}
	return v, b.dims(v), nil
}

// operandConstant is operand 0 with input 1, which must be a constant.
func (b *Builder) operandConstant(n *load.Node) (x int, d []int, k *fold.Constant, err error) {
	if x, d, err = b.operand(n, 0); err != nil {
		return 0, nil, nil, err
	}
	k, err = b.constantArg(n, 1, false)
	return x, d, k, err
}

// operandAxis is operand 0 with the axis that the attribute names, or def, which must not hold a batch of several images.
func (b *Builder) operandAxis(n *load.Node, def int) (x int, d []int, axis int, err error) {
	if x, d, err = b.operand(n, 0); err != nil {
		return 0, nil, 0, err
	}
	if axis, err = load.Axis(int64(n.Int("axis", def)), len(d)); err != nil {
		return 0, nil, 0, err
	}
	return x, d, axis, b.refuseBatchAxis(n, x, axis)
}

// constantValue makes a value of a constant.
func (b *Builder) constantValue(n *load.Node, k *fold.Constant) (int, error) {
	if !b.folding {
		k.InPlan = true
	}
	v, err := b.addValue("", k.Dims, k.Type(), true)
	if err != nil {
		return 0, err
	}
	b.plan.Steps = append(b.plan.Steps, plan.Step{Node: n.String(), Op: &plan.Constant{Value: k}, Out: v})
	return v, nil
}

// constantArg is arg for an argument that must be a constant; optional ones may be nil.
func (b *Builder) constantArg(n *load.Node, i int, optional bool) (*fold.Constant, error) {
	v, k, err := b.arg(n, i)
	switch {
	case err != nil:
		return nil, err
	case v >= 0:
		return nil, load.Unsupported(n, "its input %d depends on the image, a constant is required", i+1)
	case k == nil && !optional:
		return nil, fmt.Errorf("its input %d is missing", i+1)
	}
	return k, nil
}

// floatsArg is constant for a list of count floats; nil where an optional one is missing.
func (b *Builder) floatsArg(n *load.Node, i, count int, optional bool) ([]float32, error) {
	k, err := b.constantArg(n, i, optional)
	if k == nil || err != nil {
		return nil, err
	}
	f, err := k.Float32s()
	if err == nil && len(f) != count {
		err = fmt.Errorf("its input %d has %d values, expected %d", i+1, len(f), count)
	}
	return f, err
}

// addNode evaluates one node: to a constant where all its arguments are, else to steps.
func (b *Builder) addNode(n *load.Node) error {
	op := n.Op
	if n.Domain != "" && n.Domain != "ai.onnx" {
		if n.Domain != microsoftDomain {
			return load.Unsupported(n, "operator set %q is not supported", n.Domain)
		}
		op = microsoftDomain + "." + op
	}
	constant := true
	args := make([]*fold.Constant, len(n.Inputs))
	for i := range n.Inputs {
		v, k, err := b.arg(n, i)
		if err != nil {
			return err
		}
		if v >= 0 {
			constant = false
		}
		args[i] = k
	}
	if n.Op == "If" {
		return b.branch(n)
	}
	if n.Nested {
		return load.Unsupported(n, "control flow")
	}
	if constant {
		results, err := fold.Node(n, op, args, &b.budget)
		if err != nil {
			return err
		}
		for i, k := range results {
			if i < len(n.Outputs) && n.Outputs[i] != "" {
				b.consts[n.Outputs[i]] = k
			}
		}
		if len(results) > 0 {
			return nil
		}
	}
	emit, ok := emitters[op]
	if !ok {
		if isQuantised(n.Op) {
			return &load.UnsupportedError{Node: n.String(), Reason: "quantised activations", Advice: "use the float32 version of the network, or --engine onnxruntime"}
		}
		if n.Domain == microsoftDomain {
			return load.Unsupported(n, "not one of the supported operators of %q", n.Domain)
		}
		return load.Unsupported(n, "")
	}
	if !constant {
		return emit(b, n)
	}
	return b.foldSteps(n, emit)
}

// microsoftDomain is the operator set of ONNX Runtime's own operators.
const microsoftDomain = "com.microsoft"

func isQuantised(op string) bool {
	return strings.HasPrefix(op, "QLinear") || strings.HasPrefix(op, "QGemm") || strings.HasSuffix(op, "Integer") || strings.HasSuffix(op, "uantizeLinear")
}

// release forgets a computed constant that nothing reads any more.
func (b *Builder) release(name string) {
	if k := b.consts[name]; k != nil && k.Tensor == nil && !k.InPlan {
		b.budget.Left = min(b.budget.Left+len(k.Values), load.MaxConstants) // values may be shared by several names
		delete(b.consts, name)
	}
}

// integersArg reads a list that older versions of an operator have as an attribute, newer ones as argument
// i; ok says whether there is one.
func (b *Builder) integersArg(n *load.Node, name string, i int) (list []int64, ok bool, err error) {
	if v, ok := n.Attrs[name].([]int64); ok || i < 0 {
		return v, ok, nil
	}
	k, err := b.constantArg(n, i, true)
	if err != nil {
		return nil, false, err
	}
	return fold.List(n, name, k)
}
