package train

import (
	"slices"

	"vzsl/internal/rejection"
	"vzsl/train/method"
)

// judgedImages bounds the images that a threshold is chosen on.
const judgedImages = 2000

// fitRejection returns the thresholds of the excess of the best candidate's score below which an image is of none of the candidates. Of the
// classes of d, which the model must not have been trained on, some are drawn as candidates; the images of the others are of none of them.
// seen are the vectors of the classes that it was trained on. None: all classes of d are among them, as those of the few-shot setting's
// images, which a model may know alone.
func fitRejection(m method.Model, seen [][]float32, d *method.Data, seed uint64) ([]rejection.Point, error) {
	background := rejection.Background(seen)
	if background == nil || !anyNew(d.Attributes, seen) {
		return nil, nil
	}
	some := every{d, max(1, d.Len()/judgedImages)}
	scored := func(classes [][]float32) ([]float32, error) {
		all := make([]float32, 0, some.Len()*len(classes))
		err := method.Scores(m, some, classes, func(_ int, scores []float32) error {
			all = append(all, scores...)
			return nil
		})
		return all, err
	}
	others, err := scored(background)
	if err != nil {
		return nil, err
	}
	classes := len(d.Attributes)
	own, err := scored(d.Attributes)
	if err != nil {
		return nil, err
	}
	expected := make([]float64, some.Len())
	var points []rejection.Point
	for _, size := range rejection.Sizes(classes) {
		for i := range expected {
			expected[i] = rejection.Expected(others[i*len(background):(i+1)*len(background)], size)
		}
		var all []rejection.Judged
		known := 0
		scores := make([]float32, size)
		for draw := range rejection.Draws {
			chosen := rejection.Candidates(seed, classes, size, draw)
			is := make([]bool, classes)
			for _, c := range chosen {
				is[c] = true
			}
			for i := range expected {
				for k, c := range chosen {
					scores[k] = own[i*classes+c]
				}
				j := rejection.Best(scores, expected[i], is[some.Label(i)])
				if j.Known {
					known++
				}
				all = append(all, j)
			}
		}
		if known > 0 && known < len(all) { // of classes without images there may be none of the one or the other
			points = append(points, rejection.Choose(size, all))
		}
	}
	return points, nil
}

func anyNew(classes, seen [][]float32) bool {
	return slices.ContainsFunc(classes, func(a []float32) bool {
		return !slices.ContainsFunc(seen, func(b []float32) bool { return slices.Equal(a, b) })
	})
}
