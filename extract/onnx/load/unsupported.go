package load

import "fmt"

// UnsupportedError says which operator of a network cannot be run.
type UnsupportedError struct {
	Node   string // operator and node name
	Reason string // "" where the operator itself is unknown
	Advice string
}

func (e *UnsupportedError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("unsupported operator %s; %s", e.Node, e.Advice)
	}
	return fmt.Sprintf("operator %s is not supported: %s; %s", e.Node, e.Reason, e.Advice)
}

const exportAdvice = "choose an earlier layer (--layer), or export the network in float32 with standard operators (PyTorch: torch.onnx.export in evaluation mode, opset 11 to 17)"

// Unsupported says why a node of the network cannot be run.
func Unsupported(n *Node, format string, args ...any) error {
	return &UnsupportedError{Node: n.String(), Reason: fmt.Sprintf(format, args...), Advice: exportAdvice}
}
