package onnx

import (
	"fmt"
	"strings"
	"testing"

	"vzsl/extract/onnx/ops"
	"vzsl/extract/onnx/plan"
)

// pixel is a network whose tokens are the pixels of a 2 x 2 image of one channel behind a class token of 9s: 5 tokens of 3
// channels, the pixel times 1, 10 and 100.
func pixel(after ...message) message {
	parts := []message{
		nodeOf(op("Reshape", []string{"x", "s"}, []string{"r"})), weightOf(ints("s", 1, 4, 1)),
		nodeOf(op("MatMul", []string{"r", "w"}, []string{"p"})), weightOf(floats("w", []float32{1, 10, 100}, 1, 3)),
		nodeOf(op("Concat", []string{"c", "p"}, []string{"last_hidden_state"}, message{}.str(1, "axis").num(3, 1).num(20, 2))), weightOf(floats("c", []float32{9, 9, 9}, 1, 1, 3)),
	}
	return networkOutputs([]int64{1, 1, 2, 2}, []string{"last_hidden_state"}, append(parts, after...)...)
}

// TestPooling: each way of making one feature of tokens, and the one taken by itself.
func TestPooling(t *testing.T) {
	n, err := parse("net.onnx", pixel())
	if err != nil {
		t.Fatal(err)
	}
	x := []float32{1, 2, 3, 6}
	for layer, want := range map[string]string{
		"":                                "[9 9 9]",
		" pool=cls":                       "[9 9 9]",
		" pool=mean":                      "[3 30 300]",
		"last_hidden_state pool=max":      "[6 60 600]",
		"last_hidden_state pool=cls+mean": "[9 9 9 3 30 300]",
		"p pool=mean":                     "[3 30 300]",
		"p pool=max":                      "[6 60 600]",
		"x pool=mean":                     "",
	} {
		if want == "" {
			if _, err := n.Layer(layer); err == nil {
				t.Errorf("%q is taken", layer)
			}
			continue
		}
		if got := fmt.Sprint(results(t, n, layer, x)); got != want {
			t.Errorf("%q: %v, want %v", layer, got, want)
		}
		l, err := n.Layer(layer)
		if err != nil || l.Dim != len(strings.Fields(want)) {
			t.Errorf("%q: %+v, %v", layer, l, err)
			continue
		}
		again, err := n.Layer(l.String())
		if err != nil || again.String() != l.String() {
			t.Errorf("%q becomes %q, which is %+v, %v", layer, l, again, err)
		}
	}
	for layer, want := range map[string]string{
		"p pool=cls":                       "--pool mean",
		"p pool=cls+mean":                  "are patches",
		"last_hidden_state pool=attention": "cls, mean, max, cls+mean",
		"r pool=mean":                      "",
		"nowhere":                          `"last_hidden_state pool=cls" (the class token of the last hidden state, 3-d)`,
	} {
		if _, err := n.Layer(layer); want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", layer, err)
		}
	}
	// What a runtime of other operators gives is pooled in the same way.
	for pool, want := range map[ops.Pooling]string{ops.PoolClass: "[9 9]", ops.PoolMean: "[2.5 25]", ops.PoolMax: "[4 40]", ops.PoolClassMean: "[9 9 2.5 25]"} {
		got, err := pool.Apply([]int{1, 5, 2}, []float32{9, 9, 1, 10, 2, 20, 3, 30, 4, 40})
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v", pool, got, err)
		}
	}
	if got, err := ops.PoolMean.Apply([]int{1, 2, 1, 2}, []float32{1, 3, 10, 30}); err != nil || fmt.Sprint(got) != "[2 20]" {
		t.Errorf("maps: %v, %v", got, err)
	}
}

// TestRegisters: register tokens behind the class token are no patches.
func TestRegisters(t *testing.T) {
	x := make([]float32, 21) // a class token, four registers, 4 x 4 patches
	for i := range x {
		if x[i] = 2; i < 5 {
			x[i] = 100
		}
	}
	for _, pool := range []ops.Pooling{ops.PoolMean, ops.PoolMax} {
		if got, err := pool.Apply([]int{1, 21, 1}, x); err != nil || got[0] != 2 {
			t.Errorf("%s: %v, %v", pool, got, err)
		}
	}
}

