package onnx

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"vzsl/internal/kernels"
)

// node evaluates one node: to a constant where all its arguments are, else to a step.
func (b *builder) node(n *node) error {
	if n.domain != "" && n.domain != "ai.onnx" {
		return unsupported(n, "belongs to the operator set %q, which is not read", n.domain)
	}
	if n.nested {
		return unsupported(n, "is a control flow operator, which is not read")
	}
	if len(n.inputs) == 0 {
		return unsupported(n, "is not an operator that is read here")
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
	if constant {
		k, ok, err := b.fold(n, args)
		switch {
		case err != nil:
			return err
		case ok:
			b.consts[n.outputs[0]] = k
			return nil
		}
		return unsupported(n, "computes a constant in a way that is not read here")
	}
	if emit, ok := emitters[n.op]; ok {
		return emit(b, n)
	}
	if strings.HasPrefix(n.op, "QLinear") || strings.HasSuffix(n.op, "Integer") || strings.HasSuffix(n.op, "quantizeLinear") || n.op == "QuantizeLinear" {
		return &UnsupportedError{n.String(), "belongs to a quantised network", "use the float32 version of the network"}
	}
	return unsupported(n, "is not an operator that is read here")
}

// emitters turn operators into steps. Where operator set versions differ, each reads what the
// versions before and after say: an attribute where there is one, else the input.
var emitters = map[string]func(*builder, *node) error{
	"Conv":               (*builder).conv,
	"Gemm":               (*builder).gemm,
	"MatMul":             (*builder).matmul,
	"MaxPool":            (*builder).pool,
	"AveragePool":        (*builder).pool,
	"GlobalAveragePool":  (*builder).globalPool,
	"GlobalMaxPool":      (*builder).globalPool,
	"BatchNormalization": (*builder).batchNorm,
	"Relu":               (*builder).activation,
	"LeakyRelu":          (*builder).activation,
	"Clip":               (*builder).activation,
	"Sigmoid":            (*builder).activation,
	"Tanh":               (*builder).activation,
	"Add":                (*builder).binary,
	"Sub":                (*builder).binary,
	"Mul":                (*builder).binary,
	"Div":                (*builder).binary,
	"Sum":                (*builder).sum,
	"Concat":             (*builder).concat,
	"Flatten":            (*builder).reshape,
	"Reshape":            (*builder).reshape,
	"Squeeze":            (*builder).reshape,
	"Unsqueeze":          (*builder).reshape,
	"Identity":           (*builder).identity,
	"Dropout":            (*builder).identity,
	"Cast":               (*builder).identity,
	"Transpose":          (*builder).transpose,
	"Shape":              (*builder).shapeOf,
	"Softmax":            (*builder).softmax,
	"LRN":                (*builder).lrn,
	"Pad":                (*builder).pad,
	"ReduceMean":         (*builder).mean,
}

// maps is image for an operator on feature maps.
func (b *builder) maps(n *node, i int) (int, []int, error) {
	v, d, err := b.image(n, i)
	if err == nil && len(d) != 4 {
		err = unsupported(n, "works on a value of shape %v, where only images (N x C x H x W) are read", d)
	}
	return v, d, err
}

// window reads kernel_shape (where it is not known from the weights), strides, dilations and
// padding, and works out auto_pad for maps of h x w.
func (b *builder) window(n *node, kernel []int, h, w int) (strides, dilations, pads []int, err error) {
	if strides, err = n.ints("strides", 2, 1); err != nil {
		return
	}
	if dilations, err = n.ints("dilations", 2, 1); err != nil {
		return
	}
	for i := range 2 {
		if strides[i] == 0 || dilations[i] == 0 || kernel[i] == 0 {
			err = fmt.Errorf("its kernel %v, strides %v or dilations %v are zero", kernel, strides, dilations)
			return
		}
		if (kernel[i]-1)*dilations[i] > maxExtent {
			err = fmt.Errorf("its kernel %v with dilations %v is out of range", kernel, dilations)
			return
		}
	}
	switch auto := n.str("auto_pad", "NOTSET"); auto {
	case "NOTSET", "":
		pads, err = n.ints("pads", 4, 0)
	case "VALID":
		pads = make([]int, 4)
	case "SAME_UPPER", "SAME_LOWER":
		pads = make([]int, 4)
		for i, size := range []int{h, w} {
			out := (size + strides[i] - 1) / strides[i]
			total := max((out-1)*strides[i]+(kernel[i]-1)*dilations[i]+1-size, 0)
			pads[i], pads[i+2] = total/2, total-total/2
			if auto == "SAME_LOWER" {
				pads[i], pads[i+2] = pads[i+2], pads[i]
			}
		}
	default:
		err = fmt.Errorf("its auto_pad is %q", auto)
	}
	if err != nil {
		return
	}
	if h+pads[0]+pads[2] > maxExtent || w+pads[1]+pads[3] > maxExtent {
		err = fmt.Errorf("its padding %v is out of range", pads)
	}
	return
}

func (b *builder) conv(n *node) error {
	x, d, err := b.maps(n, 0)
	if err != nil {
		return err
	}
	w, err := b.constant(n, 1, false)
	if err != nil {
		return err
	}
	if len(w.dims) != 4 || !w.isFloat() {
		return fmt.Errorf("its weights have the shape %v", w.dims)
	}
	group := n.int("group", 1)
	if group < 1 || w.dims[1] < 1 || w.dims[0] < 1 || w.dims[0]%group != 0 || d[1]%group != 0 || w.dims[1] != d[1]/group {
		return fmt.Errorf("its weights of shape %v in %d groups do not fit %d channels", w.dims, group, d[1])
	}
	kernel, err := n.ints("kernel_shape", 2, 0)
	if err != nil {
		return err
	}
	if kernel[0] == 0 && kernel[1] == 0 {
		kernel = w.dims[2:]
	}
	if kernel[0] != w.dims[2] || kernel[1] != w.dims[3] {
		return fmt.Errorf("its kernel_shape %v does not fit its weights of shape %v", kernel, w.dims)
	}
	strides, dilations, pads, err := b.window(n, kernel, d[2], d[3])
	if err != nil {
		return err
	}
	op := &Conv{Conv2D: kernels.Conv2D{
		In: d[1], Out: w.dims[0], KernelH: kernel[0], KernelW: kernel[1],
		StrideH: strides[0], StrideW: strides[1], DilationH: dilations[0], DilationW: dilations[1],
		Top: pads[0], Left: pads[1], Bottom: pads[2], Right: pads[3], Groups: group,
	}}
	if op.Weight, err = b.weights(w); err != nil {
		return err
	}
	if op.Bias, err = b.floats(n, 2, op.Out, true); err != nil {
		return err
	}
	if err := op.Validate(); err != nil {
		return err
	}
	h, wd := op.OutSize(d[2], d[3])
	return b.emit(n, op, []int{d[0], op.Out, h, wd}, x)
}

// weights makes a layer's weights of a constant, without copying those in the file.
func (b *builder) weights(k *konst) (*Weights, error) {
	if k.t != nil && !k.turned {
		return &Weights{t: k.t}, nil
	}
	v, err := k.float32s()
	return &Weights{vals: v}, err
}

func (b *builder) gemm(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	if len(d) != 2 || n.int("transA", 0) != 0 {
		return unsupported(n, "multiplies a value of shape %v (transA %d), where only N x K is read", d, n.int("transA", 0))
	}
	alpha := n.float("alpha", 1)
	op, err := b.linear(n, d, n.int("transB", 0) != 0)
	if err != nil {
		return err
	}
	if alpha != 1 {
		op.Scale = filled(op.Out, alpha)
	}
	c, err := b.constant(n, 2, true)
	if err != nil {
		return err
	}
	if c != nil {
		f, err := c.float32s()
		if err != nil {
			return err
		}
		if op.Bias, err = stretch(f, op.Out); err != nil || len(c.dims) > 2 {
			return unsupported(n, "adds a bias of shape %v to %d outputs", c.dims, op.Out)
		}
		if beta := n.float("beta", 1); beta != 1 {
			op.Bias = append([]float32(nil), op.Bias...)
			for i := range op.Bias {
				op.Bias[i] *= beta
			}
		}
	}
	return b.emit(n, op, []int{d[0], op.Out}, x)
}

func (b *builder) matmul(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	if len(d) < 2 {
		return fmt.Errorf("it multiplies a value of shape %v", d)
	}
	op, err := b.linear(n, d, false)
	if err != nil {
		return err
	}
	return b.emit(n, op, append(append([]int(nil), d[:len(d)-1]...), op.Out), x)
}

// linear reads the weight matrix, argument 2, for values of shape d.
func (b *builder) linear(n *node, d []int, trans bool) (*Linear, error) {
	w, err := b.constant(n, 1, false)
	if err != nil {
		return nil, err
	}
	if len(w.dims) != 2 || !w.isFloat() {
		return nil, unsupported(n, "multiplies by a constant of shape %v, where a float matrix is wanted", w.dims)
	}
	op := &Linear{In: w.dims[0], Out: w.dims[1], Transposed: trans}
	if trans {
		op.In, op.Out = op.Out, op.In
	}
	if op.In != d[len(d)-1] || op.Out == 0 {
		return nil, fmt.Errorf("its weights of shape %v do not fit a value of shape %v: the image size may be wrong for this network", w.dims, d)
	}
	if w.turned { // a matrix transposed in the graph: read the file's the other way
		op.Transposed = !op.Transposed
		w = &konst{t: w.t, dims: w.t.Dims}
	}
	op.Weight, err = b.weights(w)
	return op, err
}

func filled(n int, v float32) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// stretch gives n values: the n given, or one given n times.
func stretch(v []float32, n int) ([]float32, error) {
	switch len(v) {
	case n:
		return v, nil
	case 1:
		return filled(n, v[0]), nil
	}
	return nil, fmt.Errorf("%d values where %d belong", len(v), n)
}

func (b *builder) pool(n *node) error {
	x, d, err := b.maps(n, 0)
	if err != nil {
		return err
	}
	kernel, err := n.ints("kernel_shape", 2, 0)
	if err != nil {
		return err
	}
	strides, dilations, pads, err := b.window(n, kernel, d[2], d[3])
	if err != nil {
		return err
	}
	op := &Pool{Max: n.op == "MaxPool", Pool2D: kernels.Pool2D{
		KernelH: kernel[0], KernelW: kernel[1], StrideH: strides[0], StrideW: strides[1],
		DilationH: dilations[0], DilationW: dilations[1],
		Top: pads[0], Left: pads[1], Bottom: pads[2], Right: pads[3],
		Ceil: n.int("ceil_mode", 0) != 0, CountPad: n.int("count_include_pad", 0) != 0,
	}}
	if err := op.Validate(); err != nil {
		return err
	}
	for i := range 2 { // ONNX allows no window of padding alone
		if span := (kernel[i]-1)*dilations[i] + 1; pads[i] >= span || pads[i+2] >= span {
			return fmt.Errorf("its padding %v is not smaller than its kernel %v", pads, kernel)
		}
	}
	h, w := op.OutSize(d[2], d[3])
	noPad := pads[0]+pads[1]+pads[2]+pads[3] == 0
	if noPad && kernel[0] == 1 && kernel[1] == 1 && strides[0] == 1 && strides[1] == 1 {
		return b.alias(n, x) // an adaptive pooling of 7 x 7 to 7 x 7 is exported so
	}
	if !op.Max && noPad && kernel[0] == d[2] && kernel[1] == d[3] && dilations[0] == 1 && dilations[1] == 1 {
		return b.emit(n, &GlobalPool{}, []int{d[0], d[1], 1, 1}, x)
	}
	return b.emit(n, op, []int{d[0], d[1], h, w}, x)
}

func (b *builder) globalPool(n *node) error {
	x, d, err := b.maps(n, 0)
	if err != nil {
		return err
	}
	var op Op = &GlobalPool{}
	if n.op == "GlobalMaxPool" {
		op = &Pool{Max: true, Pool2D: kernels.Pool2D{KernelH: d[2], KernelW: d[3], StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}}
	}
	return b.emit(n, op, []int{d[0], d[1], 1, 1}, x)
}

// batchNorm is y = (x - mean) / sqrt(var + epsilon) * scale + bias, an affine map of each channel.
// The attribute spatial is ignored: exporters write 0 where they mean 1.
func (b *builder) batchNorm(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	if len(d) < 2 {
		return fmt.Errorf("it normalises a value of shape %v", d)
	}
	if n.int("training_mode", 0) != 0 {
		return unsupported(n, "is in training mode")
	}
	var p [4][]float32
	for i := range p {
		if p[i], err = b.floats(n, i+1, d[1], false); err != nil {
			return err
		}
	}
	eps := float64(n.float("epsilon", 1e-5))
	op := &Affine{Axis: 1, Scale: make([]float32, d[1]), Shift: make([]float32, d[1])}
	for c := range op.Scale {
		s := float64(p[0][c]) / math.Sqrt(float64(p[3][c])+eps)
		op.Scale[c] = float32(s)
		op.Shift[c] = float32(float64(p[1][c]) - s*float64(p[2][c]))
	}
	return b.emit(n, op, d, x)
}

func (b *builder) activation(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	op := &Activation{}
	switch n.op {
	case "Relu":
	case "LeakyRelu":
		op.Kind, op.Lo = LeakyRelu, n.float("alpha", 0.01)
	case "Sigmoid":
		op.Kind = Sigmoid
	case "Tanh":
		op.Kind = Tanh
	case "Clip":
		op.Kind = Clip
		op.Lo, op.Hi = n.float("min", -math.MaxFloat32), n.float("max", math.MaxFloat32)
		for i, v := range []*float32{&op.Lo, &op.Hi} {
			f, err := b.floats(n, i+1, 1, true)
			if err != nil {
				return err
			}
			if f != nil {
				*v = f[0]
			}
		}
	}
	return b.emit(n, op, d, x)
}

func (b *builder) binary(n *node) error {
	kind := BinaryKind("+-*/"[indexOf(n.op)])
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
	case ky != nil:
		return b.withConstant(n, kind, x, ky, false)
	case kx != nil:
		return b.withConstant(n, kind, y, kx, true)
	}
	dx, dy := b.dims(x), b.dims(y)
	if same(dx, dy) {
		return b.emit(n, &Binary{Kind: kind}, dx, x, y)
	}
	perChannel := func(a, c []int) bool {
		return len(a) == 4 && len(c) == 4 && a[1] == c[1] && c[2] == 1 && c[3] == 1
	}
	switch {
	case perChannel(dx, dy):
		return b.emit(n, &Binary{Kind: kind}, dx, x, y)
	case perChannel(dy, dx) && (kind == Add || kind == Mul):
		return b.emit(n, &Binary{Kind: kind}, dy, y, x)
	}
	return unsupported(n, "combines values of shapes %v and %v", dx, dy)
}

