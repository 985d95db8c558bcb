package load

import "vzsl/internal/kernels"

// Quantisation says how integers stand for numbers: (q - zero)*factor, by the index along axis.
type Quantisation struct {
	Axis         int
	Factor, Zero []float32
}

// Dequantise writes (q - zero)*factor for a tensor of integers.
func (t *Tensor) Dequantise(s *Quantisation, out []float32) error {
	inner := 1
	if len(s.Factor) > 1 {
		inner = Elements(t.Dims[s.Axis+1:])
	}
	write := func(i int, q int64) {
		c := i / inner % len(s.Factor)
		out[i] = (float32(q) - s.Zero[c]) * s.Factor[c]
	}
	switch {
	case t.Type == typeInt8 && t.data != nil:
		for i, q := range t.data {
			write(i, int64(int8(q)))
		}
	case t.Type == typeUint8 && t.data != nil:
		for i, q := range t.data {
			write(i, int64(q))
		}
	default:
		v, err := t.Int64s()
		if err != nil {
			return err
		}
		for i, q := range v {
			write(i, q)
		}
	}
	return nil
}

// Use calls f with the values as float32, which f must neither write to nor keep; s is the scale of quantised ones. They are
// shared with the mapped file where possible, else copied for the call; the pages of the file that they lie on are let go
// afterwards.
func (t *Tensor) Use(s *Quantisation, f func(values []float32) error) error {
	defer releasePages(t.data)
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
		if err := t.Dequantise(s, b.Data); err != nil {
			return err
		}
		return f(b.Data)
	}
	t.convert(b.Data)
	return f(b.Data)
}

// Row writes row i of a matrix that Use gives as float32, without reading the others.
func (t *Tensor) Row(s *Quantisation, i int, out []float32) error {
	k := len(out)
	part := &Tensor{Type: t.Type, Dims: []int{1, k}, ints: t.ints}
	if t.data != nil {
		size := len(t.data) / t.Len()
		part.data = t.data[i*k*size : (i+1)*k*size]
	} else {
		part.packed = t.packed[i*k : (i+1)*k]
	}
	if s == nil {
		if err := part.floatData(); err != nil {
			return err
		}
		part.convert(out)
		return nil
	}
	own := *s
	if s.Axis == 0 && len(s.Factor) > 1 {
		own.Factor, own.Zero = s.Factor[i:i+1], s.Zero[i:i+1]
	}
	return part.Dequantise(&own, out)
}
