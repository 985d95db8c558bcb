package gorgonia

import (
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"gorgonia.org/tensor"

	"vzsl/extract/onnx"
	"vzsl/extract/onnx/plan"
	"vzsl/internal/kernels"
)

// encoder writes the plan as an ONNX graph for onnx-go. Constants are named and kept aside, to be
// attached to the backend's nodes without going through protobuf.
type encoder struct {
	graph  []byte
	consts map[string]*tensor.Dense
	plan   *plan.Plan
	names  int
	reads  []int // of each of the plan's values
}

// encode returns the model's bytes, its constants and the names of its input and output.
func encode(p *plan.Plan) (model []byte, consts map[string]*tensor.Dense, in, out string, err error) {
	e := &encoder{consts: map[string]*tensor.Dense{}, plan: p, reads: make([]int, len(p.Values))}
	e.reads[p.Output]++
	for _, s := range p.Steps {
		for _, v := range s.In {
			e.reads[v]++
		}
	}
	for i := range p.Steps {
		if err := e.step(&p.Steps[i]); err != nil {
			return nil, nil, "", "", err
		}
	}
	// The layer is flattened, so that the result is one contiguous row.
	v := p.Values[p.Output]
	if p.Output == p.Input {
		return nil, nil, "", "", fmt.Errorf("the layer %q is the network's input", v.Name)
	}
	e.node("Reshape", []string{e.alone(p.Output), e.shape([]int{1, v.Len()})}, "result")
	for n, name := range map[protowire.Number]string{11: e.val(p.Input), 12: "result"} {
		info := protowire.AppendTag(nil, 1, protowire.BytesType)
		info = protowire.AppendString(info, name)
		e.graph = protowire.AppendTag(e.graph, n, protowire.BytesType)
		e.graph = protowire.AppendBytes(e.graph, info)
	}
	model = protowire.AppendTag(nil, 1, protowire.VarintType)
	model = protowire.AppendVarint(model, 3)
	model = protowire.AppendTag(model, 7, protowire.BytesType)
	return protowire.AppendBytes(model, e.graph), e.consts, e.val(p.Input), "result", nil
}

func (e *encoder) val(v int) string { return fmt.Sprintf("v%d", v) }

// alone is a value that only one operator reads, a copy where there are others: the backend's Reshape and
// Identity share memory with their argument, and the last operator to read that may write its result there.
func (e *encoder) alone(v int) string {
	if e.reads[v] <= 1 {
		return e.val(v)
	}
	return e.node("Mul", []string{e.val(v), e.filled(1, e.dims(v))}, "")
}

// filled is a constant of one number.
func (e *encoder) filled(v float32, d []int) string {
	n := 1
	for _, x := range d {
		n *= x
	}
	return e.constant(slices.Repeat([]float32{v}, n), d...)
}

func (e *encoder) dims(v int) []int { return e.plan.Values[v].Dims }

// fresh is a new value's name.
func (e *encoder) fresh() string {
	e.names++
	return fmt.Sprintf("t%d", e.names)
}

// attr is an attribute: an int, a []int or a float32.
type attr struct {
	name  string
	value any
}

// node writes an operator and returns its output's name, a new one if out is "".
func (e *encoder) node(op string, in []string, out string, attrs ...attr) string {
	if out == "" {
		out = e.fresh()
	}
	seen := map[string]bool{}
	var b []byte
	for _, name := range in {
		if seen[name] { // the backend's graph would merge the two arguments into one
			name = e.node("Identity", []string{name}, "")
		}
		seen[name] = true
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendString(b, name)
	}
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	b = protowire.AppendString(b, out)
	b = protowire.AppendTag(b, 4, protowire.BytesType)
	b = protowire.AppendString(b, op)
	for _, a := range attrs {
		m := protowire.AppendTag(nil, 1, protowire.BytesType)
		m = protowire.AppendString(m, a.name)
		typ := uint64(2)
		switch v := a.value.(type) {
		case int:
			m = protowire.AppendTag(m, 3, protowire.VarintType)
			m = protowire.AppendVarint(m, uint64(v))
		case float32:
			typ = 1
			m = protowire.AppendTag(m, 2, protowire.Fixed32Type)
			m = protowire.AppendFixed32(m, math.Float32bits(v))
		case []int:
			typ = 7
			for _, x := range v {
				m = protowire.AppendTag(m, 8, protowire.VarintType)
				m = protowire.AppendVarint(m, uint64(x))
			}
		}
		m = protowire.AppendTag(m, 20, protowire.VarintType)
		m = protowire.AppendVarint(m, typ)
		b = protowire.AppendTag(b, 5, protowire.BytesType)
		b = protowire.AppendBytes(b, m)
	}
	e.graph = protowire.AppendTag(e.graph, 1, protowire.BytesType)
	e.graph = protowire.AppendBytes(e.graph, b)
	return out
}

