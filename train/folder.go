package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"vzsl/features"
	"vzsl/internal/lookup"
	"vzsl/internal/wholefile"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// The files of a run folder.
const (
	configFile     = "config.toml"
	metricsFile    = "metrics.jsonl"
	modelFile      = "model.safetensors"
	checkpointsDir = "checkpoints"
	lastFile       = "last.safetensors"
	bestFile       = "best.safetensors"
)

// record is config.toml: the settings of the run's method and what it is trained on.
type record struct {
	Method     string `toml:"method"`
	Features   string `toml:"features" comment:"normalisation"`
	Attributes string `toml:"attributes" comment:"normalisation"`
	Missing    string `toml:"missing"`
	Seed       uint64 `toml:"seed"`
	Refit      bool   `toml:"refit"`
	// Left out where false: runs of before have no such line.
	Transductive bool `toml:"transductive,omitempty"`

	Data dataRecord `toml:"data" comment:"what the run is trained on"`

	Tuned *TunedRecord `toml:"tuned,omitempty" comment:"the search that chose the settings"`

	// Model is added when the model is there: the text in the model's own metadata has none.
	Model *modelRecord `toml:"model,omitempty" comment:"the model that the training ended with"`

	config method.Config // of the run's method
}

type dataRecord struct {
	Dataset        string `toml:"dataset"`
	DatasetSHA256  string `toml:"dataset_sha256"`
	Network        string `toml:"network"`
	NetworkSHA256  string `toml:"network_sha256"`
	Layer          string `toml:"layer"`
	Recipe         string `toml:"recipe"`
	Engine         string `toml:"engine"`
	Dim            int    `toml:"dim"`
	FeaturesSHA256 string `toml:"features_sha256" comment:"of the images, classes and features of the seen classes"`
	ClassesSHA256  string `toml:"classes_sha256" comment:"of the class table's names and values"`
	Split          string `toml:"split"`
	SplitSHA256    string `toml:"split_sha256" comment:"of the seen, validation and unseen class lists"`
	Train          int    `toml:"train" comment:"images"`
	Validation     int    `toml:"validation" comment:"images"`
	Unlabelled     int    `toml:"unlabelled,omitempty" comment:"images of unseen classes, without their labels"`
	Shots          int    `toml:"shots,omitempty" comment:"images of unseen classes to train on"`
	InputsSHA256   string `toml:"inputs_sha256,omitempty" comment:"of the record of all that in inputs/"`
}

// modelRecord is the model that belongs to a config.toml.
type modelRecord struct {
	SHA256 string `toml:"sha256" comment:"of model.safetensors"`
}

// TunedRecord says how a search chose a run's settings.
type TunedRecord struct {
	Trials    int           `toml:"trials"`
	Folds     int           `toml:"folds" comment:"parts of the seen classes, each held out in turn"`
	Fits      int           `toml:"fits"`
	Classes   int           `toml:"classes" comment:"held out in turn"`
	Seed      uint64        `toml:"seed"`
	Trial     int           `toml:"trial" comment:"the best"`
	Accuracy  float64       `toml:"accuracy" comment:"its mean per-class top-1 among the classes held out, mean over the folds, 0..1"`
	Deviation float64       `toml:"deviation" comment:"standard deviation over the folds"`
	Choice    method.Choice `toml:"choice"`
}

// Record is what the run trained with the search's outcome keeps of it.
func (t *Tuned) Record() *TunedRecord {
	return &TunedRecord{Trials: len(t.Trials), Folds: t.Best.Folds, Fits: t.Fits, Classes: t.Classes, Seed: t.Settings.Seed,
		Trial: t.Best.Number, Accuracy: t.Best.Accuracy, Deviation: t.Best.Deviation, Choice: t.Choice}
}

// ReadTuned reads the settings and the search of a run that was tuned.
func ReadTuned(runDir string) (Settings, *TunedRecord, error) {
	s, tuned, err := ReadSettings(runDir)
	if err != nil {
		return s, nil, fmt.Errorf("settings of a tuned run: %w", err)
	}
	if tuned == nil {
		return Settings{}, nil, fmt.Errorf("%s: this run was not tuned; run 'vzsl tune' first", filepath.Join(runDir, configFile))
	}
	return s, tuned, nil
}

