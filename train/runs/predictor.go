package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"vzsl/attributes"
	"vzsl/features"
	"vzsl/internal/custody"
	"vzsl/train/method"
	"vzsl/train/problem"
	"vzsl/train/safetensors"
	"vzsl/train/settings"
)

// Predictor is a trained model with its normalisations: it takes features and attributes as they were extracted. It is
// safe for concurrent use.
type Predictor struct {
	dir        string
	inputs     func() (*features.Record, error)
	model      method.Model
	settings   settings.Settings
	record     *Record
	normaliser *attributes.Normaliser
	attributes []string
	seen       []string
	result     Result
	background [][]float32 // normalised descriptions that expected scores are taken over
}

// Load reads the model of a run folder.
func Load(runDir string) (*Predictor, error) {
	path := filepath.Join(runDir, ModelFile)
	damage := custody.CheckFile(runDir, ModelFile)
	f, err := safetensors.Read(path)
	if custody.IsDamaged(damage) {
		if err == nil { // whole, it may be another run's
			if p, unread := newPredictor(f); unread == nil {
				p.dir = runDir
				if another := p.belongs(f.Metadata[keyConfig]); another != nil && !custody.IsDamaged(another) {
					return nil, another
				}
			}
		}
		return nil, fmt.Errorf("%w; restore the model that was trained there, or retrain with force", damage)
	}
	if damage != nil {
		err = damage
	}
	if errors.Is(err, fs.ErrNotExist) {
		if _, e := os.Stat(filepath.Join(runDir, ConfigFile)); e == nil {
			return nil, fmt.Errorf("%s: the training there is not finished: run the same train command again to resume from its checkpoint", runDir)
		}
		return nil, fmt.Errorf("%s holds no trained model: %w", runDir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	p, err := newPredictor(f)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", path, err)
	}
	p.dir, p.inputs = runDir, sync.OnceValues(p.readInputs)
	return p, p.belongs(f.Metadata[keyConfig])
}

// ModelSHA256 identifies the model of a run by its config.toml or, where that does not name it, by its file; "": the training is
// not finished. fs.ErrNotExist: there is no run.
func ModelSHA256(runDir string) (string, error) {
	path := filepath.Join(runDir, ConfigFile)
	text, err := custody.ReadFile(runDir, ConfigFile)
	if err != nil {
		return "", err
	}
	r, err := ReadRecord(text)
	if err != nil {
		return "", damaged(path, err)
	}
	if r.Model != nil {
		return r.Model.SHA256, nil
	}
	sum, err := custody.SHA256(filepath.Join(runDir, ModelFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return sum, err
}

// belongs checks the model against the run's config.toml: it must be the one that the training with these settings ended with.
func (p *Predictor) belongs(trained string) error {
	path := filepath.Join(p.dir, ConfigFile)
	text, err := custody.ReadFile(p.dir, ConfigFile)
	if custody.IsDamaged(err) {
		return fmt.Errorf("%w; restore the file that the training wrote, or retrain with force", err)
	}
	if err != nil {
		return fmt.Errorf("%s: the settings cannot be read, so it is unknown whether the model is the run's: %w", p.dir, err)
	}
	r, err := ReadRecord(text)
	if err != nil {
		return damaged(path, err)
	}
	another := "%s: the model is not the one that was trained there: %s; restore the run's own " + ModelFile + ", or retrain with force"
	if string(text) != trained {
		d, err := differences([]byte(trained), text)
		if err != nil {
			return damaged(path, err)
		}
		if len(d) > 0 {
			for i := range d {
				d[i] = strings.NewReplacer(" there ", " in the model ", ", here ", ", in "+ConfigFile+" ").Replace(d[i])
			}
			return fmt.Errorf(another, p.dir, strings.Join(d, ", "))
		}
	}
	if r.Model == nil {
		return nil
	}
	sum, err := custody.SHA256(filepath.Join(p.dir, ModelFile))
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	if sum != r.Model.SHA256 {
		return fmt.Errorf(another, p.dir, "its sha256 is "+short(sum)+", "+ConfigFile+" names "+short(r.Model.SHA256))
	}
	return nil
}

// Inputs is the record of what the run was made from, read once; nil: it is of an earlier version and has none.
func (p *Predictor) Inputs() (*features.Record, error) { return p.inputs() }

func (p *Predictor) readInputs() (*features.Record, error) {
	if p.record.Data.InputsSHA256 == "" {
		return nil, nil
	}
	r, err := features.ReadRecord(p.dir)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w; restore it, or retrain with force", p.dir, err)
	}
	if sum := r.SHA256(); sum != p.record.Data.InputsSHA256 {
		return nil, fmt.Errorf("%s is not the record of what this run was made from: its identity is %s, %s names %s; restore it, or retrain with force",
			filepath.Join(p.dir, features.InputsDir), short(sum), ConfigFile, short(p.record.Data.InputsSHA256))
	}
	return r, nil
}

// OldChanges compares inputs with what a run of an earlier version says of its own: digests of the class lists, of the class table
// and, where the features are given, of those trained on. The attributes must be in the order of Attributes.
func (p *Predictor) OldChanges(in *features.Inputs) ([]*features.Change, error) {
	d := &p.record.Data
	var all []*features.Change
	differ := func(of, was, is, what string) {
		if was != is {
			all = append(all, &features.Change{Of: of, First: []string{what}})
		}
	}
	parts := problem.OfRoles(in.Roles)
	if in.Features != nil {
		var err error
		if parts, err = problem.New(in.Features, in.Classes, in.Roles, p.settings.Transductive); err != nil {
			return nil, err
		}
		for _, s := range p.Source().NetworkDifferences(in.Features.Source()) {
			differ(features.InputFeatures, "", s, s)
		}
	}
	images, classes, split, err := parts.Digests(in.Classes)
	if err != nil {
		return nil, err
	}
	differ(features.InputSplit, d.SplitSHA256, split, "its lists of seen, validation and unseen classes have changed")
	differ(features.InputClasses, d.ClassesSHA256, classes, "its classes, or their values, have changed")
	if in.Features != nil && len(all) == 0 {
		differ(features.InputFeatures, d.FeaturesSHA256, images, "the training images, their classes or features have changed")
	}
	return all, nil
}

func newPredictor(f *safetensors.File) (*Predictor, error) {
	meta := f.Metadata
	if meta[keyFormat] != modelFormat {
		return nil, fmt.Errorf("the format is %q, this program reads %q", meta[keyFormat], modelFormat)
	}
	p := &Predictor{normaliser: &attributes.Normaliser{}}
	var err error
	if p.record, err = ReadRecord([]byte(meta[keyConfig])); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	p.settings = p.record.Settings()
	if err := p.settings.Validate(); err != nil {
		return nil, err
	}
	for key, to := range map[string]any{keyNormaliser: p.normaliser, keyAttributes: &p.attributes, keySeen: &p.seen, keyChoice: &p.result.Choice} {
		if err := json.Unmarshal([]byte(meta[key]), to); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	var errs [7]error
	r := &p.result
	r.Method, r.Classes = p.settings.Method, len(p.seen)
	r.Accuracy, errs[0] = strconv.ParseFloat(meta[keyAccuracy], 64)
	r.ValidationClasses, errs[1] = strconv.Atoi(meta[keyClasses])
	r.Refit, errs[2] = strconv.ParseBool(meta[keyRefit])
	r.Images, errs[3] = strconv.Atoi(meta[keyImages])
	r.Temperature, errs[4] = parseTemperature(meta[keyTemp])
	if text := meta[keyReject]; text != "" {
		if err := json.Unmarshal([]byte(text), &r.Rejection); err != nil {
			return nil, fmt.Errorf("%s: %w", keyReject, err)
		}
		t, ok := f.Get(backgroundKey)
		if !ok || len(t.Shape) != 2 || t.F32 == nil || t.Shape[0] < 1 || t.Shape[1] != p.normaliser.Width() {
			return nil, fmt.Errorf("the tensor %s is missing or has not the values of descriptions", backgroundKey)
		}
		for i := range t.Shape[0] {
			p.background = append(p.background, t.F32[i*t.Shape[1]:(i+1)*t.Shape[1]])
		}
	}
	if text := meta[keyNotes]; text != "" {
		r.Notes = strings.Split(text, "\n")
	}
	if shots, ok := meta[keyShots]; ok {
		r.Shots, errs[5] = strconv.Atoi(shots)
	}
	r.Constant, errs[6] = parseConstant(meta[keyConstant])
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if p.model, err = p.settings.Config.Load(f); err != nil {
		return nil, err
	}
	if feature, attribute := p.model.Dims(); feature != p.record.Data.Dim || attribute != p.normaliser.Width() {
		return nil, fmt.Errorf("weights for %d feature values and %d attributes beside normalisations for %d and %d", feature, attribute, p.record.Data.Dim, p.normaliser.Width())
	}
	return p, nil
}

// Score returns n rows of one score for each class, higher is better. features holds n raw rows of FeatureDim values,
// classes raw attribute vectors in the order of Attributes, NaN where missing if the model fills missing values.
func (p *Predictor) Score(features []float32, n int, classes [][]float32) ([]float32, error) {
	x, err := p.normalised(features, n)
	if err != nil {
		return nil, err
	}
	vectors := make([][]float32, len(classes))
	for i, c := range classes {
		if vectors[i], err = p.NormaliseClass(c); err != nil {
			return nil, fmt.Errorf("class %d: %w", i, err)
		}
	}
	return p.model.Score(x, n, vectors)
}

// normalised returns n raw features as the model takes them.
func (p *Predictor) normalised(features []float32, n int) ([]float32, error) {
	dim := p.FeatureDim()
	if n < 0 || len(features) != n*dim {
		return nil, fmt.Errorf("%d values for %d features; the model was trained on features of %d values (%s, %s)",
			len(features), n, dim, p.record.Data.Network, p.record.Data.Layer)
	}
	if p.settings.FeatureNorm == method.FeaturesNone {
		return features, nil
	}
	x := make([]float32, len(features))
	for i := range n {
		method.Normalise(p.settings.FeatureNorm, features[i*dim:(i+1)*dim], x[i*dim:(i+1)*dim])
	}
	return x, nil
}

// asked returns what a model that can, an M, makes of n raw features; nil where the method's cannot.
func asked[M any](p *Predictor, what func(m M, x []float32, n int) ([]float32, error), features []float32, n int) ([]float32, error) {
	m, ok := p.model.(M)
	if !ok {
		return nil, nil
	}
	x, err := p.normalised(features, n)
	if err != nil {
		return nil, err
	}
	return what(m, x, n)
}

// NormaliseClass returns a class's raw attribute vector as the model takes it.
func (p *Predictor) NormaliseClass(raw []float32) ([]float32, error) {
	if err := p.CheckClasses([]string{""}, [][]float32{raw}); err != nil {
		return nil, err
	}
	v := make([]float32, p.normaliser.Width())
	return v, p.normaliser.Apply(raw, v)
}

// CheckClasses refuses raw attribute vectors that lack values which the model does not fill: the error, an
// *attributes.GapsError, names all classes and attributes.
func (p *Predictor) CheckClasses(names []string, vectors [][]float32) error {
	if p.normaliser.Missing() != attributes.MissingError {
		return nil
	}
	for _, v := range vectors {
		if len(v) != len(p.attributes) {
			return nil // normalising says so
		}
	}
	if gaps := attributes.Gaps(p.attributes, names, vectors); gaps != nil {
		return &attributes.GapsError{Gaps: gaps, Remedy: problem.FillRemedy}
	}
	return nil
}

// WithMissing is the model with another way to treat the missing values of classes than it was trained with.
func (p *Predictor) WithMissing(missing string) (*Predictor, error) {
	n, err := p.normaliser.WithMissing(missing)
	if err != nil {
		return nil, fmt.Errorf("%w: train the run again, or give the values", err)
	}
	q := *p
	q.normaliser = n
	return &q, nil
}

// AttributeMeans are the seen classes' mean raw values, nil in a model of a version that kept none.
func (p *Predictor) AttributeMeans() []float64 { return p.normaliser.Means() }

// Describe estimates the normalised attribute vectors of n raw features; nil where the method has no such estimate.
func (p *Predictor) Describe(features []float32, n int) ([]float32, error) {
	return asked(p, method.Describer.Describe, features, n)
}

// DescribedClass returns a class's raw attribute vector as Describe's estimate is held against it: normalised or, where the
// method knows no more of a class than which attributes it has, 1 and 0.
func (p *Predictor) DescribedClass(raw []float32) ([]float32, error) {
	v, err := p.NormaliseClass(raw)
	if err != nil {
		return nil, err
	}
	switch m := p.model.(type) {
	case method.Binary:
		v = m.Binary(v)
	case method.Viewer:
		v = m.View(v)
	}
	return v, nil
}

// Learns reports whether the model takes in images of a class without training.
func (p *Predictor) Learns() bool {
	_, ok := p.model.(method.Learner)
	return ok
}

// Learn returns the predictor that has seen n more images, raw features, of the class of a raw attribute vector: at once, without
// training. p itself stays as it is.
func (p *Predictor) Learn(class, features []float32, n int) (*Predictor, error) {
	l, ok := p.model.(method.Learner)
	if !ok {
		return nil, fmt.Errorf("models of method %s cannot be updated with images without training", p.settings.Method)
	}
	x, err := p.normalised(features, n)
	if err != nil {
		return nil, err
	}
	a, err := p.NormaliseClass(class)
	if err != nil {
		return nil, err
	}
	m, err := l.Learn(a, x, n)
	if err != nil {
		return nil, err
	}
	out := *p
	out.model = m
	return &out, nil
}
