package workspace

import (
	"errors"
	"fmt"

	"vzsl/attributes"
	"vzsl/train/runs"
)

// TrainedToFill says of values that a run cannot do without how the run had to be trained.
func TrainedToFill(run string, err error) error {
	var gaps *attributes.GapsError
	if errors.As(err, &gaps) {
		gaps.Remedy = "train the run with --missing class-mean, which fills in each attribute's mean over the seen classes, or complete the description"
	}
	return fmt.Errorf("run %s: %w", run, err)
}

// unitsOf are those of the descriptions that the model was trained on.
func unitsOf(in *Inputs, model *runs.Predictor) *attributes.Units {
	var rows [][]float32
	if in.Classes != nil {
		if t, err := in.Classes.SelectAttributes(model.Attributes()); err == nil {
			seen := map[string]bool{}
			for _, s := range model.Seen() {
				seen[s] = true
			}
			for i, class := range t.Classes {
				if seen[class] {
					rows = append(rows, t.Values[i])
				}
			}
		}
	}
	if rows == nil { // the model keeps the means
		if means := model.AttributeMeans(); means != nil {
			row := make([]float32, len(means))
			for k, v := range means {
				row[k] = float32(v)
			}
			rows = [][]float32{row}
		}
	}
	return attributes.NewUnits(model.Attributes(), rows)
}

// compareUnits warns of descriptions in other units than those trained on, such as shares for percentages: all would be named,
// and wrongly.
func (w *Workspace) compareUnits(in *Inputs, model *runs.Predictor, t *attributes.Table) {
	for _, doubt := range unitsOf(in, model).Doubts(t.Classes, t.Values) {
		w.Log.Warn(doubt+": are they in the same unit?", "file", t.Source)
	}
}

// DoubtUnits is the same of one class that is put to a server.
func DoubtUnits(in *Inputs, model *runs.Predictor) func(class string, row []float32) []string {
	u := unitsOf(in, model)
	return func(class string, row []float32) []string {
		doubts := u.Doubts([]string{class}, [][]float32{row})
		for i := range doubts {
			doubts[i] += ": are they in the same unit?"
		}
		return doubts
	}
}
