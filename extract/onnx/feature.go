package onnx

import (
	"fmt"
	"slices"
	"strings"

	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/ops"
)

// embeddingNamed says what an output is whose name tells that it is a feature and no class scores.
func embeddingNamed(name string) string {
	l := strings.ToLower(name)
	switch {
	case l == "image_embeds" || l == "image_embeddings" || l == "image_embedding":
		return "the image's embedding"
	case l == "pooler_output" || l == "pooled_output":
		return "the pooler's output"
	case l == "last_hidden_state":
		return "the last hidden state"
	case strings.Contains(l, "embed"):
		return "the embedding"
	case strings.Contains(l, "feature") && !strings.Contains(l, "/"):
		return "the features"
	}
	return ""
}

// defaultLayer is the layer taken where none is named.
func (n *Network) defaultLayer() Layer {
	if _, fc7 := n.linearFeatures(); fc7 != "" {
		return Layer{Tensor: fc7, What: "fc7 after ReLU"}
	}
	if l, ok := n.embedding(); ok {
		return l
	}
	pooled, ok := n.pooledFeature()
	if ok && pooled.Tensor == n.file.Output {
		return pooled
	}
	last, isLast := n.classifierInput()
	switch {
	case ok && isLast && last.Tensor != pooled.Tensor && n.onlyNormalised(pooled.Tensor, last.Tensor):
		last.What = "the pooled feature, normalised"
		return last
	case ok:
		return pooled
	case isLast:
		return last
	}
	return Layer{Tensor: n.file.Output, What: "the network's output"}
}

// embedding is the output that is a feature by its name: the image's embedding, the pooler's output (but for
// one that ends in tanh: it is seldom trained), else the last hidden state, pooled.
func (n *Network) embedding() (Layer, bool) {
	rank := func(name string) int {
		switch what := embeddingNamed(name); {
		case what == "":
			return 0
		case what == "the pooler's output" && n.file.Producer[name].Op == "Tanh":
			return 1
		case what == "the last hidden state":
			return 2
		case what == "the pooler's output":
			return 4
		case what == "the image's embedding":
			return 5
		case len(n.file.Model.Outputs) == 1:
			return 3
		}
		return 0
	}
	best, name := 0, ""
	for _, o := range n.file.Model.Outputs {
		if n.file.Producer[o.Name] == nil || !n.file.FromImage(o.Name) {
			continue
		}
		if r := rank(o.Name); r > best {
			best, name = r, o.Name
		}
	}
	if best == 0 {
		return Layer{}, false
	}
	l := Layer{Tensor: name, What: embeddingNamed(name)}
	d, ok := n.shape(name)
	if !ok {
		return l, true // the error is told where the layer is planned
	}
	switch {
	case len(d) == 3 && d[1] > 1:
		l.Pool = ops.PoolMean
		if before, ok := ops.Prefix(d[1]); before > 0 || !ok {
			l.Pool = ops.PoolClass
		}
	case len(d) == 4 && d[2]*d[3] > 1:
		l.Pool = ops.PoolMean
	}
	return l, true
}

// tokens is the sequence of tokens or the maps that --pool means where no layer is named: the last hidden
// state, else the last value of that kind on the way to the output.
func (n *Network) tokens() string {
	for _, o := range n.file.Model.Outputs {
		if embeddingNamed(o.Name) == "the last hidden state" && n.file.FromImage(o.Name) {
			return o.Name
		}
	}
	nodes := n.ancestors()
	for i := len(nodes) - 1; i >= 0; i-- {
		name := nodes[i].Outputs[0]
		d, ok := n.shape(name)
		if !ok || n.bypassed(name) {
			continue
		}
		if len(d) == 3 && d[0] == 1 && d[1] > 1 && d[2] > 1 || len(d) == 4 && d[0] == 1 && d[1] > 1 && d[2]*d[3] > 1 {
			return name
		}
	}
	return ""
}

// classifierInput is the argument of the last matrix on the way to the output, where all of the output goes
// through it and nothing but a bias and a softmax follows.
func (n *Network) classifierInput() (Layer, bool) {
	var last *load.Node
	for _, d := range n.ancestors() {
		if n.isLinear(d) {
			last = d
		}
	}
	if last == nil || n.bypassed(last.Outputs[0]) || embeddingNamed(n.file.Output) != "" && len(n.file.Model.Outputs) == 1 {
		return Layer{}, false
	}
	for name := last.Outputs[0]; name != n.file.Output; {
		d := n.next(name)
		if d == nil || len(d.Outputs) == 0 {
			return Layer{}, false
		}
		switch d.Op {
		case "Add", "Softmax", "LogSoftmax", "Sigmoid", "Identity", "Cast", "Flatten", "Reshape", "Squeeze", "Unsqueeze":
		default:
			return Layer{}, false
		}
		name = d.Outputs[0]
	}
	name := last.Inputs[0]
	for n.file.Producer[name] != nil && slices.Contains([]string{"Dropout", "Identity", "Cast"}, n.file.Producer[name].Op) {
		name = n.file.Producer[name].Inputs[0]
	}
	d := n.file.Producer[name]
	if d == nil || !n.isRow(name) || !n.hasWeightsBefore(name) {
		return Layer{}, false
	}
	what := "the input of the last matrix"
	if d.Op == "Gather" || d.Op == "Slice" || d.Op == "Squeeze" {
		if from, ok := n.shape(d.Inputs[0]); ok {
			if len(from) == 3 {
				what = "the class token, the input of the last matrix"
			}
		}
	}
	return Layer{Tensor: name, What: what}, true
}

