package experiment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"vzsl/evaluate"
	"vzsl/evaluate/report"
	"vzsl/evaluate/result"
	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
	"vzsl/train/runs"
)

// StoredReports reads the report of a run, or of every seed of a run of several; seeds is nil for one of one.
func (x *Runner) StoredReports(ctx context.Context, name string) (stored []*result.Report, seeds []uint64, err error) {
	dir := x.ReportDir(name)
	if seeds, err = workspace.Seeds(dir); err != nil {
		return nil, nil, err
	}
	runs := []string{name}
	if len(seeds) > 0 {
		runs = nil
		for _, seed := range seeds {
			runs = append(runs, workspace.SeedRun(name, seed))
		}
	}
	for _, run := range runs {
		s, err := result.Read(x.ReportDir(run))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, x.noReport(name)
		}
		if err == nil {
			err = s.ReadPredictions()
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%w: '%s'", err, x.EvaluateAgain(run))
		}
		if err := x.reportOf(ctx, run, s); err != nil {
			return nil, nil, err
		}
		x.WarnUnlisted(s.Dir())
		stored = append(stored, s)
	}
	return stored, seeds, nil
}

// reportOf refuses a stored report of another model than the run there has now, and one of a run whose inputs have changed. Of a
// run that is gone, or without its model, what is left is compared.
func (x *Runner) reportOf(ctx context.Context, run string, s *result.Report) error {
	dir := x.RunDir(run)
	model, err := runs.ModelSHA256(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := x.ReportOfModel(run, s, model); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "model.safetensors")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var r workspace.RunRef
	predictor, err := x.LoadRun(run, &r)
	if err != nil {
		return err
	}
	in, err := x.InputsOf(ctx, run, &r, predictor, false)
	if err == nil {
		in.Close()
	}
	return err
}

// ReportOfModel refuses a stored report of another model; "" is one whose training is not finished.
func (x *Runner) ReportOfModel(run string, s *result.Report, model string) error {
	evaluated, dir := s.Run.ModelSHA256(), x.RunDir(run)
	switch {
	case model == "":
		return fmt.Errorf("%s is the report of an earlier model: a later training in %s is not finished; finish it, then run '%s'", x.ReportDir(run), dir, x.EvaluateAgain(run))
	case evaluated == "":
		x.Log.Warn("the report does not record its model: whether it is the run's could not be checked", "run", run)
	case model != evaluated:
		return fmt.Errorf("%s is the report of an earlier model (sha256 %.12s...); the one in %s (%.12s...) was trained later: '%s' makes its report",
			x.ReportDir(run), evaluated, dir, model, x.EvaluateAgain(run))
	}
	return nil
}

// EvaluateAgain is the command that evaluates a run, or all seeds of the one that a seed is of.
func (x *Runner) EvaluateAgain(run string) string {
	name, _ := workspace.WithoutSeed(run)
	return x.Command("evaluate", "--run", name)
}

// noReport says why a run has no stored results and what gives some.
func (x *Runner) noReport(name string) error {
	for _, r := range []struct{ facts, what string }{{"fewshot.json", "several numbers of shots"}, {"compare.json", "several methods"}, {"audit.json", "an audit"}} {
		if there, err := lookup.Exists(filepath.Join(x.ReportDir(name), r.facts)); err != nil {
			return err
		} else if there {
			return fmt.Errorf("%s is a report of %s: rebuild it with its own command, which is shown at its end", x.ReportDir(name), r.what)
		}
	}
	if there, err := lookup.Exists(x.RunDir(name)); err != nil {
		return err
	} else if there {
		return fmt.Errorf("%s: no stored results; evaluate the run first: '%s'", x.ReportDir(name), x.Command("evaluate", "--run", name))
	}
	there, err := lookup.Below(x.ReportDir(""), "*/*.json")
	if err != nil {
		return err
	}
	if len(there) == 0 {
		return fmt.Errorf("%s: no such report or run; create them with 'vzsl train' and 'vzsl evaluate'", x.ReportDir(name))
	}
	for i, path := range there {
		there[i] = filepath.Base(filepath.Dir(path))
	}
	there = slices.Compact(there)
	return fmt.Errorf("%s: no such report or run%s; there are %s", x.ReportDir(name), usage.DidYouMean(name, there), usage.FirstOf(there))
}

// Rebuild writes the report of one training again.
func (x *Runner) Rebuild(name string, s *result.Report, ds *workspace.Dataset) (report.Paths, error) {
	metrics, err := ReadMetrics(filepath.Join(x.RunDir(name), "metrics.jsonl"))
	if err != nil {
		return report.Paths{}, err
	}
	if metrics == nil {
		x.Log.Info("the training metrics are missing: the report has no training curves", "run", name)
	}
	here := *ds
	here.Name = s.Run.Features.Dataset
	switch {
	case here.Folder != "" || here.Layout != "":
		s.Run.Data, s.Run.Layout = here.Remembered()
		s.Run.Command = x.evaluateCommand(&s.Run, s.Result.Bootstrap.Seed)
	case s.Run.Data != "" || s.Run.Layout != "": // as the run was evaluated
		here.Folder, here.Layout = s.Run.Data, s.Run.Layout
		if there, err := lookup.Exists(here.Folder); here.Folder != "" && (err != nil || !there) {
			x.Log.Warn("the folder of the report's images was not found: the report has no images", "data", here.Folder)
			here.Folder, here.Layout = "", ""
		}
	}
	root, err := x.ImageRoot(&here)
	if err != nil {
		return report.Paths{}, err
	}
	p := x.Begin("report "+name, "")
	defer p.End()
	return report.Rebuild(s, report.Options{Metrics: metrics, ImageRoot: root, Turn: workspace.Orientation(&s.Run.Features)})
}

// Rename makes a stored report that of a run of another name.
func (x *Runner) Rename(s *result.Report, name string) {
	s.Run.Name = name
	s.Run.Command = x.evaluateCommand(&s.Run, s.Result.Bootstrap.Seed)
}

// Group puts the classes of a stored report into the groups of a file.
func (x *Runner) Group(s *result.Report, file string) (err error) {
	if s.Result.Groups, err = workspace.ReadGroups(file, s.Result.Candidates); err != nil {
		return err
	}
	s.Run.Groups = file
	s.Run.Command = x.evaluateCommand(&s.Run, s.Result.Bootstrap.Seed)
	return nil
}

// RebuildSeeds writes the reports of every seed of a run again, and the page over them.
func (x *Runner) RebuildSeeds(name string, stored []*result.Report, seeds []uint64, ds *workspace.Dataset) (*SeedsResult, error) {
	var results []*evaluate.Result
	var pages []string
	for i, s := range stored {
		paths, err := x.Rebuild(workspace.SeedRun(name, seeds[i]), s, ds)
		if err != nil {
			return nil, err
		}
		results, pages = append(results, s.Result), append(pages, paths.HTML)
	}
	return x.overSeeds(name, stored[0].Run, stored[0].Run.Features.Dataset, seeds, results, pages)
}
