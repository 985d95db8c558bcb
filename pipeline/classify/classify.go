// Package classify classifies images with the model of a run among classes that may be newly described: what the commands predict and
// serve do, without a terminal.
package classify

import (
	"context"
	"math"

	"vzsl/attributes"
	"vzsl/features/convert"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
	"vzsl/predict"
	"vzsl/train/runs"
)

// Options say with which run, among which classes and how images are classified.
type Options struct {
	Run     workspace.RunRef
	Images  workspace.PictureOptions
	Classes workspace.ClassOptions
	Missing string          // how missing values of the classes' attributes are treated; "": as the run was trained
	Predict predict.Options // what is returned for each image
	Foreign convert.Import  // how features of other programs are read
}

// Classifier is an opened run with its candidate classes.
type Classifier struct {
	w       *workspace.Workspace
	o       *Options
	Run     string
	Model   *runs.Predictor
	Classes *predict.Classes
	Inputs  *workspace.Inputs
	Doubt   func(class string, row []float32) []string // warnings about a class that is described later
}

// Open opens the run and the descriptions of the candidate classes.
func Open(ctx context.Context, w *workspace.Workspace, o *Options) (*Classifier, error) {
	name, model, in, err := w.OpenRun(ctx, &o.Run)
	if err != nil {
		return nil, err
	}
	if o.Missing != "" {
		if err := usage.OneOf("missing", o.Missing, attributes.MissingPolicies()...); err != nil {
			return nil, err
		}
		if model, err = model.WithMissing(o.Missing); err != nil {
			return nil, err
		}
	}
	classes, err := w.ClassList(ctx, in, model, &o.Classes)
	if err != nil {
		return nil, err
	}
	if model.Temperature() == 0 {
		w.Log.Warn("probabilities are not calibrated: the run had no validation classes to fit a temperature on", "run", name)
	}
	return &Classifier{w, o, name, model, classes, in, workspace.DoubtUnits(in, model)}, nil
}

// OpenImages opens the run's network, which computes the features of image files. It must be closed.
func (c *Classifier) OpenImages(ctx context.Context) (*workspace.RunNetwork, error) {
	return c.w.OpenPictures(ctx, c.Run, c.Model.Source(), &c.o.Images)
}

// Threshold is the model's rejection threshold for a number of candidate classes; minus infinity: it has none.
func (c *Classifier) Threshold(classes int) float64 {
	if point := c.Model.NoneBelow(classes); point != nil {
		return point.Threshold
	}
	return math.Inf(-1)
}

// learner is a run's model as the server takes it, where it learns from images at once.
type learner struct{ *runs.Predictor }

func (l learner) Learn(class, features []float32, n int) (predict.Model, error) {
	p, err := l.Predictor.Learn(class, features, n)
	if err != nil {
		return nil, err
	}
	return learner{p}, nil
}

// Served is the model for a server; if the method allows it, it learns from images.
func (c *Classifier) Served() predict.Model {
	if c.Model.Learns() {
		return learner{c.Model}
	}
	return c.Model
}
