package onnx

import (
	"os"
	"path/filepath"
	"testing"

	"vzsl/extract/onnx/plan"
)

// sharedData is the folder of real networks beside the checkout; the test skips where it is absent.
func sharedData(t *testing.T, path string) string {
	t.Helper()
	dir := os.Getenv("VZSL_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	p := filepath.Join(dir, path)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("%s is not here (set VZSL_TEST_DATA to the folder of test data)", p)
	}
	return p
}

func TestRealNetworks(t *testing.T) {
	for _, tc := range []struct {
		file string
		size int
		dim  int
	}{
		{"models/squeezenet1.1-imagenet-gap512.onnx", 227, 512},
		{"models/vgg19-imagenet-conv3_4-gap256.onnx", 224, 256},
	} {
		t.Run(tc.file, func(t *testing.T) {
			n, err := Open(sharedData(t, tc.file))
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			if in := n.Input(); in.NHWC || in.Channels != 3 || in.Height != tc.size || in.Width != tc.size {
				t.Errorf("input %+v", in)
			}
			l, err := n.Layer("")
			if err != nil {
				t.Fatal(err)
			}
			if l.Dim != tc.dim || l.Tensor != "feature" {
				t.Errorf("layer %+v, want feature of %d", l, tc.dim)
			}
			if name, why := n.Recipe(); name != "caffe" {
				t.Errorf("recipe %q because %s", name, why)
			}
			p, err := n.Plan(l.Tensor, tc.size, tc.size)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range p.Steps {
				if _, ok := s.Op.(*plan.Activation); ok {
					t.Errorf("%s was not fused", s.Node)
				}
			}
			_, err = n.Layer("fire9_conct")
			t.Log(err)
			if err == nil {
				t.Error("an unknown layer was found")
			}
		})
	}
}
