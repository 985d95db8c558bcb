package native

import (
	"testing"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/onnx"
)

// TestCases: the engine computes what NumPy does.
func TestCases(t *testing.T) {
	for _, c := range enginetest.Cases(t, "../../onnx/testdata") {
		t.Run(c.Name, func(t *testing.T) {
			net, err := onnx.Open(c.Write(t))
			if err != nil {
				t.Fatal(err)
			}
			defer net.Close()
			l, err := net.Layer("y")
			if err != nil {
				t.Fatal(err)
			}
			e, err := New(net, l, c.Height, c.Width)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			out := make([]float32, e.Dim())
			if err := e.Run(c.X, 1, out); err != nil {
				t.Fatal(err)
			}
			c.Check(t, out)
		})
	}
}
