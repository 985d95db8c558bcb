package native

import (
	"slices"

	"vzsl/extract/onnx/plan"
	"vzsl/internal/kernels"
)

// attention computes, head by head, the scores of step i, their softmax and the weighted sum of the values. It reads queries, keys
// and values by views, and writes the result in the order that a transposition after it, which alone reads it, wants.
func (c *compiler) attention(i int) {
	s := &c.plan.Steps[i]
	op := s.Op.(*plan.Attention)
	dims := c.plan.Values[s.Out].Dims
	views, ok := c.views[i]
	if !ok {
		for k, v := range s.In[:3] {
			views[k] = viewOf(v, c.plan.Values[v].Dims)
		}
	}
	var in, sizes []int
	for _, x := range views {
		in = append(in, c.layout(c.byPlan[x.of], false))
		sizes = append(sizes, c.plan.Values[x.of].Len())
	}
	q, k, v := views[0], views[1], views[2]
	out, o := viewOf(s.Out, dims), s.Out
	if j := c.only(s.Out); j >= 0 {
		if t, ok := c.plan.Steps[j].Op.(*plan.Transpose); ok && t.Perm[len(dims)-1] == len(dims)-1 {
			o = c.take1(j)
			to := viewOf(o, c.plan.Values[o].Dims)
			for a, p := range t.Perm {
				out.stride[p] = to.stride[a]
			}
		}
	}
	c.byPlan[o] = c.value(c.plan.Values[o].Dims, false)
	result, size := c.byPlan[o], product(dims)

	rank := len(dims)
	l, e := dims[rank-2], dims[rank-1]
	keys, d := k.dims[len(k.dims)-2], q.dims[len(q.dims)-1]
	scoreDims := append(slices.Clone(dims[:rank-2]), l, keys)
	qk := plan.Matrices(q.dims, k.dims, scoreDims)
	pv := plan.Matrices(scoreDims, v.dims, dims)
	ld := func(x view) int { return max(x.stride[len(x.stride)-2], x.dims[len(x.dims)-1]) } // an axis of one may have any
	a := kernels.Attend{L: l, S: keys, D: d, E: e, Scale: op.Scale, LDQ: ld(q), LDK: ld(k), LDV: ld(v), LDO: ld(out)}
	var mask [][2]int
	if len(s.In) > 3 {
		m := s.In[3]
		in = append(in, c.layout(c.byPlan[m], false))
		sizes = append(sizes, c.plan.Values[m].Len())
		full := c.plan.Values[m].Dims
		full = append(slices.Repeat([]int{1}, max(0, 2-len(full))), full...)
		mask = plan.Matrices(full, scoreDims, scoreDims)
		// The mask's values lie next to each other, or are the same along an axis of one.
		last := full[len(full)-1]
		if last > 1 {
			a.MaskStep = 1
		}
		if full[len(full)-2] > 1 {
			a.MaskStride = last
		}
	}
	var headQ, headK, headV, headOut []int // of one image
	for h := range qk {
		headQ, headK = append(headQ, q.at(qk[h][0])), append(headK, k.at(qk[h][1]))
		headV, headOut = append(headV, v.at(pv[h][1])), append(headOut, out.at(h*l*e))
	}
	c.emit(result, func(f *frame, n int) {
		a := a
		a.Q, a.K, a.V, a.Out = f.plain(in[0], n), f.plain(in[1], n), f.plain(in[2], n), f.plain(result, n)
		if mask != nil {
			a.Mask = f.plain(in[3], n)
		}
		for i := range n * len(qk) {
			img, h := i/len(qk), i%len(qk)
			a.HeadQ = append(a.HeadQ, img*sizes[0]+headQ[h])
			a.HeadK = append(a.HeadK, img*sizes[1]+headK[h])
			a.HeadV = append(a.HeadV, img*sizes[2]+headV[h])
			a.HeadOut = append(a.HeadOut, img*size+headOut[h])
			if mask != nil {
				a.HeadMask = append(a.HeadMask, img*sizes[3]+mask[h][0])
			}
		}
		kernels.Attention(a)
	}, in...)
}
