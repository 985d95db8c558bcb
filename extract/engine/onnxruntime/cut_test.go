package onnxruntime

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/engine/native"
	"vzsl/extract/onnx"
)

const testdata = "../testdata"

func nativeEngine(net *onnx.Network, l onnx.Layer, h, w int) (enginetest.Engine, error) {
	return native.New(net, l, h, w)
}

// TestCut: a network cut at its layer has that layer as its output, nothing beyond it, and the same
// features, with weights in the file and with copied ones.
func TestCut(t *testing.T) {
	for _, g := range enginetest.Goldens(t, testdata) {
		t.Run(g.Name, func(t *testing.T) {
			model, err := os.ReadFile(g.Path)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			put := func(name string, b []byte) string {
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, b, 0o644); err != nil {
					t.Fatal(err)
				}
				return path
			}
			put(filepath.Base(g.Path), model)
			if b, err := os.ReadFile(g.Path + ".data"); err == nil {
				put(filepath.Base(g.Path)+".data", b)
			}
			net, l := enginetest.Layer(t, g.Path, "")
			x := enginetest.Pictures(t, testdata, g.NHWC)
			want, _ := enginetest.Run(t, nativeEngine, g.Path, "", enginetest.Size, x, enginetest.Images)
			for name, p := range map[string]place{"far.onnx": {filepath.Base(g.Path), dir, 64}, "near.onnx": {"", dir, 64}} {
				b, _, err := cut(model, net.Input().Name, l.Tensor, p)
				if err != nil {
					t.Fatal(err)
				}
				path := put(name, b)
				if l.Tensor != g.Output && !strings.HasPrefix(g.Name, "hub_dinov2") { // whose first output is on the way
					if whole, err := onnx.Open(path); err != nil {
						t.Fatal(err)
					} else {
						if _, err := whole.Layer(g.Output); err == nil {
							t.Errorf("%s: %q is still there", name, g.Output)
						}
						whole.Close()
					}
				}
				got, _ := enginetest.Run(t, nativeEngine, path, l.String(), enginetest.Size, x, enginetest.Images)
				if !slices.Equal(got, want) {
					t.Errorf("%s: other features than the whole network's", name)
				}
				t.Logf("%s: %d of %d bytes", name, len(b), len(model))
			}
		})
	}
}

func TestCutUnknown(t *testing.T) {
	g := enginetest.Goldens(t, testdata)[0]
	model, err := os.ReadFile(g.Path)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := cut(model, "data", "no such tensor", place{}); err == nil {
		t.Error("a tensor that is not there was found")
	}
}

// FuzzCut: damaged networks give an error or bytes, never a panic.
func FuzzCut(f *testing.F) {
	var models [][]byte
	for i, g := range enginetest.Goldens(f, testdata) {
		b, err := os.ReadFile(g.Path)
		if err != nil {
			f.Fatal(err)
		}
		models = append(models, b)
		f.Add(uint8(i), []byte{0, 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, which uint8, edits []byte) {
		folder := filepath.Join(testdata, "networks")
		m := enginetest.Mutate(models[int(which)%len(models)], edits)
		for _, tensor := range []string{"vgg0_dense1_relu_fwd", "fc7_2", "twice"} {
			_, _, _ = cut(m, "data", tensor, place{"x.onnx", folder, 64})
		}
	})
}
