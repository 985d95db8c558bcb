package jpeg

import "slices"

// Block smoothing: where a progressive file ends before its coefficients are known in full, libjpeg-turbo (2.1 and later)
// estimates the nine lowest AC coefficients of a block from the DC coefficients of the 5 x 5 blocks around it; while nothing
// but DC is known it smooths the DC too. An estimate stands only where the coefficient is 0 so far, and is
// kept below what the known bits would have shown.

// know notes what a scan tells of the component.
func (c *component) know(s *scan, scans int) {
	for k := min(s.ss, 1); k <= max(s.se, 9); k++ {
		c.before[k] = 0
		if scans > 1 {
			c.before[k] = c.known[k]
		}
	}
	for k := s.ss; k <= s.se; k++ {
		c.known[k] = int8(s.al)
	}
}

// lowest are the coefficients that are estimated, in file order; 0 is DC.
const lowest = 10

// smoothing reports whether there is anything to smooth, and all that it takes.
func (d *Decoder) smoothing() bool {
	useful := false
	for i := range d.comps {
		c := &d.comps[i]
		if c.known[0] < 0 {
			return false
		}
		for k := range lowest {
			if c.quant[zigzag[k]] == 0 {
				return false
			}
			useful = useful || k > 0 && c.known[k] != 0
		}
	}
	return useful
}

// kernel weighs the 5 x 5 DC coefficients around a block for one coefficient; the sum is divided by 256.
type kernel [25]int64

// dcOnly are the kernels where nothing but DC is known, by file order.
var dcOnly = [lowest]kernel{
	{-2, -6, -8, -6, -2, -6, 6, 42, 6, -6, -8, 42, 152, 42, -8, -6, 6, 42, 6, -6, -2, -6, -8, -6, -2},
	{-1, -1, 0, 1, 1, -3, 13, 0, -13, 3, -3, 38, 0, -38, 3, -3, 13, 0, -13, 3, -1, -1, 0, 1, 1},
	{-1, -3, -3, -3, -1, -1, 13, 38, 13, -1, 0, 0, 0, 0, 0, 1, -13, -38, -13, 1, 1, 3, 3, 3, 1},
	{0, 0, 1, 0, 0, 0, 2, 7, 2, 0, 0, -5, -14, -5, 0, 0, 2, 7, 2, 0, 0, 0, 1, 0, 0},
	{-1, 0, 0, 0, 1, 0, 9, 0, -9, 0, 0, 0, 0, 0, 0, 0, -9, 0, 9, 0, 1, 0, 0, 0, -1},
	{0, 0, 0, 0, 0, 0, 2, -5, 2, 0, 1, 7, -14, 7, 1, 0, 2, -5, 2, 0, 0, 0, 0, 0, 0},
	{0, 0, 0, 0, 0, 0, 1, 0, -1, 0, 0, 2, 0, -2, 0, 0, 1, 0, -1, 0, 0, 0, 0, 0, 0},
	{0, 0, 0, 0, 0, 0, 1, -3, 1, 0, 0, 0, 0, 0, 0, 0, -1, 3, -1, 0, 0, 0, 0, 0, 0},
	{0, 0, 0, 0, 0, 0, 1, 0, -1, 0, 0, -3, 0, 3, 0, 0, 1, 0, -1, 0, 0, 0, 0, 0, 0},
	{0, 0, 0, 0, 0, 0, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, -1, -2, -1, 0, 0, 0, 0, 0, 0},
}

// withAC are those for the first five AC coefficients where some AC is known.
var withAC = [6]kernel{
	{},
	{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -7, 50, 0, -50, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	{0, 0, -7, 0, 0, 0, 0, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, -50, 0, 0, 0, 0, 7, 0, 0},
	{0, 0, -1, 0, 0, 0, 0, 13, 0, 0, 0, 0, -24, 0, 0, 0, 0, 13, 0, 0, 0, 0, -1, 0, 0},
	{0, -1, 0, 1, 0, -1, 10, 0, -10, 1, 0, 0, 0, 0, 0, 1, -10, 0, 10, -1, 0, 1, 0, -1, 0},
	{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, 13, -24, 13, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
}

// estimator smooths one row of a component's blocks.
type estimator struct {
	c       *component
	rows    [5]int // of blocks, those two above to two below
	known   *[64]int8
	kernels []kernel
}

func (d *Decoder) estimator(c *component, by int) *estimator {
	e := &estimator{c: c, known: &c.known, kernels: withAC[:]}
	mcu := by / c.v
	if mcu > d.lastGood { // the last scan has nothing here
		e.known = &c.before
		if d.scans < 2 {
			e.known = &unknown
		}
	}
	if !slices.ContainsFunc(e.known[1:lowest], func(k int8) bool { return k != -1 }) {
		e.kernels = dcOnly[:]
	}
	// The row's number as libjpeg counts it: by the rows of this row of MCUs, which are fewer in the last.
	rows := c.v
	if mcu == d.mcuy-1 && c.bh%c.v != 0 {
		rows = c.bh % c.v
	}
	n, all := mcu*rows+by%c.v, rows*d.mcuy
	e.rows = [5]int{by, by, by, by, by}
	if n > 0 {
		e.rows[0], e.rows[1] = by-1, by-1
	}
	if n > 1 {
		e.rows[0] = by - 2
	}
	if n < all-1 {
		e.rows[3], e.rows[4] = by+1, by+1
	}
	if n < all-2 {
		e.rows[4] = by + 2
	}
	return e
}

var unknown = func() (k [64]int8) {
	for i := range k {
		k[i] = -1
	}
	return k
}()

// fill puts estimates into block bx of the row.
func (e *estimator) fill(block *[64]int16, bx int) {
	c := e.c
	var dc [25]int64
	for y, row := range e.rows {
		for x := range 5 {
			dc[5*y+x] = int64(c.coef[(row*c.stride+min(max(bx+x-2, 0), c.bw-1))*64])
		}
	}
	for k := len(e.kernels) - 1; k >= 0; k-- {
		z, missing := zigzag[k], e.known[k]
		switch {
		case k == 0 && len(e.kernels) < lowest: // DC stays
			continue
		case k > 0 && (missing == 0 || block[z] != 0):
			continue
		}
		num := int64(0)
		for i, w := range e.kernels[k] {
			num += w * dc[i]
		}
		num *= int64(c.quant[0])
		q := int64(c.quant[z])
		pred := (q<<7 + max(num, -num)) / (q << 8)
		if k > 0 && missing > 0 {
			pred = min(pred, 1<<missing-1)
		}
		if num < 0 {
			pred = -pred
		}
		block[z] = int16(pred)
	}
}
