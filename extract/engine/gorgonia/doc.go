// Package gorgonia runs a network on onnx-go's own Gorgonia backend: slow, but a second opinion that
// shares no arithmetic with the native engine.
//
// The backend is not given the file's graph but one rewritten from the plan of package onnx: cut
// at the layer, for one image, with only what the backend computes rightly. It leaves out traps of
// onnx-go v0.5.0 and Gorgonia v0.9.18: Gemm writes its result over its bias at batch one (here the
// bias is a separate addition); MaxPool refuses dilations of 1 and takes its padding in another order
// than it is given; AveragePool, Clip, Pad, groups and uneven padding are missing (here they are
// written in terms of convolution, ReLU and concatenation); constants are broadcast by a guess (here
// they have the value's full shape); an operator that reads one value twice loses an argument; the
// value of an inner node is nil. Images go through one by one, each on a graph of its own, because a
// graph that runs again keeps growing.
package gorgonia
