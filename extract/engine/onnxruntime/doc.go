// Package onnxruntime runs a network in ONNX Runtime, whose shared library is opened at run time: for
// its execution providers (CUDA, TensorRT, CoreML), and to compare with. It needs cgo and is built
// with the tag onnxruntime only; without it, New says so.
//
// ONNX Runtime gives the outputs that the file declares, and the feature layer is seldom one of
// them. So it is handed the file's structure rewritten: the layer is the only output, and the
// operators and weights that the layer does not need are left out. The weights that are kept are not
// copied: the new structure names the place in the file where they lie as external data, which ONNX
// Runtime maps into memory. Neither copies nor the 2 GB that a protobuf message may have are a matter then.
//
// ONNX Runtime does not promise that a row is the same whatever the batch it is in. Images are run in
// the batches that they come in, so that equal calls give equal bits.
package onnxruntime
