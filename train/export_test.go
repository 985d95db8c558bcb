package train

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vzsl/attributes"
	"vzsl/features"
	"vzsl/internal/filetest"
	"vzsl/internal/interop"
	"vzsl/train/internal/traintest"
	"vzsl/train/method"
	"vzsl/train/methods/vzsl"
	"vzsl/train/runs"
	"vzsl/train/safetensors"
	"vzsl/train/settings"
)

// exported is a trained model of each method that can be written as ONNX, with each normalisation somewhere.
func exported(t *testing.T) map[string]*runs.Predictor {
	t.Helper()
	all := map[string]*runs.Predictor{}
	type kind struct {
		method, features, attributes string
		missing, blocks              bool
		hidden                       []int
		bound                        float64
		closed, transductive         bool
		shots                        int
		weights                      string
	}
	kinds := []kind{
		{method: "plda", features: method.FeaturesSqrtL2, attributes: attributes.SqrtCentreL2},
		{method: "plda", features: method.FeaturesL2, attributes: attributes.CentreL2, transductive: true},
		{method: "plda", features: method.FeaturesNone, attributes: attributes.SqrtCentreL2, shots: 2},
		{method: "vzsl", features: method.FeaturesSqrtL2, attributes: attributes.SqrtCentreL2, hidden: []int{}, bound: 2, closed: true},
		{method: "vzsl", features: method.FeaturesSqrtL2, attributes: attributes.BothCentreL2, hidden: []int{}, bound: 2, closed: true},
		{method: "vzsl", features: method.FeaturesSqrtL2, attributes: attributes.BothCentreL2, hidden: []int{}, bound: 2, blocks: true},
		{method: "vzsl", features: method.FeaturesL2, attributes: attributes.BothCentreL2, hidden: []int{}, bound: 2, closed: true, transductive: true},
		{method: "vzsl", features: method.FeaturesL2, attributes: attributes.CentreL2, hidden: []int{}, bound: 2, closed: true, shots: 3},
		{method: "vzsl", features: method.FeaturesSqrtL2, attributes: attributes.CentreL2, hidden: []int{32}, bound: 2},
		{method: "vzsl", features: method.FeaturesL2, attributes: attributes.L2, blocks: true, hidden: []int{}, bound: 0},
		{method: "vzsl", features: method.FeaturesNone, attributes: attributes.Standardise, missing: true, hidden: []int{16, 12}, bound: 5},
		{method: "vzsl-sharp", features: method.FeaturesSqrtL2, attributes: attributes.CentreL2, missing: true, blocks: true, hidden: []int{}, bound: 1},
		{method: "eszsl", features: method.FeaturesL2, attributes: attributes.CentreL2, missing: true},
		{method: "ale", features: method.FeaturesL2, attributes: attributes.L2},
		{method: "ale", features: method.FeaturesSqrtL2, attributes: attributes.SqrtCentreL2, blocks: true},
		{method: "eszsl", features: method.FeaturesNone, attributes: attributes.None, missing: true},
		{method: "eszsl", features: method.FeaturesL2, attributes: attributes.SqrtCentreL2, blocks: true, weights: "3,1"},
		{method: "eszsl", features: method.FeaturesL2, attributes: attributes.Standardise, blocks: true, weights: "auto"},
	}
	for _, normalisation := range method.FeatureKinds() {
		kinds = append(kinds, kind{method: "ale", features: normalisation, attributes: attributes.CentreL2})
	}
	for _, c := range kinds {
		s, err := settings.Preset("", c.method)
		if err != nil {
			t.Fatal(err)
		}
		s.FeatureNorm, s.AttributeNorm = c.features, c.attributes
		if v, ok := s.Config.(*vzsl.Config); ok {
			v.Hidden, v.Latent, v.Epochs, v.Batch, v.LearningRate, v.Scale, v.LogVarianceBound = c.hidden, 8, 10, 16, 5e-3, 3, c.bound
			v.Closed = c.closed
		}
		s.Transductive, s.Weights = c.transductive, c.weights
		f, table, roles := traintest.Drawn(10)
		if c.missing {
			s.Missing = attributes.MissingClassMean
			table.Values[1][2], table.Values[9][0] = float32(math.NaN()), float32(math.NaN())
		}
		if c.blocks {
			table.Blocks = []features.Block{{Name: "own", Width: 3}, {Name: "words", Width: 5}}
		}
		dir := t.TempDir()
		o := Options{Settings: s, Dir: dir, Features: f, Classes: table, Roles: roles}
		if c.shots > 0 {
			fewShot(t, &o, c.shots)
		}
		if _, err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		p, err := runs.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		all[fmt.Sprintf("%s %s %s %v %v %v %d %s", c.method, c.features, c.attributes, c.missing, c.closed, c.transductive, c.shots, c.weights)] = p
	}
	return all
}

