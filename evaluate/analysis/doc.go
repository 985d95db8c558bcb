// Package analysis looks behind the figures of an evaluation: Maps lays out test images of unseen classes in the plane by
// t-SNE, their features, latent codes and reconstructions; Mistakes says which attributes spoke for the most confident
// mistakes. Both take the result of evaluate.ZeroShot and the features and class table that it was measured on; what they
// return has its place in that result (Result.Maps, Result.Mistakes).
package analysis

import (
	"fmt"

	"vzsl/evaluate"
	"vzsl/features"
)

// source finds the images of a result among the features, and its classes in the class table.
type source struct {
	features evaluate.Features
	row      map[string]int // of an image
	vectors  [][]float32    // raw attributes of the result's candidates, in their order
}

func newSource(r *evaluate.Result, images evaluate.Features, table *features.ClassTable) (*source, error) {
	s := &source{features: images, row: make(map[string]int, images.Rows())}
	for i, name := range images.Images() {
		s.row[name] = i
	}
	at := make(map[string]int, len(table.Classes))
	for i, c := range table.Classes {
		at[c] = i
	}
	for _, c := range r.Candidates {
		i, ok := at[c]
		if !ok || i >= len(table.Values) {
			return nil, fmt.Errorf("class %q was evaluated, but the class table of %s has no attribute vector for it: give the class table used in the evaluation", c, table.Dataset)
		}
		s.vectors = append(s.vectors, table.Values[i])
	}
	return s, nil
}

// raw returns the features of images of the result, one after another.
func (s *source) raw(images []string) ([]float32, error) {
	x := make([]float32, 0, len(images)*s.features.Dim())
	for _, name := range images {
		row, ok := s.row[name]
		if !ok {
			return nil, fmt.Errorf("image %q was evaluated, but has no features: give the features used in the evaluation", name)
		}
		x = append(x, s.features.Feature(row)...)
	}
	return x, nil
}
