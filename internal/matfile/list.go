package matfile

import (
	"errors"
	"fmt"
)

// Integers are the whole numbers of a variable of one long dimension.
func (f *File) Integers(name string) ([]int64, error) {
	a, err := f.Read(name)
	if err != nil {
		return nil, err
	}
	long := 0
	for _, d := range a.Dims {
		if d != 1 {
			long++
		}
	}
	var v []int64
	if long > 1 {
		err = errors.New("a matrix; expected a vector")
	} else {
		v, err = a.Int64s()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: variable %s: %w", f.path, name, err)
	}
	return v, nil
}
