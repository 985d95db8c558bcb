package plan

import (
	"math"
	"slices"

	"vzsl/extract/onnx/fold"
	"vzsl/extract/onnx/load"
)

// fuse replaces groups of steps by one that computes the same: the forms in which exporters write
// GELU, swish, hard-swish, mish, layer normalisation and attention where the operator set has no operator for them.
func (p *Plan) fuse() {
	f := &fuser{plan: p, producer: make([]*Step, len(p.Values)), uses: make([]int, len(p.Values))}
	f.uses[p.Output]++
	for i := range p.Steps {
		s := &p.Steps[i]
		f.producer[s.Out] = s
		for _, v := range s.In {
			f.uses[v]++
		}
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		switch op := s.Op.(type) {
		case *Binary:
			switch {
			case op.Relu:
			case op.Kind == Mul:
				x, y := s.In[0], s.In[1]
				f.gate(s, x, y)
				f.gate(s, y, x)
			case op.Kind == Div:
				f.layerNorm(s)
			}
		case *MatMul:
			f.attention(s, op)
		}
	}
	p.Steps = append(f.added, p.Steps...)
	p.prune()
}

type fuser struct {
	plan     *Plan
	producer []*Step
	uses     []int
	added    []Step // constants
}

// replace makes s another step on other values.
func (f *fuser) replace(s *Step, op Op, in ...int) {
	for _, v := range s.In {
		f.uses[v]--
	}
	for _, v := range in {
		f.uses[v]++
	}
	s.Op, s.In = op, in
}

// soleProducer returns the step that makes v, if nothing else reads v.
func (f *fuser) soleProducer(v int) *Step {
	if f.uses[v] != 1 {
		return nil
	}
	return f.producer[v]
}

// activation is the argument of an activation of a kind that makes v.
func (f *fuser) activation(v int, kind ActivationKind) (op *Activation, x int) {
	if s := f.soleProducer(v); s != nil {
		if a, ok := s.Op.(*Activation); ok && a.Kind == kind {
			return a, s.In[0]
		}
	}
	return nil, -1
}

// uniform is the argument of x*scale + shift that makes v, with one scale and one shift.
func (f *fuser) uniform(v int) (x int, scale, shift float64, ok bool) {
	s := f.soleProducer(v)
	if s == nil {
		return
	}
	a, isAffine := s.Op.(*Affine)
	if !isAffine {
		return
	}
	scale, shift, ok = a.uniform()
	return s.In[0], scale, shift, ok
}

// uniform returns an affine map's scale and shift where they are the same for all.
func (a *Affine) uniform() (scale, shift float64, ok bool) {
	one := func(v []float32, def float64) (float64, bool) {
		if v == nil {
			return def, true
		}
		for _, x := range v {
			if x != v[0] {
				return 0, false
			}
		}
		return float64(v[0]), len(v) > 0
	}
	s, ok1 := one(a.Scale, 1)
	t, ok2 := one(a.Shift, 0)
	return s, t, ok1 && ok2 && !a.Relu
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-4*math.Abs(b) }

// gate recognises x times a function of x, where x is y or half of it.
func (f *fuser) gate(s *Step, y, g int) {
	if _, ok := s.Op.(*Binary); !ok {
		return // already replaced
	}
	half := 1.0
	x := y
	// 1 + erf(x/sqrt 2) and 1 + tanh(sqrt(2/pi)(x + 0.044715 x^3))
	if inner, scale, shift, ok := f.uniform(g); ok && scale == 1 && shift == 1 {
		kind := Gelu
		root := -1
		if _, e := f.activation(inner, Erf); e >= 0 {
			if r, c, t, ok := f.uniform(e); ok && t == 0 && near(c, math.Sqrt2/2) {
				root = r
			}
		} else if _, e := f.activation(inner, Tanh); e >= 0 {
			kind, root = GeluTanh, f.cubic(e)
		}
		if root < 0 {
			return
		}
		if y != root {
			s := f.soleProducer(y)
			if s == nil {
				return
			}
			a, ok := s.Op.(*Affine)
			if !ok || s.In[0] != root {
				return
			}
			c, t, ok := a.uniform()
			if !ok || t != 0 {
				return
			}
			x, half = root, c
		}
		f.scaled(s, &Activation{Kind: kind}, x, half*2)
		return
	}
	if a, e := f.activation(g, Sigmoid); a != nil {
		if e == x {
			f.replace(s, &Activation{Kind: Swish, Lo: 1}, x)
		} else if r, c, t, ok := f.uniform(e); ok && r == x && t == 0 {
			f.replace(s, &Activation{Kind: Swish, Lo: float32(c)}, x)
		}
		return
	}
	if a, e := f.activation(g, HardSigmoid); a != nil && e == x && near(float64(a.Lo), 1.0/6) && a.Hi == 0.5 {
		f.replace(s, &Activation{Kind: HardSwish}, x)
		return
	}
	if _, e := f.activation(g, Tanh); e >= 0 {
		if _, r := f.activation(e, Softplus); r == x {
			f.replace(s, &Activation{Kind: Mish}, x)
		}
		return
	}
	// x * clip(x + 3) to 0 ... 6, perhaps divided by 6 before
	divided := 1.0
	if r, c, t, ok := f.uniform(g); ok && t == 0 && near(c, 1.0/6) {
		g, divided = r, 6
	}
	if a, e := f.activation(g, Clip); a != nil && a.Lo == 0 && a.Hi == 6 {
		if r, c, t, ok := f.uniform(e); ok && r == x && c == 1 && t == 3 {
			f.scaled(s, &Activation{Kind: HardSwish}, x, 6/divided)
		}
	}
}