func same(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// withConstant combines a value with a constant: as an affine map where the constant has one entry
// for each index of one axis, else element by element.
func (b *builder) withConstant(n *node, kind BinaryKind, x int, k *konst, swapped bool) error {
	d := b.dims(x)
	f, err := k.float32s()
	if err != nil {
		return err
	}
	kd := append([]int(nil), k.dims...)
	if b.net.file.opset < 7 && n.int("broadcast", 0) != 0 && len(kd) > 0 {
		// Before opset 7 a broadcast operand was aligned at an axis.
		at := len(d) - len(kd)
		if n.has("axis") {
			if at, err = axis(int64(n.int("axis", 0)), len(d)); err != nil {
				return err
			}
		}
		for at+len(kd) < len(d) {
			kd = append(kd, 1)
		}
	}
	full, err := broadcast(d, kd)
	if err != nil {
		return err
	}
	if !same(full, d) {
		return unsupported(n, "combines a value of shape %v with a constant of shape %v", d, k.dims)
	}
	if len(f) == 0 {
		return fmt.Errorf("its constant has the shape %v", k.dims)
	}
	// The one axis along which the constant varies; the batch axis must not be it.
	vary, axes := -1, 0
	for i, s := range kd {
		if s > 1 {
			vary = i + len(d) - len(kd)
			axes++
		}
	}
	if vary == 0 || axes > 1 && len(kd) == len(d) && kd[0] > 1 {
		return unsupported(n, "treats the images of a batch differently (a constant of shape %v)", k.dims)
	}
	if axes <= 1 && (!swapped || kind != Div) {
		if axes == 0 {
			vary = len(d) - 1
			if len(d) == 4 {
				vary = 1
			}
			if vary == 0 {
				return fmt.Errorf("it combines a constant with a value of shape %v", d)
			}
		}
		v, err := stretch(f, d[vary])
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
				op.Scale = filled(len(v), -1)
			} else {
				op.Shift = mapped(v, func(a float32) float32 { return -a })
			}
		case Mul:
			op.Scale = v
		default:
			op.Scale = mapped(v, func(a float32) float32 { return 1 / a })
		}
		return b.emit(n, op, d, x)
	}
	own := append([]int{1}, d[1:]...)
	if err := b.take(product(own)); err != nil {
		return err
	}
	op := &Constant2{Kind: kind, Values: make([]float32, product(own)), Swapped: swapped}
	at := spread(kd, own)
	for i := range op.Values {
		op.Values[i] = f[at.next()]
	}
	return b.emit(n, op, d, x)
}

