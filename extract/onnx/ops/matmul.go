package ops

import (
	"fmt"
	"slices"
	"strings"

	"vzsl/extract/onnx/fold"
	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/plan"
)

func (b *Builder) gemm(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	if len(d) != 2 {
		return load.Unsupported(n, "its input has shape %v, a matrix is required", d)
	}
	if n.Int("transA", 0) != 0 {
		if err := b.refuseBatchAxis(n, x, 0); err != nil {
			return err
		}
		d = []int{d[1], d[0]}
		if x, err = b.addStep(n, "", &plan.Transpose{Perm: []int{1, 0}}, d, x); err != nil {
			return err
		}
	}
	alpha, beta := n.Float("alpha", 1), n.Float("beta", 1)
	_, w, err := b.arg(n, 1)
	if err != nil {
		return err
	}
	_, c, err := b.arg(n, 2)
	if err != nil {
		return err
	}
	transB := n.Int("transB", 0) != 0
	if w != nil && w.IsFloat() {
		op, err := b.linear(n, d, w, transB)
		if err != nil {
			return err
		}
		if alpha != 1 {
			op.Scale = slices.Repeat([]float32{alpha}, op.Out)
		}
		if c != nil && c.IsFloat() && (c.Len() == 1 || c.Len() == op.Out && c.Dims[len(c.Dims)-1] == op.Out) {
			f, err := c.Float32s()
			if err != nil {
				return err
			}
			if op.Bias, err = stretch(f, op.Out); err != nil {
				return err
			}
			op.Bias = mapped(op.Bias, func(v float32) float32 { return beta * v })
			return b.emit(n, op, []int{d[0], op.Out}, x)
		}
		if len(n.Inputs) < 3 || n.Inputs[2] == "" {
			return b.emit(n, op, []int{d[0], op.Out}, x)
		}
		if x, err = b.addStep(n, "", op, []int{d[0], op.Out}, x); err != nil {
			return err
		}
		return b.addBias(n, x, beta)
	}
	y, dy, err := b.operand(n, 1)
	if err != nil {
		return err
	}
	if err := b.refuseBatchAxis(n, y, 0); err != nil {
		return err
	}
	if len(dy) != 2 {
		return fmt.Errorf("its second input has shape %v, a matrix is required", dy)
	}
	if transB {
		dy = []int{dy[1], dy[0]}
	}
	if d[1] != dy[0] {
		return fmt.Errorf("shapes %v and %v cannot be multiplied", d, dy)
	}
	out := []int{d[0], dy[1]}
	if x, err = b.addStep(n, "", &plan.MatMul{Scale: alpha, TransB: transB}, out, x, y); err != nil {
		return err
	}
	if len(n.Inputs) < 3 || n.Inputs[2] == "" {
		return b.alias(n, x)
	}
	return b.addBias(n, x, beta)
}

// addBias adds beta times a Gemm's third argument to its product.
func (b *Builder) addBias(n *load.Node, x int, beta float32) error {
	c, dc, err := b.operand(n, 2)
	if err != nil {
		return err
	}
	if beta != 1 && len(dc) > 0 {
		if c, err = b.addStep(n, "", scaledBy(beta, dc), dc, c); err != nil {
			return err
		}
	}
	return b.combine(n, n.Outputs[0], plan.Add, x, c)
}

// scaledBy multiplies a value of shape d.
func scaledBy(f float32, d []int) plan.Op {
	if len(d) == 0 {
		return &plan.BinaryConstant{Kind: plan.Mul, Values: []float32{f}}
	}
	return &plan.Affine{Axis: len(d) - 1, Scale: slices.Repeat([]float32{f}, d[len(d)-1])}
}

func (b *Builder) matmul(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	_, w, err := b.arg(n, 1)
	if err != nil {
		return err
	}
	if w != nil && len(w.Dims) == 2 && len(d) > 0 && w.IsFloat() {
		op, err := b.linear(n, d, w, false)
		if err != nil {
			return err
		}
		return b.emit(n, op, append(d[:len(d)-1:len(d)-1], op.Out), x)
	}
	y, _, err := b.operand(n, 1)
	if err != nil {
		return err
	}
	return b.product(n, n.Outputs[0], x, y, 1)
}

