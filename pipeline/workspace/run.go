package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vzsl/datasets/catalog"
	"vzsl/features"
	"vzsl/internal/lookup"
	"vzsl/internal/wholefile"
	"vzsl/pipeline/usage"
	"vzsl/train/runs"
)

// OpenRun loads the run that the flags name and compares what it was trained on with what is there.
func (w *Workspace) OpenRun(ctx context.Context, r *RunRef) (name string, model *runs.Predictor, in *Inputs, err error) {
	if name, err = r.Name(); err != nil {
		return "", nil, nil, err
	}
	if model, err = w.LoadRun(name, r); err != nil {
		return "", nil, nil, err
	}
	in, err = w.InputsOf(ctx, name, r, model, false)
	if err != nil {
		return "", nil, nil, err
	}
	in.Close() // compared, where that was needed; no command but evaluate reads them
	in.cache, in.Features = nil, nil
	return name, model, in, nil
}

// LoadRun reads the model of a run, or of one seed of it, by its name. What it was trained on then stands in the flags.
func (w *Workspace) LoadRun(name string, r *RunRef) (model *runs.Predictor, err error) {
	runDir := w.RunDir(name)
	if there, err := lookup.Exists(runDir); err != nil {
		return nil, err
	} else if !there {
		return nil, fmt.Errorf("%s: no such run; train it first: 'vzsl train --dataset %s --split %s --method %s'%s", runDir, r.Dataset.Name, r.Split, r.Method, w.otherRuns(name))
	}
	if model, err = runs.Load(runDir); err != nil {
		return nil, err
	}
	if record, err := model.Inputs(); err == nil && record != nil { // a run without one is said to be of an earlier version when it is compared
		w.WarnUnlisted(runDir)
	}
	src := model.Source()
	// Dataset and split are those that the run was trained on; others that were named, but for the flags' defaults, are said.
	for _, named := range []struct{ flag, value, def, own string }{{"dataset", r.Dataset.Name, catalog.Default, src.Dataset}, {"split", r.Split, "standard", model.Split()}} {
		if named.value != "" && named.value != named.def && named.value != named.own {
			w.Log.Warn(fmt.Sprintf("--%s %s is ignored: run %s was trained on %s", named.flag, named.value, name, named.own))
		}
	}
	r.Dataset.Name, r.Split = src.Dataset, model.Split()
	if r.Network == "" {
		r.Network = src.Network
	}
	return model, nil
}

// otherRuns names the finished runs there are, for who asked for one that is not.
func (w *Workspace) otherRuns(name string) string {
	models, err := lookup.Below(w.RunDir(""), "*/model.safetensors")
	if err != nil || len(models) == 0 {
		return ""
	}
	for i, m := range models {
		models[i] = filepath.Base(filepath.Dir(m))
	}
	return fmt.Sprintf(", or give an existing one%s: --run %s", usage.DidYouMean(name, models), usage.FirstOf(models))
}

// InputsOf opens what is there today of a run's inputs and binds it to the run. The features are opened where they are wanted, or
// where they may not be those of the run; a folder without them is no fault of a run that is only to be used.
func (w *Workspace) InputsOf(ctx context.Context, name string, r *RunRef, model *runs.Predictor, want bool) (*Inputs, error) {
	in := &Inputs{Network: r.Network}
	absent := func(err error) error {
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		in.missing = errors.Join(in.missing, err)
		return nil
	}
	var err error
	if own, err := w.ownClasses(name); err != nil {
		return nil, err
	} else if own {
		w.Log.Debug("the run belongs to an audit and has its own class table, which is not compared with the dataset's", "run", name)
	} else if in.Classes, err = w.ReadClassTable(r.Dataset.Name); absent(err) != nil {
		return nil, err
	}
	if in.Roles, err = w.ReadSplit(r.Dataset.Name, r.Split); absent(err) != nil {
		return nil, err
	}
	in.Elsewhere = r.Network != model.Source().Network
	if want {
		if in.Network, err = w.ChooseNetwork(r.Dataset.Name, r.Network); err != nil {
			return nil, err
		}
		if err := in.openFeatures(ctx, w, w.NetworkDir(r.Dataset.Name, in.Network)); err != nil {
			return nil, err
		}
	} else if err := w.standingFeatures(ctx, r, model, in); err != nil {
		return nil, err
	}
	bound, err := w.Bind(ctx, name, model, in)
	if err != nil {
		in.Close()
		return nil, err
	}
	return bound, nil
}

