package onnx

import (
	"fmt"
	"slices"
	"strings"
)

func (b *builder) gemm(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	if len(d) != 2 {
		return unsupported(n, "multiplies a value of shape %v, where a matrix belongs", d)
	}
	if n.int("transA", 0) != 0 {
		if err := b.along(n, x, 0); err != nil {
			return err
		}
		d = []int{d[1], d[0]}
		if x, err = b.step(n, "", &Transpose{[]int{1, 0}}, d, x); err != nil {
			return err
		}
	}
	alpha, beta := n.float("alpha", 1), n.float("beta", 1)
	_, w, err := b.arg(n, 1)
	if err != nil {
		return err
	}
	_, c, err := b.arg(n, 2)
	if err != nil {
		return err
	}
	transB := n.int("transB", 0) != 0
	if w != nil && w.isFloat() {
		op, err := b.linear(n, d, w, transB)
		if err != nil {
			return err
		}
		if alpha != 1 {
			op.Scale = slices.Repeat([]float32{alpha}, op.Out)
		}
		if c != nil && c.isFloat() && (c.len() == 1 || c.len() == op.Out && c.dims[len(c.dims)-1] == op.Out) {
			f, err := c.float32s()
			if err != nil {
				return err
			}
			if op.Bias, err = stretch(f, op.Out); err != nil {
				return err
			}
			op.Bias = mapped(op.Bias, func(v float32) float32 { return beta * v })
			return b.emit(n, op, []int{d[0], op.Out}, x)
		}
		if len(n.inputs) < 3 || n.inputs[2] == "" {
			return b.emit(n, op, []int{d[0], op.Out}, x)
		}
		if x, err = b.step(n, "", op, []int{d[0], op.Out}, x); err != nil {
			return err
		}
		return b.plus(n, x, beta)
	}
	y, dy, err := b.image(n, 1)
	if err != nil {
		return err
	}
	if err := b.along(n, y, 0); err != nil {
		return err
	}
	if len(dy) != 2 {
		return fmt.Errorf("it multiplies by a value of shape %v", dy)
	}
	if transB {
		dy = []int{dy[1], dy[0]}
	}
	if d[1] != dy[0] {
		return fmt.Errorf("it multiplies values of shapes %v and %v", d, dy)
	}
	out := []int{d[0], dy[1]}
	if x, err = b.step(n, "", &MatMul{Scale: alpha, TransB: transB}, out, x, y); err != nil {
		return err
	}
	if len(n.inputs) < 3 || n.inputs[2] == "" {
		return b.alias(n, x)
	}
	return b.plus(n, x, beta)
}

// plus adds beta times a Gemm's third argument to its product.
func (b *builder) plus(n *node, x int, beta float32) error {
	c, dc, err := b.image(n, 2)
	if err != nil {
		return err
	}
	if beta != 1 && len(dc) > 0 {
		if c, err = b.step(n, "", scaledBy(beta, dc), dc, c); err != nil {
			return err
		}
	}
	return b.combine(n, n.outputs[0], Add, x, c)
}

// scaledBy multiplies a value of shape d.
func scaledBy(f float32, d []int) Op {
	if len(d) == 0 {
		return &Constant2{Kind: Mul, Values: []float32{f}}
	}
	return &Affine{Axis: len(d) - 1, Scale: slices.Repeat([]float32{f}, d[len(d)-1])}
}

func (b *builder) matmul(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	_, w, err := b.arg(n, 1)
	if err != nil {
		return err
	}
	if w != nil && len(w.dims) == 2 && len(d) > 0 && w.isFloat() {
		op, err := b.linear(n, d, w, false)
		if err != nil {
			return err
		}
		return b.emit(n, op, append(d[:len(d)-1:len(d)-1], op.Out), x)
	}
	y, _, err := b.image(n, 1)
	if err != nil {
		return err
	}
	return b.product(n, n.outputs[0], x, y, 1)
}

// product emits the product of two values, with NumPy's rules for vectors.
func (b *builder) product(n *node, name string, x, y int, scale float32) error {
	dx, dy := b.dims(x), b.dims(y)
	if len(dx) == 0 || len(dy) == 0 {
		return fmt.Errorf("it multiplies values of shapes %v and %v", dx, dy)
	}
	row, col := len(dx) == 1, len(dy) == 1
	var err error
	if row {
		dx = []int{1, dx[0]}
		if x, err = b.step(n, "", &Reshape{}, dx, x); err != nil {
			return err
		}
	}
	if col {
		dy = []int{dy[0], 1}
		if y, err = b.step(n, "", &Reshape{}, dy, y); err != nil {
			return err
		}
	}
	if dx[len(dx)-1] != dy[len(dy)-2] {
		return fmt.Errorf("it multiplies values of shapes %v and %v", dx, dy)
	}
	if len(dx) == 2 && len(dy) == 2 {
		if err := b.along(n, y, 0); err != nil {
			return err
		}
	}
	lead, err := b.together(n, x, y, dx[:len(dx)-2], dy[:len(dy)-2])
	if err != nil {
		return err
	}
	full := append(slices.Clone(lead), dx[len(dx)-2], dy[len(dy)-1])
	if !row && !col {
		_, err = b.step(n, name, &MatMul{Scale: scale}, full, x, y)
		return err
	}
	if x, err = b.step(n, "", &MatMul{Scale: scale}, full, x, y); err != nil {
		return err
	}
	out := slices.Clone(lead)
	if !row {
		out = append(out, dx[len(dx)-2])
	}
	if !col {
		out = append(out, dy[len(dy)-1])
	}
	_, err = b.step(n, name, &Reshape{}, out, x)
	return err
}

