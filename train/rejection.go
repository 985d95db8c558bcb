package train

import (
	"vzsl/internal/rejection"
	"vzsl/train/method"
)

// judgedImages bounds the images that a threshold is chosen on.
const judgedImages = 2000

// fitRejection gives the thresholds of the best candidate's score below which an image is of none of the candidates. Of the classes of d, which the model must not have
// been trained on, some are drawn as candidates; the images of the others are of none of them.
func fitRejection(m method.Model, d *method.Data, seed uint64) ([]rejection.Point, error) {
	some := every{d, max(1, d.Len()/judgedImages)}
	var points []rejection.Point
	for _, size := range rejection.Sizes(len(d.Attributes)) {
		var all []rejection.Judged
		known := 0
		for draw := range rejection.Draws {
			chosen := rejection.Candidates(seed, len(d.Attributes), size, draw)
			is := make([]bool, len(d.Attributes))
			vectors := make([][]float32, 0, size)
			for _, c := range chosen {
				is[c], vectors = true, append(vectors, d.Attributes[c])
			}
			if err := method.Scores(m, some, vectors, func(i int, scores []float32) error {
				j := rejection.Best(scores, is[some.Label(i)])
				if j.Known {
					known++
				}
				all = append(all, j)
				return nil
			}); err != nil {
				return nil, err
			}
		}
		if known > 0 && known < len(all) { // of classes without images there may be none of the one or the other
			points = append(points, rejection.Choose(size, all))
		}
	}
	return points, nil
}
