// Package preprocess turns an image file into the numbers that a network was
// trained on.
//
// Decode reads a file by its content, whatever its name says, into the pixels
// that PIL's Image.open(f).convert("RGB") gives: alpha is dropped, not
// composited; EXIF orientation is ignored; 16-bit grey is clipped at 255 (as PIL
// does) and other 16-bit samples keep their high byte; of an animation the first frame
// is taken. A Recipe, which is data, then resizes, crops and normalises to the bit as its
// original does: Pillow's antialiased fixed-point filters or torchvision's of tensors, torchvision's
// or transformers' rounding, float32 arithmetic in their order. FromConfig reads recipes from the config files
// that models are published with.
//
// Features computed so can be compared with those that Python pipelines publish.
package preprocess
