package kernels

import (
	"errors"
	"fmt"
)

// Conv2D is a convolution's geometry, in ONNX's terms: a cross-correlation of
// In channels, in Groups, with Out kernels.
type Conv2D struct {
	In, Out                  int // channels
	KernelH, KernelW         int
	StrideH, StrideW         int // 0 means 1
	DilationH, DilationW     int // 0 means 1
	Top, Left, Bottom, Right int // zero padding
	Groups                   int // 0 means 1
}

func (g Conv2D) withDefaults() Conv2D {
	for _, v := range []*int{&g.StrideH, &g.StrideW, &g.DilationH, &g.DilationW, &g.Groups} {
		if *v == 0 {
			*v = 1
		}
	}
	return g
}

// Validate says what is impossible about g.
func (g Conv2D) Validate() error {
	g = g.withDefaults()
	switch {
	case g.In <= 0 || g.Out <= 0:
		return fmt.Errorf("convolution of %d channels into %d", g.In, g.Out)
	case g.KernelH <= 0 || g.KernelW <= 0:
		return fmt.Errorf("convolution kernel of %d x %d", g.KernelH, g.KernelW)
	case g.StrideH < 0 || g.StrideW < 0:
		return fmt.Errorf("convolution with strides %d, %d", g.StrideH, g.StrideW)
	case g.DilationH < 0 || g.DilationW < 0:
		return fmt.Errorf("convolution with dilations %d, %d", g.DilationH, g.DilationW)
	case g.Top < 0 || g.Left < 0 || g.Bottom < 0 || g.Right < 0:
		return fmt.Errorf("convolution with negative padding %v", Halo{g.Top, g.Left, g.Bottom, g.Right})
	case g.Groups < 0 || g.In%g.Groups != 0 || g.Out%g.Groups != 0:
		return fmt.Errorf("convolution of %d channels into %d in %d groups", g.In, g.Out, g.Groups)
	}
	return nil
}

// OutSize is the size of the result for maps of h x w; 0 where the kernel does
// not fit.
func (g Conv2D) OutSize(h, w int) (oh, ow int) {
	g = g.withDefaults()
	return windows(h+g.Top+g.Bottom, g.KernelH, g.StrideH, g.DilationH), windows(w+g.Left+g.Right, g.KernelW, g.StrideW, g.DilationW)
}

// windows counts the places of a window along a padded axis.
func windows(size, kernel, stride, dilation int) int {
	span := (kernel-1)*dilation + 1
	if size < span {
		return 0
	}
	return (size-span)/stride + 1
}

// Weights is the number of weights, Out x In/Groups x KernelH x KernelW.
func (g Conv2D) Weights() int {
	g = g.withDefaults()
	return g.Out * (g.In / g.Groups) * g.KernelH * g.KernelW
}

// Conv is a convolution with its weights laid out for the kernels in use when
// it was prepared. Many goroutines may run it at once.
type Conv struct {
	Conv2D
	arch *arch
	bias []float32 // Out values, rounded up to whole panels with zeros
	fn   Function
	by   algorithm
}

// algorithm is one way to do a convolution.
type algorithm interface {
	// run convolves in, changed by pre if it is not nil, adds add if it is not nil, and applies the function.
	run(c *Conv, in, add, out *Act, pre *perChannel)
	// halo is the border of an h x w input that this way reads.
	halo(c *Conv, h, w int) Halo
	buffer() *Buffer // the weights
}

// PrepareConv lays out weights, given in ONNX's order [Out][In/Groups][KernelH]
// [KernelW], for fast use; they are copied. bias is nil or has Out values. fn is
// applied to the results.
func PrepareConv(g Conv2D, weights, bias []float32, fn Function) (*Conv, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	g = g.withDefaults()
	if len(weights) != g.Weights() {
		return nil, fmt.Errorf("convolution with %d weights, its shape says %d", len(weights), g.Weights())
	}
	if bias != nil && len(bias) != g.Out {
		return nil, fmt.Errorf("convolution with %d biases for %d channels", len(bias), g.Out)
	}
	c := &Conv{Conv2D: g, arch: current.Load(), fn: fn}
	c.bias = aligned[float32](roundUp(g.Out, 32))
	copy(c.bias, bias)
	switch {
	case suitsWinograd(g):
		c.by = prepareWinograd(c, weights)
	case suitsDepthwise(g):
		c.by = prepareDepthwise(c, weights)
	default:
		c.by = prepareGather(c, weights)
	}
	return c, nil
}

// Halo is the border that inputs of h x w should have for Run to need no copy
// of them. A wider one is as good.
func (c *Conv) Halo(h, w int) Halo { return c.by.halo(c, h, w) }

