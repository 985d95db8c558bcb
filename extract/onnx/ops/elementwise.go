package ops

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"vzsl/extract/onnx/fold"
	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/plan"
)

// activations are the operators that apply a function, with their settings' names and defaults.
var activations = map[string]struct {
	kind           plan.ActivationKind
	lo, hi         string
	loWord, hiWord float32
}{
	"Relu":                    {kind: plan.Relu},
	"LeakyRelu":               {plan.LeakyRelu, "alpha", "", 0.01, 0},
	"Sigmoid":                 {kind: plan.Sigmoid},
	"Tanh":                    {kind: plan.Tanh},
	"HardSigmoid":             {plan.HardSigmoid, "alpha", "beta", 0.2, 0.5},
	"HardSwish":               {kind: plan.HardSwish},
	"Mish":                    {kind: plan.Mish},
	"Elu":                     {plan.Elu, "alpha", "", 1, 0},
	"Selu":                    {plan.Selu, "alpha", "gamma", 1.67326319217681884765625, 1.05070102214813232421875},
	"Celu":                    {plan.Celu, "alpha", "", 1, 0},
	"ThresholdedRelu":         {plan.ThresholdedRelu, "alpha", "", 1, 0},
	"Swish":                   {plan.Swish, "alpha", "", 1, 0},
	"Softplus":                {kind: plan.Softplus},
	"Softsign":                {kind: plan.Softsign},
	"Erf":                     {kind: plan.Erf},
	"Exp":                     {kind: plan.Exp},
	"Log":                     {kind: plan.Log},
	"Sqrt":                    {kind: plan.Sqrt},
	"Reciprocal":              {kind: plan.Reciprocal},
	"Abs":                     {kind: plan.Abs},
	"Neg":                     {kind: plan.Neg},
	"Sign":                    {kind: plan.Sign},
	"Floor":                   {kind: plan.Floor},
	"Ceil":                    {kind: plan.Ceil},
	"Round":                   {kind: plan.Round},
	"Sin":                     {kind: plan.Sin},
	"Cos":                     {kind: plan.Cos},
	"Tan":                     {kind: plan.Tan},
	"Atan":                    {kind: plan.Atan},
	"Not":                     {kind: plan.Not},
	"IsNaN":                   {kind: plan.IsNaN},
	"IsInf":                   {plan.IsInf, "detect_negative", "detect_positive", 1, 1},
	"com.microsoft.QuickGelu": {plan.Swish, "alpha", "", 1.702, 0},
}

func (b *Builder) activation(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	name := n.Op
	if n.Domain == microsoftDomain {
		name = microsoftDomain + "." + name
	}
	a := activations[name]
	op := &plan.Activation{Kind: a.kind}
	set := func(v *float32, name string, def float32) {
		switch {
		case name == "":
		case a.kind == plan.IsInf:
			*v = float32(n.Int(name, int(def)))
		default:
			*v = n.Float(name, def)
		}
	}
	set(&op.Lo, a.lo, a.loWord)
	set(&op.Hi, a.hi, a.hiWord)
	if err := b.emit(n, op, d, x); err != nil {
		return err
	}
	if a.kind == plan.Not || a.kind == plan.IsNaN || a.kind == plan.IsInf {
		b.types[b.vals[n.Outputs[0]]] = load.TypeBool
	}
	return nil
}

func (b *Builder) gelu(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	kind := plan.Gelu
	if n.Str("approximate", "none") == "tanh" || n.Op == "FastGelu" {
		kind = plan.GeluTanh
	}
	if n.Op != "Gelu" && len(n.Inputs) > 1 && n.Inputs[1] != "" { // with a bias
		y, _, err := b.operand(n, 1)
		if err != nil {
			return err
		}
		if x, err = b.combined(n, "", plan.Add, x, y); err != nil {
			return err
		}
	}
	return b.emit(n, &plan.Activation{Kind: kind}, d, x)
}

