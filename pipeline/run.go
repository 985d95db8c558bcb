package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"vzsl/datasets/catalog"
	"vzsl/features"
	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
	"vzsl/train/method"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

// inputs are what a run is made from.
type inputs struct {
	features.Inputs
	network string          // the features' folder
	cache   *features.Cache // nil: none was opened
	added   []string        // classes that were described since the run was trained
	missing error           // what is not there that an old run's classes are read from
}

func (in *inputs) close() {
	if in.cache != nil {
		_ = in.cache.Close() // it was only read
	}
}

// known refuses a run whose class table or split is nowhere.
func (in *inputs) known() error { return in.missing }

// file is the one that an input was read from: the dataset's or, where that is gone, the run's own.
func (in *inputs) file(runDir, path, kept string) string {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return filepath.Join(runDir, features.InputsDir, kept)
	}
	return path
}

// openInputs opens the features, class table and roles that a run is to be of, as they are today.
func (c *console) openInputs(ctx context.Context, r *runFlags) (*inputs, error) {
	var in inputs
	var err error
	if in.network, err = c.chooseNetwork(r.ds.name, r.network); err != nil {
		return nil, err
	}
	if in.Classes, err = c.readClassTable(r.ds.name); err != nil {
		return nil, err
	}
	if r.descriptions != "" {
		if in.Classes, err = in.Classes.Pick(r.descriptions); err != nil {
			return nil, fmt.Errorf("--descriptions: %w", err)
		}
	}
	if in.Roles, err = c.readRoles(r.ds.name, r.split); err != nil {
		return nil, err
	}
	if err := in.openFeatures(ctx, c, c.networkDir(r.ds.name, in.network)); err != nil {
		return nil, err
	}
	c.sayUnassigned(in.Roles, in.Features)
	return &in, nil
}

// sayUnassigned warns of images that a split of before does not know.
func (c *console) sayUnassigned(roles *features.Split, f features.Rows) {
	if without := roles.Unassigned(f.Images(), f.Classes()); len(without) > 0 {
		c.log.Warn(fmt.Sprintf("%d images of the split's classes have features but no role in it, and take no part: they were added since it was made; '%s' gives them one",
			len(without), splitAgain(roles)), "split", roles.Name, "images", usage.FirstOf(without))
	}
}

// splitAgain is the command that makes a split again of the images there are.
func splitAgain(roles *features.Split) string {
	command := roles.Command
	if command == "" {
		command = commandLine("split", "--dataset", roles.Dataset, "--split", roles.Name)
	}
	return command + " --force"
}

// absentError is an fs.ErrNotExist that says what to do.
type absentError string

func (e absentError) Error() string { return string(e) }
func (e absentError) Unwrap() error { return fs.ErrNotExist }

// readRoles reads a split.
func (c *console) readRoles(dataset, split string) (*features.Split, error) {
	path := c.rolesFile(dataset, split)
	roles, err := features.ReadSplit(path)
	if errors.Is(err, fs.ErrNotExist) {
		made, _ := c.splits(dataset)
		return nil, absentError(fmt.Sprintf("%s: no such split yet%s; run 'vzsl split --dataset %s --split %s' first (own class lists: --seen, --unseen)", path, usage.DidYouMean(split, made), dataset, split))
	}
	return roles, err
}

func (in *inputs) openFeatures(ctx context.Context, c *console, dir string) (err error) {
	hook, end := c.progress("prepare features", "rows")
	defer end()
	if in.cache, err = features.OpenCache(ctx, dir, hook); err != nil {
		return err
	}
	in.Features, in.Manifest = in.cache, in.cache.Manifest()
	return nil
}

// openRun loads the run that the flags name and compares what it was trained on with what is there.
func (c *console) openRun(ctx context.Context, r *runFlags) (name string, model *runs.Predictor, in *inputs, err error) {
	if name, err = r.name(); err != nil {
		return "", nil, nil, err
	}
	if model, err = c.loadNamed(name, r); err != nil {
		return "", nil, nil, err
	}
	in, err = c.inputsOf(ctx, name, r, model, false)
	if err != nil {
		return "", nil, nil, err
	}
	in.close() // compared, where that was needed; no command but evaluate reads them
	in.cache, in.Features = nil, nil
	return name, model, in, nil
}

