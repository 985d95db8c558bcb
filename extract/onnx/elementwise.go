package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// activations are the operators that apply a function, with their settings' names and defaults.
var activations = map[string]struct {
	kind           ActivationKind
	lo, hi         string
	loWord, hiWord float32
}{
	"Relu":                    {kind: Relu},
	"LeakyRelu":               {LeakyRelu, "alpha", "", 0.01, 0},
	"Sigmoid":                 {kind: Sigmoid},
	"Tanh":                    {kind: Tanh},
	"HardSigmoid":             {HardSigmoid, "alpha", "beta", 0.2, 0.5},
	"HardSwish":               {kind: HardSwish},
	"Mish":                    {kind: Mish},
	"Elu":                     {Elu, "alpha", "", 1, 0},
	"Selu":                    {Selu, "alpha", "gamma", 1.67326319217681884765625, 1.05070102214813232421875},
	"Celu":                    {Celu, "alpha", "", 1, 0},
	"ThresholdedRelu":         {ThresholdedRelu, "alpha", "", 1, 0},
	"Swish":                   {Swish, "alpha", "", 1, 0},
	"Softplus":                {kind: Softplus},
	"Softsign":                {kind: Softsign},
	"Erf":                     {kind: Erf},
	"Exp":                     {kind: Exp},
	"Log":                     {kind: Log},
	"Sqrt":                    {kind: Sqrt},
	"Reciprocal":              {kind: Reciprocal},
	"Abs":                     {kind: Abs},
	"Neg":                     {kind: Neg},
	"Sign":                    {kind: Sign},
	"Floor":                   {kind: Floor},
	"Ceil":                    {kind: Ceil},
	"Round":                   {kind: Round},
	"Sin":                     {kind: Sin},
	"Cos":                     {kind: Cos},
	"Tan":                     {kind: Tan},
	"Atan":                    {kind: Atan},
	"Not":                     {kind: Not},
	"IsNaN":                   {kind: IsNaN},
	"IsInf":                   {IsInf, "detect_negative", "detect_positive", 1, 1},
	"com.microsoft.QuickGelu": {Swish, "alpha", "", 1.702, 0},
}

func (b *builder) activation(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	name := n.op
	if n.domain == microsoft {
		name = microsoft + "." + name
	}
	a := activations[name]
	op := &Activation{Kind: a.kind}
	set := func(v *float32, name string, def float32) {
		switch {
		case name == "":
		case a.kind == IsInf:
			*v = float32(n.int(name, int(def)))
		default:
			*v = n.float(name, def)
		}
	}
	set(&op.Lo, a.lo, a.loWord)
	set(&op.Hi, a.hi, a.hiWord)
	if err := b.emit(n, op, d, x); err != nil {
		return err
	}
	if a.kind == Not || a.kind == IsNaN || a.kind == IsInf {
		b.types[b.vals[n.outputs[0]]] = typeBool
	}
	return nil
}

func (b *builder) gelu(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	kind := Gelu
	if n.str("approximate", "none") == "tanh" || n.op == "FastGelu" {
		kind = GeluTanh
	}
	if n.op != "Gelu" && len(n.inputs) > 1 && n.inputs[1] != "" { // with a bias
		y, _, err := b.image(n, 1)
		if err != nil {
			return err
		}
		if x, err = b.combined(n, "", Add, x, y); err != nil {
			return err
		}
	}
	return b.emit(n, &Activation{Kind: kind}, d, x)
}

func (b *builder) clip(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	op := &Activation{Kind: Clip, Lo: n.float("min", -math.MaxFloat32), Hi: n.float("max", math.MaxFloat32)}
	for i, v := range []*float32{&op.Lo, &op.Hi} {
		k, err := b.constant(n, i+1, true)
		if err != nil {
			return err
		}
		if k != nil {
			f, err := k.scalar()
			if err != nil {
				return err
			}
			*v = float32(f)
		}
	}
	if op.Lo > op.Hi {
		op.Lo = op.Hi // ONNX: all values become the maximum
	}
	return b.emit(n, op, d, x)
}

// binaries are the operators on two values (or more, one after another).
var binaries = map[string]BinaryKind{
	"Add": Add, "Sub": Sub, "Mul": Mul, "Div": Div, "Pow": Pow, "Mod": Mod, "Min": Min, "Max": Max, "PRelu": PRelu,
	"Greater": Greater, "GreaterOrEqual": GreaterOrEqual, "Less": Less, "LessOrEqual": LessOrEqual, "Equal": Equal,
	"And": And, "Or": Or, "Xor": Xor, "Sum": Add, "Mean": Add,
}

