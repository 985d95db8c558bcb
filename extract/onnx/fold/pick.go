package fold

import (
	"errors"
	"fmt"
	"slices"
	"sort"

	"vzsl/extract/onnx/load"
)

// eachLine calls f for each line of elements along an axis: where its first lies, and how far they lie apart.
func eachLine(d []int, axis int, f func(line, start, step int)) {
	inner := load.Elements(d[axis+1:])
	i := 0
	for o := range load.Elements(d[:axis]) {
		for j := range inner {
			f(i, o*d[axis]*inner+j, inner)
			i++
		}
	}
}

func foldArg(b *Budget, n *load.Node, args []*Constant) (*Constant, error) {
	x, err := firstArgument(args)
	if err != nil {
		return nil, err
	}
	axis, err := load.Axis(int64(n.Int("axis", 0)), len(x.Dims))
	if err != nil {
		return nil, err
	}
	v, err := x.Float64s()
	if err != nil {
		return nil, err
	}
	k := &Constant{Kind: load.TypeInt64, Dims: slices.Clone(x.Dims)}
	if k.Dims[axis] = 1; n.Int("keepdims", 1) == 0 {
		k.Dims = slices.Delete(k.Dims, axis, axis+1)
	}
	if err := b.Spend(len(v)); err != nil {
		return nil, err
	}
	k.Values = make([]float64, load.Elements(k.Dims))
	last := n.Int("select_last_index", 0) != 0
	eachLine(x.Dims, axis, func(line, start, step int) {
		best := 0
		for j := range x.Dims[axis] {
			a, c := v[start+j*step], v[start+best*step]
			if n.Op == "ArgMin" {
				a, c = -a, -c
			}
			if a > c || last && a == c {
				best = j
			}
		}
		k.Values[line] = float64(best)
	})
	return k, nil
}

func foldTopK(b *Budget, n *load.Node, args []*Constant) ([]*Constant, error) {
	x, err := firstArgument(args)
	if err != nil {
		return nil, err
	}
	axis, err := load.Axis(int64(n.Int("axis", -1)), len(x.Dims))
	if err != nil {
		return nil, err
	}
	count := n.Int("k", 0)
	if k := argument(args, 1); k != nil {
		c, err := k.Scalar()
		if err != nil {
			return nil, err
		}
		count = int(c)
	}
	if count < 0 || count > x.Dims[axis] || len(n.Outputs) == 0 {
		return nil, fmt.Errorf("k=%d is out of range for size %d", count, x.Dims[axis])
	}
	v, err := x.Float64s()
	if err != nil {
		return nil, err
	}
	d := slices.Clone(x.Dims)
	d[axis] = count
	if err := b.Spend(2 * load.Elements(d)); err != nil {
		return nil, err
	}
	values := &Constant{Dims: d, Kind: x.Type(), Values: make([]float64, load.Elements(d))}
	index := &Constant{Dims: d, Kind: load.TypeInt64, Values: make([]float64, load.Elements(d))}
	var to []int
	inner := load.Elements(d[axis+1:])
	for o := range load.Elements(d[:axis]) {
		for j := range inner {
			to = append(to, o*count*inner+j)
		}
	}
	smallest := n.Int("largest", 1) == 0
	eachLine(x.Dims, axis, func(line, start, step int) {
		order := make([]int, x.Dims[axis])
		for i := range order {
			order[i] = i
		}
		sort.SliceStable(order, func(i, j int) bool {
			a, c := v[start+order[i]*step], v[start+order[j]*step]
			if smallest {
				return a < c
			}
			return a > c
		})
		for j, o := range order[:count] {
			values.Values[to[line]+j*step] = v[start+o*step]
			index.Values[to[line]+j*step] = float64(o)
		}
	})
	return []*Constant{values, index}, nil
}

func foldNonZero(_ *Budget, _ *load.Node, args []*Constant) (*Constant, error) {
	x, err := firstArgument(args)
	if err != nil {
		return nil, err
	}
	v, err := x.Float64s()
	if err != nil || len(v) > load.MaxList*load.MaxList {
		return nil, err
	}
	var places []int
	for i, a := range v {
		if a != 0 {
			places = append(places, i)
		}
	}
	rank := len(x.Dims)
	k := &Constant{Dims: []int{rank, len(places)}, Kind: load.TypeInt64, Values: make([]float64, rank*len(places))}
	for j, p := range places {
		for a := rank - 1; a >= 0; a-- {
			k.Values[a*len(places)+j] = float64(p % x.Dims[a])
			p /= x.Dims[a]
		}
	}
	return k, nil
}

func foldOneHot(b *Budget, n *load.Node, args []*Constant) (*Constant, error) {
	if argument(args, 0) == nil || argument(args, 1) == nil || argument(args, 2) == nil {
		return nil, errors.New("an input is missing")
	}
	depth, err := args[1].Scalar()
	if err != nil || depth < 1 || depth > load.MaxExtent {
		return nil, fmt.Errorf("depth %v is out of range", depth)
	}
	pair, err := args[2].Float64s()
	if err != nil || len(pair) != 2 {
		return nil, errors.New("off and on values are required")
	}
	v, err := args[0].Float64s()
	if err != nil {
		return nil, err
	}
	rank := len(args[0].Dims) + 1
	axis, err := load.Axis(int64(n.Int("axis", -1)), rank)
	if err != nil {
		return nil, err
	}
	d := slices.Insert(slices.Clone(args[0].Dims), axis, int(depth))
	if err := b.Spend(load.Elements(d)); err != nil {
		return nil, err
	}
	k := &Constant{Dims: d, Kind: args[2].Type(), Values: make([]float64, load.Elements(d))}
	for i := range k.Values {
		k.Values[i] = pair[0]
	}
	eachLine(d, axis, func(line, start, step int) {
		a := v[line]
		if a < 0 {
			a += depth
		}
		if a >= 0 && a < depth {
			k.Values[start+int(a)*step] = pair[1]
		}
	})
	return k, nil
}

func foldEye(b *Budget, n *load.Node, args []*Constant) (*Constant, error) {
	x, err := firstArgument(args)
	if err != nil {
		return nil, err
	}
	if len(x.Dims) != 2 {
		return nil, fmt.Errorf("a matrix is required, not shape %v", x.Dims)
	}
	if err := b.Spend(x.Len()); err != nil {
		return nil, err
	}
	k := &Constant{Dims: x.Dims, Kind: int32(n.Int("dtype", int(x.Type()))), Values: make([]float64, x.Len())}
	for i := range x.Dims[0] {
		if j := i + n.Int("k", 0); j >= 0 && j < x.Dims[1] {
			k.Values[i*x.Dims[1]+j] = 1
		}
	}
	return k, nil
}
