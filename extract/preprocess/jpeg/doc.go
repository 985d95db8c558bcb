// Package jpeg decodes JPEG files to the very pixels that libjpeg gives.
//
// Published features were computed from pixels decoded by libjpeg (by way of PIL
// or OpenCV), and image/jpeg of the standard library differs from it in two
// places: the inverse DCT rounds otherwise (and changed with Go 1.26), and subsampled
// chroma is repeated instead of interpolated, which moves pixels by up to 16
// levels. So this package does what libjpeg-turbo does with its default
// settings: the accurate integer DCT ("islow", after Loeffler, Ligtenberg and
// Moschytz), the "fancy" triangle filter for chroma, the fixed-point YCbCr
// conversion, and the same guesses about the colour space of a file.
//
// Read: baseline, extended sequential and progressive files of 8 bits with Huffman or
// arithmetic coding; grey, YCbCr, RGB, CMYK and YCCK, any sampling factors that divide each
// other. Damaged and unfinished files give what libjpeg-turbo 3 gives on x86, down to its block
// smoothing and to how its vectorised transform overflows; Flaw tells of them. A file that ends within
// its image is an error, as it is in PIL.
package jpeg