// scaled replaces s by a function times a factor: the one that a step after it takes back, where there is one.
func (f *fuser) scaled(s *Step, op Op, x int, factor float64) {
	if near(factor, 1) {
		f.replace(s, op, x)
		return
	}
	if f.uses[s.Out] != 1 {
		return
	}
	for i := range f.plan.Steps {
		u := &f.plan.Steps[i]
		if len(u.In) != 1 || u.In[0] != s.Out {
			continue
		}
		a, ok := u.Op.(*Affine)
		if !ok {
			return
		}
		f.replace(s, op, x)
		scale := slices.Repeat([]float32{1}, f.plan.Values[u.Out].Dims[a.Axis])
		for i := range scale {
			w := factor
			if a.Scale != nil {
				w *= float64(a.Scale[i])
			}
			if !near(w, 1) {
				scale[i] = float32(w)
			}
		}
		u.Op = &Affine{Axis: a.Axis, Shift: a.Shift, Relu: a.Relu, Scale: scale}
		return
	}
}

// cubic is x where v is sqrt(2/pi) * (x + 0.044715 x^3).
func (f *fuser) cubic(v int) int {
	sum, c, t, ok := f.uniform(v)
	if !ok || t != 0 || !near(c, math.Sqrt(2/math.Pi)) {
		return -1
	}
	s := f.soleProducer(sum)
	if s == nil {
		return -1
	}
	op, ok := s.Op.(*Binary)
	if !ok || op.Kind != Add || op.Relu {
		return -1
	}
	for i, x := range s.In {
		cube, c, t, ok := f.uniform(s.In[1-i])
		if !ok || t != 0 || !near(c, 0.044715) {
			continue
		}
		m := f.soleProducer(cube)
		if m == nil {
			continue
		}
		switch op := m.Op.(type) {
		case *BinaryConstant:
			if op.Kind == Pow && !op.Swapped && len(op.Values) == 1 && op.Values[0] == 3 && m.In[0] == x {
				return x
			}
		case *Binary:
			if op.Kind != Mul || op.Relu {
				continue
			}
			for j := range 2 {
				if sq := f.soleProducer(m.In[1-j]); m.In[j] == x && sq != nil {
					if b, ok := sq.Op.(*Binary); ok && b.Kind == Mul && !b.Relu && sq.In[0] == x && sq.In[1] == x {
						return x
					}
				}
			}
		}
	}
	return -1
}

// lastMean is the argument of a mean over the last axis that makes v.
func (f *fuser) lastMean(v int) (x int, ok bool) {
	s := f.producer[v]
	if s == nil {
		return 0, false
	}
	r, isReduce := s.Op.(*Reduce)
	if !isReduce || r.Kind != ReduceMean {
		return 0, false
	}
	x = s.In[0]
	d, od := f.plan.Values[x].Dims, f.plan.Values[v].Dims
	return x, len(r.Axes) == 1 && r.Axes[0] == len(d)-1 && len(od) == len(d)
}

// layerNorm recognises (x - mean) / sqrt(mean of (x - mean)^2 + epsilon) over the last axis.
func (f *fuser) layerNorm(s *Step) {
	centred := f.producer[s.In[0]]
	if centred == nil {
		return
	}
	sub, ok := centred.Op.(*Binary)
	if !ok || sub.Kind != Sub || sub.Relu {
		return
	}
	x, ok := f.lastMean(centred.In[1])
	if !ok || x != centred.In[0] {
		return
	}
	_, v := f.activation(s.In[1], Sqrt)
	if v < 0 {
		return
	}
	variance, scale, epsilon, ok := f.uniform(v)
	if !ok || scale != 1 {
		return
	}
	square, ok := f.lastMean(variance)
	if !ok {
		return
	}
	m := f.soleProducer(square)
	if m == nil {
		return
	}
	// Some exporters write the difference twice.
	same := func(v int) bool {
		if v == s.In[0] {
			return true
		}
		o := f.producer[v]
		if o == nil {
			return false
		}
		b, ok := o.Op.(*Binary)
		if !ok || b.Kind != Sub || b.Relu || o.In[0] != x {
			return false
		}
		y, ok := f.lastMean(o.In[1])
		return ok && y == x
	}
	if b, ok := m.Op.(*Binary); !ok || b.Kind != Mul || b.Relu || !same(m.In[0]) || !same(m.In[1]) {
		return
	}
	f.replace(s, &LayerNorm{Axis: len(f.plan.Values[x].Dims) - 1, Epsilon: float32(epsilon)}, x)
}

