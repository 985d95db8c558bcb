package onnx

import (
	"fmt"
	"sort"
	"strings"

	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/ops"
)

// Layer is a tensor of the network to take features from.
type Layer struct {
	Tensor string
	Pool   ops.Pooling // what makes one feature of a sequence of tokens or of maps; "": the tensor as it is
	What   string      // for people: "fc7 after ReLU", "the pooled feature", ...
	Dim    int         // features per image (for images of 224 x 224 where the file leaves the size open)
}

// String is the name by which Network.Layer finds the layer again.
func (l Layer) String() string {
	if l.Pool == "" {
		return l.Tensor
	}
	return l.Tensor + ops.PoolMark + string(l.Pool)
}

// LayerName joins a layer's name (or "") and its pooling (or "") to what Network.Layer takes.
func LayerName(name, pool string) string {
	if pool == "" {
		return name
	}
	return name + ops.PoolMark + pool
}

// guessSize stands for the image size where the file leaves it open.
const guessSize = 224

// Layer finds the tensor called name; " pool=mean" (or another Pooling) after the name says how it is pooled.
// An empty name means the layer usually used as features:
//
//   - Where the network ends in three linear layers (Gemm, or MatMul with its bias) with a ReLU after
//     the first two, as VGG and AlexNet do: the ReLU after the second, fc7.
//   - Else an output that is an embedding by its name: image_embeds, pooler_output and the like; else
//     last_hidden_state, pooled: its class token where it has one, the mean of its patches elsewhere.
//   - Else, where it averages the maps or patches of its last block: that average, flattened, with the
//     normalisation between it and the classifier where there is one.
//   - Else the input of its last matrix, where that is the classifier.
//   - Else its output.
//
// In a network of the first kind "fc6" and "fc7" are names, too. An unknown name is an error that
// lists the candidates with their shapes, and the most similar tensors.
func (n *Network) Layer(name string) (Layer, error) {
	l, err := n.named(name)
	if err != nil {
		return Layer{}, err
	}
	b, err := n.build(l.Tensor)
	if err != nil {
		return Layer{}, fmt.Errorf("%s: layer %q: %w", n.file.Path(), l.Tensor, err)
	}
	if err := l.finish(b); err != nil {
		return Layer{}, fmt.Errorf("%s: layer %q: %w", n.file.Path(), l.Tensor, err)
	}
	return l, nil
}

// Find is Layer for a runtime that knows more operators than this package: where the layer cannot be planned,
// its Dim is 0 and what it is called is told by the file's structure alone.
func (n *Network) Find(name string) (Layer, error) {
	l, err := n.Layer(name)
	if err == nil {
		return l, nil
	}
	if l, err = n.named(name); err != nil {
		return Layer{}, err
	}
	if !n.file.FromImage(l.Tensor) {
		return Layer{}, fmt.Errorf("%s: layer %q does not depend on the image alone", n.file.Path(), l.Tensor)
	}
	return l, nil
}

// named finds a layer without looking at its shape.
func (n *Network) named(name string) (Layer, error) {
	name, pool, err := ops.SplitPool(name)
	if err != nil {
		return Layer{}, err
	}
	var l Layer
	fc6, fc7 := n.linearFeatures()
	switch {
	case n.file.Producer[name] != nil:
		l = Layer{Tensor: name, What: n.describe(name, fc6, fc7)}
	case name == "fc6" && fc6 != "":
		l = Layer{Tensor: fc6, What: "fc6 after ReLU"}
	case name == "fc7" && fc7 != "":
		l = Layer{Tensor: fc7, What: "fc7 after ReLU"}
	case name == "":
		if l = n.defaultLayer(); pool != "" {
			if t := n.tokens(); t != "" {
				l = Layer{Tensor: t, What: n.describe(t, fc6, fc7)}
			}
		}
	default:
		return Layer{}, fmt.Errorf("%s has no layer %q. Usual feature layers: %s. Tensors, most similar first: %s", n.file.Path(), name, n.candidateList(), strings.Join(n.candidates(name), ", "))
	}
	if pool != "" {
		l.Pool = pool
	}
	return l, nil
}

// finish makes the layer the plan's output and fills in its dimension.
func (l *Layer) finish(b *ops.Builder) error {
	dim, what, err := b.Output(l.Tensor, l.Pool)
	if err != nil {
		return err
	}
	if !strings.Contains(l.What, what) {
		l.What = what + " of " + l.What
	}
	l.Dim = dim
	return nil
}

// describe says what a tensor is.
func (n *Network) describe(name, fc6, fc7 string) string {
	switch {
	case name == fc7:
		return "fc7 after ReLU"
	case name == fc6:
		return "fc6 after ReLU"
	case name == n.file.Output && len(n.file.Model.Outputs) == 1:
		return "the network's output"
	}
	for _, o := range n.file.Model.Outputs {
		if o.Name == name {
			if what := embeddingNamed(name); what != "" {
				return what
			}
			if name == n.file.Output {
				return "the network's output"
			}
			return fmt.Sprintf("the network's output %q", name)
		}
	}
	return fmt.Sprintf("the tensor %q", name)
}

// build infers shapes up to a tensor, for the file's image size or a usual one.
func (n *Network) build(tensor string) (*ops.Builder, error) {
	in := n.Input()
	h, w := in.Height, in.Width
	if h == 0 {
		h = guessSize
	}
	if w == 0 {
		w = guessSize
	}
	return ops.Build(n.file, tensor, h, w)
}

