package runs

import (
	"fmt"
	"math"

	"github.com/pelletier/go-toml/v2"

	"vzsl/attributes"
	"vzsl/features"
	"vzsl/internal/rejection"
	"vzsl/train/method"
	"vzsl/train/settings"
)

// latent is a model with a latent space.
type latent interface {
	Encode(features []float32, n int) ([]float32, error)
	Prior(attributes []float32) (mean, std []float32, err error)
}

// Encode returns the latent codes of n raw features, the means of q(z|x); nil where the method has none.
func (p *Predictor) Encode(features []float32, n int) ([]float32, error) {
	return asked(p, latent.Encode, features, n)
}

// Prior returns the mean and the standard deviations of p(z|a) of a class's raw attributes; nil where the method has none.
func (p *Predictor) Prior(class []float32) (mean, std []float32, err error) {
	l, ok := p.model.(latent)
	if !ok {
		return nil, nil, nil
	}
	a, err := p.NormaliseClass(class)
	if err != nil {
		return nil, nil, err
	}
	return l.Prior(a)
}

// reconstructor is a model with a decoder.
type reconstructor interface {
	Reconstruct(features []float32, n int) ([]float32, error)
}

// Reconstruct returns what the decoder makes of the latent codes of n raw features, as Generate gives features; nil where the
// method has no decoder.
func (p *Predictor) Reconstruct(features []float32, n int) ([]float32, error) {
	x, err := asked(p, reconstructor.Reconstruct, features, n)
	if err != nil || x == nil {
		return nil, err
	}
	return x, p.raw(x, n)
}

// Temperature makes probabilities of scores, softmax(score / Temperature); 0: none was fitted.
func (p *Predictor) Temperature() float64 { return p.result.Temperature }

// NoneBelow is the threshold of the excess of the best candidate's score over [Predictor.Expected] below which an image is of none of so
// many candidates, as it was selected on validation classes; nil: none was.
func (p *Predictor) NoneBelow(candidates int) *rejection.Point {
	return rejection.For(p.result.Rejection, candidates)
}

// Expected is, of each of n raw features, the best score that so many classes are expected to come to in an image of none of them: that of
// seen classes by their descriptions alone. Nil: the model has no threshold.
func (p *Predictor) Expected(features []float32, n, candidates int) ([]float64, error) {
	if p.background == nil {
		return nil, nil
	}
	x, err := p.normalised(features, n)
	if err != nil {
		return nil, err
	}
	scores, err := p.model.Score(x, n, p.background)
	if err != nil {
		return nil, err
	}
	m := len(p.background)
	out := make([]float64, n)
	for i := range out {
		out[i] = rejection.Expected(scores[i*m:(i+1)*m], candidates)
	}
	return out, nil
}

// FeatureDim is the length of a feature.
func (p *Predictor) FeatureDim() int { return p.record.Data.Dim }

// Attributes are the names of a class vector's values.
func (p *Predictor) Attributes() []string { return p.attributes }

// Seen are the classes the model was trained on.
func (p *Predictor) Seen() []string { return p.seen }

// Source says what the features were that the model was trained on: dataset, network, layer, recipe, engine, length.
func (p *Predictor) Source() features.Source { return p.record.source() }

// Split is the name of the split trained on.
func (p *Predictor) Split() string { return p.record.Data.Split }

// Config is what config.toml says of the run's settings, under its names.
func (p *Predictor) Config() (map[string]any, error) {
	text, err := p.record.Text()
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := toml.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	delete(all, "data")
	return all, nil
}

// Normaliser is that of class vectors.
func (p *Predictor) Normaliser() *attributes.Normaliser { return p.normaliser }

// Model is the method's model, which takes normalised features and class vectors.
func (p *Predictor) Model() method.Model { return p.model }

// Settings are those of the run.
func (p *Predictor) Settings() settings.Settings { return p.settings }

// Result is the run's, without paths and times.
func (p *Predictor) Result() Result { return p.result }

// generator is a model that draws features.
type generator interface {
	Generate(attributes []float32, n int, seed uint64, noise bool) ([]float32, error)
}

// Generate draws n features of a class of the given raw attributes, row after row, as a network might have given them:
// the length, which the feature normalisations take away, is 1. noise adds the decoder's variance to its means.
func (p *Predictor) Generate(class []float32, n int, seed uint64, noise bool) ([]float32, error) {
	g, ok := p.model.(generator)
	if !ok {
		return nil, fmt.Errorf("the method %s does not generate features", p.settings.Method)
	}
	a, err := p.NormaliseClass(class)
	if err != nil {
		return nil, err
	}
	x, err := g.Generate(a, n, seed, noise)
	if err != nil {
		return nil, err
	}
	return x, p.raw(x, n)
}

// raw undoes the feature normalisation of n rows but for the length, which it took away: 1.
func (p *Predictor) raw(x []float32, n int) error {
	switch kind := p.settings.FeatureNorm; kind {
	case method.FeaturesNone:
		return nil
	case method.FeaturesL2:
	case method.FeaturesSqrtL2: // y = sign(x) sqrt|x|, backwards
		for i, y := range x {
			x[i] = float32(math.Copysign(float64(y)*float64(y), float64(y)))
		}
	default:
		return fmt.Errorf("the feature normalisation %q cannot be undone", kind)
	}
	for i := range n {
		row := x[i*p.FeatureDim() : (i+1)*p.FeatureDim()]
		method.Normalise(method.FeaturesL2, row, row)
	}
	return nil
}