// constant keeps a float constant; values belong to the engine from here on.
func (e *encoder) constant(values []float32, dims ...int) string {
	name := e.fresh()
	e.consts[name] = tensor.New(tensor.WithShape(dims...), tensor.WithBacking(values))
	return name
}

// shape keeps a constant of dimensions, for Reshape.
func (e *encoder) shape(dims []int) string {
	v := make([]int64, len(dims))
	for i, d := range dims {
		v[i] = int64(d)
	}
	name := e.fresh()
	e.consts[name] = tensor.New(tensor.WithShape(len(v)), tensor.WithBacking(v))
	return name
}

func (e *encoder) refuse(s *plan.Step, format string, args ...any) error {
	return &onnx.UnsupportedError{Node: s.Node, Reason: "the gorgonia engine does not support " + fmt.Sprintf(format, args...), Advice: "use the native engine (--engine native)"}
}

func (e *encoder) step(s *plan.Step) error {
	if len(s.In) == 0 {
		return e.refuse(s, "constants joined to values that depend on the image")
	}
	x, out, d := e.val(s.In[0]), e.val(s.Out), e.dims(s.Out)
	in := e.dims(s.In[0])
	switch op := s.Op.(type) {
	case *plan.Conv:
		var w []float32
		if err := op.Weight.Use(func(v []float32) error { w = dense(op, v); return nil }); err != nil {
			return fmt.Errorf("%s: %w", s.Node, err)
		}
		y := e.conv(op.Conv2D, x, in, w, op.Bias, relued(out, op.Relu))
		e.relu(y, out, op.Relu)
	case *plan.Linear:
		return e.linear(s, op, x, out)
	case *plan.Pool:
		if op.DilationH > 1 || op.DilationW > 1 {
			return e.refuse(s, "pooling with dilations %d, %d", op.DilationH, op.DilationW)
		}
		if op.Max {
			// The backend takes [after, before] for the height, then for the width.
			grow := func(size, before, kernel, stride, places int) int {
				return max(0, (places-1)*stride+kernel-size-before)
			}
			bottom := grow(in[2], op.Top, op.KernelH, op.StrideH, d[2])
			right := grow(in[3], op.Left, op.KernelW, op.StrideW, d[3])
			e.node("MaxPool", []string{x}, out, attr{"kernel_shape", []int{op.KernelH, op.KernelW}},
				attr{"strides", []int{op.StrideH, op.StrideW}}, attr{"pads", []int{bottom, op.Top, right, op.Left}})
			return nil
		}
		e.average(op.Pool2D, x, in, d, out)
	case *plan.GlobalPool:
		e.node("GlobalAveragePool", []string{x}, out)
	case *plan.Affine:
		y := e.alone(s.In[0])
		inner := 1
		for _, n := range d[op.Axis+1:] {
			inner *= n
		}
		full := func(v []float32) string {
			w := make([]float32, e.plan.Values[s.Out].Len())
			for i := range w {
				w[i] = v[i/inner%len(v)]
			}
			return e.constant(w, d...)
		}
		if op.Scale != nil {
			y = e.node("Mul", []string{y, full(op.Scale)}, "")
		}
		if op.Shift != nil {
			y = e.node("Add", []string{y, full(op.Shift)}, "")
		}
		e.finish(y, out, op.Relu)
	case *plan.Activation:
		return e.activation(s, op, x, out, d)
	case *plan.Binary:
		name := binaryName(op.Kind)
		if name == "" {
			return e.refuse(s, "its function")
		}
		second := s.In[1]
		y, dy := e.val(second), e.dims(second)
		if slices.Equal(dy, d) && gates(in, d) && (op.Kind == plan.Add || op.Kind == plan.Mul) {
			x, y, in, dy, second = y, x, dy, in, s.In[0]
		}
		switch {
		case slices.Equal(in, d) && slices.Equal(dy, d):
		case slices.Equal(in, d) && gates(dy, d):
			y = e.node("Reshape", []string{e.alone(second), e.shape(dy[1:])}, "") // C x 1 x 1, which the backend broadcasts
		default:
			return e.refuse(s, "operands of shapes %v and %v", in, dy)
		}
		e.relu(e.node(name, []string{x, y}, relued(out, op.Relu)), out, op.Relu)
	case *plan.BinaryConstant:
		name := binaryName(op.Kind)
		if name == "" {
			return e.refuse(s, "its function")
		}
		args := []string{x, e.constant(slices.Repeat(op.Values, e.plan.Values[s.Out].Len()/len(op.Values)), d...)}
		if op.Swapped {
			args[0], args[1] = args[1], args[0]
		}
		e.node(name, args, out)
	case *plan.Concat:
		args := make([]string, len(s.In))
		for i, v := range s.In {
			args[i] = e.val(v)
		}
		e.node("Concat", args, out, attr{"axis", op.Axis})
	case *plan.Reshape:
		e.node("Reshape", []string{e.alone(s.In[0]), e.shape(d)}, out)
	case *plan.Transpose:
		e.node("Transpose", []string{e.alone(s.In[0])}, out, attr{"perm", op.Perm})
	case *plan.Softmax:
		if len(d) != 2 || op.Log || op.From != 1 || op.To != 2 {
			return e.refuse(s, "normalisation of shape %v", d)
		}
		e.node("Softmax", []string{x}, out, attr{"axis", 1})
	case *plan.Pad:
		top, left, bottom, right, ok := op.Maps()
		if !ok {
			return e.refuse(s, "padding of shape %v", in)
		}
		y := e.pad(x, in, top, left, bottom, right, op.Value)
		e.finish(y, out, false)
	default:
		return e.refuse(s, "its operation")
	}
	return nil
}