func mapped(v []float32, f func(float32) float32) []float32 {
	out := make([]float32, len(v))
	for i, a := range v {
		out[i] = f(a)
	}
	return out
}

// sum is the old n-ary addition.
func (b *builder) sum(n *node) error {
	if len(n.inputs) == 1 {
		return b.identity(n)
	}
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	for i := 1; i < len(n.inputs); i++ {
		y, dy, err := b.image(n, i)
		if err != nil {
			return err
		}
		if !same(d, dy) {
			return unsupported(n, "adds values of shapes %v and %v", d, dy)
		}
		if err := b.emit(n, &Binary{Kind: Add}, d, x, y); err != nil {
			return err
		}
		x = b.vals[n.outputs[0]]
	}
	return nil
}

func (b *builder) concat(n *node) error {
	// A shape put together from the image's own sizes is all constants and does not come here.
	var in []int
	var d []int
	at := 0
	for i := range n.inputs {
		v, dv, err := b.image(n, i)
		if err != nil {
			return err
		}
		if d == nil {
			d = dv
			if at, err = strictAxis(int64(n.int("axis", 1)), len(d)); err != nil {
				return err
			}
			if at == 0 {
				return unsupported(n, "joins images of a batch")
			}
		} else {
			if len(dv) != len(d) {
				return fmt.Errorf("it joins values of shapes %v and %v", d, dv)
			}
			for a := range d {
				if a != at && d[a] != dv[a] {
					return fmt.Errorf("it joins values of shapes %v and %v along axis %d", d, dv, at)
				}
			}
			d[at] += dv[at]
		}
		in = append(in, v)
	}
	if len(in) == 1 {
		return b.alias(n, in[0])
	}
	return b.emit(n, &Concat{at}, d, in...)
}