// hasWeightsBefore reports whether a convolution or a matrix is on the way to a value.
func (n *Network) hasWeightsBefore(name string) bool {
	for d := range n.file.Needs(name) {
		if d.Op == "Conv" || n.isLinear(d) {
			return true
		}
	}
	return false
}

// shape returns a value's dimensions for one image of the file's size or a usual one, where they can be inferred.
func (n *Network) shape(name string) (dims []int, ok bool) {
	n.shapesOnce.Do(func() {
		n.shapes = map[string][]int{}
		if b, _ := n.build(n.file.Output); b != nil {
			n.shapes = b.Shapes()
		}
	})
	if d, ok := n.shapes[name]; ok {
		return d, true
	}
	b, err := n.build(name) // it is not on the way to the output
	if err != nil {
		return nil, false
	}
	dims, ok = b.Shapes()[name]
	return dims, ok
}

// isRow reports whether a value has all its entries along its last axis.
func (n *Network) isRow(name string) bool {
	d, ok := n.shape(name)
	return ok && len(d) > 0 && d[len(d)-1] == load.Elements(d) && load.Elements(d) > 1
}

// onlyNormalised reports whether a value is made of another by normalisation alone: no matrix, convolution
// or nonlinear function is between.
func (n *Network) onlyNormalised(from, to string) bool {
	before := n.file.Needs(from)
	for d := range n.file.Needs(to) {
		if before[d] {
			continue
		}
		switch d.Op {
		case "LayerNormalization", "BatchNormalization", "LpNormalization", "ReduceMean", "ReduceL2", "ReduceSum", "Sub", "Add", "Mul", "Div", "Pow", "Sqrt", "Clip", "Max",
			"Expand", "Shape", "Constant", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Dropout", "Cast", "Concat", "Gather", "Slice":
		default:
			return false
		}
	}
	return true
}

// Candidates are the layers usually used as features, with what each is.
func (n *Network) Candidates() []Layer {
	var list []Layer
	add := func(l Layer) {
		b, err := n.build(l.Tensor)
		if err != nil || l.finish(b) != nil {
			return
		}
		for _, o := range list {
			if o.String() == l.String() {
				return
			}
		}
		list = append(list, l)
	}
	add(n.defaultLayer())
	fc6, fc7 := n.linearFeatures()
	if fc7 != "" {
		add(Layer{Tensor: fc7, What: "fc7 after ReLU"})
		add(Layer{Tensor: fc6, What: "fc6 after ReLU"})
	}
	if l, ok := n.pooledFeature(); ok {
		add(l)
	}
	if l, ok := n.classifierInput(); ok {
		add(l)
	}
	for _, o := range n.file.Model.Outputs {
		if n.file.Producer[o.Name] == nil || !n.file.FromImage(o.Name) {
			continue
		}
		l := Layer{Tensor: o.Name, What: n.describe(o.Name, fc6, fc7)}
		add(l)
		if o.Name == n.file.Output || embeddingNamed(o.Name) != "" {
			for _, p := range ops.Poolings() {
				l.Pool = ops.Pooling(p)
				add(l)
			}
		}
	}
	if t := n.tokens(); t != "" && n.file.Producer[t] != nil {
		for _, p := range ops.Poolings() {
			add(Layer{Tensor: t, Pool: ops.Pooling(p), What: n.describe(t, fc6, fc7)})
		}
	}
	return list
}

// candidateList names the candidates in one line.
func (n *Network) candidateList() string {
	var parts []string
	for _, l := range n.Candidates() {
		parts = append(parts, fmt.Sprintf("%q (%s, %d-d)", l, l.What, l.Dim))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// pooledFeature finds the last average over whole maps that all of the output passes through (the gates
// of squeeze-and-excitation blocks do not count) and follows it to where it is flat; without one it
// is the network's output.
func (n *Network) pooledFeature() (l Layer, ok bool) {
	nodes := n.ancestors()
	for i := len(nodes) - 1; i >= 0; i-- {
		d := nodes[i]
		if op := d.Op; op != "GlobalAveragePool" && op != "ReduceMean" && op != "AveragePool" {
			continue
		}
		name := d.Outputs[0]
		if n.bypassed(name) || !n.isPooled(name) || !n.hasWeightsBefore(name) {
			continue
		}
		for range 8 {
			d := n.next(name)
			if d == nil || len(d.Outputs) == 0 {
				break
			}
			if d.Op != "Flatten" && d.Op != "Reshape" && d.Op != "Squeeze" && d.Op != "Identity" && d.Op != "Dropout" {
				break
			}
			name = d.Outputs[0]
		}
		if name == n.file.Output {
			return Layer{Tensor: name, What: "the pooled feature, the network's output"}, true
		}
		return Layer{Tensor: name, What: "the pooled feature"}, true
	}
	return Layer{}, false
}

// isPooled reports whether a value has one number for each channel and a layer of maps before it.
func (n *Network) isPooled(name string) bool {
	d, ok := n.shape(name)
	return ok && len(d) > 0 && slices.Max(d) == load.Elements(d)
}
