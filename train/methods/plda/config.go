package plda

import (
	"fmt"
	"math"
	"slices"

	"vzsl/train/method"
)

// The class priors of the transductive setting.
const (
	PriorEstimated = "estimated" // shares of the classes, from the images
	PriorNone      = "none"      // equal shares, whatever the images say
	PriorUniform   = "uniform"   // every class is held to the same number of images
)

// Config are the settings.
type Config struct {
	Dimensions   int       `toml:"dimensions" comment:"of the principal subspace of the seen images that features are projected to, at most"`
	Shrink       []float64 `toml:"shrink" comment:"grid of what the within-class scatter has added to its diagonal, in mean variances, chosen on the validation classes"`
	Ridge        []float64 `toml:"ridge" comment:"grid of the ridge of the regression from attributes to class means"`
	Floor        []float64 `toml:"floor" comment:"grid of the least prior variance of a class's mean, in mean variances of what the regression misses"`
	ImagesShrink []float64 `toml:"images_shrink" comment:"grid of shrink where images of unseen classes are known, labelled or not"`
	ImagesFloor  []float64 `toml:"images_floor" comment:"grid of floor there"`
	ShotWeight   float64   `toml:"shot_weight" comment:"few-shot: images that a labelled image of an unseen class counts as: images of a class are more alike than independent draws"`

	EMRounds      int     `toml:"em_rounds" comment:"transductive: rounds of expectation and maximisation"`
	EMTemperature float64 `toml:"em_temperature" comment:"transductive: log scores are divided by this before they become probabilities"`
	EMWeight      float64 `toml:"em_weight" comment:"transductive: images that an unlabelled image counts as"`
	ClassPrior    string  `toml:"class_prior" comment:"transductive, shares of the classes among the unlabelled images: estimated; none (equal ones, which the images may contradict); uniform (equal numbers are enforced: better where that is true, far worse where it is not)"`
	PriorCount    float64 `toml:"prior_count" comment:"transductive: images that each class has beforehand where shares are estimated"`
}

// Default are the settings found on held-out seen classes of CUB with VGG-19's fc7.
func Default() Config {
	return Config{Dimensions: 1024, Shrink: []float64{1, 0.3, 3}, Ridge: []float64{0.3, 0.1, 1}, Floor: []float64{0.1, 0.3},
		ImagesShrink: []float64{0.3}, ImagesFloor: []float64{0.2}, ShotWeight: 0.3,
		EMRounds: 12, EMTemperature: 1.5, EMWeight: 0.3, ClassPrior: PriorEstimated, PriorCount: 10}
}

// Validate explains the first setting that cannot work.
func (c *Config) Validate() error { return c.Check("plda") }

// Check is Validate under the name of the method whose settings hold these.
func (c *Config) Check(name string) error {
	bad := func(setting string, v any, want string) error {
		return fmt.Errorf("%s setting: %s = %v; %s", name, setting, v, want)
	}
	if c.Dimensions < 1 || c.Dimensions > 1<<16 {
		return bad("dimensions", c.Dimensions, fmt.Sprintf("it lies between 1 and %d", 1<<16))
	}
	for _, g := range []method.Axis{{Name: "shrink", Values: c.Shrink}, {Name: "ridge", Values: c.Ridge}, {Name: "floor", Values: c.Floor}, {Name: "images_shrink", Values: c.ImagesShrink}, {Name: "images_floor", Values: c.ImagesFloor}} {
		if len(g.Values) == 0 {
			return bad(g.Name, "", "at least one value is needed")
		}
		for _, v := range g.Values {
			if !(v > 0) || v > 1e12 {
				return bad(g.Name, v, "it must be positive")
			}
		}
	}
	switch {
	case !(c.ShotWeight > 0 && c.ShotWeight <= 1):
		return bad("shot_weight", c.ShotWeight, "it lies above 0 and is at most 1")
	case c.EMRounds < 0 || c.EMRounds > 10000:
		return bad("em_rounds", c.EMRounds, "it lies between 0 and 10000")
	case !(c.EMTemperature > 0) || math.IsInf(c.EMTemperature, 0):
		return bad("em_temperature", c.EMTemperature, "it must be positive")
	case !(c.EMWeight > 0 && c.EMWeight <= 1):
		return bad("em_weight", c.EMWeight, "it lies above 0 and is at most 1")
	case !(c.PriorCount >= 0) || math.IsInf(c.PriorCount, 0):
		return bad("prior_count", c.PriorCount, "it cannot be negative")
	case !slices.Contains(classPriors, c.ClassPrior):
		return bad("class_prior", fmt.Sprintf("%q", c.ClassPrior), "there are estimated, none and uniform")
	}
	return nil
}

var classPriors = []string{PriorEstimated, PriorNone, PriorUniform}

// grids are those of the zero-shot setting or of the others, where a class's images tell more than its attributes: its ridge is
// the first value then.
func (c *Config) grids(p *method.Problem) []method.Axis {
	if p.Unlabelled == nil && p.Few == nil {
		return []method.Axis{{Name: "shrink", Values: c.Shrink}, {Name: "ridge", Values: c.Ridge}, {Name: "floor", Values: c.Floor}}
	}
	return []method.Axis{{Name: "shrink", Values: c.ImagesShrink}, {Name: "ridge", Values: c.Ridge[:1]}, {Name: "floor", Values: c.ImagesFloor}}
}

// Method fits with these settings.
func (c *Config) Method() method.Method { return &Method{Config: *c} }

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