// ReadSettings reads the settings of the run in a folder, finished or not, and the search that chose them, nil where none did. The
// error is fs.ErrNotExist where no run was begun there.
func ReadSettings(runDir string) (Settings, *TunedRecord, error) {
	path := filepath.Join(runDir, configFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return Settings{}, nil, err
	}
	r, err := readRecord(text)
	if err != nil {
		return Settings{}, nil, fmt.Errorf("%s: %w", path, err)
	}
	return r.settings(), r.Tuned, nil
}

func newRecord(s *Settings, src features.Source) *record {
	return &record{Method: s.Method, Features: s.FeatureNorm, Attributes: s.AttributeNorm, Missing: s.Missing, Seed: s.Seed, Refit: s.Refit, Transductive: s.Transductive,
		Data: dataRecord{Dataset: src.Dataset, DatasetSHA256: src.DatasetSHA256, Network: src.Network, NetworkSHA256: src.NetworkSHA256,
			Layer: src.Layer, Recipe: src.Recipe, Engine: src.Engine, Dim: src.Dim},
		config: s.Config()}
}

// text is config.toml: the record, then the settings of the run's own method as a table of its name.
func (r *record) text() ([]byte, error) {
	head, err := toml.Marshal(r)
	if err != nil {
		return nil, err
	}
	table, err := toml.Marshal(map[string]method.Config{r.Method: r.config})
	if err != nil {
		return nil, err
	}
	return slices.Concat(head, []byte("\n"), table), nil
}

// readRecord reads what text wrote.
func readRecord(text []byte) (*record, error) {
	r := &record{}
	if err := toml.Unmarshal(text, r); err != nil {
		return nil, err
	}
	def, err := Preset("", r.Method)
	if err != nil {
		return nil, err
	}
	r.config = def.Config()
	var all map[string]any
	if err := toml.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	table, err := toml.Marshal(all[r.Method])
	if err != nil {
		return nil, err
	}
	if d, ok := r.config.(method.Dated); ok {
		written, _ := all[r.Method].(map[string]any)
		d.Absent(func(setting string) bool { _, ok := written[setting]; return !ok })
	}
	return r, toml.Unmarshal(table, r.config)
}

// settings are those that the record was made of.
func (r *record) settings() Settings {
	return Settings{Method: r.Method, FeatureNorm: r.Features, AttributeNorm: r.Attributes, Missing: r.Missing, Seed: r.Seed, Refit: r.Refit, Transductive: r.Transductive,
		Configs: map[string]method.Config{r.Method: r.config}}
}

// source is that of the features trained on; what a record does not keep is empty.
func (r *record) source() features.Source {
	d := &r.Data
	return features.Source{Dataset: d.Dataset, DatasetSHA256: d.DatasetSHA256, Network: d.Network, NetworkSHA256: d.NetworkSHA256,
		Layer: d.Layer, Recipe: d.Recipe, Engine: d.Engine, Dim: d.Dim}
}

// folder is a run's, with the checkpoint found in it.
type folder struct {
	dir    string
	config []byte // config.toml's text

	metrics *os.File
	lines   int // of metrics so far

	phase string
	state *method.State
	best  *method.State

	// Of the first fit, once it is done: its choice, validation accuracy and temperature.
	choice              method.Choice
	chosen, temperature float64
	constant            *float64 // of calibrated stacking; nil: none
	notes               []string
}

// ErrOtherRun is wrapped by the error of a run into the folder of another.
var ErrOtherRun = errors.New("the folder holds another run")

