package onnx

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// builder turns nodes into steps. Names map to a value that depends on the image or to a constant.
//
// A plan is what the network computes for one image alone: the batch axis, wherever the network moves it
// or whatever it joins it with, is an axis of one entry. Only a file that is written for several images
// at once keeps its batch size in shapes; there the batch stays the outermost part of the first axis, or
// the operator is refused.
type builder struct {
	file    *File
	batch   int // the batch size the file is written for; 1 where it is open
	plan    *Plan
	types   []int32 // element type of each value of the plan
	fixed   []bool  // whether a value of the plan is the same for every image
	vals    map[string]int
	consts  map[string]*konst
	room    budget // for folded constants
	folding bool   // a node's steps are to be evaluated at once
	depth   int    // of graphs within operators
	calls   int    // of functions within those
}

// build infers shapes and emits a step for each node that tensor needs. With an error comes what was built
// before it, or nil.
func build(n *File, tensor string, h, w int) (*builder, error) {
	in := n.Input()
	c := in.Channels
	if c == 0 {
		c = 3
	}
	b := &builder{file: n, batch: 1, plan: &Plan{}, vals: map[string]int{}, consts: map[string]*konst{}, room: budget{maxConstants}}
	if len(n.input.dims) == 4 && n.input.dims[0] > 0 {
		if b.batch = n.input.dims[0]; b.batch > 1<<16 {
			return nil, fmt.Errorf("its batch of %d images is out of range", b.batch)
		}
	}
	dims := []int{b.batch, c, h, w}
	if in.NHWC {
		dims = []int{b.batch, h, w, c}
	}
	if _, err := b.value(n.input.name, dims, typeFloat, false); err != nil {
		return nil, err
	}
	if n.maker[tensor] == nil && tensor != n.input.name {
		return nil, fmt.Errorf("there is no tensor %q", tensor)
	}
	need := n.needs(tensor)
	uses := map[string]int{tensor: 1}
	for d := range need {
		d.reads(func(name string) { uses[name]++ })
	}
	for _, d := range n.nodes {
		if !need[d] {
			continue
		}
		if err := b.node(d); err != nil {
			var u *UnsupportedError
			if errors.As(err, &u) { // names the node itself
				return b, err
			}
			return b, fmt.Errorf("%s: %w", d, err)
		}
		d.reads(func(name string) {
			if uses[name]--; uses[name] == 0 {
				b.drop(name)
			}
		})
	}
	if _, ok := b.vals[tensor]; !ok {
		return nil, fmt.Errorf("the tensor %q does not depend on the image", tensor)
	}
	return b, nil
}

// shapes are the dimensions, for one image, of the values that depend on the image.
func (b *builder) shapes() map[string][]int {
	out := make(map[string][]int, len(b.vals))
	for name, v := range b.vals {
		out[name] = b.own(v)
	}
	return out
}

// built is the plan as the network's operators are written.
func (b *builder) built() *Plan { return b.plan }

// value adds a value with dims as inferred. fixed says that it is the same for every image.
func (b *builder) value(name string, dims []int, typ int32, fixed bool) (int, error) {
	own := slices.Clone(dims)
	if b.batch > 1 && !fixed {
		if len(dims) == 0 || dims[0]%b.batch != 0 {
			return 0, fmt.Errorf("its result of shape %v mixes the images of a batch of %d: export the network for one image, or with a batch axis that is left open", dims, b.batch)
		}
		own[0] /= b.batch
	}
	size := 1
	for _, d := range own {
		if d < 0 || d == 0 && !fixed {
			return 0, fmt.Errorf("its result has the impossible shape %v: the image is too small for it, or the file is damaged", dims)
		}
		if d > 0 && size > maxValue/d {
			return 0, fmt.Errorf("its result of shape %v is too large", dims)
		}
		size *= d
	}
	if len(own) > maxRank {
		return 0, fmt.Errorf("its result has %d dimensions", len(own))
	}
	b.plan.Values = append(b.plan.Values, Value{name, own})
	b.types = append(b.types, typ)
	b.fixed = append(b.fixed, fixed)
	v := len(b.plan.Values) - 1
	if name != "" {
		b.vals[name] = v
	}
	return v, nil
}

// step emits a step whose result has a name ("" for one that only the builder knows). The result has
// the type of the first argument.
func (b *builder) step(n *node, name string, op Op, dims []int, in ...int) (int, error) {
	typ, fixed := int32(typeFloat), true
	for i, v := range in {
		if i == 0 {
			typ = b.types[v]
		}
		fixed = fixed && b.fixed[v]
	}
	out, err := b.value(name, dims, typ, fixed)
	if err != nil {
		return 0, err
	}
	b.plan.Steps = append(b.plan.Steps, Step{Node: n.String(), Op: op, In: in, Out: out})
	return out, nil
}

// emit adds a step that makes the node's first output.
func (b *builder) emit(n *node, op Op, dims []int, in ...int) error {
	_, err := b.step(n, n.outputs[0], op, dims, in...)
	return err
}

// alias makes the node's first output another name of a value.
func (b *builder) alias(n *node, v int) error { return b.name(n.outputs[0], v) }

// name gives a value a further name.
func (b *builder) name(name string, v int) error {
	b.vals[name] = v
	return nil
}

