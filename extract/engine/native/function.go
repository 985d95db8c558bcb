package native

import (
	"vzsl/extract/onnx"
	"vzsl/internal/kernels"
)

// function is an activation as the kernels know it; ok is false where they do not.
func function(op *onnx.Activation) (fn kernels.Function, ok bool) {
	lo, hi := op.Lo, op.Hi
	switch op.Kind {
	case onnx.Relu:
		return kernels.ReLU, true
	case onnx.LeakyRelu:
		return kernels.Function{Kind: kernels.Leaky, Alpha: lo}, true
	case onnx.Clip:
		return kernels.Function{Kind: kernels.Bounds, Alpha: lo, Beta: hi}, true
	case onnx.Sigmoid:
		return kernels.Function{Kind: kernels.Sigmoid}, true
	case onnx.Tanh:
		return kernels.Function{Kind: kernels.Tanh}, true
	case onnx.HardSigmoid:
		return kernels.Function{Kind: kernels.HardSigmoid, Alpha: lo, Beta: hi}, true
	case onnx.HardSwish:
		return kernels.Function{Kind: kernels.HardSwish}, true
	case onnx.Swish:
		return kernels.Function{Kind: kernels.Silu, Alpha: lo}, lo > 0
	case onnx.Gelu:
		return kernels.Function{Kind: kernels.Gelu}, true
	case onnx.GeluTanh:
		return kernels.Function{Kind: kernels.GeluTanh}, true
	case onnx.Exp:
		return kernels.Function{Kind: kernels.Exp}, true
	}
	return fn, false
}
