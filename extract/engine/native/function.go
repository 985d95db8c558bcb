package native

import (
	"vzsl/extract/onnx/plan"
	"vzsl/internal/kernels"
)

// function is an activation as the kernels know it; ok is false where they do not.
func function(op *plan.Activation) (fn kernels.Function, ok bool) {
	lo, hi := op.Lo, op.Hi
	switch op.Kind {
	case plan.Relu:
		return kernels.ReLU, true
	case plan.LeakyRelu:
		return kernels.Function{Kind: kernels.Leaky, Alpha: lo}, true
	case plan.Clip:
		return kernels.Function{Kind: kernels.Bounds, Alpha: lo, Beta: hi}, true
	case plan.Sigmoid:
		return kernels.Function{Kind: kernels.Sigmoid}, true
	case plan.Tanh:
		return kernels.Function{Kind: kernels.Tanh}, true
	case plan.HardSigmoid:
		return kernels.Function{Kind: kernels.HardSigmoid, Alpha: lo, Beta: hi}, true
	case plan.HardSwish:
		return kernels.Function{Kind: kernels.HardSwish}, true
	case plan.Swish:
		return kernels.Function{Kind: kernels.Silu, Alpha: lo}, lo > 0
	case plan.Gelu:
		return kernels.Function{Kind: kernels.Gelu}, true
	case plan.GeluTanh:
		return kernels.Function{Kind: kernels.GeluTanh}, true
	case plan.Exp:
		return kernels.Function{Kind: kernels.Exp}, true
	}
	return fn, false
}
