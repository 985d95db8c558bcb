package onnx

// fold evaluates a node whose arguments are all constants: its steps are computed at once.
func (b *builder) fold(n *node, emit func(*builder, *node) error) error {
	steps, values := len(b.plan.Steps), len(b.plan.Values)
	b.folding = true
	err := emit(b, n)
	if b.folding = false; err != nil {
		return err
	}
	room := b.room.left
	results := map[int][]float64{}
	for i := steps; i < len(b.plan.Steps); i++ {
		s := &b.plan.Steps[i]
		od := b.plan.Values[s.Out].Dims
		if err := b.room.take(product(od)); err != nil {
			return err
		}
		if c, ok := s.Op.(*Constant); ok {
			v, err := c.k.numbers()
			if err != nil {
				return err
			}
			results[s.Out] = v
			continue
		}
		in, dims := make([][]float64, len(s.In)), make([][]int, len(s.In))
		for j, v := range s.In {
			in[j], dims[j] = results[v], b.plan.Values[v].Dims
		}
		if b.work(s, dims, od) > maxFold {
			return unsupported(n, "computes too much from constants")
		}
		out := make([]float64, product(od))
		if err := Eval(s.Op, in, dims, out, od); err != nil {
			return unsupported(n, "computes a constant, and %v", err)
		}
		if err := rounded(b.types[s.Out], out); err != nil {
			return err
		}
		results[s.Out] = out
	}
	b.room.left = room // what is kept of it are the results
	for _, o := range n.outputs {
		if v, ok := b.vals[o]; ok && v >= values {
			if err := b.room.take(len(results[v])); err != nil {
				return err
			}
			b.consts[o] = &konst{dims: b.plan.Values[v].Dims, kind: b.types[v], nums: results[v]}
			delete(b.vals, o)
		}
	}
	b.plan.Steps, b.plan.Values = b.plan.Steps[:steps], b.plan.Values[:values]
	b.types, b.fixed = b.types[:values], b.fixed[:values]
	return nil
}

// maxFold bounds the products that one step may take to fold.
const maxFold = 1 << 31

func (b *builder) work(s *Step, dims [][]int, od []int) int {
	n := product(od)
	switch op := s.Op.(type) {
	case *Linear:
		return n * op.In
	case *MatMul:
		return n * dims[0][len(dims[0])-1]
	case *Interpolate:
		return n * op.Taps
	}
	return n
}
