package methods

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"vzsl/internal/kernels"
	"vzsl/train/safetensors"
)

// double finds a tensor of double precision in a file; a length of -1 in the shape is any.
func double(f *safetensors.File, name string, shape ...int) ([]float64, []int, error) {
	t, ok := f.Get(name)
	if !ok || t.F64 == nil || len(t.Shape) != len(shape) || slices.Contains(t.Shape, 0) {
		return nil, nil, fmt.Errorf("the tensor %s is missing or no float64 array of %d dimensions", name, len(shape))
	}
	for i, s := range shape {
		if s != -1 && s != t.Shape[i] {
			return nil, nil, fmt.Errorf("the tensor %s has the shape %v, not %v", name, t.Shape, shape)
		}
	}
	return t.F64, t.Shape, nil
}

// single is v in single precision.
func single(v []float64) []float32 {
	s := make([]float32, len(v))
	for i, x := range v {
		s[i] = float32(x)
	}
	return s
}

// centred are rows less their mean.
func centred(x, mean []float32) []float32 {
	to := make([]float32, len(x))
	for at := 0; at < len(x); at += len(mean) {
		for j, m := range mean {
			to[at+j] = x[at+j] - m
		}
	}
	return to
}

// cosines are n x c: of each row of x with each of y, 0 where one has no length.
func cosines(x []float32, n int, y []float32, c, length int) []float32 {
	inverse := func(v []float32, rows int) []float32 {
		to := make([]float32, rows)
		for i := range rows {
			if sum := squares(v[i*length : (i+1)*length]); sum > 0 {
				to[i] = float32(1 / math.Sqrt(sum))
			}
		}
		return to
	}
	scores := make([]float32, n*c)
	kernels.Sgemm(false, true, n, c, length, 1, x, length, y, length, 0, scores, c)
	of, with := inverse(x, n), inverse(y, c)
	for i := range n {
		for j := range c {
			scores[i*c+j] *= of[i] * with[j]
		}
	}
	return scores
}

// loader reads a model's tensors of double precision and keeps the first error; what it gives then is zero.
type loader struct {
	f   *safetensors.File
	err error
}

func (l *loader) read(name string, shape ...int) ([]float64, []int) {
	if l.err == nil {
		v, found, err := double(l.f, name, shape...)
		if err == nil {
			return v, found
		}
		l.err = err
	}
	shape = []int{1, 1}[:len(shape)]
	return make([]float64, 1), shape
}

func (l *loader) vector(name string, length int) []float64 {
	v, _ := l.read(name, length)
	return v
}

func (l *loader) matrix(name string, rows, columns int) *mat.Dense {
	v, shape := l.read(name, rows, columns)
	return mat.NewDense(shape[0], shape[1], v)
}

// doubled is v in double precision.
func doubled(v []float32) []float64 {
	to := make([]float64, len(v))
	for i, x := range v {
		to[i] = float64(x)
	}
	return to
}
