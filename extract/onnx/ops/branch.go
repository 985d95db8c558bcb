package ops

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"vzsl/extract/onnx/fold"
	"vzsl/extract/onnx/load"
)

// branch takes the side of an If whose condition is a constant, as exporters write where a dimension may be 1.
func (b *Builder) branch(n *load.Node) error {
	k, err := b.constantArg(n, 0, false)
	if err != nil {
		return load.Unsupported(n, "control flow whose condition depends on the image")
	}
	c, err := k.Scalar()
	if err != nil {
		return err
	}
	side := "else_branch"
	if c != 0 {
		side = "then_branch"
	}
	if b.depth++; b.depth > 16 {
		return errors.New("graphs are nested too deeply")
	}
	defer func() { b.depth-- }()
	s, err := b.file.Subgraph(n, side, &b.calls)
	if err != nil {
		return err
	}
	for name, t := range s.Tensors {
		b.consts[name] = fold.OfTensor(t)
	}
	if len(s.Outputs) != len(n.Outputs) {
		return fmt.Errorf("its %s branch has %d outputs, expected %d", strings.TrimSuffix(side, "_branch"), len(s.Outputs), len(n.Outputs))
	}
	for _, d := range s.Nodes {
		if err := b.addNode(d); err != nil {
			return err
		}
	}
	defer func() { // names within a branch mean nothing outside
		release := func(name string) {
			if !slices.Contains(n.Outputs, name) {
				delete(b.vals, name)
				delete(b.consts, name)
			}
		}
		for name := range s.Tensors {
			release(name)
		}
		for name := range s.Maker {
			release(name)
		}
	}()
	for i, name := range s.Outputs {
		v, k, err := b.lookup(n, name)
		switch {
		case err != nil:
			return err
		case k != nil:
			b.consts[n.Outputs[i]] = k
		default:
			b.vals[n.Outputs[i]] = v
		}
	}
	return nil
}
