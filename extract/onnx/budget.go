package onnx

import "errors"

// budget is how many elements computed constants may still take.
type budget struct{ left int }

// take accounts for the elements of a computed constant.
func (b *budget) take(n int) error {
	if n > b.left {
		return errors.New("its constant result is too large")
	}
	b.left -= n
	return nil
}
