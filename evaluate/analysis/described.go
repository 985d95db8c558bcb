package analysis

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"vzsl/evaluate"
	"vzsl/features"
)

// maxDescribed values are kept of all candidates.
const maxDescribed = 60_000

// dimension is the name of a value of a word vector or a text's, which says nothing to a reader.
var dimension = regexp.MustCompile(`_\d{3,}$`)

// Described returns the candidates' descriptions beside what the model sees in their images, in the attributes that have names; nil where
// there are none, or too many.
func Described(ctx context.Context, r *evaluate.Result, model evaluate.Scorer, images evaluate.Features, table *features.ClassTable) (*evaluate.Described, error) {
	s, err := newSource(r, images, table)
	if err != nil {
		return nil, err
	}
	out := &evaluate.Described{}
	var at []int
	for k, name := range table.Attributes {
		if !dimension.MatchString(name) {
			at, out.Attributes = append(at, k), append(out.Attributes, name)
		}
	}
	if len(at) == 0 || len(at)*len(r.Candidates) > maxDescribed {
		return nil, nil
	}
	for _, v := range s.vectors {
		var row []*float32
		for _, k := range at {
			row = append(row, orNil(v[k]))
		}
		out.Classes = append(out.Classes, row)
	}
	d, ok := model.(describer)
	if !ok {
		return out, nil
	}
	of := make([][]string, len(r.Candidates))
	for i := range r.Predictions {
		p := &r.Predictions[i]
		of[p.Class] = append(of[p.Class], p.Image)
	}
	seen := make([][]float32, len(of))
	for c, names := range of {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(names) == 0 {
			continue
		}
		x, err := s.raw(names)
		if err != nil {
			return nil, err
		}
		estimates, err := d.Describe(x, len(names))
		if err != nil {
			return nil, err
		}
		if estimates == nil {
			return out, nil
		}
		width := len(table.Attributes)
		if len(estimates) != len(names)*width {
			return nil, fmt.Errorf("the model's estimates for %d images have %d values, but the class table has %d attributes: give the class table that the model was trained with", len(names), len(estimates), width)
		}
		for _, k := range at {
			sum := 0.0
			for i := range names {
				sum += float64(estimates[i*width+k])
			}
			seen[c] = append(seen[c], short(sum/float64(len(names))))
		}
	}
	out.Seen = seen
	return out, nil
}

// short is a number of four significant digits: a model's estimates may all be small.
func short(x float64) float32 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 4, 64), 32)
	if err != nil { // beyond float32
		return float32(x)
	}
	return float32(y)
}
