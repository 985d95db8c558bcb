package runs

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"vzsl/train/methods"
	"vzsl/train/safetensors"
	"vzsl/train/settings"
)

// FuzzModel: whatever a model file holds, it is refused or scores what its record says it scores.
func FuzzModel(f *testing.F) {
	dir := filepath.Join("..", "testdata", "model-0.1.0")
	model, err := os.ReadFile(filepath.Join(dir, ModelFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(model)
	f.Add(model[:len(model)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := safetensors.Decode(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		p, err := newPredictor(file)
		if err != nil {
			return
		}
		feature, attribute := p.model.Dims()
		if feature < 1 || attribute < 0 || feature > len(b) || attribute > len(b) {
			t.Fatalf("%d feature values and %d attributes in %d bytes", feature, attribute, len(b))
		}
		class, err := p.NormaliseClass(make([]float32, len(p.Attributes())))
		if err != nil {
			return
		}
		if s, err := p.Score(make([]float32, feature), 1, [][]float32{class, class}); err == nil && len(s) != 2 {
			t.Fatalf("%d scores of 2 classes", len(s))
		}
	})
}

// FuzzRecord: a run's config.toml is refused, or is written again as it was read.
func FuzzRecord(f *testing.F) {
	for _, s := range methods.All() {
		set, err := settings.Preset("", s.Name)
		if err != nil {
			f.Fatal(err)
		}
		text, err := (&Record{Method: s.Name, config: set.Config}).Text()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ReadRecord(text)
		if err != nil {
			return
		}
		set := r.Settings()
		_ = set.Validate()
		once, err := r.Text()
		if err != nil {
			return
		}
		again, err := ReadRecord(once)
		if err != nil {
			t.Fatalf("%q: %v", once, err)
		}
		if twice, err := again.Text(); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%q is read as %q, %v", once, twice, err)
		}
	})
}
