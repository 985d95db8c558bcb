package methods

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"vzsl/train/safetensors"
)

// mixtures describe vectors as convex combinations of the rows b_s of a matrix:
//
//	psi(a) = argmin over the simplex of 1/2 |a - sum over s of alpha_s b_s|^2 + ridge/2 |alpha|^2
//
// It is what SSE and JLSE make of attributes.
type mixtures struct {
	rows  *mat.Dense // S x a
	gram  *mat.Dense // B B' + ridge I
	bound float64    // on its largest eigenvalue
	ridge float64
}

func newMixtures(rows *mat.Dense, ridge float64) *mixtures {
	m := &mixtures{rows: rows, gram: &mat.Dense{}, ridge: ridge}
	m.gram.Mul(rows, rows.T())
	n, _ := rows.Dims()
	for i := range n {
		m.gram.Set(i, i, m.gram.At(i, i)+ridge)
		m.bound = max(m.bound, blas64.Asum(vector(m.gram.RawRowView(i)))) // Gershgorin's
	}
	return m
}

func (m *mixtures) tensors() []safetensors.Tensor {
	n, a := m.rows.Dims()
	return []safetensors.Tensor{
		{Name: "seen", Shape: []int{n, a}, F32: single(m.rows.RawMatrix().Data)},
		{Name: "ridge", Shape: []int{1}, F32: []float32{float32(m.ridge)}},
	}
}

// loadMixtures reads what tensors gave; it is the same if rows and ridge were of single precision.
func loadMixtures(f *safetensors.File) (*mixtures, error) {
	seen, err := tensor(f, "seen", -1, -1)
	if err != nil {
		return nil, err
	}
	t, _ := f.Get("seen")
	ridge, err := tensor(f, "ridge", 1)
	if err != nil {
		return nil, err
	}
	if !(ridge[0] > 0) || math.IsInf(float64(ridge[0]), 0) {
		return nil, fmt.Errorf("the ridge is %v", ridge[0])
	}
	return newMixtures(mat.NewDense(t.Shape[0], t.Shape[1], doubled(seen)), float64(ridge[0])), nil
}

// of are the combinations of the rows of a, c x S. They are found by accelerated projected gradients (Beck and Teboulle
// 2009), restarted where these go uphill (O'Donoghue and Candes 2015).
func (m *mixtures) of(a *mat.Dense) *mat.Dense {
	c, _ := a.Dims()
	n, _ := m.rows.Dims()
	psi := mat.NewDense(c, n, nil)
	linear := make([]float64, n)
	at, last, ahead, gradient, sorted := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	gram := m.gram.RawMatrix()
	for i := range c {
		for s := range n {
			linear[s] = blas64.Dot(vector(m.rows.RawRowView(s)), vector(a.RawRowView(i)))
			at[s] = 1 / float64(n)
		}
		copy(ahead, at)
		momentum := 1.0
		for range 20000 {
			copy(gradient, linear)
			blas64.Gemv(blas.NoTrans, 1, gram, vector(ahead), -1, vector(gradient))
			copy(last, at)
			for s := range at {
				at[s] = ahead[s] - gradient[s]/m.bound
			}
			project(at, sorted)
			uphill, moved := 0.0, 0.0
			for s := range at {
				step := at[s] - last[s]
				uphill += (ahead[s] - at[s]) * step
				moved = max(moved, math.Abs(step), math.Abs(at[s]-ahead[s]))
			}
			if moved < 1e-12 {
				break
			}
			next := (1 + math.Sqrt(1+4*momentum*momentum)) / 2
			share := (momentum - 1) / next
			if uphill > 0 {
				share, next = 0, 1
			}
			for s := range at {
				ahead[s] = at[s] + share*(at[s]-last[s])
			}
			momentum = next
		}
		psi.SetRow(i, at)
	}
	return psi
}

// project moves v to the nearest point of the simplex (Held, Wolfe and Crowder 1974): max(0, v - t) with the t that makes
// the sum 1. sorted is room for as many values.
func project(v, sorted []float64) {
	copy(sorted, v)
	slices.Sort(sorted)
	sum, t := 0.0, 0.0
	for k := len(sorted) - 1; k >= 0; k-- {
		sum += sorted[k]
		if x := (sum - 1) / float64(len(sorted)-k); sorted[k] > x {
			t = x
		}
	}
	for i, x := range v {
		v[i] = max(0, x-t)
	}
}
