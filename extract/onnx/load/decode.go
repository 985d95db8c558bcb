package load

import (
	"fmt"
	"sort"

	onnxgo "github.com/owulveryck/onnx-go"
	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/iterator"
)

// Node is one operator of the graph as onnx-go decoded it, with what the file says besides.
type Node struct {
	nodeInfo
	Inputs []string // "" for an optional input left out
	Attrs  map[string]any
}

// NewNode is a node of no file, to name in messages.
func NewNode(op, name string) *Node { return &Node{nodeInfo: nodeInfo{Op: op, name: name}} }

func (n *Node) String() string {
	name := n.name
	if name == "" && len(n.Outputs) > 0 {
		name = n.Outputs[0]
	}
	return fmt.Sprintf("%s %q", n.Op, name)
}

// Input is the name of the i-th argument, "" where there is none.
func (n *Node) Input(i int) string {
	if i < len(n.Inputs) {
		return n.Inputs[i]
	}
	return ""
}

// vertex is a value of the graph: onnx-go's backend interface makes a vertex of every tensor name.
type vertex struct {
	id   int64
	name string
	args []*vertex // of the operator that makes the value, in order
	uses []*vertex // values made from this one
}

func (v *vertex) ID() int64        { return v.id }
func (v *vertex) SetName(s string) { v.name = s }
func (v *vertex) GetName() string  { return v.name }

// edge runs from an operator's output to one of its arguments; its weight is the argument's place.
type edge struct {
	from, to *vertex
	place    float64
}

func (e edge) From() graph.Node         { return e.from }
func (e edge) To() graph.Node           { return e.to }
func (e edge) ReversedEdge() graph.Edge { return e }
func (e edge) Weight() float64          { return e.place }

// backend implements onnx-go's Backend: it records operators in file order with their arguments.
type backend struct {
	infos    []nodeInfo
	vertices []*vertex
	nodes    []*Node
}

var _ onnxgo.Backend = (*backend)(nil)

func (b *backend) NewNode() graph.Node { return &vertex{id: int64(len(b.vertices))} }

func (b *backend) AddNode(n graph.Node) { b.vertices = append(b.vertices, n.(*vertex)) }

func (b *backend) NewWeightedEdge(from, to graph.Node, w float64) graph.WeightedEdge {
	return edge{from.(*vertex), to.(*vertex), w}
}

// SetWeightedEdge records an argument. An operator that takes one value twice has two parallel
// edges, which a plain graph would merge.
func (b *backend) SetWeightedEdge(e graph.WeightedEdge) {
	ed := e.(edge)
	for len(ed.from.args) <= int(ed.place) {
		ed.from.args = append(ed.from.args, nil)
	}
	ed.from.args[int(ed.place)] = ed.to
	ed.to.uses = append(ed.to.uses, ed.from)
}

// ApplyOperation is called once for each node, in file order.
func (b *backend) ApplyOperation(op onnxgo.Operation, outs ...graph.Node) error {
	i := len(b.nodes)
	if i >= len(b.infos) || b.infos[i].Op != op.Name {
		return fmt.Errorf("operator %s out of order", op.Name)
	}
	n := &Node{nodeInfo: b.infos[i], Attrs: op.Attributes}
	if len(outs) > 0 {
		args := outs[0].(*vertex).args
		for _, a := range args[:min(len(args), n.arity)] { // onnx-go invents one for a node without
			name := ""
			if a != nil {
				name = a.name
			}
			n.Inputs = append(n.Inputs, name)
		}
	}
	b.nodes = append(b.nodes, n)
	return nil
}

func (b *backend) Node(id int64) graph.Node {
	if id < 0 || id >= int64(len(b.vertices)) {
		return nil
	}
	return b.vertices[id]
}

func (b *backend) Nodes() graph.Nodes { return nodes(b.vertices) }

func (b *backend) From(id int64) graph.Nodes {
	if n := b.Node(id); n != nil {
		return nodes(n.(*vertex).args)
	}
	return graph.Empty
}

func (b *backend) To(id int64) graph.Nodes {
	if n := b.Node(id); n != nil {
		return nodes(n.(*vertex).uses)
	}
	return graph.Empty
}

func (b *backend) Edge(uid, vid int64) graph.Edge {
	u, v := b.Node(uid), b.Node(vid)
	if u == nil || v == nil {
		return nil
	}
	for i, a := range u.(*vertex).args {
		if a == v.(*vertex) {
			return edge{u.(*vertex), a, float64(i)}
		}
	}
	return nil
}

func (b *backend) HasEdgeFromTo(uid, vid int64) bool { return b.Edge(uid, vid) != nil }

func (b *backend) HasEdgeBetween(x, y int64) bool {
	return b.HasEdgeFromTo(x, y) || b.HasEdgeFromTo(y, x)
}

// nodes iterates over vertices once each, by id.
func nodes(vs []*vertex) graph.Nodes {
	seen := map[int64]bool{}
	var out []graph.Node
	for _, v := range vs {
		if v != nil && !seen[v.id] {
			seen[v.id] = true
			out = append(out, v)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID() < out[j].ID() })
	return iterator.NewOrderedNodes(out)
}

// decode hands the lean model to onnx-go and returns its nodes in file order.
func decode(s *Model) (list []*Node, err error) {
	// The decoder is a library's: whatever it trips over in a damaged file is an error here.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("its graph is corrupt: %v", r)
		}
	}()
	b := &backend{infos: s.nodes}
	if err := onnxgo.NewModel(b).UnmarshalBinary(s.lean); err != nil {
		return nil, err
	}
	if len(b.nodes) != len(s.nodes) {
		return nil, fmt.Errorf("its graph is corrupt: %d of %d nodes read", len(b.nodes), len(s.nodes))
	}
	return b.nodes, nil
}
