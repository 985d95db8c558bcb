package runs

import (
	"math"
	"testing"

	"vzsl/onnxfile"
	"vzsl/train/method"
	"vzsl/train/settings"
)

// TestFeatureKinds: every feature normalisation can be written as ONNX and undone but for the length; one that is not known here is refused.
func TestFeatureKinds(t *testing.T) {
	features := []float32{3, -4, 0, 0.5, 1, 1, -2, 9}
	const rows = 2
	dim := len(features) / rows
	predictor := func(kind string) *Predictor {
		return &Predictor{settings: settings.Settings{FeatureNorm: kind}, record: &Record{Data: dataRecord{Dim: dim}}}
	}
	written := func(kind string) error {
		g := onnxfile.New("test", "vzsl", "test")
		_, err := featureGraph(g, kind, g.Input("features", "N", dim))
		return err
	}
	for _, kind := range method.FeatureKinds() {
		if err := written(kind); err != nil {
			t.Error(err)
		}
		x := make([]float32, len(features))
		for i := 0; i < len(x); i += dim {
			method.Normalise(kind, features[i:i+dim], x[i:i+dim])
		}
		if err := predictor(kind).raw(x, rows); err != nil {
			t.Error(err)
		}
		for i := 0; i < len(x); i += dim {
			length := 1.0
			if kind != method.FeaturesNone {
				length = 0
				for _, v := range features[i : i+dim] {
					length += float64(v) * float64(v)
				}
				length = math.Sqrt(length)
			}
			for k, v := range x[i : i+dim] {
				if want := float64(features[i+k]) / length; math.Abs(float64(v)-want) > 1e-6 {
					t.Errorf("%s: %g is undone as %g, want %g", kind, features[i+k], v, want)
				}
			}
		}
	}
	x := []float32{1, 2, 3, 4}
	if written("l1") == nil || predictor("l1").raw(x, 1) == nil {
		t.Error("an unknown feature normalisation is taken")
	}
}