func (b *builder) identity(n *node) error {
	x, _, err := b.image(n, 0)
	if err != nil {
		return err
	}
	if n.op == "Cast" {
		switch n.int("to", 0) {
		case typeFloat, typeDouble, typeFloat16, typeBfloat16:
		default:
			return unsupported(n, "turns the image's data into %s", typeName(int32(n.int("to", 0))))
		}
	}
	return b.alias(n, x)
}

func (b *builder) reshape(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	k, err := b.constant(n, 1, true)
	if err != nil {
		return err
	}
	dims, err := b.reshaped(n, d, product(d), k)
	if err != nil {
		return err
	}
	if same(dims, d) {
		return b.alias(n, x)
	}
	return b.emit(n, &Reshape{}, dims, x)
}

// reshaped is the shape that Reshape, Flatten, Squeeze or Unsqueeze gives a tensor of shape d with
// size elements; k is the second argument.
func (b *builder) reshaped(n *node, d []int, size int, k *konst) ([]int, error) {
	list := func(name string) ([]int64, bool, error) {
		if v, ok := n.attrs[name].([]int64); ok {
			return v, true, nil
		}
		if k == nil {
			return nil, false, nil
		}
		v, err := k.int64s()
		if len(v) > 16 {
			err = fmt.Errorf("a shape of %d dimensions", len(v))
		}
		return v, true, err
	}
	switch n.op {
	case "Flatten":
		at, err := axis(int64(n.int("axis", 1)), len(d))
		if err != nil {
			return nil, err
		}
		return []int{product(d[:at]), product(d[at:])}, nil
	case "Reshape":
		shape, ok, err := list("shape")
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errors.New("it names no shape")
		}
		out := make([]int, len(shape))
		open, rest := -1, 1
		for i, s := range shape {
			switch {
			case s == -1 && open < 0:
				open = i
				continue
			case s == 0 && n.int("allowzero", 0) == 0:
				if i >= len(d) {
					return nil, fmt.Errorf("its shape %v keeps a dimension that %v does not have", shape, d)
				}
				out[i] = d[i]
			case s > 0 && s <= maxElements:
				out[i] = int(s)
			default:
				return nil, fmt.Errorf("its shape %v is impossible", shape)
			}
			if out[i] > 0 && rest > maxElements/out[i] {
				return nil, fmt.Errorf("its shape %v is too large", shape)
			}
			rest *= out[i]
		}
		if open >= 0 {
			if rest == 0 || size%rest != 0 {
				return nil, fmt.Errorf("its shape %v does not fit %v: the image size may be wrong for this network", shape, d)
			}
			out[open] = size / rest
			rest = size
		}
		if rest != size {
			return nil, fmt.Errorf("its shape %v does not fit %v: the image size may be wrong for this network", shape, d)
		}
		return out, nil
	case "Squeeze":
		axes, ok, err := list("axes")
		if err != nil {
			return nil, err
		}
		drop := make([]bool, len(d))
		if !ok {
			for i, s := range d {
				// With the axes left out every 1 goes, but not the batch axis of a
				// network for one image: the next operator wants it.
				drop[i] = s == 1 && i > 0
			}
		}
		for _, a := range axes {
			i, err := strictAxis(a, len(d))
			if err != nil {
				return nil, err
			}
			if d[i] != 1 {
				return nil, fmt.Errorf("it squeezes axis %d of shape %v", a, d)
			}
			drop[i] = true
		}
		var out []int
		for i, s := range d {
			if !drop[i] {
				out = append(out, s)
			}
		}
		return out, nil
	}
	axes, ok, err := list("axes") // Unsqueeze
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errors.New("it names no axes")
	}
	rank := len(d) + len(axes)
	out := make([]int, rank)
	for _, a := range axes {
		i, err := strictAxis(a, rank)
		if err != nil {
			return nil, err
		}
		out[i] = 1
	}
	j := 0
	for i := range out {
		if out[i] == 0 {
			if j == len(d) {
				return nil, fmt.Errorf("its axes %v name one twice", axes)
			}
			out[i] = d[j]
			j++
		}
	}
	if j != len(d) {
		return nil, fmt.Errorf("its axes %v name one twice", axes)
	}
	return out, nil
}

