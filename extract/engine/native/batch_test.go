package native

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/onnx"
)

// TestFixedBatch: a network that is written for two images at once gives each image the features that it gets alone,
// or is refused because it moves or mixes the images; it is never wrong.
func TestFixedBatch(t *testing.T) {
	ran := 0
	for _, g := range enginetest.Goldens(t, "../testdata") {
		b, err := os.ReadFile(g.Path)
		if err != nil {
			t.Fatal(err)
		}
		// An open dimension's name becomes the number 2, with what is left of the name as its denotation.
		fixed := bytes.ReplaceAll(b, []byte("\x12\nbatch_size"), []byte("\x08\x02\x1a\x08batch_si"))
		if !strings.HasPrefix(g.Name, "hub_") {
			continue
		}
		if bytes.Equal(fixed, b) {
			t.Errorf("%s: no batch size", g.Name)
		}
		path := filepath.Join(t.TempDir(), "net.onnx")
		if err := os.WriteFile(path, fixed, 0o644); err != nil {
			t.Fatal(err)
		}
		net, err := onnx.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Layer(g.Layer)
		if err == nil {
			var e *Engine
			if e, err = New(net, l, enginetest.Size, enginetest.Size); err == nil {
				got := make([]float32, enginetest.Images*e.Dim())
				if err := e.Run(enginetest.Pictures(t, "../testdata", g.NHWC), enginetest.Images, got); err != nil {
					t.Fatal(err)
				}
				enginetest.Close(t, got, g.Features, enginetest.Images, 1e-5)
				_ = e.Close()
				ran++
			}
		}
		if err != nil {
			t.Logf("%s: %v", g.Name, err)
			var u *onnx.UnsupportedError
			if !errors.As(err, &u) && !strings.Contains(err.Error(), "images of a batch") {
				t.Errorf("%s: %v", g.Name, err)
			}
		}
		_ = net.Close()
	}
	if ran < 4 {
		t.Errorf("only %d networks run", ran)
	}
}
