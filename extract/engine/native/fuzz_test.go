package native

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/onnx"
	"vzsl/extract/onnx/plan"
	"vzsl/internal/filetest"
)

// survive reads, plans and runs a network that may be damaged, and reports how far it came. What is
// too large to run quickly is only planned.
func survive(t *testing.T, path string, model []byte) (stage int) {
	if err := os.WriteFile(path, model, 0o644); err != nil {
		t.Fatal(err)
	}
	net, err := onnx.Open(path)
	if err != nil {
		return 0
	}
	defer net.Close()
	l, err := net.Layer("")
	if err != nil {
		return 1
	}
	in := net.Input()
	h, w := in.Height, in.Width
	if h == 0 || w == 0 {
		h, w = enginetest.Size, enginetest.Size
	}
	p, err := net.Plan(l.Tensor, h, w)
	if err != nil {
		return 1
	}
	work := 0
	for _, s := range p.Steps {
		n := p.Values[s.Out].Len()
		switch op := s.Op.(type) {
		case *plan.Conv:
			n *= op.Weights() / op.Out
		case *plan.Linear:
			n *= op.In
		case *plan.Pool:
			n *= op.KernelH * op.KernelW
		case *plan.MatMul, *plan.Attention:
			d := p.Values[s.In[0]].Dims
			n *= d[len(d)-1]
			if d = p.Values[s.In[1]].Dims; len(s.In) > 2 {
				n *= d[len(d)-2]
			}
		case *plan.Interpolate:
			n *= op.Taps
		case *plan.LRN:
			n *= op.Size
		}
		if work += n; n > 1<<24 || work > 1<<24 {
			return 2
		}
	}
	e, err := New(net, l, h, w)
	if err != nil {
		return 2
	}
	defer e.Close()
	out := make([]float32, e.Dim())
	if err := e.Run(make([]float32, p.Values[p.Input].Len()), 1, out); err != nil {
		t.Fatalf("planned, but not run: %v", err)
	}
	return 3
}

func models(t testing.TB) [][]byte {
	var list [][]byte
	for _, g := range enginetest.Goldens(t, "../testdata") {
		b, err := os.ReadFile(g.Path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}

// TestDamagedNetworks: networks with random changes give an error or features, never a panic.
func TestDamagedNetworks(t *testing.T) {
	filetest.Slow(t)
	path := filepath.Join(t.TempDir(), "net.onnx")
	list := models(t)
	rng := rand.New(rand.NewPCG(3, 5))
	var came [4]int
	for range 1000 {
		edits := make([]byte, 4*(1+rng.IntN(3)))
		for i := range edits {
			edits[i] = byte(rng.Uint32())
		}
		came[survive(t, path, enginetest.Mutate(list[rng.IntN(len(list))], edits))]++
	}
	t.Logf("refused by the reader %d, by the planner %d, by the engine or too large to run %d, run %d", came[0], came[1], came[2], came[3])
	if came[0] == 0 || came[1] == 0 || came[3] == 0 {
		t.Error("the changes do not reach every stage")
	}
}

func FuzzEngine(f *testing.F) {
	list := models(f)
	for i := range list {
		f.Add(uint8(i), []byte{0, 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, which uint8, edits []byte) {
		survive(t, filepath.Join(t.TempDir(), "net.onnx"), enginetest.Mutate(list[int(which)%len(list)], edits))
	})
}
