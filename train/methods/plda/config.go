package plda

import (
	"vzsl/attributes"
	"vzsl/train/method"
)

// The class priors of the transductive setting.
const (
	priorEstimated = "estimated" // shares of the classes, from the images
	priorNone      = "none"      // equal shares, whatever the images say
	priorUniform   = "uniform"   // every class is held to the same number of images
)

// Config are the settings.
type Config struct {
	Dimensions   int       `toml:"dimensions" range:"[1, 65536]" comment:"maximum dimensions of the principal subspace of the seen images that features are projected to"`
	Shrink       []float64 `toml:"shrink" range:"(0, 1e12]" comment:"grid of the value added to the diagonal of the within-class scatter, in mean variances, selected on the validation classes"`
	Ridge        []float64 `toml:"ridge" range:"(0, 1e12]" comment:"grid of the ridge of the regression from attributes to class means"`
	Floor        []float64 `toml:"floor" range:"(0, 1e12]" comment:"grid of the least prior variance of a class's mean, in mean variances of the regression residuals"`
	ImagesShrink []float64 `toml:"images_shrink" range:"(0, 1e12]" comment:"grid of shrink if there are images of unseen classes, labelled or not"`
	ImagesFloor  []float64 `toml:"images_floor" range:"(0, 1e12]" comment:"grid of floor if there are unlabelled images"`
	ShotsFloor   []float64 `toml:"shots_floor" range:"(0, 1e12]" comment:"grid of floor if there are only labelled images"`
	ShotWeight   float64   `toml:"shot_weight" range:"(0, 1]" comment:"few-shot: weight of a labelled image of an unseen class, in images (images of a class are more alike than independent draws)"`

	EMRounds      int     `toml:"em_rounds" range:"[0, 10000]" comment:"transductive: rounds of expectation and maximisation"`
	EMTemperature float64 `toml:"em_temperature" range:"(0, inf)" comment:"transductive: log scores are divided by this before they become probabilities"`
	EMWeight      float64 `toml:"em_weight" range:"(0, 1]" comment:"transductive: weight of an unlabelled image, in images"`
	ClassPrior    string  `toml:"class_prior" range:"estimated | none | uniform" comment:"transductive, proportions of the classes among the unlabelled images: estimated; none (equal a priori); uniform (equal numbers are enforced: better if that is true, far worse if not)"`
	PriorCount    float64 `toml:"prior_count" range:"[0, inf)" comment:"transductive: prior number of images per class if proportions are estimated"`
}

// Spec is the method.
var Spec = method.Spec{
	Name: "plda", Title: "Zero-shot PLDA", Own: true,
	Default: method.Of(Default), Features: method.FeaturesSqrtL2, Attributes: attributes.SqrtCentreL2,
	Seedless: true,
}

// Default are the settings found on held-out seen classes of CUB with VGG-19's fc7.
func Default() Config {
	return Config{Dimensions: 1024, Shrink: []float64{1, 0.3, 3}, Ridge: []float64{0.3, 0.1, 1}, Floor: []float64{0.1, 0.3},
		ImagesShrink: []float64{0.3}, ImagesFloor: []float64{0.2}, ShotsFloor: []float64{0.2}, ShotWeight: 0.3,
		EMRounds: 12, EMTemperature: 1.5, EMWeight: 0.3, ClassPrior: priorEstimated, PriorCount: 10}
}

// Validate explains the first setting that cannot work.
func (c *Config) Validate() error { return method.Check("plda", c) }

// grids are those of the zero-shot setting or of the others, where a class's images tell more than its attributes: its ridge is
// the first value then.
func (c *Config) grids(p *method.Problem) []method.Axis {
	if p.Unlabelled == nil && p.Few == nil {
		return []method.Axis{{Name: "shrink", Values: c.Shrink}, {Name: "ridge", Values: c.Ridge}, {Name: "floor", Values: c.Floor}}
	}
	floor := c.ShotsFloor
	if p.Unlabelled != nil {
		floor = c.ImagesFloor
	}
	return []method.Axis{{Name: "shrink", Values: c.ImagesShrink}, {Name: "ridge", Values: c.Ridge[:1]}, {Name: "floor", Values: floor}}
}

// Space is the normalisations; the grid costs one fit.
func (c *Config) Space() []method.Dimension {
	return []method.Dimension{
		{Setting: "features", Values: []any{"l2", "sqrt-l2"}},
		{Setting: "attributes", Values: []any{"centre-l2", "sqrt-centre-l2"}},
	}
}

// TransductiveSpace is what tuning searches in the transductive setting.
func (c *Config) TransductiveSpace() []method.Dimension {
	return []method.Dimension{
		{Setting: "images_shrink", Values: []any{[]float64{0.1}, []float64{0.3}, []float64{1}}},
		{Setting: "images_floor", Values: []any{[]float64{0.1}, []float64{0.2}, []float64{0.3}}},
		{Setting: "em_temperature", Values: []any{1.0, 1.5, 2.0, 3.0}},
		{Setting: "em_weight", Values: []any{0.3, 1.0}},
	}
}
