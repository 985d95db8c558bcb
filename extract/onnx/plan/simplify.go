package plan

import (
	"math"
	"slices"
)

// Simplify folds steps into their neighbours where the result is the same up to rounding:
// BatchNormalization and other affine maps into the convolution or matrix before them, zero padding
// into the convolution or the mean over windows after it, ReLU into the step before; chains of reshapes and transposes
// become one. A value that something else reads, too, stays.
func (p *Plan) Simplify() {
	p.prune()
	p.dropTrivialTransposes()
	p.fuse()
	uses := make([]int, len(p.Values))
	producer := make([]*Step, len(p.Values))
	uses[p.Output]++
	for i := range p.Steps {
		for _, v := range p.Steps[i].In {
			uses[v]++
		}
	}
	to := make([]int, len(p.Values)) // what a value was replaced by
	for i := range to {
		to[i] = i
	}
	steps := make([]*Step, 0, len(p.Steps))
	for i := range p.Steps {
		s := &p.Steps[i]
		for j, v := range s.In {
			s.In[j] = to[v]
		}
		var before *Step // the producer of the only argument, if nobody else reads it
		if len(s.In) == 1 && uses[s.In[0]] == 1 {
			before = producer[s.In[0]]
		}
		drop := false
		if before != nil {
			drop = merge(p, s, before)
			if in := before.In; !drop && len(in) == 1 && uses[in[0]] == 1 {
				drop = across(s, before, producer[in[0]])
			}
		}
		if drop {
			before.Out = s.Out
			producer[s.Out] = before
			continue
		}
		if len(s.In) == 1 && s.Out != p.Output && isIdentity(p, s, s.In[0]) {
			in := s.In[0]
			to[s.Out] = in
			uses[in] += uses[s.Out] - 1
			continue
		}
		producer[s.Out] = s
		steps = append(steps, s)
	}
	out := make([]Step, len(steps))
	for i, s := range steps {
		out[i] = *s
	}
	p.Steps = out
	p.prune()
}

// dropTrivialTransposes makes reshapes of permutations that move axes of one entry alone.
func (p *Plan) dropTrivialTransposes() {
	for i := range p.Steps {
		s := &p.Steps[i]
		t, ok := s.Op.(*Transpose)
		if !ok {
			continue
		}
		d, last := p.Values[s.In[0]].Dims, -1
		for _, a := range t.Perm {
			if d[a] > 1 {
				ok = ok && a > last
				last = a
			}
		}
		if ok {
			s.Op = &Reshape{}
		}
	}
}

// isIdentity reports whether s gives its argument back as it is.
func isIdentity(p *Plan, s *Step, in int) bool {
	switch op := s.Op.(type) {
	case *Reshape:
		return slices.Equal(p.Values[s.Out].Dims, p.Values[in].Dims)
	case *Transpose:
		for i, a := range op.Perm {
			if a != i {
				return false
			}
		}
		return true
	case *Affine:
		scale, shift, ok := op.uniform()
		return ok && scale == 1 && shift == 0
	}
	return false
}

