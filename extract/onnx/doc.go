// Package onnx reads a network from an ONNX file and turns the part of it that leads to one
// layer into a plan that an engine can run.
//
// The file is memory-mapped and its protobuf framing is walked once with bounds checks; weights
// stay where they are in the mapping (or in an external data file beside it) and are handed out as
// slices. What is left, the graph without its weights, is decoded by onnx-go, which calls back into
// this package's implementation of its backend interface; so operators, attributes and argument
// order are read by onnx-go, and weights are attached afterwards by name.
//
// [Network.Layer] finds the feature layer by structure: fc7 after its ReLU where the network ends
// in three linear layers, as VGG and AlexNet do, and the pooled feature elsewhere. [Network.Plan]
// infers every shape for one image, evaluates what depends on constants alone (shape arithmetic,
// transposed weights), drops what does nothing at inference, folds BatchNormalization and constant
// scales into the layer before them and fuses activations. A plan is made for one image; engines
// run it over any number, so a step that would mix the images of a batch is refused.
package onnx