// dims are a value's dimensions with the batch size of the file.
func (b *builder) dims(v int) []int {
	d := slices.Clone(b.plan.Values[v].Dims)
	if b.batch > 1 && !b.fixed[v] {
		d[0] *= b.batch
	}
	return d
}

// own are a value's dimensions for one image.
func (b *builder) own(v int) []int { return slices.Clone(b.plan.Values[v].Dims) }

// along refuses to work along an axis that holds a batch of several images.
func (b *builder) along(n *node, v int, axes ...int) error {
	if b.batch > 1 && !b.fixed[v] && slices.Contains(axes, 0) {
		return unsupported(n, "mixes the images of a batch of %d", b.batch)
	}
	return nil
}

// arg finds a node's i-th argument: a value (>= 0) or a constant; neither where it is left out.
func (b *builder) arg(n *node, i int) (v int, k *konst, err error) {
	if i >= len(n.inputs) || n.inputs[i] == "" {
		return -1, nil, nil
	}
	return b.named(n, n.inputs[i])
}

func (b *builder) named(n *node, name string) (v int, k *konst, err error) {
	if v, ok := b.vals[name]; ok {
		return v, nil, nil
	}
	if k, ok := b.consts[name]; ok {
		return -1, k, nil
	}
	if t := b.file.tensors[name]; t != nil {
		k := constOf(t)
		b.consts[name] = k
		return -1, k, nil
	}
	if d := b.file.maker[name]; d != nil && d.outputs[0] != name {
		return -1, nil, unsupported(n, "reads the further output %q of %s", name, d)
	}
	if slices.Contains(b.file.others, name) {
		return -1, nil, unsupported(n, "needs the input %q, which is not the image (that is %q)", name, b.file.input.name)
	}
	return -1, nil, fmt.Errorf("its argument %q is made by no operator: the file is damaged", name)
}

// image is arg for an argument to compute with: a constant becomes a value that is the same for every image.
func (b *builder) image(n *node, i int) (int, []int, error) {
	v, k, err := b.arg(n, i)
	switch {
	case err != nil:
		return 0, nil, err
	case k != nil:
		if v, err = b.literal(n, k); err != nil {
			return 0, nil, err
		}
	case v < 0:
		return 0, nil, fmt.Errorf("its argument %d is missing", i+1)
	}
	return v, b.dims(v), nil
}

// literal makes a value of a constant.
func (b *builder) literal(n *node, k *konst) (int, error) {
	if !b.folding {
		k.kept = true
	}
	v, err := b.value("", k.dims, k.typ(), true)
	if err != nil {
		return 0, err
	}
	b.plan.Steps = append(b.plan.Steps, Step{Node: n.String(), Op: &Constant{k}, Out: v})
	return v, nil
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

// node evaluates one node: to a constant where all its arguments are, else to steps.
func (b *builder) node(n *node) error {
	op := n.op
	if n.domain != "" && n.domain != "ai.onnx" {
		if n.domain != microsoft {
			return unsupported(n, "belongs to the operator set %q, which is not supported", n.domain)
		}
		op = microsoft + "." + op
	}
	constant := true
	args := make([]*konst, len(n.inputs))
	for i := range n.inputs {
		v, k, err := b.arg(n, i)
		if err != nil {
			return err
		}
		if v >= 0 {
			constant = false
		}
		args[i] = k
	}
	if n.op == "If" {
		return b.branch(n)
	}
	if n.nested {
		return unsupported(n, "is a control flow operator, which is not supported")
	}
	if constant {
		results, err := foldNode(n, op, args, &b.room)
		if err != nil {
			return err
		}
		for i, k := range results {
			if i < len(n.outputs) && n.outputs[i] != "" {
				b.consts[n.outputs[i]] = k
			}
		}
		if len(results) > 0 {
			return nil
		}
	}
	emit, ok := emitters[op]
	if !ok {
		if isQuantised(n.op) {
			return &UnsupportedError{n.String(), "belongs to a network with quantised activations", "use the float32 version of the network, or --engine onnxruntime"}
		}
		if n.domain == microsoft {
			return unsupported(n, "belongs to the operator set %q and is not supported", n.domain)
		}
		return unsupported(n, "is not a supported operator")
	}
	if !constant {
		return emit(b, n)
	}
	return b.fold(n, emit)
}

// microsoft is the operator set of ONNX Runtime's own operators.
const microsoft = "com.microsoft"

func isQuantised(op string) bool {
	return strings.HasPrefix(op, "QLinear") || strings.HasPrefix(op, "QGemm") || strings.HasSuffix(op, "Integer") || strings.HasSuffix(op, "uantizeLinear")
}

// drop forgets a computed constant that nothing reads any more.
func (b *builder) drop(name string) {
	if k := b.consts[name]; k != nil && k.t == nil && !k.kept {
		b.room.left = min(b.room.left+len(k.nums), maxConstants) // values may be shared by several names
		delete(b.consts, name)
	}
}

// integers reads a list that older versions of an operator have as an attribute, newer ones as argument
// i; ok says whether there is one.
func (b *builder) integers(n *node, name string, i int) (list []int64, ok bool, err error) {
	if v, ok := n.attrs[name].([]int64); ok || i < 0 {
		return v, ok, nil
	}
	k, err := b.constant(n, i, true)
	if err != nil {
		return nil, false, err
	}
	return integersOf(n, name, k)
}
