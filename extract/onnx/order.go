package onnx

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// reads are the values that a node needs: its arguments, and what graphs within it take from around them.
func (n *node) reads(f func(name string)) {
	for _, in := range n.inputs {
		if in != "" {
			f(in)
		}
	}
	for _, in := range n.captures {
		f(in)
	}
}

// needs are the nodes that a value depends on.
func (n *Network) needs(tensors ...string) map[*node]bool {
	need := map[*node]bool{}
	stack := append([]string(nil), tensors...)
	for len(stack) > 0 {
		d := n.maker[stack[len(stack)-1]]
		stack = stack[:len(stack)-1]
		if d == nil || need[d] {
			continue
		}
		need[d] = true
		d.reads(func(name string) { stack = append(stack, name) })
	}
	return need
}

// sorted puts nodes in an order in which they can run, keeping the file's where it is one.
func sorted(nodes []*node, maker map[string]*node) ([]*node, error) {
	const (
		open = 1
		done = 2
	)
	state := make(map[*node]int, len(nodes))
	out := make([]*node, 0, len(nodes))
	type frame struct {
		d    *node
		wait []*node
	}
	for _, root := range nodes {
		if state[root] == done {
			continue
		}
		stack := []frame{{d: root}}
		for len(stack) > 0 {
			f := &stack[len(stack)-1]
			if state[f.d] == 0 {
				state[f.d] = open
				f.d.reads(func(name string) {
					if m := maker[name]; m != nil && state[m] != done {
						f.wait = append(f.wait, m)
					}
				})
			}
			if len(f.wait) == 0 {
				state[f.d] = done
				out = append(out, f.d)
				stack = stack[:len(stack)-1]
				continue
			}
			next := f.wait[0]
			f.wait = f.wait[1:]
			switch state[next] {
			case 0:
				stack = append(stack, frame{d: next})
			case open:
				return nil, fmt.Errorf("%s depends on its own result: the file is damaged", next)
			}
		}
	}
	return out, nil
}

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
	s := &scanned{tensors: map[string]*Tensor{}, functions: b.net.file.functions, opset: b.net.file.opset, calls: b.net.file.calls + b.calls}
	lean, err := s.scanGraph(n.graphs[side])
	b.calls = s.calls - b.net.file.calls
	if err != nil {
		return err
	}
	for _, t := range s.tensors {
		if t.ext != nil {
			return unsupported(n, "has weights outside the file within its branch")
		}
	}
	s.lean = leanModel(7, lean)
	var nodes []*node
	if len(s.nodes) > 0 {
		if nodes, err = decode(s); err != nil {
			return err
		}
	}
	maker := map[string]*node{}
	for _, d := range nodes {
		for _, o := range d.outputs {
			maker[o] = d
		}
	}
	if nodes, err = sorted(nodes, maker); err != nil {
		return err
	}
	for name, t := range s.tensors {
		b.consts[name] = constOf(t)
	}
	if len(s.outputs) != len(n.outputs) {
		return fmt.Errorf("its %s has %d results where %d belong", strings.TrimSuffix(side, "_branch"), len(s.outputs), len(n.outputs))
	}
	for _, d := range nodes {
		if err := b.node(d); err != nil {
			return err
		}
	}
	results := make([]string, len(s.outputs))
	for i, o := range s.outputs {
		results[i] = o.name
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
		for name := range maker {
			forget(name)
		}
	}()
	for i, name := range results {
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
