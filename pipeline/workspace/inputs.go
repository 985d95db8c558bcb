package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"vzsl/features"
)

// Inputs are what a run is made from.
type Inputs struct {
	features.Inputs
	Network string          // the features' folder
	cache   *features.Cache // nil: none was opened
	Added   []string        // classes that were described since the run was trained
	missing error           // what is not there that an old run's classes are read from
}

// Close closes the features, where they were opened.
func (in *Inputs) Close() {
	if in.cache != nil {
		_ = in.cache.Close() // it was only read
	}
}

// Complete refuses a run whose class table or split is nowhere.
func (in *Inputs) Complete() error { return in.missing }

// File is the one that an input was read from: the dataset's or, where that is gone, the run's own.
func (in *Inputs) File(runDir, path, kept string) string {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return filepath.Join(runDir, features.InputsDir, kept)
	}
	return path
}

// OpenInputs opens the features, class table and roles that a run is to be of, as they are today.
func (w *Workspace) OpenInputs(ctx context.Context, r *RunRef) (*Inputs, error) {
	var in Inputs
	var err error
	if in.Network, err = w.ChooseNetwork(r.Dataset.Name, r.Network); err != nil {
		return nil, err
	}
	if in.Classes, err = w.ReadClassTable(r.Dataset.Name); err != nil {
		return nil, err
	}
	if r.Descriptions != "" {
		if in.Classes, err = in.Classes.Pick(r.Descriptions); err != nil {
			return nil, fmt.Errorf("--descriptions: %w", err)
		}
	}
	if in.Roles, err = w.ReadSplit(r.Dataset.Name, r.Split); err != nil {
		return nil, err
	}
	if err := in.openFeatures(ctx, w, w.NetworkDir(r.Dataset.Name, in.Network)); err != nil {
		return nil, err
	}
	w.sayUnassigned(in.Roles, in.Features)
	return &in, nil
}

func (in *Inputs) openFeatures(ctx context.Context, w *Workspace, dir string) (err error) {
	p := w.Begin("prepare features", "rows")
	defer p.End()
	if in.cache, err = features.OpenCache(ctx, dir, p.Done); err != nil {
		return err
	}
	w.WarnUnlisted(dir)
	in.Features, in.Manifest = in.cache, in.cache.Manifest()
	return nil
}
