package native

import (
	"math/rand/v2"
	"slices"
	"testing"

	"vzsl/extract/onnx/plan"
	"vzsl/internal/kernels"
)

// TestDenseBlock: each layer reads all values before it, joined. What was joined for one layer becomes a part of what the next one
// reads, so that nothing is copied, however many layers there are; and the values are those of the steps one by one.
func TestDenseBlock(t *testing.T) {
	const size, layers = 5, 6
	p := &plan.Plan{}
	value := func(c int) int {
		p.Values = append(p.Values, plan.Value{Dims: []int{1, c, size, size}})
		return len(p.Values) - 1
	}
	step := func(op plan.Op, out int, in ...int) int {
		p.Steps = append(p.Steps, plan.Step{Node: "n", Op: op, In: in, Out: out})
		return out
	}
	pool := &plan.Pool{Pool2D: kernels.Pool2D{KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1}}
	p.Input = value(2)
	all := []int{step(pool, value(2), p.Input)}
	channels := 2
	for range layers {
		from := all[0]
		if len(all) > 1 {
			from = step(&plan.Concat{Axis: 1}, value(channels), all...)
		}
		all = append(all, step(pool, value(channels), from))
		channels *= 2
	}
	p.Output = step(&plan.Concat{Axis: 1}, value(channels), all...)

	e, err := ofPlan(p, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	c := e.program
	for _, v := range all {
		if c.root(c.byPlan[v]) != c.root(c.byPlan[all[0]]) {
			t.Errorf("value %d, %v, is not made where the last layer reads it", v, p.Values[v].Dims)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	got, values := make([]float32, e.Dim()), make([][]float32, len(p.Values))
	for i, v := range p.Values {
		values[i] = make([]float32, v.Len())
	}
	for i := range values[p.Input] {
		values[p.Input][i] = float32(r.NormFloat64())
	}
	if err := e.Run(values[p.Input], 1, got); err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Steps {
		if s.Op == plan.Op(pool) {
			in, out := values[s.In[0]], values[s.Out]
			for i := range out {
				out[i] = mean3(in[i/(size*size)*size*size:][:size*size], i%(size*size)/size, i%size, size)
			}
			continue
		}
		var in [][]float32
		var dims [][]int
		for _, v := range s.In {
			in, dims = append(in, values[v]), append(dims, p.Values[v].Dims)
		}
		if err := plan.Eval(s.Op, in, dims, values[s.Out], p.Values[s.Out].Dims); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.EqualFunc(got, values[p.Output], func(a, b float32) bool { return a-b < 1e-5 && b-a < 1e-5 }) {
		t.Errorf("%v, want %v", got, values[p.Output])
	}
}

// mean3 is the mean of the 3x3 pixels around (y, x) that are inside the map.
func mean3(in []float32, y, x, size int) float32 {
	sum, n := 0.0, 0.0
	for v := max(0, y-1); v <= min(size-1, y+1); v++ {
		for u := max(0, x-1); u <= min(size-1, x+1); u++ {
			sum, n = sum+float64(in[v*size+u]), n+1
		}
	}
	return float32(sum / n)
}
