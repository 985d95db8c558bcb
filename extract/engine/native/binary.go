package native

import (
	"slices"

	"vzsl/extract/onnx/plan"
	"vzsl/internal/kernels"
)

// binary combines maps in their own layout where at least one of the operands is such already; other values go
// the general way.
func (c *compiler) binary(op *plan.Binary, s *plan.Step, dims []int, set func(bool) int) error {
	a, b := c.byPlan[s.In[0]], c.byPlan[s.In[1]]
	da, db := c.values[a].dims, c.values[b].dims
	mapped := c.values[a].maps || c.values[b].maps
	basic := op.Kind == plan.Add || op.Kind == plan.Sub || op.Kind == plan.Mul || op.Kind == plan.Div
	if basic && (op.Kind == plan.Add || op.Kind == plan.Mul) && slices.Equal(db, dims) && gates(da, dims) {
		a, b, da, db = b, a, db, da
	}
	small := gates(db, dims) && slices.Equal(da, dims) && c.values[a].maps
	if !basic || !mapped || !slices.Equal(da, dims) || !small && !slices.Equal(db, dims) {
		return c.general(s, dims)
	}
	a, b = c.layout(a, true), c.layout(b, true)
	o := set(true)
	switch {
	case small: // one value for each channel
		c.emit(o, func(f *frame, n int) {
			kernels.Parallel(n, func(i int) {
				perChannel(op, f.maps(a, n).Images(i, i+1), f.maps(b, n).Images(i, i+1), f.maps(o, n).Images(i, i+1))
			})
		}, a, b)
	case op.Kind == plan.Add:
		c.emit(o, func(f *frame, n int) {
			kernels.AddAct(f.maps(a, n), f.maps(b, n), f.maps(o, n), op.Relu)
		}, a, b)
	default:
		c.emit(o, func(f *frame, n int) {
			x, y, z := f.maps(a, n), f.maps(b, n), f.maps(o, n)
			kernels.Parallel(n*z.H, func(r int) {
				i, row := r/z.H, r%z.H
				for col := range z.W {
					dst := z.Data[z.At(i, row, col):][:z.C]
					combine(op.Kind, false, dst, x.Data[x.At(i, row, col):][:z.C], y.Data[y.At(i, row, col):][:z.C])
					if op.Relu {
						kernels.Relu(dst, dst)
					}
				}
			})
		}, a, b)
	}
	return nil
}

// gates reports whether a value has one number for each channel of maps.
func gates(d, maps []int) bool {
	return len(d) == 4 && len(maps) == 4 && d[0] == 1 && d[1] == maps[1] && d[2] == 1 && d[3] == 1 && maps[2]*maps[3] > 1
}
