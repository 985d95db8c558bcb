package ops

import (
	"fmt"
	"math"
	"slices"

	"vzsl/extract/onnx/fold"
	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/plan"
)

// attention is ONNX's Attention: softmax(scale Q K' + mask) V for each head. Values of three dimensions hold their heads
// side by side in the last.
func (b *Builder) attention(n *load.Node) error {
	for i := 4; i < 6; i++ {
		if i < len(n.Inputs) && n.Inputs[i] != "" {
			return load.Unsupported(n, "past keys and values")
		}
	}
	if n.Float("softcap", 0) != 0 || n.Int("qk_matmul_output_mode", 0) != 0 {
		return load.Unsupported(n, "softcap, or scores as an output")
	}
	heads := []int{n.Int("q_num_heads", 0), n.Int("kv_num_heads", 0), n.Int("kv_num_heads", 0)}
	return b.attend(n, heads, n.Int("is_causal", 0) != 0, []int{0, 1, 2}, 3)
}

// multiHead is ONNX Runtime's MultiHeadAttention, with the biases of query, key and value in one argument.
func (b *Builder) multiHead(n *load.Node) error {
	for _, i := range []int{4, 6, 7} {
		if i < len(n.Inputs) && n.Inputs[i] != "" {
			return load.Unsupported(n, "a padding mask, or past keys and values")
		}
	}
	h := n.Int("num_heads", 0)
	args := []int{0, 1, 2}
	return b.attend(n, []int{h, h, h}, n.Int("unidirectional", 0) != 0, args, 5)
}

// attend emits an attention on the node's arguments.
func (b *Builder) attend(n *load.Node, heads []int, causal bool, args []int, maskAt int) error {
	var x [3]int
	flat := false
	for i, a := range args {
		v, d, err := b.operand(n, a)
		if err != nil {
			return err
		}
		if n.Op == "MultiHeadAttention" && len(n.Inputs) > 3 && n.Inputs[3] != "" {
			k, err := b.constantArg(n, 3, false)
			if err != nil {
				return err
			}
			f, err := k.Float32s()
			w := d[len(d)-1]
			if err != nil || len(f) != 3*w {
				return fmt.Errorf("bias of shape %v does not match", k.Dims)
			}
			if v, err = b.addStep(n, "", &plan.Affine{Axis: len(d) - 1, Shift: f[i*w : (i+1)*w]}, d, v); err != nil {
				return err
			}
		}
		if len(d) == 3 {
			flat = true
			h := heads[i]
			if h < 1 || d[2]%h != 0 {
				return fmt.Errorf("%d heads do not divide shape %v", h, d)
			}
			d = []int{d[0], d[1], h, d[2] / h}
			if v, err = b.addStep(n, "", &plan.Reshape{}, d, v); err != nil {
				return err
			}
			if v, err = b.permute(n, "", v, []int{0, 2, 1, 3}); err != nil {
				return err
			}
			d = b.dims(v)
		}
		if len(d) != 4 {
			return load.Unsupported(n, "its input has shape %v", d)
		}
		x[i] = v
	}
	q, k, v := b.dims(x[0]), b.dims(x[1]), b.dims(x[2])
	if q[3] != k[3] || k[2] != v[2] || k[1] != v[1] || q[0] != k[0] || k[0] != v[0] || q[1]%k[1] != 0 {
		return fmt.Errorf("query, key and value of shapes %v, %v and %v do not match", q, k, v)
	}
	if q[1] != k[1] { // groups of heads share keys and values
		index := make([]int, q[1])
		for i := range index {
			index[i] = i / (q[1] / k[1])
		}
		for i := 1; i < 3; i++ {
			var err error
			if x[i], err = b.gatherEntries(n, x[i], 1, index); err != nil {
				return err
			}
		}
	}
	in := x[:]
	l, s := q[2], k[2]
	if maskAt < len(n.Inputs) && n.Inputs[maskAt] != "" {
		m, d, err := b.operand(n, maskAt)
		if err != nil {
			return err
		}
		if b.types[m] == load.TypeBool {
			keep, err := b.constantValue(n, &fold.Constant{Kind: load.TypeFloat, Values: []float64{0}})
			if err != nil {
				return err
			}
			drop, err := b.constantValue(n, &fold.Constant{Kind: load.TypeFloat, Values: []float64{math.Inf(-1)}})
			if err != nil {
				return err
			}
			if m, err = b.addStep(n, "", &plan.Where{}, d, m, keep, drop); err != nil {
				return err
			}
			b.types[m] = load.TypeFloat
		}
		if len(d) < 2 || d[len(d)-2] != l || d[len(d)-1] != s {
			return load.Unsupported(n, "a mask of shape %v for %d x %d scores", d, l, s)
		}
		in = append(in, m)
	}
	if causal {
		k := &fold.Constant{Dims: []int{l, s}, Kind: load.TypeFloat, Values: make([]float64, l*s)}
		if err := b.budget.Spend(l * s); err != nil {
			return err
		}
		for i := range k.Values {
			if i%s > i/s {
				k.Values[i] = math.Inf(-1)
			}
		}
		m, err := b.constantValue(n, k)
		if err != nil {
			return err
		}
		if len(in) > 3 {
			if m, err = b.combined(n, "", plan.Add, in[3], m); err != nil {
				return err
			}
			in = in[:3]
		}
		in = append(in, m)
	}
	scale := n.Float("scale", 0)
	if scale == 0 {
		scale = float32(1 / math.Sqrt(float64(q[3])))
	}
	out := []int{q[0], q[1], l, v[3]}
	if !flat {
		return b.emit(n, &plan.Attention{Scale: scale}, out, in...)
	}
	y, err := b.addStep(n, "", &plan.Attention{Scale: scale}, out, in...)
	if err != nil {
		return err
	}
	if y, err = b.permute(n, "", y, []int{0, 2, 1, 3}); err != nil {
		return err
	}
	return b.emit(n, &plan.Reshape{}, []int{q[0], l, q[1] * v[3]}, y)
}

