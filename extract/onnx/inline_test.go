package onnx

import (
	"fmt"
	"strings"
	"testing"

	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/plan"
)

// results evaluates a layer of a network on one image.
func results(t *testing.T, n *Network, layer string, x []float32) []float32 {
	t.Helper()
	l, err := n.Layer(layer)
	if err != nil {
		t.Fatal(err)
	}
	in := n.Input()
	p, err := n.PlanLayer(l, max(in.Height, 1), max(in.Width, 1))
	if err != nil {
		t.Fatal(err)
	}
	return evaluate(t, p, x)
}

// evaluate computes a plan step by step.
func evaluate(t *testing.T, p *plan.Plan, x []float32) []float32 {
	t.Helper()
	values := make([][]float32, len(p.Values))
	values[p.Input] = x
	for _, s := range p.Steps {
		in, d := make([][]float32, len(s.In)), make([][]int, len(s.In))
		for i, v := range s.In {
			in[i], d[i] = values[v], p.Values[v].Dims
		}
		od := p.Values[s.Out].Dims
		values[s.Out] = make([]float32, load.Elements(od))
		if err := plan.Eval(s.Op, in, d, values[s.Out], od); err != nil {
			t.Fatalf("%s: %v", s.Node, err)
		}
	}
	return values[p.Output]
}

func functionOf(domain, name string, in, out []string, parts ...message) message {
	m := message{}.str(1, name).str(10, domain)
	for _, s := range in {
		m = m.str(4, s)
	}
	for _, s := range out {
		m = m.str(5, s)
	}
	for _, p := range parts {
		m = append(m, p...)
	}
	return message{}.sub(25, m)
}

// TestFunctions: calls of a model's own functions become their nodes, with attributes from the call or the
// function's defaults, functions within functions, and a branch within one.
func TestFunctions(t *testing.T) {
	refer := func(name, from string) message { return message{}.str(1, name).num(20, 1).str(21, from) }
	node := func(m message) message { return message{}.sub(7, m) }
	leaky := functionOf("pkg", "leak", []string{"a"}, []string{"b"},
		message{}.str(6, "slope"), node(op("LeakyRelu", []string{"a"}, []string{"t"}, refer("alpha", "slope"))), node(op("Neg", []string{"t"}, []string{"b"})),
		message{}.sub(11, message{}.str(1, "slope").num(20, 1).fixed(2, 0.5)))
	twice := functionOf("pkg", "twice", []string{"a", "c"}, []string{"b"},
		node(op("leak", []string{"a"}, []string{"t"}).str(7, "pkg").sub(5, message{}.str(1, "slope").num(20, 1).fixed(2, 0.25))),
		node(op("leak", []string{"t"}, []string{"u"}).str(7, "pkg")),
		node(op("If", []string{"c"}, []string{"b"},
			message{}.str(1, "then_branch").num(20, 5).sub(6, message{}.sub(1, op("Abs", []string{"u"}, []string{"r"})).sub(12, message{}.str(1, "r"))),
			message{}.str(1, "else_branch").num(20, 5).sub(6, message{}.sub(1, op("Identity", []string{"u"}, []string{"r"})).sub(12, message{}.str(1, "r"))))))
	flag := func(name string, v int64) message {
		return weightOf(message{}.num(2, load.TypeBool).str(8, name).num(5, v))
	}
	m := networkOf(13, []int64{1, 1, 1, 4},
		nodeOf(op("twice", []string{"x", "yes"}, []string{"p"}).str(7, "pkg")),
		nodeOf(op("twice", []string{"p", "no"}, []string{"y"}).str(7, "pkg")), flag("yes", 1), flag("no", 0))
	n, err := parse("net.onnx", append(append(m, leaky...), twice...))
	if err != nil {
		t.Fatal(err)
	}
	x := []float32{-8, -1, 2, 4}
	leak := func(v, slope float32) float32 {
		if v < 0 {
			v *= slope
		}
		return -v
	}
	var want []float32
	for _, v := range x {
		v = leak(leak(v, 0.25), 0.5)
		want = append(want, leak(leak(max(v, -v), 0.25), 0.5))
	}
	if got := results(t, n, "y", x); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	// A function that calls itself ends in an error, not in a loop; so do many that grow.
	self := functionOf("pkg", "f", []string{"a"}, []string{"b"}, node(op("f", []string{"a"}, []string{"t"}).str(7, "pkg")), node(op("f", []string{"t"}, []string{"b"}).str(7, "pkg")))
	if _, err := parse("net.onnx", append(network(13, nodeOf(op("f", []string{"x"}, []string{"y"}).str(7, "pkg"))), self...)); err == nil || !strings.Contains(err.Error(), "functions") {
		t.Errorf("a function that calls itself: %v", err)
	}
}

// TestOrder: operators may be in any order in the file.
func TestOrder(t *testing.T) {
	n, err := parse("net.onnx", networkOf(13, []int64{1, 1, 1, 3},
		nodeOf(op("Neg", []string{"b"}, []string{"y"})), nodeOf(op("Add", []string{"a", "x"}, []string{"b"})), nodeOf(op("Abs", []string{"x"}, []string{"a"}))))
	if err != nil {
		t.Fatal(err)
	}
	if got := results(t, n, "", []float32{-1, 2, 3}); fmt.Sprint(got) != "[-0 -4 -6]" && fmt.Sprint(got) != "[0 -4 -6]" {
		t.Errorf("%v", got)
	}
}
