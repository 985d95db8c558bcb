package gorgonia

import (
	"strings"
	"testing"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/engine/native"
	"vzsl/extract/onnx"
	"vzsl/internal/filetest"
)

// TestNodes: of the ONNX project's tests of single operators, what this engine takes comes out right.
func TestNodes(t *testing.T) {
	v := &enginetest.Verdict{}
	for _, n := range enginetest.Nodes(t, "../testdata") {
		n.Try(t, create, enginetest.First, v)
	}
	t.Logf("%d results right, %d refused", v.Pass, len(v.Refused))
	for _, r := range v.Refused {
		if strings.Contains(r.Err.Error(), "gorgonia: image") {
			t.Errorf("%s: taken, but not run: %v", r.Test, r.Err)
		}
	}
	for _, w := range v.Wrong {
		t.Error(w)
	}
	if v.Pass < 100 {
		t.Error("few tests run")
	}
}

// TestReadTwice: an operator leaves its argument as it is for what else reads it.
func TestReadTwice(t *testing.T) {
	filetest.Slow(t)
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
