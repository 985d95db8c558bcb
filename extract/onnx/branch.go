package onnx

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// branch takes the side of an If whose condition is a constant, as exporters write where a dimension may be 1.
func (b *builder) branch(n *node) error {
	k, err := b.constant(n, 0, false)
	if err != nil {
		return unsupported(n, "is a control flow operator whose condition depends on the image, which is not supported")
	}
	c, err := k.scalar()
	if err != nil {
		return err
	}
	side := "else_branch"
	if c != 0 {
		side = "then_branch"
	}
	if b.depth++; b.depth > 16 {
		return errors.New("it is nested too deep")
	}
	defer func() { b.depth-- }()
	s, err := b.file.subgraph(n, side, &b.calls)
	if err != nil {
		return err
	}
	for name, t := range s.tensors {
		b.consts[name] = constOf(t)
	}
	if len(s.outputs) != len(n.outputs) {
		return fmt.Errorf("its %s has %d results where %d belong", strings.TrimSuffix(side, "_branch"), len(s.outputs), len(n.outputs))
	}
	for _, d := range s.nodes {
		if err := b.node(d); err != nil {
			return err
		}
	}
	defer func() { // names within a branch mean nothing outside
		forget := func(name string) {
			if !slices.Contains(n.outputs, name) {
				delete(b.vals, name)
				delete(b.consts, name)
			}
		}
		for name := range s.tensors {
			forget(name)
		}
		for name := range s.maker {
			forget(name)
		}
	}()
	for i, name := range s.outputs {
		v, k, err := b.named(n, name)
		switch {
		case err != nil:
			return err
		case k != nil:
			b.consts[n.outputs[i]] = k
		default:
			b.vals[n.outputs[i]] = v
		}
	}
	return nil
}