// attention recognises softmax(scale*Q K' + mask) V.
func (f *fuser) attention(s *Step, op *MatMul) {
	if op.Scale != 1 || op.TransB {
		return
	}
	soft := f.soleProducer(s.In[0])
	if soft == nil {
		return
	}
	rank := len(f.plan.Values[soft.Out].Dims)
	if sm, ok := soft.Op.(*Softmax); !ok || sm.Log || sm.From != rank-1 || sm.To != rank {
		return
	}
	scores, scale := soft.In[0], 1.0
	mask := -1
	var constant *BinaryConstant
	take := func() { // a factor of the scores
		if x, c, t, ok := f.uniform(scores); ok && t == 0 {
			scores, scale = x, scale*c
		}
	}
	take()
	if scale == 1 {
		if add := f.soleProducer(scores); add != nil {
			switch a := add.Op.(type) {
			case *Binary:
				if a.Kind == Add && !a.Relu {
					for i, v := range add.In {
						if m := f.soleProducer(v); m != nil && f.isProduct(m) {
							scores, mask = v, add.In[1-i]
							break
						}
					}
				}
			case *BinaryConstant:
				if a.Kind == Add {
					scores, constant = add.In[0], a
				}
			}
			take()
		}
	}
	m := f.soleProducer(scores)
	if m == nil {
		return
	}
	qk, ok := m.Op.(*MatMul)
	if !ok || len(f.plan.Values[m.Out].Dims) != rank {
		return
	}
	scale *= float64(qk.Scale)
	q, k := m.In[0], m.In[1]
	d := f.plan.Values[m.Out].Dims
	if mask >= 0 && !fits(f.plan.Values[mask].Dims, d) || len(f.plan.Values[s.In[1]].Dims) < 2 || len(f.plan.Values[s.Out].Dims) != rank {
		return
	}
	if x, c, t, ok := f.uniform(q); ok && t == 0 {
		q, scale = x, scale*c
	}
	if !qk.TransB {
		// K is what was transposed; where more than its last axes moved, the rest is still to be done.
		if x, c, t, ok := f.uniform(k); ok && t == 0 {
			if _, isTranspose := f.transposeOf(x); isTranspose {
				k, scale = x, scale*c
			}
		}
		t, ok := f.transposeOf(k)
		if !ok {
			return
		}
		perm := slices.Clone(t.Op.(*Transpose).Perm)
		n := len(perm)
		perm[n-1], perm[n-2] = perm[n-2], perm[n-1]
		identity := true
		for i, a := range perm {
			identity = identity && a == i
		}
		if identity {
			k = t.In[0]
		} else {
			// The value changes its shape: nothing else reads it.
			t.Op = &Transpose{perm}
			kd := f.plan.Values[k].Dims
			kd[n-1], kd[n-2] = kd[n-2], kd[n-1]
		}
	}
	in := []int{q, k, s.In[1]}
	if constant != nil {
		// The axes that the constant spans are the last ones.
		from := len(d)
		for from > 0 && load.Elements(d[from:]) < len(constant.Values) {
			from--
		}
		if load.Elements(d[from:]) != len(constant.Values) || from > rank-2 {
			return
		}
		f.plan.Values = append(f.plan.Values, Value{Dims: slices.Clone(d[from:])})
		f.uses, f.producer = append(f.uses, 0), append(f.producer, nil)
		mask = len(f.plan.Values) - 1
		f.added = append(f.added, Step{Node: s.Node, Op: &Constant{fold.OfFloats(constant.Values, d[from:])}, Out: mask})
	}
	if mask >= 0 {
		in = append(in, mask)
	}
	f.replace(s, &Attention{Scale: float32(scale)}, in...)
}

func (f *fuser) isProduct(s *Step) bool {
	if _, ok := s.Op.(*MatMul); ok {
		return true
	}
	if a, ok := s.Op.(*Affine); ok {
		if _, t, ok := a.uniform(); ok && t == 0 {
			if m := f.soleProducer(s.In[0]); m != nil {
				_, ok := m.Op.(*MatMul)
				return ok
			}
		}
	}
	return false
}

// transposeOf is the permutation that makes v, which nothing else reads.
func (f *fuser) transposeOf(v int) (*Step, bool) {
	s := f.soleProducer(v)
	if s == nil {
		return nil, false
	}
	t, ok := s.Op.(*Transpose)
	return s, ok && len(t.Perm) >= 2
}

// fits reports whether a value broadcasts to d.
func fits(small, d []int) bool {
	full, err := Broadcast(small, d)
	return err == nil && slices.Equal(full, d)
}