// merge folds s into the step before it and reports whether s is gone; or it folds the step before
// into s, by reading what that one reads.
func merge(p *Plan, s, before *Step) (gone bool) {
	switch op := s.Op.(type) {
	case *Affine:
		switch b := before.Op.(type) {
		case *Conv:
			if op.Axis != 1 || b.Relu {
				return false
			}
			b.Scale, b.Bias = compose(b.Out, b.Scale, b.Bias, op)
			return true
		case *Linear:
			if op.Axis != len(p.Values[s.Out].Dims)-1 || b.Relu {
				return false
			}
			b.Scale, b.Bias = compose(b.Out, b.Scale, b.Bias, op)
			return true
		case *LayerNorm:
			d := p.Values[s.Out].Dims
			if op.Relu || op.Axis != len(d)-1 || b.Axis != op.Axis {
				return false
			}
			b.Scale, b.Shift = compose(d[op.Axis], b.Scale, b.Shift, op)
			return true
		case *Affine:
			if op.Axis != b.Axis || b.Relu {
				return false
			}
			b.Scale, b.Shift = compose(p.Values[s.Out].Dims[op.Axis], b.Scale, b.Shift, op)
			return true
		}
	case *Activation:
		if op.Kind == Clip && op.Lo == 0 && (op.Hi == math.MaxFloat32 || math.IsInf(float64(op.Hi), 1)) {
			op.Kind = Relu
		}
		if op.Kind != Relu {
			return false
		}
		switch b := before.Op.(type) {
		case *Conv:
			b.Relu = true
			return true
		case *Linear:
			b.Relu = true
			return true
		case *Affine:
			b.Relu = true
			return true
		case *Binary:
			b.Relu = true
			return true
		}
	case *Conv:
		if b, ok := before.Op.(*Pad); ok && b.Value == 0 {
			top, left, bottom, right, ok := b.Maps()
			if !ok {
				return false
			}
			op.Top += top
			op.Left += left
			op.Bottom += bottom
			op.Right += right
			s.In[0] = before.In[0]
			before.Op = nil
		}
	case *Pool:
		b, ok := before.Op.(*Pad)
		if !ok || b.Value != 0 || op.Max || op.Ceil || !op.CountPad && op.Top+op.Left+op.Bottom+op.Right > 0 {
			return false
		}
		if top, left, bottom, right, ok := b.Maps(); ok { // zeros that count
			op.Top += top
			op.Left += left
			op.Bottom += bottom
			op.Right += right
			op.CountPad = true
			s.In[0] = before.In[0]
			before.Op = nil
		}
	case *Reshape:
		if _, ok := before.Op.(*Reshape); ok {
			s.In[0] = before.In[0]
			before.Op = nil
		}
	case *Transpose:
		if b, ok := before.Op.(*Transpose); ok {
			perm := make([]int, len(op.Perm))
			for i, a := range op.Perm {
				perm[i] = b.Perm[a]
			}
			op.Perm = perm
			s.In[0] = before.In[0]
			before.Op = nil
		}
	}
	return false
}

// across folds an affine map after a permutation into the linear layer before that, and reports whether it is gone:
// the scales of ConvNeXt's layers.
func across(s, between, before *Step) (gone bool) {
	a, isAffine := s.Op.(*Affine)
	t, isTranspose := between.Op.(*Transpose)
	if !isAffine || !isTranspose || before == nil || a.Relu {
		return false
	}
	l, ok := before.Op.(*Linear)
	if !ok || l.Relu || t.Perm[a.Axis] != len(t.Perm)-1 {
		return false
	}
	l.Scale, l.Bias = compose(l.Out, l.Scale, l.Bias, a)
	return true
}

// compose returns scale and shift of n channels after another affine map: (x*s + t)*s2 + t2.
func compose(n int, scale, shift []float32, after *Affine) (s, t []float32) {
	at := func(v []float32, i int, def float64) float64 {
		if v == nil {
			return def
		}
		return float64(v[i])
	}
	if scale != nil || after.Scale != nil {
		s = make([]float32, n)
	}
	t = make([]float32, n)
	for i := range t {
		s2 := at(after.Scale, i, 1)
		if s != nil {
			s[i] = float32(at(scale, i, 1) * s2)
		}
		t[i] = float32(at(shift, i, 0)*s2 + at(after.Shift, i, 0))
	}
	return s, t
}

// prune drops steps that the output does not need.
func (p *Plan) prune() {
	need := make([]bool, len(p.Values))
	need[p.Output] = true
	keep := make([]bool, len(p.Steps))
	for i := len(p.Steps) - 1; i >= 0; i-- {
		s := &p.Steps[i]
		if s.Op == nil || !need[s.Out] {
			continue
		}
		keep[i] = true
		for _, v := range s.In {
			need[v] = true
		}
	}
	out := p.Steps[:0]
	for i, s := range p.Steps {
		if keep[i] {
			out = append(out, s)
		}
	}
	p.Steps = out
}