// relued is the name of a value before its ReLU: a new one where there is a ReLU.
func relued(out string, relu bool) string {
	if relu {
		return ""
	}
	return out
}

func (e *encoder) relu(y, out string, relu bool) {
	if relu {
		e.node("Relu", []string{y}, out)
	}
}

// finish names y out, after a ReLU if asked for.
func (e *encoder) finish(y, out string, relu bool) {
	if relu {
		e.node("Relu", []string{y}, out)
		return
	}
	e.node("Identity", []string{y}, out)
}

func binaryName(k plan.BinaryKind) string {
	return map[plan.BinaryKind]string{plan.Add: "Add", plan.Sub: "Sub", plan.Mul: "Mul", plan.Div: "Div"}[k]
}

// gates reports whether a value has one number for each channel of maps.
func gates(d, maps []int) bool {
	return len(d) == 4 && len(maps) == 4 && d[0] == 1 && d[1] == maps[1] && d[2] == 1 && d[3] == 1
}

// dense copies a convolution's weights, scaled, with zeros between groups.
func dense(op *plan.Conv, w []float32) []float32 {
	taps := op.KernelH * op.KernelW
	groups := max(1, op.Groups)
	ic, oc := op.In/groups, op.Out/groups
	out := make([]float32, op.Out*op.In*taps)
	for o := range op.Out {
		dst := out[(o*op.In+o/oc*ic)*taps:][:ic*taps]
		copy(dst, w[o*ic*taps:])
		if op.Scale != nil {
			for i := range dst {
				dst[i] *= op.Scale[o]
			}
		}
	}
	return out
}

// conv writes a convolution without groups; padding that is not the same on all sides is put on
// before.
func (e *encoder) conv(g kernels.Conv2D, x string, in []int, w, bias []float32, out string) string {
	pad := g.Top
	if g.Left != pad || g.Bottom != pad || g.Right != pad {
		x = e.pad(x, in, g.Top, g.Left, g.Bottom, g.Right, 0)
		pad = 0
	}
	args := []string{x, e.constant(w, g.Out, g.In, g.KernelH, g.KernelW)}
	if bias != nil {
		args = append(args, e.constant(append([]float32(nil), bias...), g.Out))
	}
	one := func(v int) int { return max(1, v) }
	return e.node("Conv", args, out, attr{"kernel_shape", []int{g.KernelH, g.KernelW}}, attr{"pads", []int{pad, pad, pad, pad}},
		attr{"strides", []int{one(g.StrideH), one(g.StrideW)}}, attr{"dilations", []int{one(g.DilationH), one(g.DilationW)}})
}

// pad joins constants to the maps' sides.
func (e *encoder) pad(x string, in []int, top, left, bottom, right int, value float32) string {
	c, h, w := in[1], in[2], in[3]
	join := func(axis, before, after, ph, pw int) {
		if before+after == 0 {
			return
		}
		border := func(n int) string {
			d := []int{1, c, ph, pw}
			d[axis] = n
			v := make([]float32, c*d[2]*d[3])
			for i := range v {
				v[i] = value
			}
			return e.constant(v, d...)
		}
		args := []string{x}
		if before > 0 {
			args = []string{border(before), x}
		}
		if after > 0 {
			args = append(args, border(after))
		}
		x = e.node("Concat", args, "", attr{"axis", axis})
	}
	join(2, top, bottom, 0, w)
	join(3, left, right, h+top+bottom, 0)
	return x
}

