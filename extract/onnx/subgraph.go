package onnx

// subgraph is a graph within an operator.
type subgraph struct {
	tensors map[string]*Tensor
	nodes   []*node // in an order in which they can run
	maker   map[string]*node
	outputs []string
}

// subgraph reads the graph that is a node's attribute. calls counts the functions that such graphs call.
func (f *File) subgraph(n *node, attribute string, calls *int) (*subgraph, error) {
	s := &scanned{tensors: map[string]*Tensor{}, functions: f.model.functions, opset: f.model.opset, calls: f.model.calls + *calls}
	lean, err := s.scanGraph(n.graphs[attribute])
	*calls = s.calls - f.model.calls
	if err != nil {
		return nil, err
	}
	for _, t := range s.tensors {
		if t.ext != nil {
			return nil, unsupported(n, "has weights outside the file within its branch")
		}
	}
	s.lean = leanModel(7, lean)
	g := &subgraph{tensors: s.tensors, maker: map[string]*node{}}
	if len(s.nodes) > 0 {
		if g.nodes, err = decode(s); err != nil {
			return nil, err
		}
	}
	for _, d := range g.nodes {
		for _, o := range d.outputs {
			g.maker[o] = d
		}
	}
	if g.nodes, err = sorted(g.nodes, g.maker); err != nil {
		return nil, err
	}
	for _, o := range s.outputs {
		g.outputs = append(g.outputs, o.name)
	}
	return g, nil
}
