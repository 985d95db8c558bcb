package problem

import (
	"fmt"
	"strings"

	"vzsl/attributes"
	"vzsl/features"
	"vzsl/train/method"
	"vzsl/train/methods"
	"vzsl/train/settings"
)

// aligned refuses, for a method that compares images with texts, features and class vectors that no file says to lie in one space.
// Where they do, the method is told the scale of the text model.
func (p *Builder) aligned(s *settings.Settings, table *features.ClassTable) error {
	if spec := methods.Lookup(s.Method); spec == nil || !spec.SharedSpace {
		return nil
	}
	if s.AttributeNorm != attributes.L2 && s.AttributeNorm != attributes.None || s.FeatureNorm != method.FeaturesL2 && s.FeatureNorm != method.FeaturesNone {
		return fmt.Errorf("%s compares the embeddings of the two encoders by direction: both normalisations must be l2, not %s of features and %s of class vectors", s.Method, s.FeatureNorm, s.AttributeNorm)
	}
	source, err := SharedSpace(p.f.Source(), table)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Method, err)
	}
	if c, ok := s.Config.(method.Scaled); ok {
		c.SetScale(source.Model.Scale)
	}
	return nil
}

// SharedSpace returns how the texts of a class table were made whose vectors lie in the space of the features; the error says why they do not.
func SharedSpace(f features.Source, t *features.ClassTable) (*features.TextSource, error) {
	b, _ := t.TextBlock()
	switch {
	case b == nil:
		return nil, fmt.Errorf("the class table of %s has no vectors of texts: 'vzsl attributes --text-model FOLDER' computes them, with the text encoder and the image network in one folder", t.Dataset)
	case len(t.Blocks) > 1:
		return nil, fmt.Errorf("the class table has %s side by side, but only those of the texts are in the images' embedding space: give --descriptions %s", strings.Join(t.Kinds(), " and "), features.KindText)
	}
	m := &b.Text.Model
	if b.Text.SharesSpace(f.NetworkSHA256, f.Layer) {
		return b.Text, nil
	}
	switch {
	case f.NetworkSHA256 == "":
		return nil, fmt.Errorf("the features of %s were imported without a record of their network file, so it is unknown whether they share the embedding space of the text model %s: extract them with the network of that model", f.Network, m.Name)
	case len(m.Towers) == 0:
		return nil, fmt.Errorf("the text model %s has no image network in its folder that gives vectors of the same length (%d): it is a text-only model, or its image network is elsewhere; put both into one folder and run 'vzsl attributes' again", m.Name, m.Width)
	}
	for _, t := range m.Towers {
		if t.SHA256 == f.NetworkSHA256 {
			return nil, fmt.Errorf("the features are of layer %q of the network, but the texts are in the embedding space of %q: extract again without --layer", f.Layer, t.Layer)
		}
	}
	return nil, fmt.Errorf("the features are of the network %s and the texts of the model %s, whose folder has another image network: their vectors are not in the same embedding space; extract with that one, 'vzsl extract --model FOLDER'", f.Network, m.Name)
}
