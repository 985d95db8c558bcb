package train

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vzsl/attributes"
	"vzsl/internal/filetest"
	"vzsl/train/internal/traintest"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

// older is the folder of a run of version 0.1.0, of the data and settings of options: model.safetensors and config.toml as it
// wrote them, and scores.json, those that it gave the first 20 images for all classes.
var older = filepath.Join("testdata", "model-0.1.0")

// TestOlder: A model from before the closed-form block existed opens and scores as it did, and without that block training still
// gives it.
func TestOlder(t *testing.T) {
	want := filetest.JSON[[]float64](t, filepath.Join(older, "scores.json"))
	o := options(t, t.TempDir())
	traintest.VZSL(&o.Settings).Closed, o.AttributeNorm = false, attributes.CentreL2
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for dir, tolerance := range map[string]float64{older: 1e-5, o.Dir: 1e-2} { // another processor rounds otherwise
		p, err := runs.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if s := p.Settings(); traintest.VZSL(&s).Closed || s.AttributeNorm != attributes.CentreL2 {
			t.Errorf("%s: read as %+v", dir, s)
		}
		got, err := p.Score(slices.Concat(o.Features.(*traintest.Features).X[:20]...), 20, o.Classes.Values)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			if math.Abs(float64(v)-want[i]) > tolerance*(1+math.Abs(want[i])) {
				t.Fatalf("%s: score %d is %v, version 0.1.0 gave %v", dir, i, v, want[i])
			}
		}
	}
	if s, _, err := readSettings(older); err != nil || s.Method != "vzsl" {
		t.Errorf("%+v: %v", s, err)
	}
}

func readSettings(dir string) (settings.Settings, *runs.TunedRecord, error) {
	b, err := os.ReadFile(filepath.Join(dir, runs.ConfigFile))
	if err != nil {
		return settings.Settings{}, nil, err
	}
	r, err := runs.ReadRecord(b)
	if err != nil {
		return settings.Settings{}, nil, err
	}
	return r.Settings(), r.Tuned, nil
}
