package native

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/onnx"
	"vzsl/extract/onnx/plan"
)

func newEngine(net *onnx.Network, l onnx.Layer, h, w int) (enginetest.Engine, error) {
	return New(net, l, h, w)
}

func TestGoldens(t *testing.T) { enginetest.TestGoldens(t, newEngine, nil) }

// TestBatchesAndThreads: features do not depend on how images fall into batches, nor on the number
// of threads, nor on how many images go through the program's early part at a time, to the bit.
func TestBatchesAndThreads(t *testing.T) {
	const dir = "../testdata"
	caches := []int{1 << 30, 512 << 10, 128 << 10, 32 << 10, 0}
	runs, cut, lanes := 0, 0, [4]int{}
	for _, g := range enginetest.Goldens(t, dir) {
		two := enginetest.Pictures(t, dir, g.NHWC)
		per := len(two) / enginetest.Images
		n := 7
		x := make([]float32, 0, n*per)
		for i := range n { // seven different images
			img := append([]float32(nil), two[i%2*per:(i%2+1)*per]...)
			for j := range img {
				img[j] *= float32(i) - 2.5
			}
			x = append(x, img...)
		}
		net, l := enginetest.Layer(t, g.Path, "")
		var want []float32
		for _, threads := range []int{1, 2, 3} {
			for _, batch := range []int{7, 1, 3, 2} {
				old := runtime.GOMAXPROCS(threads)
				cache := caches[runs%len(caches)]
				runs++
				e, err := create(net, l, enginetest.Size, enginetest.Size, cache)
				if err != nil {
					t.Fatal(err)
				}
				if cache > 0 && cache < 1<<20 {
					lanes[min(e.program.lanes, 3)]++
					if e.program.early > 0 && e.program.early < len(e.program.code) {
						cut++
					}
				}
				got := make([]float32, n*e.Dim())
				if batch == 3 {
					e.maxBatch = 2 // pieces within a run
				}
				for lo := 0; lo < n; lo += batch {
					hi := min(n, lo+batch)
					if err := e.Run(x[lo*per:hi*per], hi-lo, got[lo*e.Dim():hi*e.Dim()]); err != nil {
						t.Fatal(err)
					}
				}
				_ = e.Close()
				runtime.GOMAXPROCS(old)
				if want == nil {
					want = got
				} else if !slices.Equal(got, want) {
					t.Errorf("%s: features change with batches of %d on %d threads", g.Name, batch, threads)
				}
			}
		}
		_ = net.Close()
	}
	if cut == 0 || lanes[1] == 0 || lanes[2] == 0 || lanes[3] == 0 {
		t.Errorf("programs in two parts %d, by lanes %v: not all ways are tested", cut, lanes)
	}
}

// TestPoolingIsFused: in a VGG every pooling but those at odd sizes happens in the convolution before.
func TestPoolingIsFused(t *testing.T) {
	for _, g := range enginetest.Goldens(t, "../testdata") {
		if !strings.HasPrefix(g.Name, "vgg") {
			continue
		}
		net, l := enginetest.Layer(t, g.Path, "")
		e, err := New(net, l, enginetest.Size, enginetest.Size)
		if err != nil {
			t.Fatal(err)
		}
		if len(e.program.fused) == 0 {
			t.Errorf("%s: none of its poolings", g.Name)
		}
		_ = e.Close()
		_ = net.Close()
	}
}

// TestMobileIsFused: in a mobile network no activation and no gate of squeeze and excitation is a pass of its
// own.
func TestMobileIsFused(t *testing.T) {
	for _, g := range enginetest.Goldens(t, "../testdata") {
		if g.Name != "hub_mobile" {
			continue
		}
		net, l := enginetest.Layer(t, g.Path, "")
		e, err := New(net, l, enginetest.Size, enginetest.Size)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		gated := len(e.program.deferred)
		if gated == 0 {
			t.Error("no gate is left to the convolution after it")
		}
		// The gate may be the first factor, as torchvision's networks have it.
		p, err := net.Plan(l.Tensor, enginetest.Size, enginetest.Size)
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Steps {
			if op, ok := p.Steps[i].Op.(*plan.Binary); ok && op.Kind == plan.Mul {
				slices.Reverse(p.Steps[i].In)
			}
		}
		swapped, err := compile(p, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		defer swapped.release()
		if len(swapped.deferred) != gated {
			t.Errorf("%d gates are left to the convolution after them where they are the first factor, %d where the second", len(swapped.deferred), gated)
		}
		for i, s := range e.program.plan.Steps {
			op, binary := s.Op.(*plan.Binary)
			_, activation := s.Op.(*plan.Activation)
			if (activation || binary && op.Kind == plan.Mul) && !e.program.fused[i] && !e.program.deferred[s.Out] {
				t.Errorf("%s is a pass of its own", s.Node)
			}
		}
		return
	}
	t.Fatal("there is no such network")
}
