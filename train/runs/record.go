package runs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"vzsl/features"
	"vzsl/internal/custody"
	"vzsl/train/method"
	"vzsl/train/safetensors"
	"vzsl/train/settings"
)

// Record is config.toml: the settings of the run's method and what it is trained on.
type Record struct {
	Method     string `toml:"method"`
	Features   string `toml:"features" comment:"normalisation"`
	Attributes string `toml:"attributes" comment:"normalisation"`
	Missing    string `toml:"missing"`
	Seed       uint64 `toml:"seed"`
	Refit      bool   `toml:"refit"`
	// Left out where false: runs of earlier versions have no such line.
	Transductive bool   `toml:"transductive,omitempty"`
	Weights      string `toml:"weights,omitempty" comment:"of the descriptions side by side"`

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

// ReadTuned reads the settings and the search of a run that was tuned.
func ReadTuned(runDir string) (settings.Settings, *TunedRecord, error) {
	s, tuned, err := ReadSettings(runDir)
	if err != nil {
		return s, nil, fmt.Errorf("settings of a tuned run: %w", err)
	}
	if tuned == nil {
		return settings.Settings{}, nil, fmt.Errorf("%s: this run was not tuned; run 'vzsl tune' first", filepath.Join(runDir, ConfigFile))
	}
	return s, tuned, nil
}

// ReadSettings reads the settings of the run in a folder, finished or not, and the search that chose them, nil where none did. The
// error is fs.ErrNotExist where no run was begun there.
func ReadSettings(runDir string) (settings.Settings, *TunedRecord, error) {
	path := filepath.Join(runDir, ConfigFile)
	text, err := custody.ReadFile(runDir, ConfigFile)
	if err != nil {
		return settings.Settings{}, nil, err
	}
	r, err := ReadRecord(text)
	if err != nil {
		return settings.Settings{}, nil, fmt.Errorf("%s: %w", path, err)
	}
	return r.Settings(), r.Tuned, nil
}

func NewRecord(s *settings.Settings, src features.Source) *Record {
	return &Record{Method: s.Method, Features: s.FeatureNorm, Attributes: s.AttributeNorm, Missing: s.Missing, Seed: s.Seed, Refit: s.Refit, Transductive: s.Transductive, Weights: s.Weights,
		Data: dataRecord{Dataset: src.Dataset, DatasetSHA256: src.DatasetSHA256, Network: src.Network, NetworkSHA256: src.NetworkSHA256,
			Layer: src.Layer, Recipe: src.Recipe, Engine: src.Engine, Dim: src.Dim},
		config: s.Config}
}

// Text is config.toml: the record, then the settings of the run's own method as a table of its name.
func (r *Record) Text() ([]byte, error) {
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

// ReadRecord reads what Text wrote.
func ReadRecord(text []byte) (*Record, error) {
	r := &Record{}
	if err := toml.Unmarshal(text, r); err != nil {
		return nil, err
	}
	def, err := settings.Preset("", r.Method)
	if err != nil {
		return nil, err
	}
	r.config = def.Config
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

// Settings are those that the record was made of.
func (r *Record) Settings() settings.Settings {
	return settings.Settings{Method: r.Method, FeatureNorm: r.Features, AttributeNorm: r.Attributes, Missing: r.Missing, Seed: r.Seed, Refit: r.Refit, Transductive: r.Transductive, Weights: r.Weights,
		Config: r.config}
}

// source is that of the features trained on; what a record does not keep is empty.
func (r *Record) source() features.Source {
	d := &r.Data
	return features.Source{Dataset: d.Dataset, DatasetSHA256: d.DatasetSHA256, Network: d.Network, NetworkSHA256: d.NetworkSHA256,
		Layer: d.Layer, Recipe: d.Recipe, Engine: d.Engine, Dim: d.Dim}
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

// Described reads the settings of a run, and the dataset and split that it is of, from its config.toml or, where that is damaged, from its
// model: to name the command that trains it again. Nothing is checked.
func Described(runDir string) (s settings.Settings, dataset, split string, err error) {
	text, err := os.ReadFile(filepath.Join(runDir, ConfigFile))
	r := (*Record)(nil)
	if err == nil {
		r, err = ReadRecord(text)
	}
	if err != nil || r.Data.Dataset == "" {
		f, unread := safetensors.Read(filepath.Join(runDir, ModelFile))
		if unread != nil {
			return s, "", "", errors.Join(err, unread)
		}
		if r, err = ReadRecord([]byte(f.Metadata[keyConfig])); err != nil {
			return s, "", "", err
		}
	}
	return r.Settings(), r.Data.Dataset, r.Data.Split, nil
}
