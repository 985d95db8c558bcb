package gorgonia

import (
	"strings"
	"testing"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/engine/native"
	"vzsl/extract/onnx"
)

// TestNodes: of the ONNX project's tests of single operators, what this engine takes comes out right.
func TestNodes(t *testing.T) {
	{
		way, name := enginetest.First, "first"
		v := &enginetest.Verdict{}
		for _, n := range enginetest.Nodes(t, "../testdata") {
			n.Try(t, create, way, v)
		}
		t.Logf("%s from the image: %d results right, %d refused", name, v.Pass, len(v.Refused))
		for _, r := range v.Refused {
			if strings.Contains(r, "WRONG") || strings.Contains(r, "gorgonia: image") {
				t.Error(r)
			}
		}
		for _, w := range v.Wrong {
			t.Error(name, w)
		}
	}
}

// TestReadTwice: an operator leaves its argument as it is for what else reads it.
func TestReadTwice(t *testing.T) {
	right := 0
	for _, n := range enginetest.Nodes(t, "../testdata") {
		why, ok := n.Compare(t, create, func(net *onnx.Network, l onnx.Layer, h, w int) (enginetest.Engine, error) {
			return native.New(net, l, h, w)
		})
		switch {
		case why != "":
			t.Errorf("%s: %s", n.Name, why)
		case ok:
			right++
		}
	}
	if right < 80 {
		t.Errorf("only %d tests were compared", right)
	}
	t.Log(right, "compared")
}
