package load

// Bounds, so that a damaged file cannot ask for all memory.

// MaxElements bounds the elements of one tensor, so that a product of dimensions never overflows.
const MaxElements = 1 << 40

// MaxValue bounds the elements of one value for one image (256 MB).
const MaxValue = 1 << 26

// MaxConstants bounds the elements of all constants computed for a plan (64 MB).
const MaxConstants = 1 << 24

// MaxRank bounds the dimensions of a value.
const MaxRank = 10

// MaxExtent bounds kernel sizes, strides, paddings and the like.
const MaxExtent = 1 << 20

// MaxList bounds lists of shapes, axes and the like.
const MaxList = 1 << 12

func Elements(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}
