package extract

const (
	// usualBatch is where the engines' speed has levelled off; larger batches only
	// take memory.
	usualBatch = 16
	// unknownBatch is for engines that do not say how much memory an image takes.
	unknownBatch = 8
)

// chooseBatch is the number of images per call of an engine that takes values
// floats an image: what a quarter of the available memory (in bytes; 0: not known)
// holds, within reason. Features do not depend on it.
func chooseBatch(e Engine, values int, available int64) int {
	sized, ok := e.(interface{ BytesPerImage() int })
	if !ok {
		return unknownBatch
	}
	if available <= 0 {
		return usualBatch
	}
	// Besides the engine's, an image has its place in the batch and two decoded ahead.
	each := int64(sized.BytesPerImage()) + 3*4*int64(values)
	return int(max(1, min(usualBatch, available/4/max(1, each))))
}
