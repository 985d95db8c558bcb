package native

import (
	"fmt"
	"slices"

	"vzsl/extract/onnx/plan"
	"vzsl/internal/kernels"
)

// value is a tensor of the program, for one image.
type value struct {
	dims []int // as in the plan: [1, C, H, W] where maps is set
	maps bool  // laid out channels last, in a halo
	halo kernels.Halo

	parent, lo int // channels of another value's maps, from lo on; parent -1: none
	alias      int // the same memory as another value's; -1: none

	first, last int  // instructions that write it first and read it last
	slot        int  // the buffer it lies in; -1: the caller's images
	early       bool // its buffer holds the few images that early instructions take at a time
}

func (v *value) size() int {
	if !v.maps {
		n := 1
		for _, d := range v.dims {
			n *= d
		}
		return n
	}
	return kernels.ActLen(1, v.dims[2], v.dims[3], v.dims[1], v.halo)
}

// instruction computes one value. run works on n images, from the frame's first on.
type instruction struct {
	in   []int
	out  int
	mean int // another value that it computes, see pooled; -1: none
	run  func(f *frame, n int)
	// want raises the halo of inputs; called once all of the program is known.
	want    func(c *compiler)
	weights int // bytes that it reads for any number of images
}

// compiler builds a program from a plan.
type compiler struct {
	plan   *plan.Plan
	values []value
	code   []instruction
	byPlan []int        // the program's value for a plan's
	other  map[int]int  // a value in the other layout
	uses   []int        // steps that read a plan's value; the output counts as read
	fused  map[int]bool // steps of the plan that an instruction before them does, too
	// Values of steps that are left to the convolution that reads them, see excites.
	deferred map[int]bool
	views    map[int][3]view // of steps of attention
	free     []func()        // of prepared weights
	slots    []slot          // the buffers

	// The first early instructions run on one image at a time in each of so many lanes, see split.
	early, lanes int
}

func compile(plan *plan.Plan, cache int) (c *compiler, err error) {
	c = &compiler{plan: plan, byPlan: make([]int, len(plan.Values)), other: map[int]int{}, uses: make([]int, len(plan.Values)), fused: map[int]bool{}, deferred: map[int]bool{}}
	prepared := c // what is returned on an error is nil
	defer func() {
		if err != nil {
			prepared.release()
		}
	}()
	for i := range c.byPlan {
		c.byPlan[i] = -1
	}
	in := c.value(plan.Values[plan.Input].Dims, false)
	c.byPlan[plan.Input] = in
	c.uses[plan.Output]++
	for _, s := range plan.Steps {
		for _, v := range s.In {
			c.uses[v]++
		}
	}
	c.views = c.attended()
	for i := range plan.Steps {
		if c.fused[i] {
			continue
		}
		s := &plan.Steps[i]
		for k, v := range s.In {
			if x, ok := c.views[i]; ok && k < len(x) {
				v = x[k].of
			}
			if c.byPlan[v] < 0 && !c.deferred[v] {
				return nil, fmt.Errorf("%s reads a value that is not computed yet", s.Node)
			}
		}
		if err := c.step(i); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Node, err)
		}
	}
	if c.byPlan[plan.Output] < 0 {
		return nil, fmt.Errorf("the layer %q is not computed by any step", plan.Values[plan.Output].Name)
	}
	out := c.layout(c.byPlan[plan.Output], false)
	c.byPlan[plan.Output] = out
	for _, i := range c.code {
		if i.want != nil {
			i.want(c)
		}
	}
	c.split(cache)
	return c, c.place(in, out)
}

func (c *compiler) release() {
	for _, f := range c.free {
		f()
	}
	c.free = nil
}

func (c *compiler) value(dims []int, maps bool) int {
	c.values = append(c.values, value{dims: dims, maps: maps, parent: -1, alias: -1, first: -1, last: -1, slot: -1})
	return len(c.values) - 1
}

func (c *compiler) emit(out int, run func(f *frame, n int), in ...int) {
	c.code = append(c.code, instruction{in: in, out: out, mean: -1, run: run})
}

// layout returns v as maps or as plain values, converting where it is not.
func (c *compiler) layout(v int, maps bool) int {
	if c.values[v].maps == maps {
		return v
	}
	if o, ok := c.other[v]; ok {
		return o
	}
	d := c.values[v].dims
	o := c.value(d, maps)
	c.other[v] = o
	if maps {
		c.emit(o, func(f *frame, n int) {
			size := product(d)
			kernels.Parallel(n, func(i int) { f.maps(o, n).Images(i, i+1).FromNCHW(f.plain(v, n)[i*size:][:size]) })
		}, v)
		return o
	}
	c.emit(o, func(f *frame, n int) {
		size := product(d)
		kernels.Parallel(n, func(i int) { f.maps(v, n).Images(i, i+1).ToNCHW(f.plain(o, n)[i*size:][:size]) })
	}, v)
	return o
}

