// Package load reads ONNX files.
//
// [Open] maps a file into memory and walks its protobuf framing once with bounds checks; weights stay
// where they are in the mapping (or in an external data file beside it) and are handed out as slices.
// What is left, the graph without its weights, is decoded by onnx-go, which calls back into this
// package's implementation of its backend interface; so operators, attributes and argument order are
// read by onnx-go, and weights are attached afterwards by name. Calls of a model's own functions are
// replaced by the functions' nodes before that. This is the only package that imports onnx-go to read
// networks.
package load
