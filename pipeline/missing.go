package pipeline

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"vzsl/attributes"
	"vzsl/pipeline/usage"
	"vzsl/train/runs"
)

// What becomes of missing values in the class table.
const (
	missingAuto  = "auto"
	missingKeep  = "keep"
	missingError = "error"
	missingCopy  = "copy"
)

func missingWays() []string { return []string{missingAuto, missingKeep, missingError, missingCopy} }

// settle treats missing values as --missing says; "" is auto.
func settle(t *attributes.Table, missing string) error {
	switch {
	case t.Missing() == 0 || missing == missingKeep:
		return nil
	case missing == missingCopy, missing != missingError && t.OfAwA():
		return t.FillAwA()
	case missing == missingError:
		return fmt.Errorf("%s: %w", t.Source, &attributes.GapsError{Gaps: attributes.Gaps(t.Names, t.Classes, t.Values),
			Remedy: "--missing keep leaves them to training (of AwA, --missing copy takes antelope's from lion)"})
	}
	return nil
}

// addMissing is the flag of the commands that name pictures.
func (o *predictOptions) addMissing(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.missing, "missing", "", "missing values of the classes to choose from: "+usage.Or(attributes.MissingPolicies())+
		" (the mean over the classes trained on) (default: as the run was trained)")
}

// withMissing is the model with --missing, where that is given.
func (o *predictOptions) withMissing(model *runs.Predictor) (*runs.Predictor, error) {
	if o.missing == "" {
		return model, nil
	}
	if err := usage.OneOf("missing", o.missing, attributes.MissingPolicies()...); err != nil {
		return nil, err
	}
	return model.WithMissing(o.missing)
}

// trainedToFill says of values that a run cannot do without how the run had to be trained.
func trainedToFill(run string, err error) error {
	var gaps *attributes.GapsError
	if errors.As(err, &gaps) {
		gaps.Remedy = "train the run with --missing class-mean, which fills in each attribute's mean over the seen classes, or complete the description"
	}
	return fmt.Errorf("run %s: %w", run, err)
}

// unitsOf are those of the descriptions that the model was trained on.
func unitsOf(in *inputs, model *runs.Predictor) *attributes.Units {
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
func (c *console) compareUnits(in *inputs, model *runs.Predictor, t *attributes.Table) {
	for _, doubt := range unitsOf(in, model).Doubts(t.Classes, t.Values) {
		c.log.Warn(doubt+": are they in the same unit?", "file", t.Source)
	}
}

// doubtUnits is the same of one class that is put to a server.
func doubtUnits(in *inputs, model *runs.Predictor) func(class string, row []float32) []string {
	u := unitsOf(in, model)
	return func(class string, row []float32) []string {
		doubts := u.Doubts([]string{class}, [][]float32{row})
		for i := range doubts {
			doubts[i] += ": are they in the same unit?"
		}
		return doubts
	}
}