// product emits the product of two values, with NumPy's rules for vectors.
func (b *Builder) product(n *load.Node, name string, x, y int, scale float32) error {
	dx, dy := b.dims(x), b.dims(y)
	if len(dx) == 0 || len(dy) == 0 {
		return fmt.Errorf("shapes %v and %v cannot be multiplied", dx, dy)
	}
	row, col := len(dx) == 1, len(dy) == 1
	var err error
	if row {
		dx = []int{1, dx[0]}
		if x, err = b.addStep(n, "", &plan.Reshape{}, dx, x); err != nil {
			return err
		}
	}
	if col {
		dy = []int{dy[0], 1}
		if y, err = b.addStep(n, "", &plan.Reshape{}, dy, y); err != nil {
			return err
		}
	}
	if dx[len(dx)-1] != dy[len(dy)-2] {
		return fmt.Errorf("shapes %v and %v cannot be multiplied", dx, dy)
	}
	if len(dx) == 2 && len(dy) == 2 {
		if err := b.refuseBatchAxis(n, y, 0); err != nil {
			return err
		}
	}
	lead, err := b.broadcastShapes(n, x, y, dx[:len(dx)-2], dy[:len(dy)-2])
	if err != nil {
		return err
	}
	full := append(slices.Clone(lead), dx[len(dx)-2], dy[len(dy)-1])
	if !row && !col {
		_, err = b.addStep(n, name, &plan.MatMul{Scale: scale}, full, x, y)
		return err
	}
	if x, err = b.addStep(n, "", &plan.MatMul{Scale: scale}, full, x, y); err != nil {
		return err
	}
	out := slices.Clone(lead)
	if !row {
		out = append(out, dx[len(dx)-2])
	}
	if !col {
		out = append(out, dy[len(dy)-1])
	}
	_, err = b.addStep(n, name, &plan.Reshape{}, out, x)
	return err
}

// linear reads a weight matrix for values of shape d.
func (b *Builder) linear(n *load.Node, d []int, w *fold.Constant, trans bool) (*plan.Linear, error) {
	if len(w.Dims) != 2 || !w.IsFloat() {
		return nil, load.Unsupported(n, "its weights have shape %v, a float matrix is required", w.Dims)
	}
	op := &plan.Linear{In: w.Dims[0], Out: w.Dims[1], Transposed: trans}
	if trans {
		op.In, op.Out = op.Out, op.In
	}
	if op.In != d[len(d)-1] || op.In == 0 || op.Out == 0 {
		return nil, fmt.Errorf("weights of shape %v do not match an input of shape %v: the image size may be wrong for this network", w.Dims, d)
	}
	if w.Transposed { // a matrix transposed in the graph: read the file's the other way
		op.Transposed = !op.Transposed
		w = &fold.Constant{Tensor: w.Tensor, Dims: w.Tensor.Dims, Quantised: w.Quantised}
	}
	var err error
	op.Weight, err = fold.NewWeights(w)
	return op, err
}

func mapped(v []float32, f func(float32) float32) []float32 {
	out := make([]float32, len(v))
	for i, a := range v {
		out[i] = f(a)
	}
	return out
}

// stretch returns n values: the n given, or one given n times.
func stretch(v []float32, n int) ([]float32, error) {
	switch len(v) {
	case n:
		return v, nil
	case 1:
		return slices.Repeat([]float32{v[0]}, n), nil
	}
	return nil, fmt.Errorf("%d values, expected %d", len(v), n)
}

