package native

import (
	"vzsl/extract/onnx/plan"
	"vzsl/internal/kernels"
)

// conv compiles a convolution and the steps after it that its kernel does on the way.
func (c *compiler) conv(i int) error {
	s := &c.plan.Steps[i]
	op := s.Op.(*plan.Conv)
	from := s.In[0]
	deferred, scale := c.deferred[from], -1
	var shift *plan.Affine
	if deferred {
		switch m := &c.plan.Steps[c.maker(from)]; op := m.Op.(type) {
		case *plan.Affine:
			from, shift = m.In[0], op
		default:
			maps, factors := c.gated(m)
			from, scale = maps, c.layout(c.byPlan[factors], true)
		}
	}
	x := c.layout(c.byPlan[from], true)
	t := c.tail(i, op.Relu, !deferred, true)
	add := -1
	if t.add >= 0 {
		add = c.layout(c.byPlan[t.add], true)
	}
	p, err := c.prepare(op, t.fn)
	if err != nil {
		return err
	}
	if !deferred && add < 0 && !t.pool {
		if j := c.deep(t.out); j >= 0 && p.Chains(c.plan.Steps[j].Op.(*plan.Conv).Conv2D) {
			return c.chain(p, x, j)
		}
	}
	o := c.value(c.plan.Values[t.out].Dims, true)
	c.byPlan[t.out] = o
	in, mean := []int{x}, -1
	maps := func(f *frame, v, n int) *kernels.Act {
		if v < 0 {
			return nil
		}
		return f.maps(v, n)
	}
	run := func(f *frame, n int) { p.RunAdd(f.maps(x, n), maps(f, add, n), f.maps(o, n)) }
	switch {
	case scale >= 0:
		in = append(in, scale)
		run = func(f *frame, n int) {
			s := f.maps(scale, n)
			factors := s.Data[s.At(0, 0, 0):]
			if s.Halo() != (kernels.Halo{}) || s.Stride != 0 {
				factors = make([]float32, n*s.C)
				s.ToNCHW(factors)
			}
			p.RunScaled(f.maps(x, n), factors, maps(f, add, n), f.maps(o, n))
		}
	case shift != nil:
		a, b := affine(shift, op.In)
		run = func(f *frame, n int) { p.RunShifted(f.maps(x, n), a, b, shift.Relu, maps(f, add, n), f.maps(o, n)) }
	case t.pool:
		run = func(f *frame, n int) { p.RunMaxPool2(f.maps(x, n), f.maps(o, n)) }
	case add < 0:
		if mean = c.pooled(t.out); mean >= 0 {
			run = func(f *frame, n int) { p.RunPooled(f.maps(x, n), f.maps(o, n), f.maps(mean, n)) }
		}
	}
	if add >= 0 {
		in = append(in, add)
	}
	c.emit(o, run, in...)
	d := c.values[x].dims
	last := &c.code[len(c.code)-1]
	last.mean = mean
	last.want = func(c *compiler) { c.raise(x, p.Halo(d[2], d[3])) }
	last.weights = p.WeightBytes()
	return nil
}

// prepare lays out a convolution's weights.
func (c *compiler) prepare(op *plan.Conv, fn kernels.Function) (p *kernels.Conv, err error) {
	err = op.Weight.Use(func(w []float32) (err error) {
		if op.Scale != nil {
			w = scaled(w, op.Scale, len(w)/op.Out)
		}
		p, err = kernels.PrepareConv(op.Conv2D, w, op.Bias, fn)
		return err
	})
	if err == nil {
		c.free = append(c.free, p.Free)
	}
	return p, err
}

// deep is the depthwise convolution that alone reads a plan's value; -1 where there is none.
func (c *compiler) deep(v int) int {
	j := c.only(v)
	if j < 0 {
		return -1
	}
	if op, ok := c.plan.Steps[j].Op.(*plan.Conv); !ok || op.Groups <= 1 || c.plan.Steps[j].In[0] != v {
		return -1
	}
	return j
}

// chain compiles a convolution of x and the depthwise one after it, step j, as one.
func (c *compiler) chain(first *kernels.Conv, x, j int) error {
	op := c.plan.Steps[j].Op.(*plan.Conv)
	c.take1(j)
	t := c.tail(j, op.Relu, false, false)
	second, err := c.prepare(op, t.fn)
	if err != nil {
		return err
	}
	o := c.value(c.plan.Values[t.out].Dims, true)
	c.byPlan[t.out] = o
	mean := c.pooled(t.out)
	c.emit(o, func(f *frame, n int) {
		var m *kernels.Act
		if mean >= 0 {
			m = f.maps(mean, n)
		}
		kernels.RunChain(first, second, f.maps(x, n), f.maps(o, n), m)
	}, x)
	d := c.values[x].dims
	last := &c.code[len(c.code)-1]
	last.mean = mean
	last.want = func(c *compiler) { c.raise(x, first.Halo(d[2], d[3])) }
	last.weights = first.WeightBytes() + second.WeightBytes()
	return nil
}

// maker is the step that makes a plan's value.
func (c *compiler) maker(v int) int {
	for i := range c.plan.Steps {
		if c.plan.Steps[i].Out == v {
			return i
		}
	}
	return -1
}

// scaled multiplies the weights of each output, per of them, by its factor.
func scaled(w, scale []float32, per int) []float32 {
	out := make([]float32, len(w))
	for o, s := range scale {
		for i := o * per; i < (o+1)*per; i++ {
			out[i] = w[i] * s
		}
	}
	return out
}

// linear compiles a linear layer and the steps after it that its kernel does on the way.
func (c *compiler) linear(i int) error {
	s := &c.plan.Steps[i]
	op := s.Op.(*plan.Linear)
	x := c.layout(c.byPlan[s.In[0]], false)
	t := c.tail(i, op.Relu, false, true)
	add := -1
	if t.add >= 0 {
		add = c.layout(c.byPlan[t.add], false)
	}
	o := c.value(c.plan.Values[t.out].Dims, false)
	c.byPlan[t.out] = o
	ld := op.Out
	if op.Transposed {
		ld = op.In
	}
	var p *kernels.Linear
	err := op.Weight.Use(func(w []float32) (err error) {
		switch {
		case op.Scale != nil && op.Transposed:
			w = scaled(w, op.Scale, op.In)
		case op.Scale != nil:
			t := make([]float32, len(w))
			for i := range t {
				t[i] = w[i] * op.Scale[i%op.Out]
			}
			w = t
		}
		p, err = kernels.PrepareLinear(op.Transposed, op.Out, op.In, w, ld, op.Bias, t.fn)
		return err
	})
	if err != nil {
		return err
	}
	c.free = append(c.free, p.Free)
	rows := product(c.values[x].dims) / op.In
	in := []int{x}
	if add >= 0 {
		in = append(in, add)
	}
	c.emit(o, func(f *frame, n int) {
		var a []float32
		if add >= 0 {
			a = f.plain(add, n)
		}
		p.RunAdd(n*rows, f.plain(x, n), op.In, a, op.Out, f.plain(o, n), op.Out)
	}, in...)
	c.code[len(c.code)-1].weights = p.WeightBytes()
	return nil
}
