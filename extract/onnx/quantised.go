package onnx

import "vzsl/internal/kernels"

// scale says how integers stand for numbers: (q - zero)*factor, by the index along axis.
type scale struct {
	axis         int
	factor, zero []float32
}

// dequantise writes (q - zero)*factor for a tensor of integers.
func (t *Tensor) dequantise(s *scale, out []float32) error {
	inner := 1
	if len(s.factor) > 1 {
		inner = product(t.Dims[s.axis+1:])
	}
	write := func(i int, q int64) {
		c := i / inner % len(s.factor)
		out[i] = (float32(q) - s.zero[c]) * s.factor[c]
	}
	switch {
	case t.typ == typeInt8 && t.data != nil:
		for i, q := range t.data {
			write(i, int64(int8(q)))
		}
	case t.typ == typeUint8 && t.data != nil:
		for i, q := range t.data {
			write(i, int64(q))
		}
	default:
		v, err := t.int64s()
		if err != nil {
			return err
		}
		for i, q := range v {
			write(i, q)
		}
	}
	return nil
}

// use calls f with the values as float32, which f must neither write to nor keep; s is the scale of quantised ones. They are
// shared with the mapped file where possible, else copied for the call; the pages of the file that they lie on are let go
// afterwards.
func (t *Tensor) use(s *scale, f func(values []float32) error) error {
	defer forget(t.data)
	if s == nil {
		if v := t.shared(); v != nil {
			return f(v)
		}
		if err := t.floatData(); err != nil {
			return err
		}
	}
	b := kernels.NewBuffer(t.Len())
	defer b.Free()
	if s != nil {
		if err := t.dequantise(s, b.Data); err != nil {
			return err
		}
		return f(b.Data)
	}
	t.convert(b.Data)
	return f(b.Data)
}
