package plan

import (
	"vzsl/extract/onnx/load"
)

// Plan is the part of a network that leads from its input to one layer, for one image: engines run
// it over any number of images side by side. Steps are in an order in which they can run.
type Plan struct {
	Values        []Value
	Steps         []Step
	Input, Output int // indices into Values
}

// Value is a tensor between steps. Dims are the network's own (channels first after a
// convolution), with 1 for the batch axis.
type Value struct {
	Name string
	Dims []int
}

// Len is the number of elements for one image.
func (v Value) Len() int { return load.Elements(v.Dims) }

// Step computes one value from others.
type Step struct {
	Node string // the network's node, for messages: operator and name
	Op   Op
	In   []int
	Out  int
}
