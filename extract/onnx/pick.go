package onnx

import (
	"errors"
	"fmt"
	"slices"
	"sort"
)

// lines calls f for each line of elements along an axis: where its first lies, and how far they lie apart.
func lines(d []int, axis int, f func(line, start, step int)) {
	inner := product(d[axis+1:])
	i := 0
	for o := range product(d[:axis]) {
		for j := range inner {
			f(i, o*d[axis]*inner+j, inner)
			i++
		}
	}
}

func foldArg(b *budget, n *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	axis, err := strictAxis(int64(n.int("axis", 0)), len(x.dims))
	if err != nil {
		return nil, err
	}
	v, err := x.numbers()
	if err != nil {
		return nil, err
	}
	k := &konst{kind: typeInt64, dims: slices.Clone(x.dims)}
	if k.dims[axis] = 1; n.int("keepdims", 1) == 0 {
		k.dims = slices.Delete(k.dims, axis, axis+1)
	}
	if err := b.take(len(v)); err != nil {
		return nil, err
	}
	k.nums = make([]float64, product(k.dims))
	last := n.int("select_last_index", 0) != 0
	lines(x.dims, axis, func(line, start, step int) {
		best := 0
		for j := range x.dims[axis] {
			a, c := v[start+j*step], v[start+best*step]
			if n.op == "ArgMin" {
				a, c = -a, -c
			}
			if a > c || last && a == c {
				best = j
			}
		}
		k.nums[line] = float64(best)
	})
	return k, nil
}

func foldTopK(b *budget, n *node, args []*konst) ([]*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	axis, err := strictAxis(int64(n.int("axis", -1)), len(x.dims))
	if err != nil {
		return nil, err
	}
	count := n.int("k", 0)
	if k := at(args, 1); k != nil {
		c, err := k.scalar()
		if err != nil {
			return nil, err
		}
		count = int(c)
	}
	if count < 0 || count > x.dims[axis] || len(n.outputs) == 0 {
		return nil, fmt.Errorf("it takes the first %d of %d", count, x.dims[axis])
	}
	v, err := x.numbers()
	if err != nil {
		return nil, err
	}
	d := slices.Clone(x.dims)
	d[axis] = count
	if err := b.take(2 * product(d)); err != nil {
		return nil, err
	}
	values := &konst{dims: d, kind: x.typ(), nums: make([]float64, product(d))}
	index := &konst{dims: d, kind: typeInt64, nums: make([]float64, product(d))}
	var to []int
	inner := product(d[axis+1:])
	for o := range product(d[:axis]) {
		for j := range inner {
			to = append(to, o*count*inner+j)
		}
	}
	smallest := n.int("largest", 1) == 0
	lines(x.dims, axis, func(line, start, step int) {
		order := make([]int, x.dims[axis])
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
			values.nums[to[line]+j*step] = v[start+o*step]
			index.nums[to[line]+j*step] = float64(o)
		}
	})
	return []*konst{values, index}, nil
}

func foldNonZero(_ *budget, _ *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	v, err := x.numbers()
	if err != nil || len(v) > small*small {
		return nil, err
	}
	var places []int
	for i, a := range v {
		if a != 0 {
			places = append(places, i)
		}
	}
	rank := len(x.dims)
	k := &konst{dims: []int{rank, len(places)}, kind: typeInt64, nums: make([]float64, rank*len(places))}
	for j, p := range places {
		for a := rank - 1; a >= 0; a-- {
			k.nums[a*len(places)+j] = float64(p % x.dims[a])
			p /= x.dims[a]
		}
	}
	return k, nil
}

func foldOneHot(b *budget, n *node, args []*konst) (*konst, error) {
	if at(args, 0) == nil || at(args, 1) == nil || at(args, 2) == nil {
		return nil, errors.New("an argument is missing")
	}
	depth, err := args[1].scalar()
	if err != nil || depth < 1 || depth > maxExtent {
		return nil, fmt.Errorf("its depth is %v", depth)
	}
	pair, err := args[2].numbers()
	if err != nil || len(pair) != 2 {
		return nil, errors.New("it wants two values")
	}
	v, err := args[0].numbers()
	if err != nil {
		return nil, err
	}
	rank := len(args[0].dims) + 1
	axis, err := strictAxis(int64(n.int("axis", -1)), rank)
	if err != nil {
		return nil, err
	}
	d := slices.Insert(slices.Clone(args[0].dims), axis, int(depth))
	if err := b.take(product(d)); err != nil {
		return nil, err
	}
	k := &konst{dims: d, kind: args[2].typ(), nums: make([]float64, product(d))}
	for i := range k.nums {
		k.nums[i] = pair[0]
	}
	lines(d, axis, func(line, start, step int) {
		a := v[line]
		if a < 0 {
			a += depth
		}
		if a >= 0 && a < depth {
			k.nums[start+int(a)*step] = pair[1]
		}
	})
	return k, nil
}

func foldEye(b *budget, n *node, args []*konst) (*konst, error) {
	x, err := first(args)
	if err != nil {
		return nil, err
	}
	if len(x.dims) != 2 {
		return nil, fmt.Errorf("it makes a matrix of shape %v", x.dims)
	}
	if err := b.take(x.len()); err != nil {
		return nil, err
	}
	k := &konst{dims: x.dims, kind: int32(n.int("dtype", int(x.typ()))), nums: make([]float64, x.len())}
	for i := range x.dims[0] {
		if j := i + n.int("k", 0); j >= 0 && j < x.dims[1] {
			k.nums[i*x.dims[1]+j] = 1
		}
	}
	return k, nil
}
