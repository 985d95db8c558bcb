package ops

import (
	"vzsl/extract/onnx/fold"
	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/plan"
)

// foldSteps evaluates a node whose arguments are all constants: its steps are computed at once.
func (b *Builder) foldSteps(n *load.Node, emit func(*Builder, *load.Node) error) error {
	steps, values := len(b.plan.Steps), len(b.plan.Values)
	b.folding = true
	err := emit(b, n)
	if b.folding = false; err != nil {
		return err
	}
	room := b.budget.Left
	results := map[int][]float64{}
	for i := steps; i < len(b.plan.Steps); i++ {
		s := &b.plan.Steps[i]
		od := b.plan.Values[s.Out].Dims
		if err := b.budget.Spend(load.Elements(od)); err != nil {
			return err
		}
		if c, ok := s.Op.(*plan.Constant); ok {
			v, err := c.Value.Float64s()
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
		if b.products(s, dims, od) > maxFold {
			return load.Unsupported(n, "too much computation on constants")
		}
		out := make([]float64, load.Elements(od))
		if err := plan.Eval(s.Op, in, dims, out, od); err != nil {
			return load.Unsupported(n, "constant folding failed: %v", err)
		}
		if err := fold.Rounded(b.types[s.Out], out); err != nil {
			return err
		}
		results[s.Out] = out
	}
	b.budget.Left = room // what is kept of it are the results
	for _, o := range n.Outputs {
		if v, ok := b.vals[o]; ok && v >= values {
			if err := b.budget.Spend(len(results[v])); err != nil {
				return err
			}
			b.consts[o] = &fold.Constant{Dims: b.plan.Values[v].Dims, Kind: b.types[v], Values: results[v]}
			delete(b.vals, o)
		}
	}
	b.plan.Steps, b.plan.Values = b.plan.Steps[:steps], b.plan.Values[:values]
	b.types, b.fixed = b.types[:values], b.fixed[:values]
	return nil
}

// maxFold bounds the products that one step may take to fold.
const maxFold = 1 << 31

func (b *Builder) products(s *plan.Step, dims [][]int, od []int) int {
	n := load.Elements(od)
	switch op := s.Op.(type) {
	case *plan.Linear:
		return n * op.In
	case *plan.MatMul:
		return n * dims[0][len(dims[0])-1]
	case *plan.Interpolate:
		return n * op.Taps
	}
	return n
}
