package native

import (
	"fmt"
	"strings"
	"testing"

	"vzsl/extract/engine/enginetest"
)

// TestNodes runs the ONNX project's tests of single operators: with every argument from the image, with
// the first alone, and with constants only. Each passes or is refused by an error that names the operator.
func TestNodes(t *testing.T) {
	for way, name := range []string{"all", "first", "constants"} {
		v := &enginetest.Verdict{}
		for _, n := range enginetest.Nodes(t, "../testdata") {
			n.Try(t, newEngine, way, v)
		}
		t.Logf("%s from the image: %d results right, %d refused", name, v.Pass, len(v.Refused))
		for _, r := range v.Refused {
			if strings.Contains(r, "WRONG") {
				t.Error(r)
			} else {
				t.Log(r)
			}
		}
		for _, w := range v.Wrong {
			t.Error(name, w)
		}
	}
	_ = fmt.Sprint()
}
