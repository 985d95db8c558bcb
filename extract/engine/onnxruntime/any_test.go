//go:build onnxruntime && cgo

package onnxruntime

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"vzsl/extract/onnx"
	"vzsl/onnxfile"
)

// TestWhatNativeCannot: networks whose operators our reader does not know run, at a layer that is named and at the
// one found by structure: quantised activations, an operator of its own, a layer whose batch axis is not the first.
func TestWhatNativeCannot(t *testing.T) {
	needLibrary(t)
	const n, side = 3, 4
	x := make([]float32, n*3*side*side)
	for i := range x {
		x[i] = float32(i%7) / 4
	}
	mean := func(i, c int) float64 {
		sum := 0.0
		for _, v := range x[(i*3+c)*side*side:][:side*side] {
			sum += float64(v)
		}
		return sum / side / side
	}
	for name, tc := range map[string]struct {
		build func(g *onnxfile.Graph, in string) string
		pool  string
		want  func(i, c int) float64
	}{
		"quantised": {func(g *onnxfile.Graph, in string) string {
			s := g.Floats("scale", []float32{1. / 8})
			q := g.Node("QuantizeLinear", []string{in, s})
			return g.Node("GlobalAveragePool", []string{g.Node("DequantizeLinear", []string{q, s})})
		}, "", mean},
		"an operator that we lack": {func(g *onnxfile.Graph, in string) string {
			return g.Node("Shrink", []string{g.Node("GlobalAveragePool", []string{in})}, onnxfile.Attr("lambd", float32(0)))
		}, "", mean},
		"batch axis in the middle": {func(g *onnxfile.Graph, in string) string {
			p := g.Node("GlobalAveragePool", []string{in})
			return g.Node("Transpose", []string{p}, onnxfile.Attr("perm", []int{1, 0, 2, 3}))
		}, "", mean},
		"tokens": {func(g *onnxfile.Graph, in string) string {
			f := g.Node("Reshape", []string{g.Node("Shrink", []string{in}, onnxfile.Attr("lambd", float32(0))), g.Ints("flat", 0, 3, -1)})
			return g.Node("Transpose", []string{f}, onnxfile.Attr("perm", []int{0, 2, 1}))
		}, "mean", mean},
	} {
		t.Run(name, func(t *testing.T) {
			g := onnxfile.New("g", "test", "")
			g.Output("y", tc.build(g, g.Input("x", "n", 3, side, side)), "n")
			path := filepath.Join(t.TempDir(), "net.onnx")
			if err := os.WriteFile(path, g.Encode(), 0o644); err != nil {
				t.Fatal(err)
			}
			net, err := onnx.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer net.Close()
			for _, layer := range []string{"", "y"} {
				l, err := net.Find(onnx.LayerName(layer, tc.pool))
				if err != nil {
					t.Fatal(err)
				}
				e, err := New(net, l, side, side, Options{})
				if err != nil {
					t.Fatal(err)
				}
				out := make([]float32, n*e.Dim())
				err = e.Run(x, n, out)
				_ = e.Close()
				if err != nil || e.Dim() != 3 {
					t.Fatalf("%d features, %v", e.Dim(), err)
				}
				for i := range n {
					for c := range 3 {
						if got := float64(out[i*3+c]); math.Abs(got-tc.want(i, c)) > 1e-6 {
							t.Errorf("layer %q: image %d: %v, want %v", layer, i, got, tc.want(i, c))
						}
					}
				}
			}
		})
	}
}
