package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestLinear(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 12))
		for i := range 40 {
			n, k, m := 1+r.IntN(100), 1+r.IntN(700), 1+r.IntN(40)
			if i == 0 {
				n, k, m = 1000, 1500, 16
			}
			transB, relu := i%2 == 0, i%3 == 0
			rows, cols := k, n
			if transB {
				rows, cols = n, k
			}
			ldb, ldx, ldy := cols+r.IntN(4), k+r.IntN(4), n+r.IntN(4)
			b := newGuarded[float32](r, (rows-1)*ldb+cols, 1).s
			bias := newGuarded[float32](r, n, 1).s
			l, err := PrepareLinear(transB, n, k, b, ldb, bias, reluIf(relu))
			if err != nil {
				t.Fatal(err)
			}
			x := newGuarded[float32](r, (m-1)*ldx+k, 3)
			y := newGuarded[float32](r, (m-1)*ldy+n, 3)
			l.run(m, x.s, ldx, y.s, ldy)
			y.intact(t, "linear")
			one := make([]float32, n)
			for i := range m {
				l.run(1, x.s[i*ldx:], ldx, one, n)
				for j := range n {
					want, size := float64(bias[j]), 1.
					for p := range k {
						v := float64(x.s[i*ldx+p]) * op(transB, b, ldb, p, j)
						want += v
						size += math.Abs(v)
					}
					if relu {
						want = max(want, 0)
					}
					got := float64(y.s[i*ldy+j])
					if math.Abs(got-want) > 1e-6*size {
						t.Fatalf("%dx%dx%d: y[%d,%d] = %v, want %v", m, n, k, i, j, got, want)
					}
					if one[j] != y.s[i*ldy+j] {
						t.Fatalf("%dx%dx%d: row %d alone differs", m, n, k, i)
					}
				}
			}
			l.Free()
		}
	})
}

// run is RunAdd with nothing added.
func (l *Linear) run(m int, x []float32, ldx int, y []float32, ldy int) {
	l.RunAdd(m, x, ldx, nil, 0, y, ldy)
}
