package extract

// Engine computes features. The packages under extract/engine implement it.
type Engine interface {
	// Run computes the features of n images. images holds n inputs one after
	// another in the network's own layout (NCHW or NHWC); features receives n*Dim()
	// values. A row must not depend on the other images of the batch.
	Run(images []float32, n int, features []float32) error
	// Dim is the number of values of one image's feature.
	Dim() int
	Close() error
}
