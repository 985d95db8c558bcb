package onnx

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/extract/onnx/plan"
	"vzsl/internal/filetest"
)

const testdata = "../engine/testdata"

// golden is an entry of the engines' golden networks.
type golden struct {
	Name, Layer, What, Output, Recipe string
	Dim, Outputs                      int
	NHWC                              bool
}

func goldens(t testing.TB) []golden {
	t.Helper()
	return filetest.JSON[[]golden](t, filepath.Join(testdata, "networks.json"))
}

func (g golden) path() string { return filepath.Join(testdata, "networks", g.Name+".onnx") }

func open(t testing.TB, path string) *Network {
	t.Helper()
	n, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// TestLayers: the layer, the input and the recipe are found in every exporter's way of writing.
func TestLayers(t *testing.T) {
	for _, g := range goldens(t) {
		n := open(t, g.path())
		if in := n.Input(); in.NHWC != g.NHWC || in.Channels != 3 || in.Height != in.Width || in.Height != 32 && (in.Height != 0 || !strings.HasPrefix(g.Name, "hub_dinov2")) {
			t.Errorf("%s: input %+v", g.Name, in)
		}
		l, err := n.Layer("")
		if err != nil {
			t.Errorf("%s: %v", g.Name, err)
			continue
		}
		if l.String() != g.Layer || l.What != g.What || l.Dim != g.Dim {
			t.Errorf("%s: layer %+v, want %q (%s) of %d", g.Name, l, g.Layer, g.What, g.Dim)
		}
		out, err := n.Layer(g.Output)
		if err != nil || out.Dim != g.Outputs && n.Input().Height != 0 {
			t.Errorf("%s: output %+v, %v", g.Name, out, err)
		}
		if recipe, why := n.Recipe(); recipe != g.Recipe || why == "" {
			t.Errorf("%s: recipe %q (%s), want %q", g.Name, recipe, why, g.Recipe)
		}
		l7, err := n.Layer("fc7")
		switch {
		case g.What != "fc7 after ReLU" && (err == nil || !strings.Contains(err.Error(), g.Output) || !strings.Contains(err.Error(), fmt.Sprintf("%q", g.Layer))):
			t.Errorf("%s: fc7 is %+v, %v", g.Name, l7, err)
		case g.What == "fc7 after ReLU" && g.Name != "alexnet" && l7.Tensor != g.Layer: // alexnet has a tensor of that name, before the ReLU
			t.Errorf("%s: fc7 is %+v, %v", g.Name, l7, err)
		}
		if g.What == "fc7 after ReLU" {
			if l6, err := n.Layer("fc6"); err != nil || l6.Dim < 12 {
				t.Errorf("%s: fc6 is %+v, %v", g.Name, l6, err)
			}
		}
	}
}

// TestEveryLayer plans every tensor of every golden network, of long ones every seventh.
func TestEveryLayer(t *testing.T) {
	for _, g := range goldens(t) {
		n := open(t, g.path())
		for i, d := range n.file.Nodes {
			if len(n.file.Nodes) > 100 && i%7 != 0 || d.Op == "Shape" || n.file.Producer[d.Outputs[0]] != d {
				continue
			}
			p, err := n.Plan(d.Outputs[0], 32, 32)
			if err != nil {
				if !strings.Contains(err.Error(), "does not depend on the image") {
					t.Errorf("%s: %s: %v", g.Name, d, err)
				}
				continue
			}
			made := map[int]bool{p.Input: true}
			for _, s := range p.Steps {
				for _, v := range s.In {
					if !made[v] {
						t.Fatalf("%s: %s: %s reads what is not made", g.Name, d, s.Node)
					}
				}
				made[s.Out] = true
			}
			if !made[p.Output] {
				t.Errorf("%s: %s: the output is not made", g.Name, d)
			}
		}
	}
}

// TestFolded: batch normalisation, dropout, bias additions and ReLUs leave no step of their own in
// networks where each follows a convolution or a matrix.
func TestFolded(t *testing.T) {
	for _, name := range []string{"vgg_bn_mxnet", "vgg_keras", "vgg_dynamo", "torch_vgg_16", "torch_resnet_bn"} {
		n := open(t, golden{Name: name}.path())
		l, err := n.Layer("")
		if err != nil {
			t.Fatal(err)
		}
		p, err := n.Plan(l.Tensor, 32, 32)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Steps {
			switch s.Op.(type) {
			case *plan.Affine, *plan.Activation:
				t.Errorf("%s: %s is a step of its own", name, s.Node)
			}
		}
	}
}

func TestSHA256(t *testing.T) {
	n := open(t, golden{Name: "vgg_keras"}.path())
	b, err := os.ReadFile(golden{Name: "vgg_keras"}.path())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	if got := n.SHA256(); got != hex.EncodeToString(sum[:]) {
		t.Errorf("sha256 %s", got)
	}
	// With external data, a change in either file changes it.
	d := t.TempDir()
	model, data := copyExternal(t, d)
	first := open(t, filepath.Join(d, "vgg_dynamo.onnx")).SHA256()
	data[5] ^= 1
	write(t, filepath.Join(d, "vgg_dynamo.onnx.data"), data)
	second := open(t, filepath.Join(d, "vgg_dynamo.onnx")).SHA256()
	if first == second || len(first) != 64 {
		t.Errorf("sha256 %s and %s", first, second)
	}
	_ = model
}

// copyExternal copies the network with external data into a folder.
func copyExternal(t testing.TB, dir string) (model, data []byte) {
	t.Helper()
	path := golden{Name: "vgg_dynamo"}.path()
	model, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if data, err = os.ReadFile(path + ".data"); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "vgg_dynamo.onnx"), model)
	write(t, filepath.Join(dir, "vgg_dynamo.onnx.data"), data)
	return model, data
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
