package native

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"vzsl/extract/engine/enginetest"
	"vzsl/extract/onnx"
	"vzsl/extract/onnx/plan"
)

// TestViews: elements moved step by step are where the view of the same steps says.
func TestViews(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dims := rapid.SliceOfN(rapid.IntRange(1, 4), 1, 4).Draw(t, "dims")
		values := make([]float32, product(dims))
		for i := range values {
			values[i] = float32(i)
		}
		v := viewOf(0, dims)
		for range rapid.IntRange(1, 4).Draw(t, "steps") {
			var op plan.Op
			to := slices.Clone(dims)
			axis := rapid.IntRange(0, len(dims)-1).Draw(t, "axis")
			switch rapid.IntRange(0, 3).Draw(t, "op") {
			case 0:
				perm := rapid.Permutation(seq(len(dims))).Draw(t, "perm")
				for i, p := range perm {
					to[i] = dims[p]
				}
				op = &plan.Transpose{Perm: perm}
			case 1:
				start, step := make([]int, len(dims)), slices.Repeat([]int{1}, len(dims))
				if rapid.Bool().Draw(t, "backwards") {
					start[axis], step[axis] = dims[axis]-1, -1
				} else {
					start[axis] = rapid.IntRange(0, dims[axis]-1).Draw(t, "start")
				}
				to[axis] = rapid.IntRange(1, max(start[axis]+1, dims[axis]-start[axis])).Draw(t, "length")
				if step[axis] == 1 {
					to[axis] = min(to[axis], dims[axis]-start[axis])
				}
				op = &plan.Slice{Start: start, Step: step}
			case 2:
				op = &plan.Gather{Axis: axis, Index: []int{rapid.IntRange(0, dims[axis]-1).Draw(t, "index")}}
				to = slices.Delete(to, axis, axis+1)
				if len(to) == 0 {
					to = []int{1}
				}
			case 3:
				// Factors of the size, dealt out to other axes.
				to = slices.Repeat([]int{1}, rapid.IntRange(1, 5).Draw(t, "rank"))
				for n, f := product(dims), 2; n > 1; {
					if n%f != 0 {
						f++
						continue
					}
					n /= f
					to[rapid.IntRange(0, len(to)-1).Draw(t, "to")] *= f
				}
				op = &plan.Reshape{}
			}
			moved := make([]float32, product(to))
			if err := plan.Eval(op, [][]float32{values}, [][]int{dims}, moved, to); err != nil {
				t.Fatal(err)
			}
			next, ok := v.after(op, to)
			if !ok {
				return
			}
			v, dims = next, to
			for i, want := range moved {
				if got := v.at(i); got != int(want) {
					t.Fatalf("%T to %v: element %d lies at %d, want %v", op, to, i, got, want)
				}
			}
			values = moved
		}
	})
	turned, _ := viewOf(0, []int{2, 3}).after(&plan.Transpose{Perm: []int{1, 0}}, []int{3, 2})
	if _, ok := turned.reshaped([]int{6}); ok {
		t.Error("a matrix that is turned has no even distance between all its entries")
	}
	if x, ok := turned.reshaped([]int{1, 3, 2, 1}); !ok || x.at(1) != 3 {
		t.Errorf("%+v", x)
	}
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// TestAttentionReadsViews: what a transformer's layers cut out of one product for attention is copied nowhere, whichever way an
// exporter writes it.
func TestAttentionReadsViews(t *testing.T) {
	seen := 0
	for _, g := range enginetest.Goldens(t, "../testdata") {
		net, err := onnx.Open(g.Path)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Layer("")
		if err != nil {
			t.Fatal(err)
		}
		e, err := newEngine(net, l, enginetest.Size, enginetest.Size)
		if err != nil {
			t.Fatal(err)
		}
		c := e.(*Engine).program
		for i, views := range c.views {
			seen++
			for k, x := range views {
				if x.of == c.plan.Steps[i].In[k] {
					t.Errorf("%s: argument %d of %s is copied", g.Name, k, c.plan.Steps[i].Node)
				}
			}
		}
		_ = e.Close()
		_ = net.Close()
	}
	if seen == 0 {
		t.Error("no network has attention")
	}
}
