package onnx

import "fmt"

// UnsupportedError says which operator of a network cannot be run.
type UnsupportedError struct {
	Node   string // operator and node name
	Reason string
	Advice string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("the network's %s %s; %s", e.Node, e.Reason, e.Advice)
}

const exportAdvice = "take a layer before it (--layer), or export the network again in float32 with plain operators (PyTorch: torch.onnx.export in evaluation mode, opset 11 to 17)"

func unsupported(n *node, format string, args ...any) error {
	return &UnsupportedError{Node: n.String(), Reason: fmt.Sprintf(format, args...), Advice: exportAdvice}
}