// fusedMatMul is ONNX Runtime's product with a factor and transposed arguments.
func (b *Builder) fusedMatMul(n *load.Node) error {
	if n.Int("transBatchA", 0) != 0 || n.Int("transBatchB", 0) != 0 {
		return load.Unsupported(n, "transBatchA or transBatchB")
	}
	var x [2]int
	for i, name := range []string{"transA", "transB"} {
		v, d, err := b.operand(n, i)
		if err != nil {
			return err
		}
		if n.Int(name, 0) != 0 && len(d) > 1 {
			perm := make([]int, len(d))
			for a := range perm {
				perm[a] = a
			}
			perm[len(d)-1], perm[len(d)-2] = len(d)-2, len(d)-1
			if v, err = b.permute(n, "", v, perm); err != nil {
				return err
			}
		}
		x[i] = v
	}
	return b.product(n, n.Outputs[0], x[0], x[1], n.Float("alpha", 1))
}

// rmsNorm is x / sqrt(mean of x^2 + epsilon) * scale over the axes from the named one on.
func (b *Builder) rmsNorm(n *load.Node) error {
	x, d, at, err := b.operandAxis(n, -1)
	if err != nil {
		return err
	}
	small := slices.Clone(d)
	var axes []int
	for a := at; a < len(d); a++ {
		small[a] = 1
		axes = append(axes, a)
	}
	s, err := b.addStep(n, "", &plan.Reduce{Kind: plan.ReduceSumSquare, Axes: axes}, small, x)
	if err != nil {
		return err
	}
	count, epsilon := float32(load.Elements(d[at:])), n.Float("epsilon", 1e-5)
	if s, err = b.addStep(n, "", &plan.Affine{Axis: len(d) - 1, Scale: []float32{1 / count}, Shift: []float32{epsilon}}, small, s); err != nil {
		return err
	}
	if s, err = b.addStep(n, "", &plan.Activation{Kind: plan.Sqrt}, small, s); err != nil {
		return err
	}
	y, err := b.combined(n, "", plan.Div, x, s)
	if err != nil {
		return err
	}
	w, _, err := b.operand(n, 1)
	if err != nil {
		return err
	}
	return b.combine(n, n.Outputs[0], plan.Mul, y, w)
}