func (b *builder) transpose(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	perm, err := permutation(n, len(d))
	if err != nil {
		return err
	}
	if perm[0] != 0 {
		return unsupported(n, "moves the batch axis (permutation %v)", perm)
	}
	out := make([]int, len(d))
	identity := true
	for i, p := range perm {
		out[i] = d[p]
		identity = identity && p == i
	}
	if identity {
		return b.alias(n, x)
	}
	return b.emit(n, &Transpose{perm}, out, x)
}

func (b *builder) shapeOf(n *node) error {
	_, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	v := make([]int64, len(d))
	for i, s := range d {
		v[i] = int64(s)
	}
	k, _, err := shapeSlice(n, v)
	b.consts[n.outputs[0]] = k
	return err
}

// softmax works over all axes from the named one on before opset 13, over that one since.
func (b *builder) softmax(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	def := 1
	if b.net.file.opset >= 13 {
		def = -1
	}
	at, err := strictAxis(int64(n.int("axis", def)), len(d))
	if err != nil {
		return err
	}
	if at == 0 {
		return unsupported(n, "mixes the images of a batch")
	}
	op := &Softmax{From: at, To: len(d)}
	if b.net.file.opset >= 13 {
		op.To = at + 1
	}
	return b.emit(n, op, d, x)
}