// isTruth reports whether an operation gives truth values.
func isTruth(kind BinaryKind) bool {
	switch kind {
	case Greater, GreaterOrEqual, Less, LessOrEqual, Equal, And, Or, Xor:
		return true
	}
	return false
}

func (b *builder) binary(n *node) error {
	kind := binaries[n.op]
	if kind == Mod && n.int("fmod", 0) != 0 {
		kind = Fmod
	}
	several := n.op == "Sum" || n.op == "Mean" || n.op == "Min" || n.op == "Max"
	if len(n.inputs) < 2 && !several || len(n.inputs) > 2 && !several || len(n.inputs) == 0 {
		return fmt.Errorf("it has %d arguments", len(n.inputs))
	}
	if !several {
		return b.pairwise(n, n.outputs[0], kind)
	}
	x, _, err := b.image(n, 0)
	if err != nil {
		return err
	}
	for i := 1; i < len(n.inputs); i++ {
		y, _, err := b.image(n, i)
		if err != nil {
			return err
		}
		if x, err = b.combined(n, "", kind, x, y); err != nil {
			return err
		}
	}
	if n.op == "Mean" {
		if x, err = b.step(n, "", scaledBy(1/float32(len(n.inputs)), b.dims(x)), b.dims(x), x); err != nil {
			return err
		}
	}
	return b.alias(n, x)
}

// pairwise combines a node's two arguments, in ways of their own where one is a constant.
func (b *builder) pairwise(n *node, name string, kind BinaryKind) error {
	x, kx, err := b.arg(n, 0)
	if err != nil {
		return err
	}
	y, ky, err := b.arg(n, 1)
	if err != nil {
		return err
	}
	switch {
	case x < 0 && kx == nil || y < 0 && ky == nil:
		return errors.New("an argument is missing")
	case kx == nil && ky != nil:
		return b.withConstant(n, name, kind, x, ky, false)
	case ky == nil && kx != nil:
		return b.withConstant(n, name, kind, y, kx, true)
	case kx != nil:
		if x, err = b.literal(n, kx); err != nil {
			return err
		}
		if y, err = b.literal(n, ky); err != nil {
			return err
		}
		if y, err = b.aligned(n, x, y); err != nil {
			return err
		}
	default:
		if y, err = b.aligned(n, x, y); err != nil {
			return err
		}
	}
	return b.combine(n, name, kind, x, y)
}

// aligned gives the second operand the dimensions that operator sets before 7 mean by broadcast and axis.
func (b *builder) aligned(n *node, x, y int) (int, error) {
	d, err := b.alignment(n, b.dims(x), b.dims(y))
	if err != nil || slices.Equal(d, b.dims(y)) {
		return y, err
	}
	return b.step(n, "", &Reshape{}, d, y)
}

func (b *builder) alignment(n *node, d, small []int) ([]int, error) {
	if b.file.model.opset >= 7 || n.int("broadcast", 0) == 0 || len(small) == 0 {
		return small, nil
	}
	at := len(d) - len(small)
	if n.has("axis") {
		var err error
		if at, err = axis(int64(n.int("axis", 0)), len(d)); err != nil {
			return nil, err
		}
	}
	out := slices.Clone(small)
	for at+len(out) < len(d) {
		out = append(out, 1)
	}
	return out, nil
}

// combine emits an operation on two values.
func (b *builder) combine(n *node, name string, kind BinaryKind, x, y int) error {
	_, err := b.combined(n, name, kind, x, y)
	return err
}

func (b *builder) combined(n *node, name string, kind BinaryKind, x, y int) (int, error) {
	d, err := b.together(n, x, y, b.dims(x), b.dims(y))
	if err != nil {
		return 0, err
	}
	typ := b.types[x]
	if kind == Div && !isFloat(typ) {
		kind = IntDiv
	}
	v, err := b.step(n, name, &Binary{Kind: kind}, d, x, y)
	if err == nil && isTruth(kind) {
		b.types[v] = typeBool
	}
	return v, err
}

// together is the shape that two values broadcast to; dx and dy are their dimensions, or the first of them.
func (b *builder) together(n *node, x, y int, dx, dy []int) ([]int, error) {
	d, err := broadcast(dx, dy)
	if err != nil || b.batch == 1 || b.fixed[x] && b.fixed[y] {
		return d, err
	}
	for _, o := range []struct {
		d     []int
		fixed bool
	}{{dx, b.fixed[x]}, {dy, b.fixed[y]}} {
		if !o.fixed && len(o.d) < len(d) || o.fixed && len(o.d) == len(d) && len(d) > 0 && o.d[0] != 1 {
			return nil, unsupported(n, "treats the images of a batch differently (values of shapes %v and %v)", dx, dy)
		}
	}
	return d, nil
}