// TestFusedScale: an attention that is put together keeps the factor of its scores.
func TestFusedScale(t *testing.T) {
	m := networkOf(13, []int64{1, 1, 4, 4}, nodeOf(op("Reshape", []string{"x", "s"}, []string{"q"})), weightOf(ints("s", 1, 4, 4)),
		nodeOf(op("FusedMatMul", []string{"q", "q"}, []string{"qk"}, message{}.str(1, "transB").num(3, 1).num(20, 2), message{}.str(1, "alpha").fixed(2, 0.125).num(20, 1)).str(7, "com.microsoft")),
		nodeOf(op("Softmax", []string{"qk"}, []string{"p"})), nodeOf(op("MatMul", []string{"p", "q"}, []string{"y"})))
	n, err := parse("net.onnx", m)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 16)
	for i := range x {
		x[i] = float32(i*i%7) - 2
	}
	b, err := ops.Build(n.file, "y", 4, 4)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Output("y", ""); err != nil {
		t.Fatal(err)
	}
	want := evaluate(t, b.Plan(), x)
	p, err := n.Plan("y", 4, 4)
	if err != nil {
		t.Fatal(err)
	}
	fused := false
	for _, s := range p.Steps {
		_, ok := s.Op.(*plan.Attention)
		fused = fused || ok
	}
	got := evaluate(t, p, x)
	for i, v := range want {
		if d := got[i] - v; !fused || d > 1e-5 || d < -1e-5 {
			t.Fatalf("fused %v: %v, want %v", fused, got, want)
		}
	}
}

// TestPrefix: which tokens are no patches.
func TestPrefix(t *testing.T) {
	for tokens, want := range map[int]int{196: 0, 197: 1, 198: 2, 201: 5, 1370: 1, 261: 5, 256: 0, 49: 0, 50: 1} {
		if got, ok := ops.Prefix(tokens); !ok || got != want {
			t.Errorf("%d tokens: %d, %v", tokens, got, ok)
		}
	}
	for _, tokens := range []int{1, 200, 577 + 7} {
		if got, ok := ops.Prefix(tokens); ok && tokens > 1 {
			t.Errorf("%d tokens: %d", tokens, got)
		}
	}
}

// TestUsualLayers: outputs that are embeddings by their names come before what structure tells.
func TestUsualLayers(t *testing.T) {
	conv := []message{
		nodeOf(op("Conv", []string{"x", "w"}, []string{"c"})), weightOf(floats("w", make([]float32, 4*3), 4, 3, 1, 1)),
		nodeOf(op("GlobalAveragePool", []string{"c"}, []string{"g"})), nodeOf(op("Flatten", []string{"g"}, []string{"f"})),
		nodeOf(op("MatMul", []string{"f", "m"}, []string{"e"})), weightOf(floats("m", make([]float32, 4*5), 4, 5)),
		nodeOf(op("Tanh", []string{"e"}, []string{"tanh"})), nodeOf(op("Identity", []string{"e"}, []string{"same"})),
		nodeOf(op("MatMul", []string{"e", "k"}, []string{"y"})), weightOf(floats("k", make([]float32, 5*7), 5, 7)),
	}
	for _, tc := range []struct {
		outputs []string
		want    string
		dim     int
	}{
		{[]string{"y"}, "f", 4},            // pooled before two matrices
		{[]string{"y", "f"}, "f", 4},       //
		{[]string{"e"}, "f", 4},            // the only matrix is a classifier for all that is known
		{[]string{"tanh"}, "f", 4},         //
		{[]string{"c"}, "c", 4 * 8 * 8},    // maps are given as they are
		{[]string{"nothing", "y"}, "f", 4}, // an output that no operator makes
	} {
		n, err := parse("net.onnx", networkOutputs([]int64{1, 3, 8, 8}, tc.outputs, conv...))
		if err != nil {
			t.Fatal(err)
		}
		if l, err := n.Layer(""); err != nil || l.Tensor != tc.want || l.Dim != tc.dim {
			t.Errorf("outputs %v: %+v, %v", tc.outputs, l, err)
		}
	}
	named := func(name string, outputs ...string) *Network {
		parts := append(conv[:len(conv):len(conv)], nodeOf(op("Identity", []string{"e"}, []string{name})))
		n, err := parse("net.onnx", networkOutputs([]int64{1, 3, 8, 8}, outputs, parts...))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for name, want := range map[string]string{"image_embeds": "image_embeds", "pooler_output": "pooler_output", "scores": "f", "text_embeds": "f"} {
		n := named(name, "y", name)
		if l, err := n.Layer(""); err != nil || l.Tensor != want {
			t.Errorf("with the output %s: %+v, %v", name, l, err)
		}
	}
	if l, err := named("embedding", "embedding").Layer(""); err != nil || l.Tensor != "embedding" || l.Dim != 5 {
		t.Errorf("an embedding alone: %+v, %v", l, err)
	}
}