func (b *builder) lrn(n *node) error {
	x, d, err := b.maps(n, 0)
	if err != nil {
		return err
	}
	op := &LRN{Size: n.int("size", 0), Alpha: n.float("alpha", 1e-4), Beta: n.float("beta", 0.75), Bias: n.float("bias", 1)}
	if op.Size < 1 || op.Size > maxExtent {
		return fmt.Errorf("its size is %d", op.Size)
	}
	return b.emit(n, op, d, x)
}

func (b *builder) pad(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	if mode := n.str("mode", "constant"); mode != "constant" {
		return unsupported(n, "pads in the mode %q, where only constant is read", mode)
	}
	op := &Pad{Value: n.float("value", 0)}
	pads, ok := n.attrs["pads"].([]int64)
	if !ok {
		pads, ok = n.attrs["paddings"].([]int64)
	}
	if !ok {
		k, err := b.constant(n, 1, false)
		if err != nil {
			return err
		}
		if pads, err = k.int64s(); err != nil {
			return err
		}
		if f, err := b.floats(n, 2, 1, true); err != nil {
			return err
		} else if f != nil {
			op.Value = f[0]
		}
		if axes, err := b.constant(n, 3, true); err != nil {
			return err
		} else if axes != nil {
			return unsupported(n, "names the axes to pad")
		}
	}
	if len(pads) != 2*len(d) {
		return fmt.Errorf("its padding %v does not fit a value of shape %v", pads, d)
	}
	out := append([]int(nil), d...)
	any := false
	for i, p := range pads {
		if p < 0 || p > maxExtent {
			return unsupported(n, "pads by %v", pads)
		}
		out[i%len(d)] += int(p)
		any = any || p > 0
	}
	if !any {
		return b.alias(n, x)
	}
	if len(d) != 4 || out[0] != d[0] || out[1] != d[1] {
		return unsupported(n, "pads a value of shape %v by %v, where only the height and width of N x C x H x W are read", d, pads)
	}
	op.Top, op.Left, op.Bottom, op.Right = int(pads[2]), int(pads[3]), int(pads[6]), int(pads[7])
	return b.emit(n, op, out, x)
}