// withConstant combines a value with a constant: as an affine map where the constant has one entry
// for each index of one axis, as a constant that repeats where its axes are the value's last, else as a value.
func (b *builder) withConstant(n *node, name string, kind BinaryKind, x int, k *konst, swapped bool) error {
	d := b.dims(x)
	kd, err := b.alignment(n, d, k.dims)
	if err != nil {
		return err
	}
	full, err := broadcast(d, kd)
	if err != nil {
		return err
	}
	size := k.len()
	// A large constant that repeats in its middle axes, such as the masks of windows, is not written out.
	first := slices.IndexFunc(kd, func(s int) bool { return s > 1 })
	repeats := first >= 0 && product(d[len(d)-len(kd)+first:]) > max(size, 1<<14)
	if !k.isFloat() || !slices.Equal(full, d) || size == 0 || kind == Div && !isFloat(b.types[x]) || repeats && countAxes(kd) > 1 {
		y, err := b.literal(n, &konst{dims: kd, t: k.t, turned: k.turned, scale: k.scale, kind: k.kind, nums: k.nums})
		if err != nil {
			return err
		}
		if swapped {
			return b.combine(n, name, kind, y, x)
		}
		return b.combine(n, name, kind, x, y)
	}
	f, err := k.float32s()
	if err != nil {
		return err
	}
	// The axes along which the constant varies; the batch axis must not be one of them.
	vary, axes := -1, 0
	first = len(d)
	for i, s := range kd {
		if s > 1 {
			vary = i + len(d) - len(kd)
			first = min(first, vary)
			axes++
		}
	}
	if err := b.along(n, x, first); err != nil {
		return unsupported(n, "treats the images of a batch differently (a constant of shape %v)", k.dims)
	}
	if axes == 0 && kind == Pow && !swapped {
		switch f[0] {
		case 2:
			return b.combine(n, name, Mul, x, x)
		case 0.5:
			_, err := b.step(n, name, &Activation{Kind: Sqrt}, d, x)
			return err
		case 1:
			return b.name(name, x)
		}
	}
	linear := kind == Add || kind == Sub || kind == Mul || kind == Div && !swapped
	if axes <= 1 && len(d) > 0 && linear {
		if axes == 0 {
			vary = len(d) - 1
			if len(d) == 4 {
				vary = 1
			}
		}
		v, err := stretch(f, b.own(x)[vary])
		if err != nil {
			return err
		}
		op := &Affine{Axis: vary}
		switch kind {
		case Add:
			op.Shift = v
		case Sub:
			op.Shift = v
			if swapped { // k - x
				op.Scale = slices.Repeat([]float32{-1}, len(v))
			} else {
				op.Shift = mapped(v, func(a float32) float32 { return -a })
			}
		case Mul:
			op.Scale = v
		default:
			op.Scale = mapped(v, func(a float32) float32 { return 1 / a })
		}
		_, err = b.step(n, name, op, d, x)
		return err
	}
	// Axes before the first that varies repeat the rest of the constant.
	rest := d[first:]
	if err := b.room.take(product(rest)); err != nil {
		return err
	}
	op := &Constant2{Kind: kind, Values: make([]float32, product(rest)), Swapped: swapped}
	at := spread(trailing(kd, len(rest)), rest)
	for i := range op.Values {
		op.Values[i] = f[at.next()]
	}
	v, err := b.step(n, name, op, d, x)
	if err == nil && isTruth(kind) {
		b.types[v] = typeBool
	}
	return err
}

// countAxes is the number of axes with more than one entry.
func countAxes(d []int) int {
	n := 0
	for _, s := range d {
		if s > 1 {
			n++
		}
	}
	return n
}

// trailing are the last n dimensions; the others are 1.
func trailing(d []int, n int) []int { return d[max(0, len(d)-n):] }

func (b *builder) where(n *node) error {
	var v [3]int
	for i := range v {
		var err error
		if v[i], _, err = b.image(n, i); err != nil {
			return err
		}
	}
	d, err := b.together(n, v[1], v[2], b.dims(v[1]), b.dims(v[2]))
	if err != nil {
		return err
	}
	if d, err = broadcast(d, b.dims(v[0])); err != nil {
		return err
	}
	if b.batch > 1 && (!b.fixed[v[0]] || !b.fixed[v[1]] || !b.fixed[v[2]]) {
		for _, x := range v {
			if e := b.dims(x); !b.fixed[x] && len(e) < len(d) || b.fixed[x] && len(e) == len(d) && e[0] != 1 {
				return unsupported(n, "treats the images of a batch differently")
			}
		}
	}
	if err := b.emit(n, &Where{}, d, v[0], v[1], v[2]); err != nil {
		return err
	}
	b.types[b.vals[n.outputs[0]]] = b.types[v[1]]
	return nil
}
