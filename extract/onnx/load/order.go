package load

import (
	"fmt"
)

// EachInput are the values that a node needs: its arguments, and what graphs within it take from around them.
func (n *Node) EachInput(f func(name string)) {
	for _, in := range n.Inputs {
		if in != "" {
			f(in)
		}
	}
	for _, in := range n.captures {
		f(in)
	}
}

// Needs are the nodes that a value depends on.
func (n *File) Needs(tensors ...string) map[*Node]bool {
	need := map[*Node]bool{}
	stack := append([]string(nil), tensors...)
	for len(stack) > 0 {
		d := n.Producer[stack[len(stack)-1]]
		stack = stack[:len(stack)-1]
		if d == nil || need[d] {
			continue
		}
		need[d] = true
		d.EachInput(func(name string) { stack = append(stack, name) })
	}
	return need
}

// topologicalOrder puts nodes in an order in which they can run, keeping the file's where it is one.
func topologicalOrder(nodes []*Node, producer map[string]*Node) ([]*Node, error) {
	const (
		open = 1
		done = 2
	)
	state := make(map[*Node]int, len(nodes))
	out := make([]*Node, 0, len(nodes))
	type frame struct {
		d    *Node
		wait []*Node
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
				f.d.EachInput(func(name string) {
					if m := producer[name]; m != nil && state[m] != done {
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
				return nil, fmt.Errorf("%s depends on its own output: the file is corrupt", next)
			}
		}
	}
	return out, nil
}