// openFolder makes a new run folder or opens the same run's. complete tells that its model is there.
func openFolder(dir string, r *record, force bool) (f *folder, complete bool, err error) {
	text, err := r.text()
	if err != nil {
		return nil, false, fmt.Errorf("writing the settings: %w", err)
	}
	f = &folder{dir: dir, config: text}
	if err := os.MkdirAll(filepath.Join(dir, checkpointsDir), 0o755); err != nil {
		return nil, false, fmt.Errorf("run folder: %w", err)
	}
	if err := errors.Join(wholefile.Sweep(dir, configFile, modelFile), wholefile.Sweep(filepath.Join(dir, checkpointsDir), lastFile, bestFile), features.SweepRecord(dir)); err != nil {
		return nil, false, fmt.Errorf("run folder: %w", err)
	}
	if force {
		for _, name := range []string{modelFile, configFile, metricsFile, filepath.Join(checkpointsDir, lastFile), filepath.Join(checkpointsDir, bestFile)} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, false, fmt.Errorf("run folder: %w", err)
			}
		}
	}
	was, err := os.ReadFile(f.path(configFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// The settings come first: without them nothing else in the folder counts.
		for _, name := range []string{modelFile, filepath.Join(checkpointsDir, lastFile)} {
			if there, err := lookup.Exists(f.path(name)); err != nil {
				return nil, false, fmt.Errorf("run folder: %w", err)
			} else if there {
				return nil, false, fmt.Errorf("%s has a %s but no %s: take another folder, or force to begin anew", dir, name, configFile)
			}
		}
		return f, false, wholefile.Bytes(f.path(configFile), text)
	case err != nil:
		return nil, false, fmt.Errorf("run folder: %w", err)
	}
	if !bytes.Equal(was, text) {
		d, err := differences(was, text)
		if err != nil {
			return nil, false, damaged(f.path(configFile), err)
		}
		if len(d) > 0 {
			return nil, false, fmt.Errorf("%s: %w: %s; take another folder, or force to begin anew", dir, ErrOtherRun, strings.Join(d, ", "))
		}
	}
	if there, err := lookup.Exists(f.path(modelFile)); err != nil {
		return nil, false, fmt.Errorf("run folder: %w", err)
	} else if there {
		return f, true, nil
	}
	return f, false, f.resume()
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// damaged is the error of a config.toml that cannot be read.
func damaged(path string, err error) error {
	return fmt.Errorf("%s is damaged (%w): bring back the file that the training wrote, or train again with force", path, err)
}

// seal adds the model's checksum to config.toml: the run is complete.
func (f *folder) seal(r *record) error {
	sum, err := features.FileSHA256(f.path(modelFile))
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	sealed := *r
	sealed.Model = &modelRecord{SHA256: sum}
	text, err := sealed.text()
	if err != nil {
		return err
	}
	return wholefile.Bytes(f.path(configFile), text)
}

// sealed makes up for the checksum that a training which was killed at its very end could not add.
func (f *folder) sealed(r *record) error {
	if r.Data.InputsSHA256 == "" { // a run of an earlier version stays as it is
		return nil
	}
	text, err := os.ReadFile(f.path(configFile))
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	if was, err := readRecord(text); err != nil {
		return damaged(f.path(configFile), err)
	} else if was.Model != nil {
		return nil
	}
	if _, err := Load(f.dir); err != nil {
		return err
	}
	return f.seal(r)
}

// differences names the settings in which two config.toml differ, but for the model's checksum, which only a complete one has.
func differences(was, now []byte) ([]string, error) {
	flat := func(text []byte) (map[string]string, error) {
		var m map[string]any
		if err := toml.Unmarshal(text, &m); err != nil {
			return nil, err
		}
		out := map[string]string{}
		var walk func(prefix string, v any)
		walk = func(prefix string, v any) {
			if t, ok := v.(map[string]any); ok {
				for k, v := range t {
					walk(prefix+"."+k, v)
				}
				return
			}
			out[strings.TrimPrefix(prefix, ".")] = fmt.Sprint(v)
		}
		delete(m, "model")
		walk("", m)
		return out, nil
	}
	a, err := flat(was)
	if err != nil {
		return nil, err
	}
	b, err := flat(now)
	if err != nil {
		return nil, err
	}
	var d []string
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			d = append(d, fmt.Sprintf("%s there %s, here %s", k, short(v), short(w)))
		}
	}
	for k, w := range b {
		if _, ok := a[k]; !ok {
			d = append(d, fmt.Sprintf("%s there none, here %s", k, short(w)))
		}
	}
	sort.Strings(d)
	return d, nil
}

