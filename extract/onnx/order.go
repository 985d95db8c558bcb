package onnx

import (
	"fmt"
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
func (n *File) needs(tensors ...string) map[*node]bool {
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
