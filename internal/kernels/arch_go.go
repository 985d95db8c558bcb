package kernels

// goArch is the plain Go level, the specification of the others.
var goArch = &arch{
	name:  "go",
	f32:   micro[float32]{mr: 4, nr: 4, kc: 256, mc: 128, nc: 128, kernel: goKernel[float32]},
	f64:   micro[float64]{mr: 4, nr: 4, kc: 256, mc: 128, nc: 128, kernel: goKernel[float64]},
	tiles: tiles{mr: 4, nr: 4, half: 4, kc: 256, run: func(rows, width, _ int, t *tile) { goTile(rows, width, t) }},
}

// goKernel is the multiplication micro-kernel: for i < rows <= 4 and j < 4
//
//	c[i*ldc+j] = alpha * sum_p a[i*lda+p]*b[p*4+j] + beta*c[i*ldc+j]
//
// over p < k, where c is not read if beta is zero.
func goKernel[T float](rows, k int, a []T, lda int, b []T, c []T, ldc int, alpha, beta T) {
	var acc [4][4]T
	goSums(&acc, k, a, goRows(rows, lda), b)
	for i := range rows {
		ci := c[i*ldc : i*ldc+4 : i*ldc+4]
		if beta == 0 {
			for j, v := range acc[i] {
				ci[j] = alpha * v
			}
		} else {
			for j, v := range acc[i] {
				ci[j] = alpha*v + beta*ci[j]
			}
		}
	}
}

// goRows is where up to four rows begin. Missing ones repeat the first, so that all go through the same
// roundings whatever the compiler makes of them.
func goRows(rows, lda int) (at [4]int) {
	for i := range min(rows, 4) {
		at[i] = i * lda
	}
	return at
}

// goSums adds the products of four rows of a and k rows of b to acc.
func goSums[T float](acc *[4][4]T, k int, a []T, at [4]int, b []T) {
	c00, c01, c02, c03 := acc[0][0], acc[0][1], acc[0][2], acc[0][3]
	c10, c11, c12, c13 := acc[1][0], acc[1][1], acc[1][2], acc[1][3]
	c20, c21, c22, c23 := acc[2][0], acc[2][1], acc[2][2], acc[2][3]
	c30, c31, c32, c33 := acc[3][0], acc[3][1], acc[3][2], acc[3][3]
	a0, a1, a2, a3 := a[at[0]:][:k], a[at[1]:][:k], a[at[2]:][:k], a[at[3]:][:k]
	for p, x0 := range a0 {
		x1, x2, x3 := a1[p], a2[p], a3[p]
		q := b[4*p : 4*p+4 : 4*p+4]
		y0, y1, y2, y3 := q[0], q[1], q[2], q[3]
		c00 += x0 * y0
		c01 += x0 * y1
		c02 += x0 * y2
		c03 += x0 * y3
		c10 += x1 * y0
		c11 += x1 * y1
		c12 += x1 * y2
		c13 += x1 * y3
		c20 += x2 * y0
		c21 += x2 * y1
		c22 += x2 * y2
		c23 += x2 * y3
		c30 += x3 * y0
		c31 += x3 * y1
		c32 += x3 * y2
		c33 += x3 * y3
	}
	acc[0] = [4]T{c00, c01, c02, c03}
	acc[1] = [4]T{c10, c11, c12, c13}
	acc[2] = [4]T{c20, c21, c22, c23}
	acc[3] = [4]T{c30, c31, c32, c33}
}