// loadNamed reads the model of a run, or of one seed of it, by its name. What it was trained on then stands in the flags.
func (c *console) loadNamed(name string, r *runFlags) (model *runs.Predictor, err error) {
	runDir := c.runDir(name)
	if there, err := lookup.Exists(runDir); err != nil {
		return nil, err
	} else if !there {
		return nil, fmt.Errorf("%s: no such run; train it first: 'vzsl train --dataset %s --split %s --method %s'%s", runDir, r.ds.name, r.split, r.method, c.otherRuns(name))
	}
	if model, err = runs.Load(runDir); err != nil {
		return nil, err
	}
	src := model.Source()
	// Dataset and split are those that the run was trained on; others that were named, but for the flags' defaults, are said.
	for _, named := range []struct{ flag, value, def, own string }{{"dataset", r.ds.name, catalog.Default, src.Dataset}, {"split", r.split, "standard", model.Split()}} {
		if named.value != "" && named.value != named.def && named.value != named.own {
			c.log.Warn(fmt.Sprintf("--%s %s does not count: the run %s was trained on %s", named.flag, named.value, name, named.own))
		}
	}
	r.ds.name, r.split = src.Dataset, model.Split()
	if r.network == "" {
		r.network = src.Network
	}
	return model, nil
}

// otherRuns names the finished runs there are, for who asked for one that is not.
func (c *console) otherRuns(name string) string {
	models, err := lookup.Below(c.runDir(""), "*/model.safetensors")
	if err != nil || len(models) == 0 {
		return ""
	}
	for i, m := range models {
		models[i] = filepath.Base(filepath.Dir(m))
	}
	return fmt.Sprintf(", or name one that is there%s: --run %s", usage.DidYouMean(name, models), usage.FirstOf(models))
}

// inputsOf opens what is there today of a run's inputs and binds it to the run. The features are opened where they are wanted, or
// where they may not be those of the run; a folder without them is no fault of a run that is only to be used.
func (c *console) inputsOf(ctx context.Context, name string, r *runFlags, model *runs.Predictor, want bool) (*inputs, error) {
	in := &inputs{network: r.network}
	absent := func(err error) error {
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		in.missing = errors.Join(in.missing, err)
		return nil
	}
	var err error
	if in.Classes, err = c.readClassTable(r.ds.name); absent(err) != nil {
		return nil, err
	}
	if in.Roles, err = c.readRoles(r.ds.name, r.split); absent(err) != nil {
		return nil, err
	}
	in.Elsewhere = r.network != model.Source().Network
	if want {
		if in.network, err = c.chooseNetwork(r.ds.name, r.network); err != nil {
			return nil, err
		}
		if err := in.openFeatures(ctx, c, c.networkDir(r.ds.name, in.network)); err != nil {
			return nil, err
		}
	} else if err := c.standingFeatures(ctx, r, model, in); err != nil {
		return nil, err
	}
	bound, err := c.bind(ctx, name, model, in)
	if err != nil {
		in.close()
		return nil, err
	}
	return bound, nil
}

// standingFeatures opens the features of a run that reads none of them only where they are other ones than it was trained on.
func (c *console) standingFeatures(ctx context.Context, r *runFlags, model *runs.Predictor, in *inputs) error {
	dir := c.networkDir(r.ds.name, model.Source().Network)
	in.network, in.Elsewhere = model.Source().Network, false
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
		return in.openFeatures(ctx, c, dir)
	}
	return features.CheckShards(dir, m)
}

// bind compares inputs with what a run was trained on and lays them out as they were then, so that rows, columns and classes in
// another order change nothing. It refuses what differs, by name.
func (c *console) bind(ctx context.Context, name string, model *runs.Predictor, in *inputs) (*inputs, error) {
	record, err := model.Inputs()
	if err != nil {
		return nil, err
	}
	if record == nil {
		return in, c.bindOld(name, model, in)
	}
	if in.Classes != nil { // to the descriptions that the run took
		in.Classes = in.Classes.Narrow(record.Classes)
	}
	changes, err := record.Changes(ctx, &in.Inputs)
	if err != nil {
		return nil, err
	}
	if len(changes) > 0 {
		return nil, c.changed(name, model, changes)
	}
	if in.missing != nil {
		c.log.Info("the run's own record of its class table and split is taken", "run", name, "because", in.missing.Error())
	}
	bound := *in
	bound.Classes, bound.Roles, bound.missing = record.Classes, record.Roles, nil
	if in.Classes != nil {
		bound.added = record.Classes.Added(in.Classes)
	}
	if in.Features != nil {
		c.sayUnassigned(record.Roles, in.Features)
		if bound.Features, err = record.Arrange(in.Features); err != nil {
			return nil, err
		}
	}
	return &bound, nil
}

