// Package native runs a network on the project's own kernels.
//
// New turns the plan of package onnx into a program. Values that are feature maps are laid out
// channels last, inside the halo that the convolutions reading them want; all others lie in the
// network's own order. A conversion is put in where a step wants the other layout: at the input,
// and where maps are flattened in channel, height, width order for a linear layer. Inputs of a
// concatenation of channels are computed in place, as channels of the joined maps. Buffers are
// shared between values whose lifetimes do not overlap. A maximum over each 2x2 is taken by the
// convolution before it. Attention reads queries, keys and values where the layer before left them, and
// writes its result in the order that the layer after it wants. The beginning of a program, where maps are large and weights small, runs an
// image at a time, each processor its own, so that maps pass from step to step within the caches.
//
// Features do not depend on how images fall into batches, nor on the number of threads, to the bit.
package native
