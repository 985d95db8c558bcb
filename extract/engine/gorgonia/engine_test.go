package gorgonia

import (
	"testing"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/onnx"
)

func create(net *onnx.Network, l onnx.Layer, h, w int) (enginetest.Engine, error) {
	return New(net, l, h, w)
}

func TestGoldens(t *testing.T) {
	enginetest.TestGoldens(t, create, map[string]string{
		"alexnet": "the backend has no LRN",
		"mixed":   "the backend has no ReduceMean; TestMixed runs what comes before it",
	})
}
