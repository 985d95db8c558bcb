package ops

import (
	"fmt"

	"vzsl/extract/onnx/fold"
	"vzsl/extract/onnx/load"
	"vzsl/extract/onnx/plan"
	"vzsl/internal/kernels"
)

// maps is image for an operator on feature maps: N x C x H x W. Of N x C x L it makes maps of height 1.
func (b *Builder) maps(n *load.Node, i int) (int, []int, error) {
	v, d, err := b.operand(n, i)
	if err != nil {
		return v, d, err
	}
	if len(d) == 3 {
		d = []int{d[0], d[1], 1, d[2]}
		if v, err = b.addStep(n, "", &plan.Reshape{}, d, v); err != nil {
			return v, d, err
		}
	}
	switch {
	case len(d) != 4:
		err = load.Unsupported(n, "its input has shape %v, N x C x H x W or N x C x L is required", d)
	case b.imageDims(v)[0] != 1:
		err = load.Unsupported(n, "its input holds %d feature maps per image (shape %v), one is supported", b.imageDims(v)[0], d)
	}
	return v, d, err
}

// spatial emits a step that makes maps of maps, and takes away the height that maps gave to N x C x L.
func (b *Builder) spatial(n *load.Node, op plan.Op, dims []int, x int) error {
	first, err := b.arity(n)
	if err != nil {
		return err
	}
	if first != 3 {
		return b.emit(n, op, dims, x)
	}
	y, err := b.addStep(n, "", op, dims, x)
	if err != nil {
		return err
	}
	return b.emit(n, &plan.Reshape{}, []int{dims[0], dims[1], dims[3]}, y)
}

// arity is the number of dimensions of a node's first argument.
func (b *Builder) arity(n *load.Node) (int, error) {
	v, k, err := b.arg(n, 0)
	switch {
	case err != nil:
		return 0, err
	case k != nil:
		return len(k.Dims), nil
	}
	return len(b.plan.Values[v].Dims), nil
}

// pair reads an attribute of one number for each spatial axis; maps of N x C x L have none for the height.
func (b *Builder) pair(n *load.Node, name string, def int) ([]int, error) {
	rank, err := b.arity(n)
	if err != nil {
		return nil, err
	}
	v, err := n.Ints(name, rank-2, def)
	if err == nil && rank == 3 {
		v = []int{def, v[0]}
	}
	return v, err
}

