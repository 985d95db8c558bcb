package fold

import "errors"

// Budget is how many elements computed constants may still take.
type Budget struct{ Left int }

// Spend accounts for the elements of a computed constant.
func (b *Budget) Spend(n int) error {
	if n > b.Left {
		return errors.New("constant folding: the result is too large")
	}
	b.Left -= n
	return nil
}
