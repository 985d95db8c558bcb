package onnx

import (
	"fmt"
	"strings"
	"testing"

	"vzsl/extract/onnx/load"
)

// TestEmptyConstants: constants without elements, as exporters leave for arguments that are not given, make no operator panic.
func TestEmptyConstants(t *testing.T) {
	str := func(name, v string) message { return message{}.str(1, name).str(4, v).num(20, 3) }
	num := func(name string, v int64) message { return message{}.str(1, name).num(3, v).num(20, 2) }
	for name, nodes := range map[string][]message{
		"resized":     {op("Resize", []string{"e", "", "", "five"}, []string{"z"}, str("mode", "linear"))},
		"padded":      {op("Pad", []string{"e", "two"}, []string{"z"}, str("mode", "wrap"))},
		"reflected":   {op("Pad", []string{"e", "two"}, []string{"z"}, str("mode", "reflect"))},
		"largest":     {op("ArgMax", []string{"e"}, []string{"z"}, num("axis", 0))},
		"maximum":     {op("ReduceMax", []string{"e"}, []string{"z"})},
		"sum":         {op("ReduceSum", []string{"e"}, []string{"z"})},
		"softmax":     {op("Softmax", []string{"e"}, []string{"z"}, num("axis", 0))},
		"sliced":      {op("Slice", []string{"e", "five", "two1", "zero", "minus"}, []string{"z"})},
		"reshaped":    {op("Reshape", []string{"e", "open"}, []string{"z"})},
		"tiled":       {op("Tile", []string{"e", "five"}, []string{"z"})},
		"summed":      {op("CumSum", []string{"e", "zero0"}, []string{"z"})},
		"multiplied":  {op("Mul", []string{"e", "e"}, []string{"z"})},
		"with images": {op("Concat", []string{"flat", "e"}, []string{"y"}, num("axis", 0))},
		"split":       {op("Split", []string{"e"}, []string{"z", "z2"}, num("axis", 0))},
	} {
		parts := []message{nodeOf(op("Reshape", []string{"x", "open"}, []string{"flat"})), weightOf(floats("e", nil, 0)), weightOf(ints("five", 5)), weightOf(ints("two", 1, 1)), weightOf(ints("two1", -9)),
			weightOf(ints("zero", 0)), weightOf(ints("minus", -1)), weightOf(ints("open", -1)), weightOf(message{}.num(2, load.TypeInt64).str(8, "zero0").num(7, 0))}
		for _, n := range nodes {
			parts = append(parts, nodeOf(n))
		}
		if name != "with images" {
			parts = append(parts, nodeOf(op("Cast", []string{"z"}, []string{"f"}, num("to", load.TypeFloat))), nodeOf(op("Reshape", []string{"f", "open"}, []string{"r"})),
				nodeOf(op("Concat", []string{"flat", "r"}, []string{"y"}, num("axis", 0))))
		}
		n, err := parse("net.onnx", networkOf(13, []int64{1, 1, 1, 3}, parts...))
		if err != nil {
			t.Fatal(err)
		}
		l, err := n.Layer("y")
		if err != nil {
			if !strings.Contains(err.Error(), "layer") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if got := fmt.Sprint(results(t, n, "y", []float32{1, 2, 3})); !strings.HasPrefix(got, "[1 2 3") || l.Dim < 3 {
			t.Errorf("%s: %v", name, got)
		}
	}
}
