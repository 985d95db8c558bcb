package onnx

import (
	"fmt"

	"vzsl/internal/kernels"
)

// maps is image for an operator on feature maps: N x C x H x W. Of N x C x L it makes maps of height 1.
func (b *builder) maps(n *node, i int) (int, []int, error) {
	v, d, err := b.image(n, i)
	if err != nil {
		return v, d, err
	}
	if len(d) == 3 {
		d = []int{d[0], d[1], 1, d[2]}
		if v, err = b.step(n, "", &Reshape{}, d, v); err != nil {
			return v, d, err
		}
	}
	switch {
	case len(d) != 4:
		err = unsupported(n, "works on a value of shape %v, where only N x C x H x W and N x C x L are supported", d)
	case b.own(v)[0] != 1:
		err = unsupported(n, "works on %d maps of one image (shape %v), where one is supported", b.own(v)[0], d)
	}
	return v, d, err
}

// spatial emits a step that makes maps of maps, and takes away the height that maps gave to N x C x L.
func (b *builder) spatial(n *node, op Op, dims []int, x int) error {
	first, err := b.arity(n)
	if err != nil {
		return err
	}
	if first != 3 {
		return b.emit(n, op, dims, x)
	}
	y, err := b.step(n, "", op, dims, x)
	if err != nil {
		return err
	}
	return b.emit(n, &Reshape{}, []int{dims[0], dims[1], dims[3]}, y)
}

// arity is the number of dimensions of a node's first argument.
func (b *builder) arity(n *node) (int, error) {
	v, k, err := b.arg(n, 0)
	switch {
	case err != nil:
		return 0, err
	case k != nil:
		return len(k.dims), nil
	}
	return len(b.plan.Values[v].Dims), nil
}

// pair reads an attribute of one number for each spatial axis; maps of N x C x L have none for the height.
func (b *builder) pair(n *node, name string, def int) ([]int, error) {
	rank, err := b.arity(n)
	if err != nil {
		return nil, err
	}
	v, err := n.ints(name, rank-2, def)
	if err == nil && rank == 3 {
		v = []int{def, v[0]}
	}
	return v, err
}

// window reads kernel_shape (where it is not known from the weights), strides, dilations and
// padding, and works out auto_pad for maps of h x w.
func (b *builder) window(n *node, kernel []int, h, w int) (strides, dilations, pads []int, err error) {
	if strides, err = b.pair(n, "strides", 1); err != nil {
		return
	}
	if dilations, err = b.pair(n, "dilations", 1); err != nil {
		return
	}
	for i := range 2 {
		if strides[i] == 0 || dilations[i] == 0 || kernel[i] == 0 {
			err = fmt.Errorf("its kernel %v, strides %v or dilations %v are zero", kernel, strides, dilations)
			return
		}
		if (kernel[i]-1)*dilations[i] > maxExtent {
			err = fmt.Errorf("its kernel %v with dilations %v is out of range", kernel, dilations)
			return
		}
	}
	switch auto := n.str("auto_pad", "NOTSET"); auto {
	case "NOTSET", "":
		rank, e := b.arity(n)
		if e != nil {
			return nil, nil, nil, e
		}
		if pads, err = n.ints("pads", 2*(rank-2), 0); err == nil && rank == 3 {
			pads = []int{0, pads[0], 0, pads[1]}
		}
	case "VALID":
		pads = make([]int, 4)
	case "SAME_UPPER", "SAME_LOWER":
		pads = make([]int, 4)
		for i, size := range []int{h, w} {
			out := (size + strides[i] - 1) / strides[i]
			total := max((out-1)*strides[i]+(kernel[i]-1)*dilations[i]+1-size, 0)
			pads[i], pads[i+2] = total/2, total-total/2
			if auto == "SAME_LOWER" {
				pads[i], pads[i+2] = pads[i+2], pads[i]
			}
		}
	default:
		err = fmt.Errorf("its auto_pad is %q", auto)
	}
	if err != nil {
		return
	}
	if h+pads[0]+pads[2] > maxExtent || w+pads[1]+pads[3] > maxExtent {
		err = fmt.Errorf("its padding %v is out of range", pads)
	}
	return
}

