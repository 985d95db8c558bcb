package onnx_test

import (
	"reflect"
	"slices"
	"testing"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/onnx"
	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/ops"
	"vzsl/extract/onnx/plan"
)

// TestCases: plans compute what NumPy does, as the operators are written and simplified.
func TestCases(t *testing.T) {
	for _, c := range enginetest.Cases(t, "testdata") {
		t.Run(c.Name, func(t *testing.T) {
			path := c.Write(t)
			f, err := load.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			b, err := ops.Build(f, "y", c.Height, c.Width)
			if err == nil {
				_, _, err = b.Output("y", "")
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := evaluated(t, b.Plan(), c.X); ok {
				c.Check(t, got)
			}
			net, err := onnx.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer net.Close()
			p, err := net.Plan("y", c.Height, c.Width)
			if err != nil {
				t.Fatal(err)
			}
			var types []string
			for _, s := range p.Steps {
				types = append(types, reflect.TypeOf(s.Op).Elem().Name())
			}
			for _, s := range c.Steps {
				if !slices.Contains(types, s) {
					t.Errorf("its plan is %v, without %s", types, s)
				}
			}
			for _, s := range c.Never {
				if slices.Contains(types, s) {
					t.Errorf("its plan is %v, with %s", types, s)
				}
			}
			if got, ok := evaluated(t, p, c.X); ok {
				c.Check(t, got)
			}
		})
	}
}

// evaluated computes a plan step by step; not one with steps that only engines know.
func evaluated(t *testing.T, p *plan.Plan, x []float32) (y []float32, ok bool) {
	t.Helper()
	values := make([][]float32, len(p.Values))
	values[p.Input] = x
	for _, s := range p.Steps {
		switch s.Op.(type) {
		case *plan.Conv, *plan.Pool, *plan.LRN:
			return nil, false
		}
		in, d := make([][]float32, len(s.In)), make([][]int, len(s.In))
		for i, v := range s.In {
			in[i], d[i] = values[v], p.Values[v].Dims
		}
		od := p.Values[s.Out].Dims
		values[s.Out] = make([]float32, p.Values[s.Out].Len())
		if err := plan.Eval(s.Op, in, d, values[s.Out], od); err != nil {
			t.Fatalf("%s: %v", s.Node, err)
		}
	}
	return values[p.Output], true
}
