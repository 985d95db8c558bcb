package onnx

import (
	"fmt"
	"math"
	"slices"
)

// attention is ONNX's Attention: softmax(scale Q K' + mask) V for each head. Values of three dimensions hold their heads
// side by side in the last.
func (b *builder) attention(n *node) error {
	for i := 4; i < 6; i++ {
		if i < len(n.inputs) && n.inputs[i] != "" {
			return unsupported(n, "goes on from past keys and values")
		}
	}
	if n.float("softcap", 0) != 0 || n.int("qk_matmul_output_mode", 0) != 0 {
		return unsupported(n, "caps or gives its scores")
	}
	heads := []int{n.int("q_num_heads", 0), n.int("kv_num_heads", 0), n.int("kv_num_heads", 0)}
	return b.attend(n, heads, n.int("is_causal", 0) != 0, []int{0, 1, 2}, 3)
}

// multiHead is ONNX Runtime's MultiHeadAttention, with the biases of query, key and value in one argument.
func (b *builder) multiHead(n *node) error {
	for _, i := range []int{4, 6, 7} {
		if i < len(n.inputs) && n.inputs[i] != "" {
			return unsupported(n, "has a padding mask, or goes on from past keys and values")
		}
	}
	h := n.int("num_heads", 0)
	args := []int{0, 1, 2}
	return b.attend(n, []int{h, h, h}, n.int("unidirectional", 0) != 0, args, 5)
}

// attend emits an attention on the node's arguments.
func (b *builder) attend(n *node, heads []int, causal bool, args []int, maskAt int) error {
	var x [3]int
	flat := false
	for i, a := range args {
		v, d, err := b.image(n, a)
		if err != nil {
			return err
		}
		if n.op == "MultiHeadAttention" && len(n.inputs) > 3 && n.inputs[3] != "" {
			k, err := b.constant(n, 3, false)
			if err != nil {
				return err
			}
			f, err := k.float32s()
			w := d[len(d)-1]
			if err != nil || len(f) != 3*w {
				return fmt.Errorf("its bias of shape %v does not fit", k.dims)
			}
			if v, err = b.step(n, "", &Affine{Axis: len(d) - 1, Shift: f[i*w : (i+1)*w]}, d, v); err != nil {
				return err
			}
		}
		if len(d) == 3 {
			flat = true
			h := heads[i]
			if h < 1 || d[2]%h != 0 {
				return fmt.Errorf("%d heads in a value of shape %v", h, d)
			}
			d = []int{d[0], d[1], h, d[2] / h}
			if v, err = b.step(n, "", &Reshape{}, d, v); err != nil {
				return err
			}
			if v, err = b.permuted(n, "", v, []int{0, 2, 1, 3}); err != nil {
				return err
			}
			d = b.dims(v)
		}
		if len(d) != 4 {
			return unsupported(n, "attends to a value of shape %v", d)
		}
		x[i] = v
	}
	q, k, v := b.dims(x[0]), b.dims(x[1]), b.dims(x[2])
	if q[3] != k[3] || k[2] != v[2] || k[1] != v[1] || q[0] != k[0] || k[0] != v[0] || q[1]%k[1] != 0 {
		return fmt.Errorf("it attends to values of shapes %v, %v and %v", q, k, v)
	}
	if q[1] != k[1] { // groups of heads share keys and values
		index := make([]int, q[1])
		for i := range index {
			index[i] = i / (q[1] / k[1])
		}
		for i := 1; i < 3; i++ {
			var err error
			if x[i], err = b.taken(n, x[i], 1, index); err != nil {
				return err
			}
		}
	}
	in := x[:]
	l, s := q[2], k[2]
	if maskAt < len(n.inputs) && n.inputs[maskAt] != "" {
		m, d, err := b.image(n, maskAt)
		if err != nil {
			return err
		}
		if b.types[m] == typeBool {
			keep, err := b.literal(n, &konst{kind: typeFloat, nums: []float64{0}})
			if err != nil {
				return err
			}
			drop, err := b.literal(n, &konst{kind: typeFloat, nums: []float64{math.Inf(-1)}})
			if err != nil {
				return err
			}
			if m, err = b.step(n, "", &Where{}, d, m, keep, drop); err != nil {
				return err
			}
			b.types[m] = typeFloat
		}
		if len(d) < 2 || d[len(d)-2] != l || d[len(d)-1] != s {
			return unsupported(n, "has a mask of shape %v for %d x %d scores", d, l, s)
		}
		in = append(in, m)
	}
	if causal {
		k := &konst{dims: []int{l, s}, kind: typeFloat, nums: make([]float64, l*s)}
		if err := b.room.take(l * s); err != nil {
			return err
		}
		for i := range k.nums {
			if i%s > i/s {
				k.nums[i] = math.Inf(-1)
			}
		}
		m, err := b.literal(n, k)
		if err != nil {
			return err
		}
		if len(in) > 3 {
			if m, err = b.combined(n, "", Add, in[3], m); err != nil {
				return err
			}
			in = in[:3]
		}
		in = append(in, m)
	}
	scale := n.float("scale", 0)
	if scale == 0 {
		scale = float32(1 / math.Sqrt(float64(q[3])))
	}
	out := []int{q[0], q[1], l, v[3]}
	if !flat {
		return b.emit(n, &Attention{Scale: scale}, out, in...)
	}
	y, err := b.step(n, "", &Attention{Scale: scale}, out, in...)
	if err != nil {
		return err
	}
	if y, err = b.permuted(n, "", y, []int{0, 2, 1, 3}); err != nil {
		return err
	}
	return b.emit(n, &Reshape{}, []int{q[0], l, q[1] * v[3]}, y)
}