// linear reads a weight matrix for values of shape d.
func (b *builder) linear(n *node, d []int, w *konst, trans bool) (*Linear, error) {
	if len(w.dims) != 2 || !w.isFloat() {
		return nil, unsupported(n, "multiplies by a constant of shape %v, where a float matrix is wanted", w.dims)
	}
	op := &Linear{In: w.dims[0], Out: w.dims[1], Transposed: trans}
	if trans {
		op.In, op.Out = op.Out, op.In
	}
	if op.In != d[len(d)-1] || op.In == 0 || op.Out == 0 {
		return nil, fmt.Errorf("its weights of shape %v do not fit a value of shape %v: the image size may be wrong for this network", w.dims, d)
	}
	if w.turned { // a matrix transposed in the graph: read the file's the other way
		op.Transposed = !op.Transposed
		w = &konst{t: w.t, dims: w.t.Dims, scale: w.scale}
	}
	var err error
	op.Weight, err = weightsOf(w)
	return op, err
}

func mapped(v []float32, f func(float32) float32) []float32 {
	out := make([]float32, len(v))
	for i, a := range v {
		out[i] = f(a)
	}
	return out
}

// stretch gives n values: the n given, or one given n times.
func stretch(v []float32, n int) ([]float32, error) {
	switch len(v) {
	case n:
		return v, nil
	case 1:
		return slices.Repeat([]float32{v[0]}, n), nil
	}
	return nil, fmt.Errorf("%d values where %d belong", len(v), n)
}

// einsum writes a sum of products of one or two values as permutations and a product of matrices. What
// no other value and not the result has is added up first.
func (b *builder) einsum(n *node) error {
	equation := strings.ReplaceAll(n.str("equation", ""), " ", "")
	left, right, explicit := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(n.inputs) || len(terms) > 2 {
		return unsupported(n, "computes %q of %d values", equation, len(n.inputs))
	}
	x, labels := make([]int, len(terms)), make([]string, len(terms))
	size := map[rune]int{}
	dots := 0
	for i, term := range terms {
		v, d, err := b.image(n, i)
		if err != nil {
			return err
		}
		if err := b.along(n, v, 0); err != nil {
			return err
		}
		// The axes of an ellipsis get labels of their own, counted from the last.
		if before, after, ok := strings.Cut(term, "..."); ok {
			rest := len(d) - len(before) - len(after)
			if rest < 0 || rest > maxRank {
				return fmt.Errorf("its term %q does not fit a value of shape %v", term, d)
			}
			dots = max(dots, rest)
			term = before + ellipsis(rest) + after
		}
		if len([]rune(term)) != len(d) {
			return fmt.Errorf("its term %q does not fit a value of shape %v", term, d)
		}
		for j, l := range []rune(term) {
			if strings.Count(term, string(l)) > 1 {
				return unsupported(n, "takes a diagonal (%q)", equation)
			}
			if s, ok := size[l]; ok && s != d[j] {
				if s != 1 && d[j] != 1 {
					return fmt.Errorf("its axes %q have %d and %d entries", l, s, d[j])
				}
				return unsupported(n, "broadcasts within %q", equation)
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
		if err := b.addUp(n, &x[i], &labels[i], other); err != nil {
			return err
		}
	}
	if len(x) == 1 {
		return b.arrange(n, n.outputs[0], x[0], labels[0], out)
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
		return b.step(n, "", &Reshape{}, d, v)
	}
	p, err := shaped(0, batch+rows+sum, count(batch), count(rows), count(sum))
	if err != nil {
		return err
	}
	q, err := shaped(1, batch+sum+cols, count(batch), count(sum), count(cols))
	if err != nil {
		return err
	}
	y, err := b.step(n, "", &MatMul{Scale: 1}, []int{count(batch), count(rows), count(cols)}, p, q)
	if err != nil {
		return err
	}
	var d []int
	for _, l := range batch + rows + cols {
		d = append(d, size[l])
	}
	if y, err = b.step(n, "", &Reshape{}, d, y); err != nil {
		return err
	}
	return b.arrange(n, n.outputs[0], y, batch+rows+cols, out)
}

func ellipsis(n int) string { return "①②③④⑤⑥⑦⑧⑨⑩"[3*(10-n):] }

// addUp sums over the axes whose labels are not among keep.
func (b *builder) addUp(n *node, x *int, labels *string, keep string) error {
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
	v, err := b.step(n, "", &Reduce{Kind: ReduceSum, Axes: axes}, dims, *x)
	*x, *labels = v, rest
	return err
}

// arranged brings axes with labels into an order.
func (b *builder) arranged(n *node, x int, labels, order string) (int, error) {
	if labels == order {
		return x, nil
	}
	from, d := []rune(labels), b.dims(x)
	var perm, out []int
	for _, l := range order {
		i := slices.Index(from, l)
		if i < 0 {
			return 0, fmt.Errorf("its result's axis %q is in no term", l)
		}
		perm, out = append(perm, i), append(out, d[i])
	}
	if len(perm) != len(d) {
		return 0, fmt.Errorf("its result %q lacks axes of %q", order, labels)
	}
	return b.step(n, "", &Transpose{perm}, out, x)
}

func (b *builder) arrange(n *node, name string, x int, labels, order string) error {
	v, err := b.arranged(n, x, labels, order)
	if err != nil {
		return err
	}
	return b.name(name, v)
}
