package gorgonia

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/onnx"
)

func create(net *onnx.Network, l onnx.Layer, h, w int) (enginetest.Engine, error) {
	return New(net, l, h, w)
}

func TestGoldens(t *testing.T) {
	skip := map[string]string{
		"alexnet": "the backend has no LRN",
		"mixed":   "the backend has no ReduceMean; TestMixed runs what comes before it",
	}
	for _, g := range enginetest.Goldens(t, "../testdata") {
		if strings.HasPrefix(g.Name, "hub_") {
			skip[g.Name] = "the backend has few operators of transformers and mobile networks; TestRefused finds it refused"
		}
	}
	enginetest.TestGoldens(t, create, skip)
}

// TestRefused: what this engine lacks is refused by the operator's name, with advice.
func TestRefused(t *testing.T) {
	for _, g := range enginetest.Goldens(t, "../testdata") {
		if !strings.HasPrefix(g.Name, "hub_") {
			continue
		}
		net, l := enginetest.Layer(t, g.Path, "")
		_, err := New(net, l, enginetest.Size, enginetest.Size)
		var u *onnx.UnsupportedError
		if !errors.As(err, &u) || !strings.Contains(err.Error(), "--engine native") {
			t.Errorf("%s: %v", g.Name, err)
		}
		_ = net.Close()
	}
}

// TestMemory: what runs leave behind does not grow with their number.
func TestMemory(t *testing.T) {
	const dir = "../testdata"
	g := enginetest.Goldens(t, dir)[0]
	net, l := enginetest.Layer(t, g.Path, "")
	e, err := New(net, l, enginetest.Size, enginetest.Size)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	x := enginetest.Pictures(t, dir, false)
	out := make([]float32, enginetest.Images*e.Dim())
	heap := func(runs int) int {
		for range runs {
			if err := e.Run(x, enginetest.Images, out); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap(20)
	after := heap(120)
	if after-before > 1<<20 {
		t.Errorf("120 runs left %d kB more than 20", (after-before)>>10)
	}
}