func product(d []int) int {
	n := 1
	for _, x := range d {
		n *= x
	}
	return n
}

// root is the value whose memory v lies in.
func (c *compiler) root(v int) int {
	for {
		switch x := &c.values[v]; {
		case x.alias >= 0:
			v = x.alias
		case x.parent >= 0:
			v = x.parent
		default:
			return v
		}
	}
}

// raise widens the halo of the maps that v lies in.
func (c *compiler) raise(v int, h kernels.Halo) {
	r := c.root(v)
	c.values[r].halo = c.values[r].halo.Max(h)
}

// step compiles a step of the plan.
func (c *compiler) step(i int) error {
	s := &c.plan.Steps[i]
	dims := c.plan.Values[s.Out].Dims
	arg := func(i int, maps bool) int { return c.layout(c.byPlan[s.In[i]], maps) }
	set := func(maps bool) int {
		v := c.value(dims, maps)
		c.byPlan[s.Out] = v
		return v
	}
	in := -1
	if len(s.In) > 0 {
		in = c.byPlan[s.In[0]]
	}
	switch op := s.Op.(type) {
	case *plan.Conv:
		return c.conv(i)
	case *plan.Linear:
		return c.linear(i)
	case *plan.Attention:
		c.attention(i)
	case *plan.Pool:
		x, o := arg(0, true), set(true)
		pool := kernels.AveragePool
		if op.Max {
			pool = kernels.MaxPool
		}
		c.emit(o, func(f *frame, n int) { pool(op.Pool2D, f.maps(x, n), f.maps(o, n)) }, x)
	case *plan.GlobalPool:
		x, o := arg(0, true), set(true)
		c.emit(o, func(f *frame, n int) { kernels.GlobalAveragePool(f.maps(x, n), f.maps(o, n)) }, x)
	case *plan.Affine:
		if len(dims) != 4 || op.Axis != 1 || !c.values[in].maps {
			return c.general(s, dims)
		}
		if c.pointwise(s.Out) {
			c.deferred[s.Out] = true
			return nil
		}
		scale, shift := affine(op, dims[1])
		o := set(true)
		c.emit(o, func(f *frame, n int) {
			kernels.ScaleShift(f.maps(in, n), f.maps(o, n), scale, shift, op.Relu)
		}, in)
	case *plan.Activation:
		x := in
		fn, ok := function(op)
		if !ok {
			return c.general(s, dims)
		}
		o := set(c.values[x].maps)
		c.emit(o, func(f *frame, n int) { f.apply(fn, x, o, n) }, x)
	case *plan.Binary:
		if c.excites(i) {
			c.deferred[s.Out] = true
			return nil
		}
		return c.binary(op, s, dims, set)
	case *plan.Concat:
		c.concat(op, s, dims, set)
	case *plan.Reshape:
		x := arg(0, false)
		o := set(false)
		c.values[o].alias = x
	case *plan.Transpose:
		return c.transpose(s, op, in, dims, set)
	case *plan.LRN:
		x, o := arg(0, true), set(true)
		c.emit(o, func(f *frame, n int) {
			kernels.Parallel(n, func(i int) {
				kernels.LRN(f.maps(x, n).Images(i, i+1), f.maps(o, n).Images(i, i+1), op.Size, op.Alpha, op.Beta, op.Bias)
			})
		}, x)
	case *plan.Pad:
		top, left, _, _, ok := op.Maps()
		if !ok || dims[0] != 1 || !c.values[in].maps {
			return c.general(s, dims)
		}
		x, o := in, set(true)
		c.emit(o, func(f *frame, n int) {
			kernels.Parallel(n, func(i int) {
				pad(top, left, op.Value, f.maps(x, n).Images(i, i+1), f.maps(o, n).Images(i, i+1))
			})
		}, x)
	default:
		return c.general(s, dims)
	}
	return nil
}

