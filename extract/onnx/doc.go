// Package onnx reads a network from an ONNX file and turns the part of it that leads to one
// layer into a plan that an engine can run.
//
// The file is memory-mapped and its protobuf framing is walked once with bounds checks; weights
// stay where they are in the mapping (or in an external data file beside it) and are handed out as
// slices. What is left, the graph without its weights, is decoded by onnx-go, which calls back into
// this package's implementation of its backend interface; so operators, attributes and argument
// order are read by onnx-go, and weights are attached afterwards by name.
//
// [Network.Layer] finds the feature layer by the outputs' names and by structure: fc7 after its ReLU,
// an embedding, the pooled feature, the input of the classifier. [Network.PlanLayer] infers every
// shape for one image: a plan is what the network computes for one image alone, so the batch axis is
// one of one entry wherever it goes, and engines run a plan over any number of images. The
// operators of each family emit steps (operators.go lists them, steps.go has the steps). What
// depends on constants alone is evaluated by the steps' own definition ([Eval]), which is what
// engines are tested against, too. Then what is written out in small operators is recognised (GELU,
// layer normalisation, attention), what does nothing at inference is dropped, and
// BatchNormalization, constant scales and activations are folded into the step before them.
package onnx