// average writes an average pooling as a convolution that adds up each channel's window, times one
// over the number of values in it.
func (e *encoder) average(g kernels.Pool2D, x string, in, d []int, out string) {
	c := in[1]
	w := make([]float32, c*c*g.KernelH*g.KernelW)
	for i := range c {
		for j := range g.KernelH * g.KernelW {
			w[(i*c+i)*g.KernelH*g.KernelW+j] = 1
		}
	}
	conv := kernels.Conv2D{In: c, Out: c, KernelH: g.KernelH, KernelW: g.KernelW, StrideH: g.StrideH, StrideW: g.StrideW, Top: g.Top, Left: g.Left}
	// With ceil_mode windows reach beyond the padding.
	conv.Bottom = max(0, (d[2]-1)*g.StrideH+g.KernelH-in[2]-g.Top)
	conv.Right = max(0, (d[3]-1)*g.StrideW+g.KernelW-in[3]-g.Left)
	sum := e.conv(conv, x, in, w, nil, "")
	part := make([]float32, c*d[2]*d[3])
	span := func(i, stride, kernel, before, after, size int) int {
		lo, hi := i*stride-before, i*stride-before+kernel
		if g.CountPad {
			return min(hi, size+after) - max(lo, -before)
		}
		return min(hi, size) - max(lo, 0)
	}
	for i := range part {
		y, x := i/d[3]%d[2], i%d[3]
		n := span(y, g.StrideH, g.KernelH, g.Top, g.Bottom, in[2]) * span(x, g.StrideW, g.KernelW, g.Left, g.Right, in[3])
		part[i] = 1 / float32(max(1, n))
	}
	e.node("Mul", []string{sum, e.constant(part, d...)}, out)
}

// linear writes x*W + b with Gemm on a bias of zero, which it may overwrite, and an addition.
func (e *encoder) linear(s *plan.Step, op *plan.Linear, x, out string) error {
	var w []float32
	if err := op.Weight.Use(func(v []float32) error { w = append(w, v...); return nil }); err != nil {
		return fmt.Errorf("%s: %w", s.Node, err)
	}
	d := e.dims(s.Out)
	rows := e.plan.Values[s.Out].Len() / op.Out
	if len(d) != 2 || len(e.dims(s.In[0])) != 2 {
		x = e.node("Reshape", []string{e.alone(s.In[0]), e.shape([]int{rows, op.In})}, "")
	}
	dims := []int{op.In, op.Out}
	trans := 0
	if op.Transposed {
		dims, trans = []int{op.Out, op.In}, 1
	}
	var y string
	if rows*op.Out == 1 {
		// Gemm would write its result over the zero that it adds, which is of the same shape.
		y = e.node("Reshape", []string{e.alone(s.In[0]), e.shape([]int{1, op.In, 1, 1})}, "")
		y = e.conv(kernels.Conv2D{In: op.In, Out: 1, KernelH: 1, KernelW: 1}, y, []int{1, op.In, 1, 1}, w, nil, "")
		y = e.node("Reshape", []string{y, e.shape([]int{1, 1})}, "")
	} else {
		y = e.node("Gemm", []string{x, e.constant(w, dims...), e.constant(make([]float32, 1), 1, 1)}, "", attr{"transB", trans})
	}
	full := func(v []float32) string {
		f := make([]float32, 0, rows*op.Out)
		for range rows {
			f = append(f, v...)
		}
		return e.constant(f, rows, op.Out)
	}
	if op.Scale != nil {
		y = e.node("Mul", []string{y, full(op.Scale)}, "")
	}
	if op.Bias != nil {
		y = e.node("Add", []string{y, full(op.Bias)}, "")
	}
	if len(d) != 2 {
		y = e.node("Reshape", []string{y, e.shape(d)}, "")
	}
	e.finish(y, out, op.Relu)
	return nil
}

// activation writes an element-wise function; Clip as lo + relu(x-lo) - relu(x-hi).
func (e *encoder) activation(s *plan.Step, op *plan.Activation, x, out string, d []int) error {
	full := func(v float32) string { return e.filled(v, d) }
	switch op.Kind {
	case plan.Relu:
		e.node("Relu", []string{x}, out)
	case plan.LeakyRelu:
		// The backend's own works on its argument in place, whoever else reads that.
		r := e.node("Relu", []string{x}, "")
		e.node("Add", []string{r, e.node("Mul", []string{e.node("Sub", []string{x, r}, ""), full(op.Lo)}, "")}, out)
	case plan.Sigmoid:
		e.node("Sigmoid", []string{x}, out)
	case plan.Tanh:
		e.node("Tanh", []string{x}, out)
	case plan.Clip:
		y := e.alone(s.In[0])
		limit := float32(1e30) // a bound beyond this is none
		if op.Lo > -limit {
			y = e.node("Add", []string{e.node("Relu", []string{e.node("Sub", []string{x, full(op.Lo)}, "")}, ""), full(op.Lo)}, "")
		}
		if op.Hi < limit {
			y = e.node("Sub", []string{full(op.Hi), e.node("Relu", []string{e.node("Sub", []string{full(op.Hi), y}, "")}, "")}, "")
		}
		e.finish(y, out, false)
	default:
		return e.refuse(s, "its operation")
	}
	return nil
}