// ancestors are the nodes that the network's output depends on, in the order in which they run.
func (n *Network) ancestors() []*load.Node {
	need := n.file.Needs(n.file.Output)
	var out []*load.Node
	for _, d := range n.file.Nodes {
		if need[d] {
			out = append(out, d)
		}
	}
	return out
}

// weightOf follows a name through operators that only rearrange a constant to the tensor it is.
func (n *Network) weightOf(name string) *load.Tensor {
	for range 8 {
		if t := n.file.Tensors[name]; t != nil {
			return t
		}
		d := n.file.Producer[name]
		if d == nil || len(d.Inputs) == 0 {
			return nil
		}
		switch d.Op {
		case "Transpose", "Identity", "Cast", "DequantizeLinear":
			name = d.Inputs[0]
		default:
			return nil
		}
	}
	return nil
}

// isLinear reports whether d multiplies by a constant matrix.
func (n *Network) isLinear(d *load.Node) bool {
	if d.Op != "Gemm" && d.Op != "MatMul" || len(d.Inputs) < 2 || n.weightOf(d.Inputs[0]) != nil {
		return false
	}
	w := n.weightOf(d.Inputs[1])
	return w != nil && len(w.Dims) == 2
}

// next is the only operator that reads a value, besides those that only ask for its shape.
func (n *Network) next(name string) *load.Node {
	var only *load.Node
	for _, u := range n.file.Consumers[name] {
		if u.Op == "Shape" {
			continue
		}
		if only != nil && only != u {
			return nil
		}
		only = u
	}
	return only
}

// reluAfter follows the value of a linear layer over its bias and what does nothing at inference to
// the ReLU, and gives the ReLU's output.
func (n *Network) reluAfter(name string) string {
	for range 8 {
		d := n.next(name)
		if d == nil || len(d.Outputs) == 0 {
			return ""
		}
		switch d.Op {
		case "Relu":
			return d.Outputs[0]
		case "Add", "Identity", "Dropout", "BatchNormalization", "Reshape", "Squeeze", "Unsqueeze", "Flatten":
			name = d.Outputs[0]
		default:
			return ""
		}
	}
	return ""
}

// linearFeatures finds fc6 and fc7 after their ReLU where the network's last three linear layers
// form a chain; empty names where they do not.
func (n *Network) linearFeatures() (fc6, fc7 string) {
	var linear []*load.Node
	for _, d := range n.ancestors() {
		if n.isLinear(d) {
			linear = append(linear, d)
		}
	}
	if len(linear) < 3 {
		return "", ""
	}
	linear = linear[len(linear)-3:]
	fc6, fc7 = n.reluAfter(linear[0].Outputs[0]), n.reluAfter(linear[1].Outputs[0])
	if fc6 == "" || fc7 == "" || !n.feeds(fc6, linear[1]) || !n.feeds(fc7, linear[2]) {
		return "", ""
	}
	return fc6, fc7
}

// feeds reports whether the value goes into d, directly or over operators that do nothing.
func (n *Network) feeds(name string, d *load.Node) bool {
	for range 8 {
		u := n.next(name)
		switch {
		case u == nil || len(u.Outputs) == 0:
			return false
		case u == d:
			return true
		case u.Op == "Dropout", u.Op == "Identity", u.Op == "Flatten", u.Op == "Reshape", u.Op == "Squeeze", u.Op == "Unsqueeze", u.Op == "Cast":
			name = u.Outputs[0]
		default:
			return false
		}
	}
	return false
}

// bypassed reports whether the output depends on the image by a way that avoids the value.
func (n *Network) bypassed(name string) bool {
	seen := map[string]bool{name: true}
	stack := []string{n.file.Output}
	for len(stack) > 0 {
		t := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[t] {
			continue
		}
		seen[t] = true
		if t == n.file.Image.Name {
			return true
		}
		if d := n.file.Producer[t]; d != nil && d.Op != "Shape" {
			stack = append(stack, d.Inputs...)
		}
	}
	return false
}

// maxCandidates bounds the list in an error.
const maxCandidates = 20

// candidates lists names of tensors that can be a layer, the most similar to name first.
func (n *Network) candidates(name string) []string {
	type candidate struct {
		name string
		far  int
	}
	var list []candidate
	lower := strings.ToLower(name)
	depends := map[string]bool{n.file.Image.Name: true} // on the image's data, not on its size alone
	for i, d := range n.file.Nodes {
		image := false
		d.EachInput(func(in string) { image = image || depends[in] })
		if !image || d.Op == "Shape" || d.Op == "Size" {
			continue
		}
		for _, o := range d.Outputs {
			if o == "" {
				continue
			}
			depends[o] = true
			l := strings.ToLower(o)
			far := editDistance(lower, l) * 2
			if len(lower) > 1 && strings.Contains(l, lower) || len(l) > 1 && strings.Contains(lower, l) {
				far = abs(len(l) - len(lower))
			}
			// Of equally far ones the deepest: features come from the network's end.
			list = append(list, candidate{o, far*len(n.file.Nodes) + len(n.file.Nodes) - i})
		}
		if len(list) > 1<<14 {
			break
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].far < list[j].far })
	var out []string
	for i, c := range list {
		if i == maxCandidates {
			out = append(out, fmt.Sprintf("and %d more", len(list)-i))
			break
		}
		out = append(out, c.name)
	}
	return out
}

func abs(a int) int { return max(a, -a) }

// editDistance is Levenshtein's edit distance, of the first 64 bytes.
func editDistance(a, b string) int {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diag
			if a[i] != b[j] {
				d++
			}
			diag = row[j+1]
			row[j+1] = min(d, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
