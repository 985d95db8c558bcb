package vzsl

import (
	"errors"
	"fmt"
	"sync"

	"gonum.org/v1/gonum/mat"

	"vzsl/internal/kernels"
)

// smallest is the part of W_mu's largest singular value below which a direction counts as zero. There are no more directions
// than classes that taught any; the others are what is left of the random start, and their inverse is noise. On CUB's seen
// classes (SqueezeNet) the attribute estimated highest is one that the class has more of than the mean for 94 images of 100
// with 0.3, for 65 with 0.05 and for 27 with 0.001.
const smallest = 0.3

// inverse is the pseudo-inverse of W_mu (attribute x latent), computed when it is first asked for.
type inverse struct {
	once   sync.Once
	values []float32
	err    error
}

// Describe estimates the attribute vectors of n samples: the least-squares solution a of W_mu a = mu(x), the mean of q(z|x),
// by W_mu's pseudo-inverse. It is the description of the class whose prior would be where the encoder puts the sample, in the
// attributes' normalised values.
func (m *Model) Describe(features []float32, n int) ([]float32, error) {
	f, a := m.sizes.feature, m.sizes.attribute
	if len(features) != n*f {
		return nil, fmt.Errorf("%d values for %d features of %d", len(features), n, f)
	}
	m.inverse.once.Do(func() { m.inverse.values, m.inverse.err = pseudoInverse(m.byName["prior.mu.weight"]) })
	if m.inverse.err != nil {
		return nil, m.inverse.err
	}
	mu, _ := m.encode(features, n)
	z := m.config.Latent
	out := make([]float32, n*a)
	kernels.Sgemm(false, true, n, a, z, 1, mu, z, m.inverse.values, z, 0, out, a)
	return out, nil
}

// View is the view of the attributes that Describe estimates.
func (m *Model) View(vector []float32) []float32 { return firstView(vector, m.views) }

// pseudoInverse is V diag(1/s) U' of W = U diag(s) V', without the directions of small s.
func pseudoInverse(w *parameter[float32]) ([]float32, error) {
	d := mat.NewDense(w.rows, w.cols, nil)
	for i, v := range w.values {
		d.Set(i/w.cols, i%w.cols, float64(v))
	}
	var svd mat.SVD
	if !svd.Factorize(d, mat.SVDThin) {
		return nil, errors.New("the singular values of W_mu did not converge")
	}
	s := svd.Values(nil)
	var u, v mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	for k, x := range s {
		by := 0.0
		if x > smallest*s[0] {
			by = 1 / x
		}
		for i := range w.cols {
			v.Set(i, k, v.At(i, k)*by)
		}
	}
	var p mat.Dense
	p.Mul(&v, u.T())
	out := make([]float32, w.rows*w.cols)
	for i, x := range p.RawMatrix().Data {
		out[i] = float32(x)
	}
	return out, nil
}
