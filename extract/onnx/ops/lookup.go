package ops

import (
	"fmt"
	"slices"

	"vzsl/extract/onnx/fold"
	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/plan"
)

// varies reports whether a node's i-th argument depends on the input.
func (b *Builder) varies(n *load.Node, i int) bool {
	v, _, err := b.arg(n, i)
	return err == nil && v >= 0 && !b.fixed[v]
}

// gatherRows is Gather by numbers that depend on the input.
func (b *Builder) gatherRows(n *load.Node) error {
	index, id, err := b.operand(n, 1)
	if err != nil {
		return err
	}
	_, k, err := b.arg(n, 0)
	if err != nil {
		return err
	}
	if k != nil && len(k.Dims) == 2 && k.Dims[0] > 0 && n.Int("axis", 0) == 0 && k.IsFloat() {
		w, err := fold.NewWeights(k)
		if err != nil {
			return err
		}
		if err := w.Row(0, make([]float32, k.Dims[1])); err != nil {
			return err
		}
		if err := b.emit(n, &plan.Lookup{Rows: k.Dims[0], Width: k.Dims[1], Table: w}, append(id, k.Dims[1]), index); err != nil {
			return err
		}
		b.types[b.vals[n.Outputs[0]]] = load.TypeFloat
		return nil
	}
	x, d, at, err := b.operandAxis(n, 0)
	if err != nil {
		return err
	}
	return b.emit(n, &plan.Take{Axis: at}, slices.Concat(d[:at], id, d[at+1:]), x, index)
}

// gatherRowsND is GatherND by numbers that depend on the input.
func (b *Builder) gatherRowsND(n *load.Node) error {
	x, d, err := b.operand(n, 0)
	if err != nil {
		return err
	}
	index, id, err := b.operand(n, 1)
	if err != nil {
		return err
	}
	if n.Int("batch_dims", 0) != 0 {
		return load.Unsupported(n, "has batch_dims")
	}
	if len(id) == 0 || id[len(id)-1] < 1 || id[len(id)-1] > len(d) {
		return fmt.Errorf("its indices of shape %v do not fit a value of shape %v", id, d)
	}
	if err := b.refuseBatchAxis(n, x, 0); err != nil {
		return err
	}
	m := id[len(id)-1]
	return b.emit(n, &plan.TakeND{}, slices.Concat(id[:len(id)-1], d[m:]), x, index)
}

// argMax is ArgMax or ArgMin of what depends on the input.
func (b *Builder) argMax(n *load.Node) error {
	x, d, at, err := b.operandAxis(n, 0)
	if err != nil {
		return err
	}
	out := slices.Clone(d)
	if out[at] = 1; n.Int("keepdims", 1) == 0 {
		out = slices.Delete(out, at, at+1)
	}
	if err := b.emit(n, &plan.Arg{Axis: at, Min: n.Op == "ArgMin", Last: n.Int("select_last_index", 0) != 0}, out, x); err != nil {
		return err
	}
	b.types[b.vals[n.Outputs[0]]] = load.TypeInt64
	return nil
}