// window reads kernel_shape (where it is not known from the weights), strides, dilations and
// padding, and works out auto_pad for maps of h x w.
func (b *Builder) window(n *load.Node, kernel []int, h, w int) (strides, dilations, pads []int, err error) {
	if strides, err = b.pair(n, "strides", 1); err != nil {
		return
	}
	if dilations, err = b.pair(n, "dilations", 1); err != nil {
		return
	}
	for i := range 2 {
		if strides[i] == 0 || dilations[i] == 0 || kernel[i] == 0 {
			err = fmt.Errorf("kernel %v, strides %v and dilations %v must be positive", kernel, strides, dilations)
			return
		}
		if (kernel[i]-1)*dilations[i] > load.MaxExtent {
			err = fmt.Errorf("kernel %v with dilations %v is out of range", kernel, dilations)
			return
		}
	}
	switch auto := n.Str("auto_pad", "NOTSET"); auto {
	case "NOTSET", "":
		rank, e := b.arity(n)
		if e != nil {
			return nil, nil, nil, e
		}
		if pads, err = n.Ints("pads", 2*(rank-2), 0); err == nil && rank == 3 {
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
		err = fmt.Errorf("unknown auto_pad %q", auto)
	}
	if err != nil {
		return
	}
	if h+pads[0]+pads[2] > load.MaxExtent || w+pads[1]+pads[3] > load.MaxExtent {
		err = fmt.Errorf("padding %v is out of range", pads)
	}
	return
}

func (b *Builder) conv(n *load.Node) error {
	x, d, err := b.maps(n, 0)
	if err != nil {
		return err
	}
	w, err := b.constantArg(n, 1, false)
	if err != nil {
		return err
	}
	if len(w.Dims) == 3 {
		c := *w
		c.Dims = []int{w.Dims[0], w.Dims[1], 1, w.Dims[2]}
		w = &c
		if w.Quantised != nil {
			return load.Unsupported(n, "quantised weights of shape %v", w.Dims)
		}
	}
	if len(w.Dims) != 4 || !w.IsFloat() {
		return fmt.Errorf("weights of unexpected shape %v", w.Dims)
	}
	group := n.Int("group", 1)
	if group < 1 || w.Dims[1] < 1 || w.Dims[0] < 1 || w.Dims[0]%group != 0 || d[1]%group != 0 || w.Dims[1] != d[1]/group {
		return fmt.Errorf("weights of shape %v in %d groups do not match %d channels", w.Dims, group, d[1])
	}
	kernel, err := b.pair(n, "kernel_shape", 0)
	if err != nil {
		return err
	}
	if kernel[1] == 0 {
		kernel = w.Dims[2:]
	}
	if kernel[0] == 0 {
		kernel[0] = 1
	}
	if kernel[0] != w.Dims[2] || kernel[1] != w.Dims[3] {
		return fmt.Errorf("kernel_shape %v does not match weights of shape %v", kernel, w.Dims)
	}
	strides, dilations, pads, err := b.window(n, kernel, d[2], d[3])
	if err != nil {
		return err
	}
	op := &plan.Conv{Conv2D: kernels.Conv2D{
		In: d[1], Out: w.Dims[0], KernelH: kernel[0], KernelW: kernel[1],
		StrideH: strides[0], StrideW: strides[1], DilationH: dilations[0], DilationW: dilations[1],
		Top: pads[0], Left: pads[1], Bottom: pads[2], Right: pads[3], Groups: group,
	}}
	if op.Weight, err = fold.NewWeights(w); err != nil {
		return err
	}
	if op.Bias, err = b.floatsArg(n, 2, op.Out, true); err != nil {
		return err
	}
	if err := op.Validate(); err != nil {
		return err
	}
	h, wd := op.OutSize(d[2], d[3])
	return b.spatial(n, op, []int{d[0], op.Out, h, wd}, x)
}

func (b *Builder) pool(n *load.Node) error {
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
	op := &plan.Pool{Max: n.Op == "MaxPool", Pool2D: kernels.Pool2D{
		KernelH: kernel[0], KernelW: kernel[1], StrideH: strides[0], StrideW: strides[1],
		DilationH: dilations[0], DilationW: dilations[1],
		Top: pads[0], Left: pads[1], Bottom: pads[2], Right: pads[3],
		Ceil: n.Int("ceil_mode", 0) != 0, CountPad: n.Int("count_include_pad", 0) != 0,
	}}
	if err := op.Validate(); err != nil {
		return err
	}
	for i := range 2 { // ONNX allows no window of padding alone
		if span := (kernel[i]-1)*dilations[i] + 1; pads[i] >= span || pads[i+2] >= span {
			return fmt.Errorf("padding %v is not smaller than the kernel %v", pads, kernel)
		}
	}
	h, w := op.OutSize(d[2], d[3])
	noPad := pads[0]+pads[1]+pads[2]+pads[3] == 0
	if noPad && kernel[0] == 1 && kernel[1] == 1 && strides[0] == 1 && strides[1] == 1 {
		return b.spatial(n, &plan.Reshape{}, d, x) // an adaptive pooling of 7 x 7 to 7 x 7 is exported so
	}
	if !op.Max && noPad && kernel[0] == d[2] && kernel[1] == d[3] && dilations[0] == 1 && dilations[1] == 1 {
		return b.spatial(n, &plan.GlobalPool{}, []int{d[0], d[1], 1, 1}, x)
	}
	return b.spatial(n, op, []int{d[0], d[1], h, w}, x)
}

func (b *Builder) globalPool(n *load.Node) error {
	x, d, err := b.maps(n, 0)
	if err != nil {
		return err
	}
	var op plan.Op = &plan.GlobalPool{}
	if n.Op == "GlobalMaxPool" {
		op = &plan.Pool{Max: true, Pool2D: kernels.Pool2D{KernelH: d[2], KernelW: d[3], StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}}
	}
	return b.spatial(n, op, []int{d[0], d[1], 1, 1}, x)
}

func (b *Builder) lrn(n *load.Node) error {
	x, d, err := b.maps(n, 0)
	if err != nil {
		return err
	}
	op := &plan.LRN{Size: n.Int("size", 0), Alpha: n.Float("alpha", 1e-4), Beta: n.Float("beta", 0.75), Bias: n.Float("bias", 1)}
	if op.Size < 1 || op.Size > load.MaxExtent {
		return fmt.Errorf("size %d is out of range", op.Size)
	}
	return b.spatial(n, op, d, x)
}
