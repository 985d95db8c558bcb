package load

// subgraph is a graph within an operator.
type subgraph struct {
	Tensors map[string]*Tensor
	Nodes   []*Node // in an order in which they can run
	Maker   map[string]*Node
	Outputs []string
}

// Subgraph reads the graph that is a node's attribute. calls counts the functions that such graphs call.
func (f *File) Subgraph(n *Node, attribute string, calls *int) (*subgraph, error) {
	s := &Model{tensors: map[string]*Tensor{}, functions: f.Model.functions, Opset: f.Model.Opset, calls: f.Model.calls + *calls}
	lean, err := s.scanGraph(n.graphs[attribute])
	*calls = s.calls - f.Model.calls
	if err != nil {
		return nil, err
	}
	for _, t := range s.tensors {
		if t.ext != nil {
			return nil, Unsupported(n, "external weights within a branch")
		}
	}
	s.lean = leanModel(7, lean)
	g := &subgraph{Tensors: s.tensors, Maker: map[string]*Node{}}
	if len(s.nodes) > 0 {
		if g.Nodes, err = decode(s); err != nil {
			return nil, err
		}
	}
	for _, d := range g.Nodes {
		for _, o := range d.Outputs {
			g.Maker[o] = d
		}
	}
	if g.Nodes, err = topologicalOrder(g.Nodes, g.Maker); err != nil {
		return nil, err
	}
	for _, o := range s.Outputs {
		g.Outputs = append(g.Outputs, o.Name)
	}
	return g, nil
}
