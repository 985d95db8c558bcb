package onnx

import (
	"math"
	"testing"
)

// TestNormalisation: what networks do to their images first is recognised in the ways that exporters write it, and nothing else is.
func TestNormalisation(t *testing.T) {
	mean, std := []float32{0.485, 0.456, 0.406}, []float32{0.229, 0.224, 0.225}
	each := func(f func(i int) float32) []float32 { return []float32{f(0), f(1), f(2)} }
	perChannel := func(name string, v []float32) message { return weightOf(floats(name, v, 3, 1, 1)) }
	last := func(name string, v []float32) message { return weightOf(floats(name, v, 3)) }
	number := func(name string, v float32) message { return weightOf(floats(name, []float32{v})) }
	scale, shift := each(func(i int) float32 { return 1 / std[i] }), each(func(i int) float32 { return -mean[i] / std[i] })
	negative := each(func(i int) float32 { return -mean[i] })
	nchw, nhwc := []int64{1, 3, 8, 8}, []int64{1, 8, 8, 3}
	two := func(first, a, second, b string) []message {
		return []message{nodeOf(op(first, []string{"x", a}, []string{"p"})), nodeOf(op(second, []string{"p", b}, []string{"q"}))}
	}
	for _, tc := range []struct {
		name  string
		dims  []int64
		parts []message // a network whose normalised images are q
		most  float64   // 0: none is to be found
		nodes string
	}{
		{"subtract, divide", nchw, append(two("Sub", "m", "Div", "s"), perChannel("m", mean), perChannel("s", std)), 1, "Sub, Div"},
		{"add, multiply", nchw, append(two("Add", "m", "Mul", "s"), perChannel("m", negative), perChannel("s", scale)), 1, "Add, Mul"},
		{"multiply, add, the constants first", nchw, []message{nodeOf(op("Mul", []string{"s", "x"}, []string{"p"})), nodeOf(op("Add", []string{"b", "p"}, []string{"q"})),
			perChannel("s", scale), perChannel("b", shift)}, 1, "Mul, Add"},
		{"bytes", nchw, []message{nodeOf(op("Div", []string{"x", "k"}, []string{"p"})), nodeOf(op("Sub", []string{"p", "m"}, []string{"r"})), nodeOf(op("Div", []string{"r", "s"}, []string{"q"})),
			number("k", 255), perChannel("m", mean), perChannel("s", std)}, 255, "Div, Sub, Div"},
		{"batch normalisation", nchw, []message{nodeOf(op("BatchNormalization", []string{"x", "s", "b", "m", "v"}, []string{"q"}, message{}.str(1, "epsilon").fixed(2, 0).num(20, 1))),
			last("s", each(func(int) float32 { return 2 })), last("b", each(func(int) float32 { return 0 })), last("m", mean), last("v", each(func(i int) float32 { return 4 * std[i] * std[i] }))}, 1, "BatchNormalization"},
		{"channels last, then first", nhwc, []message{nodeOf(op("Identity", []string{"x"}, []string{"i"})), nodeOf(op("Sub", []string{"i", "m"}, []string{"p"})),
			nodeOf(op("Transpose", []string{"p"}, []string{"t"}, intsAttr("perm", 0, 3, 1, 2))), nodeOf(op("Div", []string{"t", "s"}, []string{"q"})), last("m", mean), perChannel("s", std)}, 1, "Sub, Div"},
		{"channels first, then last", nchw, []message{nodeOf(op("Sub", []string{"x", "m"}, []string{"p"})), nodeOf(op("Transpose", []string{"p"}, []string{"t"}, intsAttr("perm", 0, 2, 3, 1))),
			nodeOf(op("Div", []string{"t", "s"}, []string{"q"})), perChannel("m", mean), last("s", std)}, 1, "Sub, Div"},
		{"a transposition of the sides", nchw, []message{nodeOf(op("Transpose", []string{"x"}, []string{"t"}, intsAttr("perm", 0, 1, 3, 2))), nodeOf(op("Sub", []string{"t", "m"}, []string{"p"})),
			nodeOf(op("Div", []string{"p", "s"}, []string{"q"})), perChannel("m", mean), perChannel("s", std)}, 0, ""},
		{"subtracted from the mean", nchw, []message{nodeOf(op("Sub", []string{"m", "x"}, []string{"p"})), nodeOf(op("Div", []string{"p", "s"}, []string{"q"})), perChannel("m", mean), perChannel("s", std)}, 0, ""},
		{"a mean for each column", nchw, append(two("Sub", "m", "Div", "s"), weightOf(floats("m", mean, 3)), perChannel("s", std)), 0, ""},
		{"another function first", nchw, []message{nodeOf(op("Abs", []string{"x"}, []string{"a"})), nodeOf(op("Sub", []string{"a", "m"}, []string{"q"})), perChannel("m", mean)}, 0, ""},
		{"a factor that is no standard deviation", nchw, append(two("Sub", "m", "Div", "s"), perChannel("m", mean), number("s", 5)), 0, ""},
		{"a factor of 0", nchw, append(two("Sub", "m", "Mul", "s"), perChannel("m", mean), number("s", 0)), 0, ""},
		{"images that something else reads", nchw, append(two("Sub", "m", "Div", "s"), nodeOf(op("Abs", []string{"x"}, []string{"z"})), perChannel("m", mean), perChannel("s", std)), 0, ""},
	} {
		n, err := parse("net.onnx", networkOf(13, tc.dims, append(tc.parts, nodeOf(op("Relu", []string{"q"}, []string{"y"})))...))
		if err != nil {
			t.Fatal(err)
		}
		got := n.Normalisation()
		if tc.most == 0 {
			if got != nil {
				t.Errorf("%s: %+v", tc.name, got)
			}
			continue
		}
		if got == nil || got.Most != tc.most || got.Nodes != tc.nodes {
			t.Errorf("%s: %+v", tc.name, got)
			continue
		}
		for i := range mean {
			if math.Abs(got.Mean[i]-float64(mean[i])*tc.most) > 1e-5*tc.most || math.Abs(got.Std[i]-float64(std[i])*tc.most) > 1e-5*tc.most {
				t.Errorf("%s: mean %v, std %v", tc.name, got.Mean, got.Std)
				break
			}
		}
	}
}
