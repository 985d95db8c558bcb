package native

import (
	"testing"

	"vzsl/extract/engine/enginetest"
)

// TestCases: the engine computes what NumPy does.
func TestCases(t *testing.T) {
	for _, c := range enginetest.Cases(t, "../../onnx/testdata") {
		t.Run(c.Name, func(t *testing.T) {
			net, l := enginetest.Layer(t, c.Write(t), "y")
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