// AuditMark is a file in the folder of an audit's runs: each of them has a class table of its own, kept with its inputs.
const AuditMark = "audit.txt"

// MarkAudit makes a run folder that of an audit.
func (w *Workspace) MarkAudit(name string) error {
	if err := os.MkdirAll(w.RunDir(name), 0o755); err != nil {
		return err
	}
	return wholefile.Bytes(filepath.Join(w.RunDir(name), AuditMark), []byte("The runs below belong to an audit: their class tables are in their inputs/, not in the dataset's folder.\n"))
}

// ownClasses reports whether a run is one of an audit.
func (w *Workspace) ownClasses(name string) (bool, error) {
	top, _, _ := strings.Cut(filepath.ToSlash(name), "/")
	return lookup.Exists(filepath.Join(w.RunDir(top), AuditMark))
}

// standingFeatures opens the features of a run that reads none of them only where they are other ones than it was trained on.
func (w *Workspace) standingFeatures(ctx context.Context, r *RunRef, model *runs.Predictor, in *Inputs) error {
	dir := w.NetworkDir(r.Dataset.Name, model.Source().Network)
	in.Network, in.Elsewhere = model.Source().Network, false
	m, err := features.ReadManifest(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	record, err := model.Inputs()
	if err != nil || record == nil {
		return err
	}
	if m.Key() != record.Manifest {
		return in.openFeatures(ctx, w, dir)
	}
	return features.CheckShards(dir, m)
}

// Bind compares inputs with what a run was trained on and lays them out as they were then, so that rows, columns and classes in
// another order change nothing. It refuses what differs, by name.
func (w *Workspace) Bind(ctx context.Context, name string, model *runs.Predictor, in *Inputs) (*Inputs, error) {
	record, err := model.Inputs()
	if err != nil {
		return nil, err
	}
	if record == nil {
		return in, w.bindOld(name, model, in)
	}
	if in.Classes != nil { // to the descriptions that the run took
		in.Classes = in.Classes.Narrow(record.Classes)
	}
	changes, err := record.Changes(ctx, &in.Inputs)
	if err != nil {
		return nil, err
	}
	if len(changes) > 0 {
		return nil, w.changed(name, model, changes)
	}
	if in.missing != nil {
		w.Log.Info("the class table and split stored with the run are used", "run", name, "because", in.missing.Error())
	}
	bound := *in
	bound.Classes, bound.Roles, bound.missing = record.Classes, record.Roles, nil
	if in.Classes != nil {
		bound.Added = record.Classes.Added(in.Classes)
	}
	if in.Features != nil {
		w.sayUnassigned(record.Roles, in.Features)
		if bound.Features, err = record.Arrange(in.Features); err != nil {
			return nil, err
		}
	}
	return &bound, nil
}

// bindOld is Bind of a run of an earlier version, without a record: what it says of its inputs is compared.
func (w *Workspace) bindOld(name string, model *runs.Predictor, in *Inputs) error {
	what := "which images are tested, and their features"
	switch {
	case in.missing != nil:
		what = "anything of its class table and split"
	case in.Features == nil:
		what = "its features, and which images are tested"
	}
	w.Log.Warn("the run is of an earlier version and has no record of what it was made from: "+what+" could not be compared; retrain it to record them", "run", name)
	var changes []*features.Change
	if in.missing == nil {
		table, err := in.Classes.SelectAttributes(model.Attributes())
		if err != nil {
			return w.changed(name, model, []*features.Change{{Of: features.InputClasses, First: []string{err.Error()}}})
		}
		in.Classes = table
		if changes, err = model.OldChanges(&in.Inputs); err != nil {
			return err
		}
	}
	if len(changes) > 0 {
		return w.changed(name, model, changes)
	}
	return nil
}