func (b *Builder) clip(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	op := &plan.Activation{Kind: plan.Clip, Lo: n.Float("min", -math.MaxFloat32), Hi: n.Float("max", math.MaxFloat32)}
	for i, v := range []*float32{&op.Lo, &op.Hi} {
		k, err := b.constantArg(n, i+1, true)
		if err != nil {
			return err
		}
		if k != nil {
			f, err := k.Scalar()
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
var binaries = map[string]plan.BinaryKind{
	"Add": plan.Add, "Sub": plan.Sub, "Mul": plan.Mul, "Div": plan.Div, "Pow": plan.Pow, "Mod": plan.Mod, "Min": plan.Min, "Max": plan.Max, "PRelu": plan.PRelu,
	"Greater": plan.Greater, "GreaterOrEqual": plan.GreaterOrEqual, "Less": plan.Less, "LessOrEqual": plan.LessOrEqual, "Equal": plan.Equal,
	"And": plan.And, "Or": plan.Or, "Xor": plan.Xor, "Sum": plan.Add, "Mean": plan.Add,
}

// isTruth reports whether an operation gives truth values.
func isTruth(kind plan.BinaryKind) bool {
	switch kind {
	case plan.Greater, plan.GreaterOrEqual, plan.Less, plan.LessOrEqual, plan.Equal, plan.And, plan.Or, plan.Xor:
		return true
	}
	return false
}

func (b *Builder) binary(n *load.Node) error {
	kind := binaries[n.Op]
	if kind == plan.Mod && n.Int("fmod", 0) != 0 {
		kind = plan.Fmod
	}
	several := n.Op == "Sum" || n.Op == "Mean" || n.Op == "Min" || n.Op == "Max"
	if len(n.Inputs) < 2 && !several || len(n.Inputs) > 2 && !several || len(n.Inputs) == 0 {
		return fmt.Errorf("unexpected number of inputs: %d", len(n.Inputs))
	}
	if !several {
		return b.pairwise(n, n.Outputs[0], kind)
	}
	x, _, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	for i := 1; i < len(n.Inputs); i++ {
		y, _, err := b.operand(n, i)
		if err != nil {
			return err
		}
		if x, err = b.combined(n, "", kind, x, y); err != nil {
			return err
		}
	}
	if n.Op == "Mean" {
		if x, err = b.addStep(n, "", scaledBy(1/float32(len(n.Inputs)), b.dims(x)), b.dims(x), x); err != nil {
			return err
		}
	}
	return b.alias(n, x)
}

// pairwise combines a node's two arguments, in ways of their own where one is a constant.
func (b *Builder) pairwise(n *load.Node, name string, kind plan.BinaryKind) error {
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
		return errors.New("an input is missing")
	case kx == nil && ky != nil:
		return b.withConstant(n, name, kind, x, ky, false)
	case ky == nil && kx != nil:
		return b.withConstant(n, name, kind, y, kx, true)
	case kx != nil:
		if x, err = b.constantValue(n, kx); err != nil {
			return err
		}
		if y, err = b.constantValue(n, ky); err != nil {
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
func (b *Builder) aligned(n *load.Node, x, y int) (int, error) {
	d, err := b.alignment(n, b.dims(x), b.dims(y))
	if err != nil || slices.Equal(d, b.dims(y)) {
		return y, err
	}
	return b.addStep(n, "", &plan.Reshape{}, d, y)
}

func (b *Builder) alignment(n *load.Node, d, small []int) ([]int, error) {
	if b.file.Model.Opset >= 7 || n.Int("broadcast", 0) == 0 || len(small) == 0 {
		return small, nil
	}
	at := len(d) - len(small)
	if n.Has("axis") {
		var err error
		if at, err = load.AxisOrEnd(int64(n.Int("axis", 0)), len(d)); err != nil {
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
func (b *Builder) combine(n *load.Node, name string, kind plan.BinaryKind, x, y int) error {
	_, err := b.combined(n, name, kind, x, y)
	return err
}

func (b *Builder) combined(n *load.Node, name string, kind plan.BinaryKind, x, y int) (int, error) {
	d, err := b.broadcastShapes(n, x, y, b.dims(x), b.dims(y))
	if err != nil {
		return 0, err
	}
	typ := b.types[x]
	if kind == plan.Div && !load.IsFloat(typ) {
		kind = plan.IntDiv
	}
	v, err := b.addStep(n, name, &plan.Binary{Kind: kind}, d, x, y)
	if err == nil && isTruth(kind) {
		b.types[v] = load.TypeBool
	}
	return v, err
}

// broadcastShapes is the shape that two values broadcast to; dx and dy are their dimensions, or the first of them.
func (b *Builder) broadcastShapes(n *load.Node, x, y int, dx, dy []int) ([]int, error) {
	d, err := plan.Broadcast(dx, dy)
	if err != nil || b.batch == 1 || b.fixed[x] && b.fixed[y] {
		return d, err
	}
	for _, o := range []struct {
		d     []int
		fixed bool
	}{{dx, b.fixed[x]}, {dy, b.fixed[y]}} {
		if !o.fixed && len(o.d) < len(d) || o.fixed && len(o.d) == len(d) && len(d) > 0 && o.d[0] != 1 {
			return nil, load.Unsupported(n, "operands of shapes %v and %v differ between the images of a batch", dx, dy)
		}
	}
	return d, nil
}

// withConstant combines a value with a constant: as an affine map where the constant has one entry
// for each index of one axis, as a constant that repeats where its axes are the value's last, else as a value.
func (b *Builder) withConstant(n *load.Node, name string, kind plan.BinaryKind, x int, k *fold.Constant, swapped bool) error {
	d := b.dims(x)
	kd, err := b.alignment(n, d, k.Dims)
	if err != nil {
		return err
	}
	full, err := plan.Broadcast(d, kd)
	if err != nil {
		return err
	}
	size := k.Len()
	// A large constant that repeats in its middle axes, such as the masks of windows, is not written out.
	first := slices.IndexFunc(kd, func(s int) bool { return s > 1 })
	repeats := first >= 0 && len(kd) <= len(d) && load.Elements(d[len(d)-len(kd)+first:]) > max(size, 1<<14)
	if !k.IsFloat() || !slices.Equal(full, d) || size == 0 || kind == plan.Div && !load.IsFloat(b.types[x]) || repeats && countAxes(kd) > 1 {
		y, err := b.constantValue(n, &fold.Constant{Dims: kd, Tensor: k.Tensor, Transposed: k.Transposed, Quantised: k.Quantised, Kind: k.Kind, Values: k.Values})
		if err != nil {
			return err
		}
		if swapped {
			return b.combine(n, name, kind, y, x)
		}
		return b.combine(n, name, kind, x, y)
	}
	f, err := k.Float32s()
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
	if err := b.refuseBatchAxis(n, x, first); err != nil {
		return load.Unsupported(n, "a constant of shape %v differs between the images of a batch", k.Dims)
	}
	if axes == 0 && kind == plan.Pow && !swapped {
		switch f[0] {
		case 2:
			return b.combine(n, name, plan.Mul, x, x)
		case 0.5:
			_, err := b.addStep(n, name, &plan.Activation{Kind: plan.Sqrt}, d, x)
			return err
		case 1:
			return b.name(name, x)
		}
	}
	linear := kind == plan.Add || kind == plan.Sub || kind == plan.Mul || kind == plan.Div && !swapped
	if axes <= 1 && len(d) > 0 && linear {
		if axes == 0 {
			vary = len(d) - 1
			if len(d) == 4 {
				vary = 1
			}
		}
		v, err := stretch(f, b.imageDims(x)[vary])
		if err != nil {
			return err
		}
		op := &plan.Affine{Axis: vary}
		switch kind {
		case plan.Add:
			op.Shift = v
		case plan.Sub:
			op.Shift = v
			if swapped { // k - x
				op.Scale = slices.Repeat([]float32{-1}, len(v))
			} else {
				op.Shift = mapped(v, func(a float32) float32 { return -a })
			}
		case plan.Mul:
			op.Scale = v
		default:
			op.Scale = mapped(v, func(a float32) float32 { return 1 / a })
		}
		_, err = b.addStep(n, name, op, d, x)
		return err
	}
	// Axes before the first that varies repeat the rest of the constant.
	rest := d[first:]
	if err := b.budget.Spend(load.Elements(rest)); err != nil {
		return err
	}
	op := &plan.BinaryConstant{Kind: kind, Values: make([]float32, load.Elements(rest)), Swapped: swapped}
	at := plan.Spread(trailing(kd, len(rest)), rest)
	for i := range op.Values {
		op.Values[i] = f[at.Next()]
	}
	v, err := b.addStep(n, name, op, d, x)
	if err == nil && isTruth(kind) {
		b.types[v] = load.TypeBool
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

func (b *Builder) where(n *load.Node) error {
	var v [3]int
	for i := range v {
		var err error
		if v[i], _, err = b.operand(n, i); err != nil {
			return err
		}
	}
	d, err := b.broadcastShapes(n, v[1], v[2], b.dims(v[1]), b.dims(v[2]))
	if err != nil {
		return err
	}
	if d, err = plan.Broadcast(d, b.dims(v[0])); err != nil {
		return err
	}
	if b.batch > 1 && (!b.fixed[v[0]] || !b.fixed[v[1]] || !b.fixed[v[2]]) {
		for _, x := range v {
			if e := b.dims(x); !b.fixed[x] && len(e) < len(d) || b.fixed[x] && len(e) == len(d) && e[0] != 1 {
				return load.Unsupported(n, "differs between the images of a batch")
			}
		}
	}
	if err := b.emit(n, &plan.Where{}, d, v[0], v[1], v[2]); err != nil {
		return err
	}
	b.types[b.vals[n.Outputs[0]]] = b.types[v[1]]
	return nil
}
