package onnx

// Bounds, so that a damaged file cannot ask for all memory.

// maxElements bounds the elements of one tensor, so that a product of dimensions never overflows.
const maxElements = 1 << 40

// maxValue bounds the elements of one value for one image (256 MB).
const maxValue = 1 << 26

// maxConstants bounds the elements of all constants computed for a plan (64 MB).
const maxConstants = 1 << 24

// maxRank bounds the dimensions of a value.
const maxRank = 10

// maxExtent bounds kernel sizes, strides, paddings and the like.
const maxExtent = 1 << 20

// small bounds lists of shapes, axes and the like.
const small = 1 << 12

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}
