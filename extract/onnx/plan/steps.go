package plan

import (
	"vzsl/extract/onnx/fold"
	"vzsl/internal/kernels"
)

// Op is one of the types of this file. Shapes are those of the step's values, which are for one image; axes count from the first of them.
type Op interface{ isOp() }

// Conv convolves; Weight is in ONNX's order [Out][In/Groups][KernelH][KernelW]. The result of
// output channel o is Scale[o] * (convolution) + Bias[o], then ReLU where Relu is set. Scale and Bias may be nil.
type Conv struct {
	kernels.Conv2D
	Weight      *fold.Weights
	Scale, Bias []float32
	Relu        bool
}

// Linear multiplies each row of In values by the weight matrix: y[o] = Scale[o] * sum_i x[i]
// w[i,o] + Bias[o], then ReLU where Relu is set. Weight is stored Out x In where Transposed is set,
// else In x Out. Scale and Bias may be nil. Rows lie along the last axis.
type Linear struct {
	In, Out     int
	Weight      *fold.Weights
	Transposed  bool
	Scale, Bias []float32
	Relu        bool
}

// Pool takes the maximum or the mean of windows.
type Pool struct {
	kernels.Pool2D
	Max bool
}

// GlobalPool takes the mean over each channel's map: N x C x 1 x 1.
type GlobalPool struct{}

// Affine computes x*Scale[c] + Shift[c] with c the index along Axis, then ReLU where Relu is set.
// Scale or Shift may be nil.
type Affine struct {
	Axis         int
	Scale, Shift []float32
	Relu         bool
}

// Activation applies a function to each element.
type Activation struct {
	Kind   ActivationKind
	Lo, Hi float32 // the function's settings, see ActivationKind
}

// Binary combines two values element by element, either of them repeated along axes where it has one
// entry (or none) and the other more, as NumPy broadcasts. ReLU follows where Relu is set.
type Binary struct {
	Kind BinaryKind
	Relu bool
}

// BinaryConstant combines a value with a constant in the network's order. The constant repeats: element i
// of the value meets Values[i % len(Values)], and len(Values) divides the value's size. Swapped puts the constant first.
type BinaryConstant struct {
	Kind    BinaryKind
	Values  []float32
	Swapped bool
}

// Constant is a value that is the same for every image.
type Constant struct{ Value *fold.Constant }

// Where takes an element of its second argument where that of the first is not 0, else of the third; all
// three broadcast.
type Where struct{}

// MatMul multiplies the matrices in the last two axes, times Scale; axes before them broadcast. The
// second is stored transposed (N x K) where TransB is set.
type MatMul struct {
	Scale  float32
	TransB bool
}

// Attention is softmax(Scale * Q K' + mask) V over the last two axes, for every matrix that the axes
// before them number. Its arguments are Q (.. L x D), K (.. S x D), V (.. S x E) and, where there are
// four, a mask that is added and broadcasts to .. L x S.
type Attention struct{ Scale float32 }

// Concat joins values along Axis.
type Concat struct{ Axis int }

// Reshape keeps the elements in the network's order and changes the dimensions.
type Reshape struct{}

// Transpose permutes the dimensions: output axis i is input axis Perm[i].
type Transpose struct{ Perm []int }

// Slice takes every Step[a]-th entry of axis a from Start[a] on; steps may be negative.
type Slice struct{ Start, Step []int }

// Gather takes the entries Index of one axis, in that order. The result's dimensions may split that axis.
type Gather struct {
	Axis  int
	Index []int
}

// Expand repeats a value along axes where it has one entry or none.
type Expand struct{}

// Pad puts Before[a] and After[a] entries of Value around axis a.
type Pad struct {
	Before, After []int
	Value         float32
}

// Interpolate makes each entry of an axis a weighted sum of Taps entries: that of output entry o are
// Index[o*Taps:(o+1)*Taps], with Weight at the same places.
type Interpolate struct {
	Axis, Taps int
	Index      []int
	Weight     []float32
}

// Softmax is exp(x)/sum exp(x) over axes From to To-1 together; its logarithm where Log is set.
type Softmax struct {
	From, To int
	Log      bool
}

// LayerNorm is (x - mean)/sqrt(variance + Epsilon) * Scale + Shift over the axes from Axis on. Scale and
// Shift have an entry for each element of these axes, or are nil.
type LayerNorm struct {
	Axis         int
	Epsilon      float32
	Scale, Shift []float32
}

// GroupNorm normalises each of Groups equal parts of the channels (axis 1) to mean 0 and variance 1,
// then computes x*Scale[c] + Shift[c].
type GroupNorm struct {
	Groups       int
	Epsilon      float32
	Scale, Shift []float32
}

// LRN is local response normalisation over Size channels:
// x / (Bias + Alpha/Size * sum x^2)^Beta.
type LRN struct {
	Size              int
	Alpha, Beta, Bias float32
}

// Reduce combines the entries of Axes (ascending); the value's dimensions say whether they are kept.
type Reduce struct {
	Kind ReduceKind
	Axes []int
}

// CumSum adds up along Axis: from the end where Reverse is set, without the element itself where
// Exclusive is.
type CumSum struct {
	Axis               int
	Reverse, Exclusive bool
}

func (*Conv) isOp()           {}
func (*Linear) isOp()         {}
func (*Pool) isOp()           {}
func (*GlobalPool) isOp()     {}
func (*Affine) isOp()         {}
func (*Activation) isOp()     {}
func (*Binary) isOp()         {}
func (*BinaryConstant) isOp() {}
func (*Constant) isOp()       {}
func (*Where) isOp()          {}
func (*MatMul) isOp()         {}
func (*Attention) isOp()      {}
func (*Concat) isOp()         {}
func (*Reshape) isOp()        {}
func (*Transpose) isOp()      {}
func (*Slice) isOp()          {}
func (*Gather) isOp()         {}
func (*Expand) isOp()         {}
func (*Pad) isOp()            {}
func (*Interpolate) isOp()    {}
func (*Softmax) isOp()        {}
func (*LayerNorm) isOp()      {}
func (*GroupNorm) isOp()      {}
func (*LRN) isOp()            {}
func (*Reduce) isOp()         {}
func (*CumSum) isOp()         {}

// Values are the constant's elements, which must not be written to.
func (c *Constant) Values() ([]float32, error) {
	if c.Value.IsFloat() {
		return c.Value.Float32s()
	}
	v, err := c.Value.Float64s()
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out, err
}

// Maps returns the padding of the height and width of N x C x H x W, and whether it pads nothing else.
func (p *Pad) Maps() (top, left, bottom, right int, ok bool) {
	if len(p.Before) != 4 || p.Before[0]+p.After[0]+p.Before[1]+p.After[1] != 0 {
		return 0, 0, 0, 0, false
	}
	return p.Before[2], p.Before[3], p.After[2], p.After[3], true
}