// sample is 1,000 raw features and 50 classes; written puts it for each model into a folder of its own, beside the file
// that encode makes of it, and returns the folders in the order of the names.
type sample struct {
	f     *traintest.Features
	table *features.ClassTable
}

const sampled = 1000

func drawnSample() sample {
	f, table, _ := traintest.Drawn(sampled / 50)
	f.X[3] = make([]float32, f.Dim()) // normalises to itself
	return sample{f, table}
}

func (s sample) written(t *testing.T, all map[string]*runs.Predictor, file string, encode func(*runs.Predictor) ([]byte, error)) (names, dirs []string) {
	t.Helper()
	shape, _ := json.Marshal([]int{sampled, s.f.Dim(), 50, 8})
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p, dir := all[name], t.TempDir()
		b, err := encode(p)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := encode(p); string(again) != string(b) {
			t.Errorf("%s: two files of one model differ", name)
		}
		for file, data := range map[string][]byte{file: b, "shape.json": shape, "features.f32": raw(s.f.X), "classes.f32": raw(described(s.table, p))} {
			if err := os.WriteFile(filepath.Join(dir, file), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		names, dirs = append(names, name), append(dirs, dir)
	}
	return names, dirs
}

// scores are those that the model gives here.
func (s sample) scores(t *testing.T, p *runs.Predictor) []float32 {
	t.Helper()
	var x []float32
	for _, row := range s.f.X {
		x = append(x, row...)
	}
	scores, err := p.Score(x, sampled, described(s.table, p))
	if err != nil {
		t.Fatal(err)
	}
	return scores
}

// sameScores fails where others' scores differ from ours by more than 1e-4 of themselves.
func sameScores(t *testing.T, name string, want, got []float32) {
	t.Helper()
	worst := 0.0
	for k := range want {
		worst = max(worst, math.Abs(float64(want[k]-got[k]))/(1+math.Abs(float64(want[k]))))
	}
	if !(worst < 1e-4) || len(got) != len(want) {
		t.Errorf("%s: %d scores, not %d; they differ by %.3g of themselves", name, len(got), len(want), worst)
	}
}

// In ONNX Runtime the exported file gives raw features and raw attributes the probabilities that the model gives here, over
// 1,000 samples.
func TestInteropONNX(t *testing.T) {
	ort := interop.Node(t, []string{"onnxruntime-node"}, filepath.Join("testdata", "ort.js"))
	s, all := drawnSample(), exported(t)
	names, dirs := s.written(t, all, "model.onnx", func(p *runs.Predictor) ([]byte, error) { return p.ONNX("vzsl", "test") })
	ort.Args = append(ort.Args, dirs...)
	interop.Output(t, ort)
	for i, name := range names {
		p := all[name]
		scores := s.scores(t, p)
		sameScores(t, name, scores, filetest.Float32s(t, filepath.Join(dirs[i], "scores.f32")))
		want, got := softmax(scores, 50, p.Temperature()), filetest.Float32s(t, filepath.Join(dirs[i], "probabilities.f32"))
		largest := 0.0
		for k := range want {
			largest = max(largest, math.Abs(want[k]-float64(got[k])))
		}
		if !(largest < 1e-5) {
			t.Errorf("%s: probabilities differ by %.3g", name, largest)
		}
		t.Logf("%s: T = %.3g, probabilities differ by at most %.2g", name, p.Temperature(), largest)
	}
}

// TestInteropCLIP: so does CLIP's, whose features and class vectors lie in one space.
func TestInteropCLIP(t *testing.T) {
	ort := interop.Node(t, []string{"onnxruntime-node"}, filepath.Join("testdata", "ort.js"))
	own := func(f *traintest.Features, table *features.ClassTable) {
		for i := range f.X {
			f.X[i] = f.X[i][:len(table.Attributes)]
		}
		f.NetworkSHA256 = "aa"
		table.Blocks = []features.Block{{Name: "names", Width: len(table.Attributes), Kind: features.KindText, Text: &features.TextSource{
			Model: features.TextModel{Name: "pair", Scale: 30, Towers: []features.ImageTower{{SHA256: "aa", Layer: "x"}}}}}}
	}
	f, table, roles := traintest.Drawn(10)
	own(f, table)
	s, err := settings.Preset("", "clip")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Fit(t.Context(), Options{Settings: s, Features: f, Classes: table, Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	drawn := drawnSample()
	own(drawn.f, drawn.table)
	_, dirs := drawn.written(t, map[string]*runs.Predictor{"clip": p}, "model.onnx", func(p *runs.Predictor) ([]byte, error) { return p.ONNX("vzsl", "test") })
	ort.Args = append(ort.Args, dirs...)
	interop.Output(t, ort)
	sameScores(t, "clip", drawn.scores(t, p), filetest.Float32s(t, filepath.Join(dirs[0], "scores.f32")))
}

// NumPy, with a reader of its own, gets the same scores of the exported weights by the formulas of docs/formats.md.
func TestInteropSafetensors(t *testing.T) {
	numpy := interop.Python(t, []string{"numpy"}, filepath.Join("testdata", "safetensors.py"))
	s, all := drawnSample(), exported(t)
	names, dirs := s.written(t, all, "model.safetensors", func(p *runs.Predictor) ([]byte, error) {
		f, err := p.Safetensors()
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		err = safetensors.Encode(&b, f)
		return b.Bytes(), err
	})
	numpy.Args = append(numpy.Args, dirs...)
	interop.Output(t, numpy)
	for i, name := range names {
		sameScores(t, name, s.scores(t, all[name]), filetest.Float32s(t, filepath.Join(dirs[i], "scores.f32")))
	}
}

// described are the classes' vectors, with a missing value where the model fills it.
func described(table *features.ClassTable, p *runs.Predictor) [][]float32 {
	var rows [][]float32
	for i, v := range table.Values {
		v = append([]float32{}, v...)
		if i == 7 && p.Settings().Missing == attributes.MissingClassMean {
			v[5] = float32(math.NaN())
		}
		rows = append(rows, v)
	}
	return rows
}

func softmax(scores []float32, classes int, t float64) []float64 {
	p := make([]float64, len(scores))
	for at := 0; at < len(scores); at += classes {
		top := math.Inf(-1)
		for _, s := range scores[at : at+classes] {
			top = max(top, float64(s))
		}
		sum := 0.0
		for i, s := range scores[at : at+classes] {
			p[at+i] = math.Exp((float64(s) - top) / t)
			sum += p[at+i]
		}
		for i := range classes {
			p[at+i] /= sum
		}
	}
	return p
}

func raw(rows [][]float32) []byte {
	var b []byte
	for _, row := range rows {
		for _, v := range row {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b
}

// The exported weights hold all that is needed to normalise as the model does.
func TestSafetensors(t *testing.T) {
	for name, p := range exported(t) {
		f, err := p.Safetensors()
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := safetensors.Encode(&b, f); err != nil {
			t.Fatal(err)
		}
		path := filetest.Write(t, filepath.Join(t.TempDir(), "model.safetensors"), b.String())
		if f, err = safetensors.Read(path); err != nil {
			t.Fatal(err)
		}
		a := []float32{1, 2, 3, 50, 60, 70, 80, 90}
		want, err := p.NormaliseClass(a)
		if err != nil {
			t.Fatal(err)
		}
		mean, ok := f.Get("attributes.mean")
		if _, filled := f.Get("attributes.fill"); ok != (strings.Contains(p.Normaliser().Kind(), "centre") || p.Normaliser().Kind() == "standardise") || filled != (p.Settings().Missing == "class-mean") {
			t.Errorf("%s: mean %v, fill %v", name, ok, filled)
		}
		if scale, ok := f.Get("attributes.scale"); ok {
			for k, v := range a {
				if got := (float64(v) - mean.F64[k]) / scale.F64[k]; math.Abs(got-float64(want[k])) > 1e-6 {
					t.Errorf("%s: attribute %d is %g, want %g", name, k, got, want[k])
				}
			}
		}
		var names []string
		if err := json.Unmarshal([]byte(f.Metadata["vzsl.attributes"]), &names); err != nil || len(names) != 8 {
			t.Errorf("%s: %v %v", name, err, f.Metadata)
		}
	}
}