// concat joins maps along the channels by making each input a part of the result, where the input
// is made by an instruction and is part of nothing else; other inputs are copied.
func (c *compiler) concat(op *plan.Concat, s *plan.Step, dims []int, set func(bool) int) {
	if len(dims) != 4 || op.Axis != 1 || dims[0] != 1 || !slices.ContainsFunc(s.In, func(v int) bool { return c.values[c.byPlan[v]].maps }) {
		c.join(op, s, dims, set)
		return
	}
	in := make([]int, len(s.In))
	for i, v := range s.In {
		in[i] = c.layout(c.byPlan[v], true)
	}
	made := map[int]bool{}
	for _, i := range c.code {
		made[i.out] = true
	}
	in = c.together(in)
	o := set(true)
	lo := 0
	var copied []int
	var at []int
	for _, v := range in {
		x := &c.values[v]
		if made[v] && x.parent < 0 && x.alias < 0 && v != o {
			x.parent, x.lo = o, lo
		} else {
			copied = append(copied, v)
			at = append(at, lo)
		}
		lo += x.dims[1]
	}
	// The instruction keeps the inputs alive up to here even where nothing is copied.
	c.emit(o, func(f *frame, n int) {
		for j, v := range copied {
			x := f.maps(v, n)
			kernels.CopyAct(x, f.maps(o, n).Channels(at[j], at[j]+x.C))
		}
	}, in...)
}

// together replaces values that are joined already, as those of a dense block are before each of its layers, by
// what they are joined to: it becomes a part of the new whole. That may itself be joined to the next values already.
func (c *compiler) together(in []int) []int {
	for {
		whole := c.whole(in)
		if whole == 0 {
			return in
		}
		in = append([]int{c.values[in[0]].parent}, in[whole:]...)
	}
}

// whole is how many of the first values are, one after another, all that a joined value holds; 0: they are not.
func (c *compiler) whole(in []int) int {
	p, lo := c.values[in[0]].parent, 0
	if p < 0 {
		return 0
	}
	for i, v := range in {
		x := &c.values[v]
		if x.parent != p || x.lo != lo {
			return 0
		}
		if lo += x.dims[1]; lo == c.values[p].dims[1] {
			return i + 1
		}
	}
	return 0
}

// join concatenates plain values along any axis.
func (c *compiler) join(op *plan.Concat, s *plan.Step, dims []int, set func(bool) int) {
	in := make([]int, len(s.In))
	for i, v := range s.In {
		in[i] = c.layout(c.byPlan[v], false)
	}
	o := set(false)
	inner := product(dims[op.Axis+1:])
	outer := product(dims[:op.Axis])
	c.emit(o, func(f *frame, n int) {
		at, row := 0, dims[op.Axis]*inner
		for _, v := range in {
			w := c.values[v].dims[op.Axis] * inner
			for r := range n * outer {
				copy(f.plain(o, n)[r*row+at:][:w], f.plain(v, n)[r*w:])
			}
			at += w
		}
	}, in...)
}

// transpose turns plain N x H x W x C into maps and back by copying rows; any other permutation of
// plain values goes element by element.
func (c *compiler) transpose(s *plan.Step, op *plan.Transpose, in int, dims []int, set func(bool) int) error {
	is := func(p ...int) bool {
		if len(p) != len(op.Perm) {
			return false
		}
		for i := range p {
			if p[i] != op.Perm[i] {
				return false
			}
		}
		return true
	}
	if is(0, 3, 1, 2) && !c.values[in].maps && dims[0] == 1 && c.wantsMaps(s.Out) {
		o := set(true)
		size := product(dims)
		c.emit(o, func(f *frame, n int) {
			kernels.Parallel(n, func(i int) { f.maps(o, n).Images(i, i+1).FromNHWC(f.plain(in, n)[i*size:][:size]) })
		}, in)
		return nil
	}
	if is(0, 2, 3, 1) && c.values[in].maps {
		o := set(false)
		size := product(dims)
		c.emit(o, func(f *frame, n int) {
			kernels.Parallel(n, func(i int) { f.maps(in, n).Images(i, i+1).ToNHWC(f.plain(o, n)[i*size:][:size]) })
		}, in)
		return nil
	}
	return c.general(s, dims)
}

// wantsMaps reports whether a step that reads a value of the plan works on maps.
func (c *compiler) wantsMaps(v int) bool {
	for i := range c.plan.Steps {
		s := &c.plan.Steps[i]
		if !slices.Contains(s.In, v) {
			continue
		}
		switch op := s.Op.(type) {
		case *plan.Conv, *plan.Pool, *plan.GlobalPool, *plan.LRN:
			return true
		case *plan.Affine:
			if op.Axis == 1 && c.wantsMaps(s.Out) {
				return true
			}
		case *plan.Activation:
			if c.wantsMaps(s.Out) {
				return true
			}
		case *plan.Binary: // with the way around a block
			for _, x := range s.In {
				if x != v && c.byPlan[x] >= 0 && c.values[c.byPlan[x]].maps {
					return true
				}
			}
		}
	}
	return false
}
