package vzsl

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The pseudo-inverse satisfies Penrose's conditions for a matrix of no small singular values, wide or tall, and leaves out
// the directions of small ones.
func TestPseudoInverse(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, shape := range [][2]int{{6, 4}, {4, 6}, {5, 5}} {
		w := &parameter[float32]{rows: shape[0], cols: shape[1], values: make([]float32, shape[0]*shape[1])}
		for i := range w.values { // near a scaled identity: all singular values are alike
			w.values[i] = float32(0.1 * r.NormFloat64())
			if i/w.cols == i%w.cols {
				w.values[i] += 3
			}
		}
		p, err := pseudoInverse(w)
		if err != nil {
			t.Fatal(err)
		}
		wp := product(w.values, p, w.rows, w.cols, w.rows)
		pw := product(p, w.values, w.cols, w.rows, w.cols)
		alike(t, "W P W = W", product(wp, w.values, w.rows, w.rows, w.cols), w.values)
		alike(t, "P W P = P", product(pw, p, w.cols, w.cols, w.rows), p)
		alike(t, "W P is symmetric", wp, transposed(wp, w.rows))
		alike(t, "P W is symmetric", pw, transposed(pw, w.cols))
	}
	p, err := pseudoInverse(&parameter[float32]{rows: 2, cols: 2, values: []float32{2, 0, 0, 0.1}})
	if err != nil {
		t.Fatal(err)
	}
	alike(t, "without the small direction", p, []float32{0.5, 0, 0, 0})
}

func product(a, b []float32, n, k, m int) []float32 {
	c := make([]float32, n*m)
	for i := range n {
		for j := range m {
			sum := 0.0
			for l := range k {
				sum += float64(a[i*k+l]) * float64(b[l*m+j])
			}
			c[i*m+j] = float32(sum)
		}
	}
	return c
}

func transposed(a []float32, n int) []float32 {
	c := make([]float32, len(a))
	for i := range a {
		c[i%n*n+i/n] = a[i]
	}
	return c
}

func alike(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 1e-5 {
			t.Errorf("%s: %v, want %v", what, got, want)
			return
		}
	}
}