// fusedMatMul is ONNX Runtime's product with a factor and transposed arguments.
func (b *builder) fusedMatMul(n *node) error {
	if n.int("transBatchA", 0) != 0 || n.int("transBatchB", 0) != 0 {
		return unsupported(n, "moves its batch axis")
	}
	var x [2]int
	for i, name := range []string{"transA", "transB"} {
		v, d, err := b.image(n, i)
		if err != nil {
			return err
		}
		if n.int(name, 0) != 0 && len(d) > 1 {
			perm := make([]int, len(d))
			for a := range perm {
				perm[a] = a
			}
			perm[len(d)-1], perm[len(d)-2] = len(d)-2, len(d)-1
			if v, err = b.permuted(n, "", v, perm); err != nil {
				return err
			}
		}
		x[i] = v
	}
	return b.product(n, n.outputs[0], x[0], x[1], n.float("alpha", 1))
}

// rmsNorm is x / sqrt(mean of x^2 + epsilon) * scale over the axes from the named one on.
func (b *builder) rmsNorm(n *node) error {
	x, d, err := b.image(n, 0)
	if err != nil {
		return err
	}
	at, err := strictAxis(int64(n.int("axis", -1)), len(d))
	if err != nil {
		return err
	}
	if err := b.along(n, x, at); err != nil {
		return err
	}
	small := slices.Clone(d)
	var axes []int
	for a := at; a < len(d); a++ {
		small[a] = 1
		axes = append(axes, a)
	}
	s, err := b.step(n, "", &Reduce{Kind: ReduceSumSquare, Axes: axes}, small, x)
	if err != nil {
		return err
	}
	count, epsilon := float32(product(d[at:])), n.float("epsilon", 1e-5)
	if s, err = b.step(n, "", &Affine{Axis: len(d) - 1, Scale: []float32{1 / count}, Shift: []float32{epsilon}}, small, s); err != nil {
		return err
	}
	if s, err = b.step(n, "", &Activation{Kind: Sqrt}, small, s); err != nil {
		return err
	}
	y, err := b.combined(n, "", Div, x, s)
	if err != nil {
		return err
	}
	w, _, err := b.image(n, 1)
	if err != nil {
		return err
	}
	return b.combine(n, n.outputs[0], Mul, y, w)
}
