// Package runs holds run folders: the record of settings and data, checkpoints, metrics, the model, and what it was made from. Load
// reads the model of one as a Predictor.
package runs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"vzsl/features"
	"vzsl/internal/custody"
	"vzsl/internal/lookup"
	"vzsl/internal/rejection"
	"vzsl/internal/wholefile"
	"vzsl/train/method"
	"vzsl/train/safetensors"
)

// The phases of a run, as metrics and checkpoints name them.
const (
	PhaseChoose = "choose" // on the training classes, by the validation classes
	PhaseRefit  = "refit"  // on all seen classes
)

// The files of a run folder.
const (
	ConfigFile     = "config.toml"
	MetricsFile    = "metrics.jsonl"
	ModelFile      = "model.safetensors"
	checkpointsDir = "checkpoints"
	lastFile       = "last.safetensors"
	bestFile       = "best.safetensors"

	lastCheckpoint = checkpointsDir + "/" + lastFile
	bestCheckpoint = checkpointsDir + "/" + bestFile
)

// Folder is a run's, with the checkpoint found in it.
type Folder struct {
	dir    string            // "": the run is in memory
	hold   *custody.Folder   // that no other process writes into
	model  *safetensors.File // of a finished run in memory
	config []byte            // config.toml's text

	metrics *os.File
	sum     hash.Hash // of its lines
	Lines   int       // of metrics so far

	// Of the checkpoint; "" and nil: there is none.
	Phase string
	State *method.State
	Best  *method.State

	Weights string // of the descriptions, once they are selected

	Chosen
}

// Chosen is what the first fit found, once it is done.
type Chosen struct {
	Choice      method.Choice
	Accuracy    float64 // on the validation classes, 0..1
	Temperature float64
	Constant    *float64 // of calibrated stacking; nil: none
	Rejection   []rejection.Point
	Notes       []string
}

// ErrOtherRun is wrapped by the error of a run into the folder of another.
var ErrOtherRun = errors.New("the folder holds another run")

// Hold keeps other processes from writing into a run's folder until the returned one is closed; it is made where it does not exist. With
// force a damaged list of checksums is no error.
func Hold(ctx context.Context, dir string, force bool) (*custody.Folder, error) {
	hold, err := custody.Open(ctx, dir, force, checkpointsDir, features.InputsDir)
	if custody.IsDamaged(err) {
		err = fmt.Errorf("%w: retrain with force", err)
	}
	return hold, err
}

// Open makes a new run in a folder or opens the same run's. complete tells that its model is there.
func Open(hold *custody.Folder, r *Record, force bool) (f *Folder, complete bool, err error) {
	text, err := r.Text()
	if err != nil {
		return nil, false, fmt.Errorf("writing the settings: %w", err)
	}
	dir := hold.Dir()
	f = &Folder{dir: dir, hold: hold, config: text}
	if err := errors.Join(wholefile.Sweep(dir, ConfigFile, ModelFile), wholefile.Sweep(filepath.Join(dir, checkpointsDir), lastFile, bestFile), features.SweepRecord(dir)); err != nil {
		return nil, false, fmt.Errorf("run folder: %w", err)
	}
	if force {
		if err := hold.Remove(ModelFile, ConfigFile, MetricsFile, lastCheckpoint, bestCheckpoint); err != nil {
			return nil, false, fmt.Errorf("run folder: %w", err)
		}
	}
	was, err := custody.ReadFile(dir, ConfigFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// The settings come first: without them nothing else in the folder counts.
		for _, name := range []string{ModelFile, lastCheckpoint} {
			if there, err := lookup.Exists(f.path(name)); err != nil {
				return nil, false, fmt.Errorf("run folder: %w", err)
			} else if there {
				return nil, false, fmt.Errorf("%s has a %s but no %s: choose another folder, or force to start over", dir, name, ConfigFile)
			}
		}
		return f, false, hold.Write(custody.Bytes(ConfigFile, text))
	case custody.IsDamaged(err):
		return nil, false, fmt.Errorf("%w; restore the file that the training wrote, or retrain with force", err)
	case err != nil:
		return nil, false, fmt.Errorf("run folder: %w", err)
	}
	if !bytes.Equal(was, text) {
		d, err := differences(was, text)
		if err != nil {
			return nil, false, damaged(f.path(ConfigFile), err)
		}
		if len(d) > 0 {
			return nil, false, fmt.Errorf("%s: %w: %s; choose another folder, or force to start over", dir, ErrOtherRun, strings.Join(d, ", "))
		}
	}
	if there, err := lookup.Exists(f.path(ModelFile)); err != nil {
		return nil, false, fmt.Errorf("run folder: %w", err)
	} else if there {
		return f, true, nil
	}
	return f, false, f.resume()
}

// InMemory is a run without a folder: checkpoints and metrics are not kept, and the model stays in memory.
func InMemory(r *Record) (*Folder, error) {
	text, err := r.Text()
	if err != nil {
		return nil, fmt.Errorf("writing the settings: %w", err)
	}
	return &Folder{config: text}, nil
}

// Predictor is the model of the finished run.
func (f *Folder) Predictor() (*Predictor, error) {
	if f.dir != "" {
		return Load(f.dir)
	}
	if f.model == nil {
		return nil, errors.New("the training is not finished")
	}
	p, err := newPredictor(f.model)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	p.inputs = func() (*features.Record, error) { return nil, nil }
	return p, nil
}

