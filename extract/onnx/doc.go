// Package onnx opens a network in an ONNX file, finds the layer that features are taken from and makes the
// plan that an engine runs.
//
// [Network.Layer] finds the feature layer by the outputs' names and by structure: fc7 after its ReLU,
// an embedding, the pooled feature, the input of the classifier. [Network.PlanLayer] makes its plan: what
// the network computes for one image alone, so the batch axis is one of one entry wherever it goes, and
// engines run a plan over any number of images.
//
// The work is done by four packages, each of which imports only those after it: ops turns operators into
// steps, plan holds the steps, their reference implementation and their fusion, fold computes with
// constants, load reads the file.
package onnx
