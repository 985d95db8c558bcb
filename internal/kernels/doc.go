// Package kernels holds the arithmetic under extraction and training: matrix
// multiplication, convolution and pooling over feature maps, the optimiser
// step and the vector routines of BLAS level 1 and 2.
//
// Each kernel exists as plain Go and as assembly written by the generator in
// _generate: AVX2+FMA and AVX-512 on amd64, NEON on arm64 (in single precision,
// but for the optimiser; right under qemu, its speed not measured). Level says which of them
// run: the best the CPU has, unless the environment variable VZSL_KERNELS
// (avx512, avx2, neon or go) says otherwise. Where multiply-adds of 512 bits turn out
// to be no faster than two of 256, by a short measurement at the process's start,
// AVX2 is treated as the best: the answer is either clearly so or clearly not, so
// that all processes on a machine agree, and with them the last bits of results.
//
// Convolutions of 3x3 with stride 1 go by Winograd's F(4x4, 3x3), whose error
// is a few millionths of the values; those of each channel by itself have a
// kernel of their own; all others are matrix products, reading the input in place
// where windows allow and gathering it where not. The choice and the blocks' sizes
// come from the shape and the caches. What follows a layer - bias, another map
// added, an activation, the means of squeeze and excitation - is done while its
// result is in registers or the caches, and so is a depthwise convolution after a
// pointwise one (RunChain).
//
// Every result is a fixed sequence of roundings per output value: it depends
// on the level and on the operands of that value, never on the number of
// threads, on how the work was cut, or on which other rows or images share the
// call. Matrix multiplication adds its products in the order of k, in blocks
// whose size is the same for every shape.
//
// Like gonum's BLAS, functions here panic on arguments that no caller can mean
// (a slice shorter than its shape says): shapes that come from files are to be
// checked before, for which Conv2D and Pool2D have Validate.
package kernels