func (b *builder) conv(n *node) error {
	x, d, err := b.maps(n, 0)
	if err != nil {
		return err
	}
	w, err := b.constant(n, 1, false)
	if err != nil {
		return err
	}
	if len(w.dims) == 3 {
		c := *w
		c.dims = []int{w.dims[0], w.dims[1], 1, w.dims[2]}
		w = &c
		if w.scale != nil {
			return unsupported(n, "has quantised weights of shape %v", w.dims)
		}
	}
	if len(w.dims) != 4 || !w.isFloat() {
		return fmt.Errorf("its weights have the shape %v", w.dims)
	}
	group := n.int("group", 1)
	if group < 1 || w.dims[1] < 1 || w.dims[0] < 1 || w.dims[0]%group != 0 || d[1]%group != 0 || w.dims[1] != d[1]/group {
		return fmt.Errorf("its weights of shape %v in %d groups do not fit %d channels", w.dims, group, d[1])
	}
	kernel, err := b.pair(n, "kernel_shape", 0)
	if err != nil {
		return err
	}
	if kernel[1] == 0 {
		kernel = w.dims[2:]
	}
	if kernel[0] == 0 {
		kernel[0] = 1
	}
	if kernel[0] != w.dims[2] || kernel[1] != w.dims[3] {
		return fmt.Errorf("its kernel_shape %v does not fit its weights of shape %v", kernel, w.dims)
	}
	strides, dilations, pads, err := b.window(n, kernel, d[2], d[3])
	if err != nil {
		return err
	}
	op := &Conv{Conv2D: kernels.Conv2D{
		In: d[1], Out: w.dims[0], KernelH: kernel[0], KernelW: kernel[1],
		StrideH: strides[0], StrideW: strides[1], DilationH: dilations[0], DilationW: dilations[1],
		Top: pads[0], Left: pads[1], Bottom: pads[2], Right: pads[3], Groups: group,
	}}
	if op.Weight, err = weightsOf(w); err != nil {
		return err
	}
	if op.Bias, err = b.floats(n, 2, op.Out, true); err != nil {
		return err
	}
	if err := op.Validate(); err != nil {
		return err
	}
	h, wd := op.OutSize(d[2], d[3])
	return b.spatial(n, op, []int{d[0], op.Out, h, wd}, x)
}

func (b *builder) pool(n *node) error {
	x, d, err := b.maps(n, 0)
	if err != nil {
		return err
	}
	kernel, err := b.pair(n, "kernel_shape", 0)
	if err != nil {
		return err
	}
	if rank, _ := b.arity(n); rank == 3 {
		kernel[0] = 1
	}
	strides, dilations, pads, err := b.window(n, kernel, d[2], d[3])
	if err != nil {
		return err
	}
	op := &Pool{Max: n.op == "MaxPool", Pool2D: kernels.Pool2D{
		KernelH: kernel[0], KernelW: kernel[1], StrideH: strides[0], StrideW: strides[1],
		DilationH: dilations[0], DilationW: dilations[1],
		Top: pads[0], Left: pads[1], Bottom: pads[2], Right: pads[3],
		Ceil: n.int("ceil_mode", 0) != 0, CountPad: n.int("count_include_pad", 0) != 0,
	}}
	if err := op.Validate(); err != nil {
		return err
	}
	for i := range 2 { // ONNX allows no window of padding alone
		if span := (kernel[i]-1)*dilations[i] + 1; pads[i] >= span || pads[i+2] >= span {
			return fmt.Errorf("its padding %v is not smaller than its kernel %v", pads, kernel)
		}
	}
	h, w := op.OutSize(d[2], d[3])
	noPad := pads[0]+pads[1]+pads[2]+pads[3] == 0
	if noPad && kernel[0] == 1 && kernel[1] == 1 && strides[0] == 1 && strides[1] == 1 {
		return b.spatial(n, &Reshape{}, d, x) // an adaptive pooling of 7 x 7 to 7 x 7 is exported so
	}
	if !op.Max && noPad && kernel[0] == d[2] && kernel[1] == d[3] && dilations[0] == 1 && dilations[1] == 1 {
		return b.spatial(n, &GlobalPool{}, []int{d[0], d[1], 1, 1}, x)
	}
	return b.spatial(n, op, []int{d[0], d[1], h, w}, x)
}

func (b *builder) globalPool(n *node) error {
	x, d, err := b.maps(n, 0)
	if err != nil {
		return err
	}
	var op Op = &GlobalPool{}
	if n.op == "GlobalMaxPool" {
		op = &Pool{Max: true, Pool2D: kernels.Pool2D{KernelH: d[2], KernelW: d[3], StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}}
	}
	return b.spatial(n, op, []int{d[0], d[1], 1, 1}, x)
}

func (b *builder) lrn(n *node) error {
	x, d, err := b.maps(n, 0)
	if err != nil {
		return err
	}
	op := &LRN{Size: n.int("size", 0), Alpha: n.float("alpha", 1e-4), Beta: n.float("beta", 0.75), Bias: n.float("bias", 1)}
	if op.Size < 1 || op.Size > maxExtent {
		return fmt.Errorf("its size is %d", op.Size)
	}
	return b.spatial(n, op, d, x)
}
