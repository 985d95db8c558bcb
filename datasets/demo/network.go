package demo

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"

	"vzsl/internal/wholefile"
)

//go:embed network/demo.onnx
var network []byte

// WriteNetwork writes the demo's network, an ONNX file of about 2 MB, to path. It takes images of 56 x 56 pixels
// prepared by the recipe torchvision; its fc7 has 128 values. A file that is already the network is left as it is, any
// other is replaced.
func WriteNetwork(path string) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, network) {
		return nil
	}
	if err := wholefile.Bytes(path, network); err != nil {
		return fmt.Errorf("demo: network: %w", err)
	}
	return nil
}