// einsum writes a sum of products of one or two values as permutations and a product of matrices. What
// no other value and not the result has is added up first.
func (b *Builder) einsum(n *load.Node) error {
	equation := strings.ReplaceAll(n.Str("equation", ""), " ", "")
	left, right, explicit := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(n.Inputs) || len(terms) > 2 {
		return load.Unsupported(n, "equation %q with %d inputs", equation, len(n.Inputs))
	}
	x, labels := make([]int, len(terms)), make([]string, len(terms))
	size := map[rune]int{}
	dots := 0
	for i, term := range terms {
		v, d, err := b.operand(n, i)
		if err != nil {
			return err
		}
		if err := b.refuseBatchAxis(n, v, 0); err != nil {
			return err
		}
		// The axes of an ellipsis get labels of their own, counted from the last.
		if before, after, ok := strings.Cut(term, "..."); ok {
			rest := len(d) - len(before) - len(after)
			if rest < 0 || rest > load.MaxRank {
				return fmt.Errorf("its term %q does not match shape %v", term, d)
			}
			dots = max(dots, rest)
			term = before + ellipsis(rest) + after
		}
		if len([]rune(term)) != len(d) {
			return fmt.Errorf("its term %q does not match shape %v", term, d)
		}
		for j, l := range []rune(term) {
			if strings.Count(term, string(l)) > 1 {
				return load.Unsupported(n, "diagonals (%q)", equation)
			}
			if s, ok := size[l]; ok && s != d[j] {
				if s != 1 && d[j] != 1 {
					return fmt.Errorf("its label %q stands for sizes %d and %d", l, s, d[j])
				}
				return load.Unsupported(n, "broadcasting within %q", equation)
			}
			size[l] = d[j]
		}
		x[i], labels[i] = v, term
	}
	out := strings.ReplaceAll(right, "...", ellipsis(dots))
	if !explicit { // in order of the alphabet, what there is once
		var once []rune
		for _, l := range strings.Join(labels, "") {
			if strings.Count(left, string(l)) == 1 {
				once = append(once, l)
			}
		}
		slices.Sort(once)
		out = ellipsis(dots) + string(once)
	}
	for i := range x {
		other := out
		if len(x) == 2 {
			other += labels[1-i]
		}
		if err := b.sumLabels(n, &x[i], &labels[i], other); err != nil {
			return err
		}
	}
	if len(x) == 1 {
		return b.arrange(n, n.Outputs[0], x[0], labels[0], out)
	}
	var batch, sum, rows, cols string
	for _, l := range labels[0] {
		in1, inOut := strings.ContainsRune(labels[1], l), strings.ContainsRune(out, l)
		switch {
		case in1 && inOut:
			batch += string(l)
		case in1:
			sum += string(l)
		default:
			rows += string(l)
		}
	}
	for _, l := range labels[1] {
		if !strings.ContainsRune(labels[0], l) {
			cols += string(l)
		}
	}
	count := func(s string) int {
		c := 1
		for _, l := range s {
			c *= size[l]
		}
		return c
	}
	shaped := func(i int, order string, d ...int) (int, error) {
		v, err := b.arranged(n, x[i], labels[i], order)
		if err != nil {
			return 0, err
		}
		return b.addStep(n, "", &plan.Reshape{}, d, v)
	}
	p, err := shaped(0, batch+rows+sum, count(batch), count(rows), count(sum))
	if err != nil {
		return err
	}
	q, err := shaped(1, batch+sum+cols, count(batch), count(sum), count(cols))
	if err != nil {
		return err
	}
	y, err := b.addStep(n, "", &plan.MatMul{Scale: 1}, []int{count(batch), count(rows), count(cols)}, p, q)
	if err != nil {
		return err
	}
	var d []int
	for _, l := range batch + rows + cols {
		d = append(d, size[l])
	}
	if y, err = b.addStep(n, "", &plan.Reshape{}, d, y); err != nil {
		return err
	}
	return b.arrange(n, n.Outputs[0], y, batch+rows+cols, out)
}

func ellipsis(n int) string { return "①②③④⑤⑥⑦⑧⑨⑩"[3*(10-n):] }

// sumLabels sums over the axes whose labels are not among keep.
func (b *Builder) sumLabels(n *load.Node, x *int, labels *string, keep string) error {
	var axes, dims []int
	rest := ""
	for i, l := range []rune(*labels) {
		if strings.ContainsRune(keep, l) {
			rest += string(l)
			dims = append(dims, b.dims(*x)[i])
			continue
		}
		axes = append(axes, i)
	}
	if len(axes) == 0 {
		return nil
	}
	v, err := b.addStep(n, "", &plan.Reduce{Kind: plan.ReduceSum, Axes: axes}, dims, *x)
	*x, *labels = v, rest
	return err
}

// arranged brings axes with labels into an order.
func (b *Builder) arranged(n *load.Node, x int, labels, order string) (int, error) {
	if labels == order {
		return x, nil
	}
	from, d := []rune(labels), b.dims(x)
	var perm, out []int
	for _, l := range order {
		i := slices.Index(from, l)
		if i < 0 {
			return 0, fmt.Errorf("its output label %q is in no term", l)
		}
		perm, out = append(perm, i), append(out, d[i])
	}
	if len(perm) != len(d) {
		return 0, fmt.Errorf("its output %q lacks labels of %q", order, labels)
	}
	return b.addStep(n, "", &plan.Transpose{Perm: perm}, out, x)
}

func (b *Builder) arrange(n *load.Node, name string, x int, labels, order string) error {
	v, err := b.arranged(n, x, labels, order)
	if err != nil {
		return err
	}
	return b.name(name, v)
}