func short(s string) string {
	if s == "" {
		return "none"
	}
	if len(s) > 20 {
		return s[:12] + "..."
	}
	return s
}

// resume reads the checkpoints, if there are any.
func (f *folder) resume() error {
	last := filepath.Join(f.dir, checkpointsDir, lastFile)
	file, err := safetensors.Read(last)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w; remove it, or force, to begin anew", err)
	}
	v := file.Metadata
	f.phase = v["run.phase"]
	f.state = &method.State{Tensors: file.Tensors, Values: v}
	if f.lines, err = strconv.Atoi(v["run.lines"]); err != nil || f.lines < 0 || f.phase != phaseChoose && f.phase != phaseRefit {
		return fmt.Errorf("checkpoint %s: phase %q, %q lines of metrics: it is damaged; remove it, or force, to begin anew", last, f.phase, v["run.lines"])
	}
	if f.phase == phaseRefit {
		if text := v["run.notes"]; text != "" {
			f.notes = strings.Split(text, "\n")
		}
		err := json.Unmarshal([]byte(v["run.choice"]), &f.choice)
		if err == nil {
			f.chosen, err = strconv.ParseFloat(v["run.accuracy"], 64)
		}
		if err == nil {
			f.temperature, err = parseTemperature(v["run.temperature"])
		}
		if err == nil {
			f.constant, err = parseConstant(v["run.constant"])
		}
		if err != nil {
			return fmt.Errorf("checkpoint %s: the choice: %w; remove it, or force, to begin anew", last, err)
		}
	}
	if file, err = safetensors.Read(filepath.Join(f.dir, checkpointsDir, bestFile)); err == nil {
		f.best = &method.State{Tensors: file.Tensors, Values: file.Metadata}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("checkpoint: %w; remove the folder %s, or force, to begin anew", err, checkpointsDir)
	}
	return nil
}

// save writes a checkpoint. The best parameters go first: a state never speaks of ones that are not there.
func (f *folder) save(phase string, state, best *method.State) error {
	if best != nil {
		if err := safetensors.Write(filepath.Join(f.dir, checkpointsDir, bestFile), &safetensors.File{Tensors: best.Tensors, Metadata: best.Values}); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	v := map[string]string{"run.phase": phase, "run.lines": strconv.Itoa(f.lines)}
	for k, x := range state.Values {
		v[k] = x
	}
	if phase == phaseRefit {
		c, err := json.Marshal(f.choice)
		if err != nil {
			return err
		}
		v["run.choice"], v["run.accuracy"], v["run.temperature"] = string(c), exact(f.chosen), exact(f.temperature)
		if len(f.notes) > 0 {
			v["run.notes"] = strings.Join(f.notes, "\n")
		}
		if f.constant != nil {
			v["run.constant"] = exact(*f.constant)
		}
	}
	if err := safetensors.Write(filepath.Join(f.dir, checkpointsDir, lastFile), &safetensors.File{Tensors: state.Tensors, Metadata: v}); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// openMetrics opens metrics.jsonl after the lines that the checkpoint knows.
func (f *folder) openMetrics() error {
	path := f.path(metricsFile)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("metrics: %w", err)
	}
	at := 0
	for range f.lines {
		n := bytes.IndexByte(text[at:], '\n')
		if n < 0 {
			break
		}
		at += n + 1
	}
	if f.metrics, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := f.metrics.Truncate(int64(at)); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if _, err := f.metrics.Seek(int64(at), 0); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// write adds a line to metrics.jsonl.
func (f *folder) write(line map[string]any) error {
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if _, err := f.metrics.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	f.lines++
	return nil
}

func (f *folder) close() error {
	if f.metrics == nil {
		return nil
	}
	m := f.metrics
	f.metrics = nil
	return errors.Join(m.Sync(), m.Close())
}

// parseConstant reads one as exact writes it; "" is none.
func parseConstant(s string) (*float64, error) {
	if s == "" {
		return nil, nil
	}
	c, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(c) {
		return nil, fmt.Errorf("a constant of %q", s)
	}
	return &c, nil
}