// mean is ReduceMean; over the height and width of feature maps it is the global pooling.
func (b *builder) mean(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	axes, ok := n.attrs["axes"].([]int64)
	if !ok {
		k, err := b.constant(n, 1, true)
		if err != nil {
			return err
		}
		if k != nil {
			if axes, err = k.int64s(); err != nil {
				return err
			}
		}
	}
	if len(axes) == 0 {
		return unsupported(n, "averages over the whole batch")
	}
	over := make([]bool, len(d))
	for _, a := range axes {
		i, err := strictAxis(a, len(d))
		if err != nil {
			return err
		}
		if i == 0 {
			return unsupported(n, "averages over the images of a batch")
		}
		over[i] = true
	}
	keep := n.int("keepdims", 1) != 0
	op := &Mean{}
	var out []int
	for i, s := range d {
		if over[i] {
			op.Axes = append(op.Axes, i)
			if keep {
				out = append(out, 1)
			}
			continue
		}
		out = append(out, s)
	}
	if len(d) == 4 && len(op.Axes) == 2 && over[2] && over[3] {
		if keep {
			return b.emit(n, &GlobalPool{}, out, x)
		}
		if err := b.emit(n, &GlobalPool{}, []int{d[0], d[1], 1, 1}, x); err != nil {
			return err
		}
		return b.emit(n, &Reshape{}, out, b.vals[n.outputs[0]])
	}
	return b.emit(n, op, out, x)
}
