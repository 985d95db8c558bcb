//go:build !onnxruntime || !cgo

package onnxruntime

import (
	"errors"

	"vzsl/extract/onnx"
)

var errMissing = errors.New("this vzsl is built without the onnxruntime engine: build it with CGO_ENABLED=1 go build -tags onnxruntime, which needs a C compiler")

// Engine cannot be had in this build.
type Engine struct{}

// New says how to build a program that has the engine.
func New(*onnx.Network, onnx.Layer, int, int, Options) (*Engine, error) { return nil, errMissing }

// Run fails.
func (*Engine) Run([]float32, int, []float32) error { return errMissing }

// Dim is 0.
func (*Engine) Dim() int { return 0 }

// Close does nothing.
func (*Engine) Close() error { return nil }