func (f *Folder) path(name string) string { return filepath.Join(f.dir, name) }

// Model is the path of model.safetensors.
func (f *Folder) Model() string { return f.path(ModelFile) }

// damaged is the error of a config.toml that cannot be read.
func damaged(path string, err error) error {
	return fmt.Errorf("%s is damaged (%w): restore the file that the training wrote, or retrain with force", path, err)
}

// sealed is config.toml with the model's checksum: the run is complete.
func sealed(r *Record, sum string) (custody.File, error) {
	s := *r
	s.Model = &modelRecord{SHA256: sum}
	text, err := s.Text()
	return custody.Bytes(ConfigFile, text), err
}

// Sealed makes up for the checksum that a training which was killed at its very end could not add.
func (f *Folder) Sealed(r *Record) error {
	if r.Data.InputsSHA256 == "" { // a run of an earlier version stays as it is
		return nil
	}
	text, err := custody.ReadFile(f.dir, ConfigFile)
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	if was, err := ReadRecord(text); err != nil {
		return damaged(f.path(ConfigFile), err)
	} else if was.Model != nil {
		return nil
	}
	if _, err := Load(f.dir); err != nil {
		return err
	}
	sum, err := custody.SHA256(f.path(ModelFile))
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	config, err := sealed(r, sum)
	if err != nil {
		return err
	}
	return f.hold.Write(config)
}

// resume reads the checkpoints, if there are any.
func (f *Folder) resume() error {
	last := f.path(lastCheckpoint)
	file, err := f.checkpoint(lastCheckpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w; remove it, or force, to start over", err)
	}
	v := file.Metadata
	f.Phase = v["run.phase"]
	f.State, f.Weights = &method.State{Tensors: file.Tensors, Values: v}, v["run.weights"]
	if f.Lines, err = strconv.Atoi(v["run.lines"]); err != nil || f.Lines < 0 || f.Phase != PhaseChoose && f.Phase != PhaseRefit {
		return fmt.Errorf("checkpoint %s: phase %q, %q lines of metrics: it is damaged; remove it, or force, to start over", last, f.Phase, v["run.lines"])
	}
	if f.Phase == PhaseRefit {
		if text := v["run.notes"]; text != "" {
			f.Notes = strings.Split(text, "\n")
		}
		err := json.Unmarshal([]byte(v["run.choice"]), &f.Choice)
		if err == nil {
			f.Accuracy, err = strconv.ParseFloat(v["run.accuracy"], 64)
		}
		if err == nil {
			f.Temperature, err = parseTemperature(v["run.temperature"])
		}
		if err == nil {
			f.Constant, err = parseConstant(v["run.constant"])
		}
		if text := v["run.rejection"]; err == nil && text != "" {
			err = json.Unmarshal([]byte(text), &f.Rejection)
		}
		if err != nil {
			return fmt.Errorf("checkpoint %s: the choice: %w; remove it, or force, to start over", last, err)
		}
	}
	if file, err = f.checkpoint(bestCheckpoint); err == nil {
		f.Best = &method.State{Tensors: file.Tensors, Values: file.Metadata}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("checkpoint: %w; remove the folder %s, or force, to start over", err, checkpointsDir)
	}
	return nil
}

func (f *Folder) checkpoint(name string) (*safetensors.File, error) {
	if err := custody.CheckFile(f.dir, name); err != nil {
		return nil, err
	}
	return safetensors.Read(f.path(name))
}

// Save writes a checkpoint. The best parameters go first: a state never speaks of ones that do not exist.
func (f *Folder) Save(phase string, state, best *method.State) error {
	if f.dir == "" {
		return nil
	}
	var files []custody.File
	if best != nil {
		files = append(files, tensors(bestCheckpoint, &safetensors.File{Tensors: best.Tensors, Metadata: best.Values}))
	}
	v := map[string]string{"run.phase": phase, "run.lines": strconv.Itoa(f.Lines), "run.metrics": f.metricsSum()}
	if f.Weights != "" {
		v["run.weights"] = f.Weights
	}
	for k, x := range state.Values {
		v[k] = x
	}
	if phase == PhaseRefit {
		c, err := json.Marshal(f.Choice)
		if err != nil {
			return err
		}
		v["run.choice"], v["run.accuracy"], v["run.temperature"] = string(c), exact(f.Accuracy), exact(f.Temperature)
		if len(f.Notes) > 0 {
			v["run.notes"] = strings.Join(f.Notes, "\n")
		}
		if f.Constant != nil {
			v["run.constant"] = exact(*f.Constant)
		}
		if f.Rejection != nil {
			text, err := json.Marshal(f.Rejection)
			if err != nil {
				return err
			}
			v["run.rejection"] = string(text)
		}
	}
	if err := f.hold.Write(append(files, tensors(lastCheckpoint, &safetensors.File{Tensors: state.Tensors, Metadata: v}))...); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

func tensors(name string, f *safetensors.File) custody.File {
	return custody.File{Name: name, Write: func(w io.WriteSeeker) error { return safetensors.Encode(w, f) }}
}