// Free releases the weights' memory.
func (c *Conv) Free() { c.by.buffer().Free() }

// WeightBytes is the size of the weights as laid out.
func (c *Conv) WeightBytes() int { return 4 * len(c.by.buffer().Data) }

// run convolves in into the map of out, whose shape must be OutSize's. Any halo
// will do on either side. An image's result does not depend on the others'.
func (c *Conv) run(in, out *Act) { c.RunAdd(in, nil, out) }

// RunAdd is Run with add, a map of out's shape that does not overlap it, added
// before the function.
func (c *Conv) RunAdd(in, add, out *Act) {
	if c.fits(in, add, out, false) {
		c.by.run(c, in, add, out, nil)
	}
}

// perChannel changes the input of a convolution on its way: each image's channels times scale, N x In values, or each pixel's
// channels times scale plus shift, In values each, and then the positive part where relu is set.
type perChannel struct {
	scale, shift []float32
	relu         bool
}

// scales says whether RunScaled and RunShifted may be used.
func (c *Conv) scales() bool {
	_, ok := c.by.(*gather)
	return ok && c.KernelH == 1 && c.KernelW == 1 && c.noPadding()
}

// RunScaled is RunAdd on in with each channel of each image multiplied by its
// value of scale, N x In, as squeeze and excitation wants it. Scales must be true.
func (c *Conv) RunScaled(in *Act, scale []float32, add, out *Act) {
	if !c.scales() || len(scale) < in.N*in.C {
		panic(fmt.Sprintf("kernels: %d factors for %d images of %d channels", len(scale), in.N, in.C))
	}
	if c.fits(in, add, out, false) {
		c.by.run(c, in, add, out, &perChannel{scale: scale})
	}
}

// RunShifted is RunAdd on what ScaleShift makes of in, without that map between. Scales must be true.
func (c *Conv) RunShifted(in *Act, scale, shift []float32, relu bool, add, out *Act) {
	if !c.scales() || len(scale) != in.C || len(shift) != in.C {
		panic(fmt.Sprintf("kernels: %d factors and %d terms for %d channels", len(scale), len(shift), in.C))
	}
	if c.fits(in, add, out, false) {
		c.by.run(c, in, add, out, &perChannel{scale, shift, relu})
	}
}

// RunMaxPool2 is Run followed by a maximum over windows of 2x2, two apart,
// without the map between where the way to convolve allows: out is half as high
// and wide, rounded down.
func (c *Conv) RunMaxPool2(in, out *Act) {
	if !c.fits(in, nil, out, true) {
		return
	}
	if w, ok := c.by.(*winograd); ok {
		w.convolve(c, in, nil, out, true)
		return
	}
	oh, ow := c.OutSize(in.H, in.W)
	p := haloCopies.get()
	full := NewAct(in.N, oh, ow, c.Out, Halo{}, p.grown(ActLen(in.N, oh, ow, c.Out, Halo{})))
	c.by.run(c, in, nil, full, nil)
	MaxPool(Pool2D{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2}, full, out)
	haloCopies.put(p)
}

// RunPooled is Run followed by GlobalAveragePool of out to mean, to the same bits.
func (c *Conv) RunPooled(in, out, mean *Act) {
	if !c.fits(in, nil, out, false) {
		return
	}
	if d, ok := c.by.(*depthwise); ok {
		mean.check()
		if mean.N != out.N || mean.C != out.C || mean.H != 1 || mean.W != 1 {
			panic("kernels: global pooling into maps of another shape")
		}
		d.convolve(c, in, nil, out, mean)
		return
	}
	c.by.run(c, in, nil, out, nil)
	GlobalAveragePool(out, mean)
}

// fits panics unless the maps have the convolution's shapes, and reports whether
// there is anything to do.
func (c *Conv) fits(in, add, out *Act, pool bool) bool {
	if add != nil {
		sameShape(add, out)
	}
	if err := c.shapes(in, out, pool); err != nil {
		panic("kernels: " + err.Error())
	}
	return out.N > 0 && out.H > 0 && out.W > 0
}

func (c *Conv) shapes(in, out *Act, pool bool) error {
	in.check()
	out.check()
	oh, ow := c.OutSize(in.H, in.W)
	if pool {
		oh, ow = oh/2, ow/2
	}
	switch {
	case in.C != c.In || out.C != c.Out:
		return fmt.Errorf("convolution of %d channels into %d given %d and %d", c.In, c.Out, in.C, out.C)
	case in.N != out.N:
		return errors.New("convolution of batches of different size")
	case oh != out.H || ow != out.W:
		return fmt.Errorf("convolution gives %d x %d, not %d x %d", oh, ow, out.H, out.W)
	}
	return nil
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }
