package native

import (
	"slices"

	"vzsl/extract/onnx/plan"
	"vzsl/internal/kernels"
)

// tail is what a convolution or a linear layer does at its end in place of the steps after it: add
// another value, apply a function, take the maximum of each 2x2.
type tail struct {
	fn   kernels.Function
	add  int // the plan's value; -1: none
	pool bool
	out  int // the plan's value that it makes
}

// readers are the steps that read a plan's value.
func (c *compiler) readers(v int) []int {
	var list []int
	for i := range c.plan.Steps {
		if slices.Contains(c.plan.Steps[i].In, v) {
			list = append(list, i)
		}
	}
	return list
}

// only is the one step that reads v, -1 where there are others or v is the output.
func (c *compiler) only(v int) int {
	if r := c.readers(v); len(r) == 1 && c.uses[v] == 1 {
		return r[0]
	}
	return -1
}

// tail takes the steps after step i into it, as far as its kernel can do them, and marks them.
func (c *compiler) tail(i int, relu, pool, add bool) tail {
	t := tail{add: -1, out: c.plan.Steps[i].Out}
	if relu {
		t.fn = kernels.ReLU
	}
	for {
		if p := c.poolAfter(t.out); pool && t.add < 0 && p >= 0 {
			t.pool = true
			t.out = c.take1(p)
			return t
		}
		if t.fn.Kind != kernels.Identity {
			return t
		}
		if fn, last, between := c.gate(t.out); last >= 0 {
			t.fn = fn
			c.fused[between] = true
			t.out = c.take1(last)
			continue
		}
		j := c.only(t.out)
		if j < 0 {
			return t
		}
		switch op := c.plan.Steps[j].Op.(type) {
		case *plan.Activation:
			fn, ok := function(op)
			if !ok {
				return t
			}
			t.fn = fn
			t.out = c.take1(j)
		case *plan.Binary:
			other := c.plan.Steps[j].In[0]
			if other == t.out {
				other = c.plan.Steps[j].In[1]
			}
			if op.Kind != plan.Add || !add || t.add >= 0 || c.byPlan[other] < 0 || c.deferred[other] ||
				!slices.Equal(c.plan.Values[other].Dims, c.plan.Values[t.out].Dims) {
				return t
			}
			t.add = other
			if op.Relu {
				t.fn = kernels.ReLU
			}
			t.out = c.take1(j)
		default:
			return t
		}
	}
}

// take1 marks a step as done and gives its value.
func (c *compiler) take1(step int) int {
	c.fused[step] = true
	return c.plan.Steps[step].Out
}

// gate finds v * sigmoid(v), which is SiLU, and v * hard sigmoid(v), where nothing else reads v: the
// function, the multiplication's step and that of the sigmoid. last is -1 where there is none.
func (c *compiler) gate(v int) (fn kernels.Function, last, between int) {
	r := c.readers(v)
	if len(r) != 2 || c.uses[v] != 2 {
		return fn, -1, 0
	}
	a, isA := c.plan.Steps[r[0]].Op.(*plan.Activation)
	b, isB := c.plan.Steps[r[1]].Op.(*plan.Binary)
	s := c.plan.Steps[r[0]].Out
	if !isA || !isB || b.Kind != plan.Mul || b.Relu || c.only(s) != r[1] || !slices.Equal(c.plan.Values[s].Dims, c.plan.Values[v].Dims) {
		return fn, -1, 0
	}
	switch f, ok := function(a); {
	case !ok:
	case f.Kind == kernels.Sigmoid:
		return kernels.Function{Kind: kernels.Silu}, r[1], r[0]
	case f.Kind == kernels.HardSigmoid && f.Beta == 0.5 && f.Alpha > 0.16666 && f.Alpha < 0.16667:
		return kernels.Function{Kind: kernels.HardSwish}, r[1], r[0]
	}
	return fn, -1, 0
}

// poolAfter is the step that takes the maximum of each 2x2 of v, where nothing else reads that; -1
// where there is none.
func (c *compiler) poolAfter(v int) int {
	j := c.only(v)
	if j < 0 {
		return -1
	}
	s := &c.plan.Steps[j]
	p, ok := s.Op.(*plan.Pool)
	if !ok || !p.Max {
		return -1
	}
	d, o := c.plan.Values[v].Dims, c.plan.Values[s.Out].Dims
	want := kernels.Pool2D{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2, DilationH: p.DilationH, DilationW: p.DilationW, Ceil: p.Ceil, CountPad: p.CountPad}
	if p.Pool2D == want && p.DilationH <= 1 && p.DilationW <= 1 && o[2] == d[2]/2 && o[3] == d[3]/2 {
		return j
	}
	return -1
}

// gated are the maps and the factors of a multiplication: the larger and the smaller of its arguments.
func (c *compiler) gated(s *plan.Step) (maps, factors int) {
	a, b := s.In[0], s.In[1]
	if c.plan.Values[a].Len() < c.plan.Values[b].Len() {
		return b, a
	}
	return a, b
}

// excites reports whether step i, which multiplies maps by one value for each channel, can be left to
// the convolution of 1x1 that alone reads it.
func (c *compiler) excites(i int) bool {
	s := &c.plan.Steps[i]
	op, ok := s.Op.(*plan.Binary)
	if !ok || op.Kind != plan.Mul || op.Relu || len(s.In) != 2 {
		return false
	}
	m, g := c.gated(s)
	if a, b := c.plan.Values[m].Dims, c.plan.Values[g].Dims; !gates(b, a) {
		return false
	}
	return c.pointwise(s.Out)
}

// pointwise reports whether a convolution of 1x1 alone reads a plan's value.
func (c *compiler) pointwise(v int) bool {
	j := c.only(v)
	if j < 0 {
		return false
	}
	conv, ok := c.plan.Steps[j].Op.(*plan.Conv)
	return ok && conv.KernelH == 1 && conv.KernelW == 1 && conv.Groups <= 1 && conv.Top+conv.Left+conv.Bottom+conv.Right == 0
}

// pooled is the value of the means of each of a plan's maps, where a step wants them, as squeeze and excitation
// does, and marks that step; -1 where none does.
func (c *compiler) pooled(v int) int {
	for _, j := range c.readers(v) {
		s := &c.plan.Steps[j]
		if _, ok := s.Op.(*plan.GlobalPool); ok && !c.fused[j] {
			c.byPlan[c.take1(j)] = c.value(c.plan.Values[s.Out].Dims, true)
			return c.byPlan[s.Out]
		}
	}
	return -1
}