// bindOld is bind of a run of an earlier version, without a record: what it says of its inputs is compared.
func (c *console) bindOld(name string, model *runs.Predictor, in *inputs) error {
	what := "which images are tested, and their features"
	switch {
	case in.missing != nil:
		what = "anything of its class table and split"
	case in.Features == nil:
		what = "its features, and which images are tested"
	}
	c.log.Warn("the run is of an earlier version and has no record of what it was made from: "+what+" could not be compared; a run trained again has one", "run", name)
	var changes []*features.Change
	if in.missing == nil {
		table, err := in.Classes.SelectAttributes(model.Attributes())
		if err != nil {
			return c.changed(name, model, []*features.Change{{Of: features.InputClasses, First: []string{err.Error()}}})
		}
		in.Classes = table
		if changes, err = model.OldChanges(&in.Inputs); err != nil {
			return err
		}
	}
	if len(changes) > 0 {
		return c.changed(name, model, changes)
	}
	return nil
}

// changedError refuses a run whose inputs are not there any more as they were, and says what mends it.
type changedError struct {
	run     string
	changes []*features.Change
	again   string // trains on the inputs of now
	back    string // brings back those of then; "": no command does
}

func (e *changedError) Error() string {
	text := fmt.Sprintf("run %s was trained on other inputs than are there now: %s. To train on those of now: '%s'", e.run, runs.Changed(e.changes), e.again)
	if e.back != "" {
		text += fmt.Sprintf("; to bring back those of then: '%s'", e.back)
	}
	return text
}

func (c *console) changed(name string, model *runs.Predictor, changes []*features.Change) error {
	e := &changedError{run: name, changes: changes, again: c.trainAgain(name, model)}
	if record, err := model.Inputs(); err != nil || record == nil {
		return e
	}
	var back []string
	for _, ch := range changes {
		kept := filepath.Join(c.runDir(name), features.InputsDir)
		switch ch.Of {
		case features.InputSplit:
			back = append(back, "cp "+shellWord(filepath.Join(kept, "split.parquet"))+" "+shellWord(c.rolesFile(model.Source().Dataset, model.Split())))
		case features.InputClasses:
			back = append(back, "cp "+shellWord(filepath.Join(kept, "classes.parquet"))+" "+shellWord(c.classTable(model.Source().Dataset)))
		}
	}
	e.back = strings.Join(back, " && ")
	return e
}

// trainAgain is the command that trains a run, or all seeds of the one that it is of, anew on what is there.
func (c *console) trainAgain(name string, model *runs.Predictor) string {
	s := model.Settings()
	run, _, several := strings.Cut(name, "/"+seedPrefix)
	args := []string{"--dataset", model.Source().Dataset, "--split", model.Split(), "--method", s.Method}
	if s.Transductive {
		args = append(args, "--transductive")
	}
	if record, err := model.Inputs(); err == nil && record != nil && record.Classes.Blocks != nil {
		if now, err := c.readClassTable(model.Source().Dataset); err == nil && len(now.Attributes) > len(now.Narrow(record.Classes).Attributes) {
			args = append(args, "--descriptions", strings.Join(record.Classes.Kinds(), "+"))
		}
	}
	if seeds, err := seedsOf(c.runDir(run)); several && err == nil && len(seeds) > 0 {
		args, s.Seed = append(args, "--seeds", strconv.Itoa(len(seeds))), seeds[0]
	}
	end := []string{"--run", run, "--force"}
	_, tuned, err := runs.ReadSettings(c.runDir(name))
	if _, absent := os.Stat(filepath.Join(c.runDir(run), tuningDir)); err == nil && tuned != nil && absent == nil {
		args = append(args, "--trials", strconv.Itoa(tuned.Trials), "--folds", strconv.Itoa(max(2, tuned.Folds)))
		if s.Seed != 1 {
			args = append(args, "--seed", strconv.FormatUint(s.Seed, 10))
		}
		return c.command("tune", append(args, end...)...)
	}
	if def, err := settings.Preset("", s.Method); err == nil {
		var own []string
		for _, x := range method.Settings(s.Config) {
			if was, _ := method.Find(def.Config, x.Name); x.Text() != was.Text() {
				own = append(own, "--"+setFlag, x.Name+"="+x.Text())
				must(def.Set(x.Name, x.Text())) // which may bring another normalisation
			}
		}
		for _, x := range method.Settings(&s) {
			if was, _ := method.Find(&def, x.Name); x.Text() != was.Text() && x.Name != "method" && x.Name != "transductive" {
				args = append(args, "--"+flagName(x.Name)+"="+x.Text())
			}
		}
		args = append(args, own...)
	}
	return c.command("train", append(args, end...)...)
}
