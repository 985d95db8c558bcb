package experiment

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"vzsl/evaluate"
	"vzsl/evaluate/analysis"
	"vzsl/evaluate/report"
	"vzsl/evaluate/result"
	"vzsl/features"
	"vzsl/internal/custody"
	"vzsl/internal/kernels"
	"vzsl/internal/version"
	"vzsl/pipeline/workspace"
	"vzsl/train/runs"
)

// Evaluated is what came of an evaluation.
type Evaluated struct {
	Result *evaluate.Result
	About  result.Run
	Paths  report.Paths
}

// EvaluateRun evaluates one trained run and writes its report.
func (x *Runner) EvaluateRun(ctx context.Context, name string, r *workspace.RunRef, model *runs.Predictor, seed uint64) (*Evaluated, error) {
	in, err := x.InputsOf(ctx, name, r, model, true)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	about, shown, err := x.about(name, r, model, in, seed)
	if err != nil {
		return nil, err
	}
	res, err := x.score(ctx, name, model, in, seed)
	if err != nil {
		return nil, err
	}
	p := x.Begin("report", "")
	defer p.End()
	p.Say("maps")
	if res.Maps, err = analysis.Maps(ctx, res, model, in.Features, in.Classes, seed); err != nil {
		return nil, err
	}
	p.Say("mistakes")
	if res.Mistakes, err = analysis.Mistakes(ctx, res, model, in.Features, in.Classes); err != nil {
		return nil, err
	}
	if r.Groups != "" {
		if res.Groups, err = workspace.ReadGroups(r.Groups, res.Candidates); err != nil {
			return nil, err
		}
	}
	p.Say("descriptions")
	if res.Described, err = analysis.Described(ctx, res, model, in.Features, in.Classes); err != nil {
		return nil, err
	}
	p.Say("page")
	paths, err := report.Write(x.ReportDir(name), res, &about, shown)
	return &Evaluated{res, about, paths}, err
}

// score measures a model on the test images of the split that in holds.
func (x *Runner) score(ctx context.Context, name string, model *runs.Predictor, in *workspace.Inputs, seed uint64) (*evaluate.Result, error) {
	if err := scorable(model, in); err != nil {
		return nil, workspace.TrainedToFill(name, err)
	}
	p := x.Begin("evaluate", "images")
	defer p.End()
	result, err := evaluate.ZeroShot(ctx, model, in.Features, in.Classes, in.Roles, evaluate.Options{
		Seed: seed, Progress: p.Done, Calibration: model.Result().Constant, Temperature: model.Temperature(),
		Expected: model.Expected, NoneBelow: model.NoneBelow})
	if err != nil {
		return nil, err
	}
	result.Notes = append(result.Notes, model.Result().Notes...)
	return result, nil
}

// scorable refuses unseen classes whose descriptions lack what the model does not fill.
func scorable(model *runs.Predictor, in *workspace.Inputs) error {
	var vectors [][]float32
	for _, c := range in.Roles.Unseen {
		if i := slices.Index(in.Classes.Classes, c); i >= 0 {
			vectors = append(vectors, in.Classes.Values[i])
		}
	}
	if len(vectors) != len(in.Roles.Unseen) {
		return nil // the evaluation says which class the table lacks
	}
	return model.CheckClasses(in.Roles.Unseen, vectors)
}

// about collects what the report says of the run (settings, data, files, program and machine), and what its page shows besides.
func (x *Runner) about(name string, r *workspace.RunRef, model *runs.Predictor, in *workspace.Inputs, seed uint64) (result.Run, report.Options, error) {
	var shown report.Options
	config, err := model.Config()
	if err != nil {
		return result.Run{}, shown, err
	}
	a := result.Run{
		Name: name, Method: title(model), Program: version.Program(),
		Transductive: model.Settings().Transductive,
		Features:     in.Features.Source(), Config: config,
		Seeds: []result.Field{{Name: "training", Value: fmt.Sprint(model.Settings().Seed)}},
		Environment: []result.Field{
			{Name: "Go", Value: runtime.Version()},
			{Name: "system", Value: runtime.GOOS + "/" + runtime.GOARCH},
			{Name: "processors", Value: fmt.Sprint(runtime.GOMAXPROCS(0))},
			{Name: "kernels", Value: kernels.Level()},
		},
	}
	runDir := x.RunDir(name)
	for _, f := range []struct{ name, path string }{
		{result.HashedModel, filepath.Join(runDir, "model.safetensors")},
		{"features (manifest)", filepath.Join(x.NetworkDir(r.Dataset.Name, in.Network), "manifest.json")},
		{"class table", in.File(runDir, x.ClassTableFile(r.Dataset.Name), "classes.parquet")},
		{"split", in.File(runDir, x.SplitFile(r.Dataset.Name, r.Split), "split.parquet")},
	} {
		sum, err := features.FileSHA256(f.path)
		if err != nil {
			return a, shown, err
		}
		a.Hashes = append(a.Hashes, result.Field{Name: f.name, Value: sum})
	}
	if shown.Metrics, err = ReadMetrics(filepath.Join(runDir, "metrics.jsonl")); err != nil {
		return a, shown, err
	}
	shown.ImageRoot, err = x.ImageRoot(&r.Dataset)
	shown.Turn = workspace.Orientation(&a.Features)
	a.Data, a.Layout = r.Dataset.Remembered()
	a.Groups = r.Groups
	if r.Network != model.Source().Network {
		a.Network = r.Network
	}
	a.Command = x.evaluateCommand(&a, seed)
	return a, shown, err
}

func title(model *runs.Predictor) string {
	s := model.Settings()
	return s.Title()
}

// evaluateCommand makes the report that a is about again.
func (x *Runner) evaluateCommand(a *result.Run, seed uint64) string {
	args := []string{"--run", a.Name}
	for _, f := range [][2]string{{"--network", a.Network}, {"--data", a.Data}, {"--layout", a.Layout}, {"--groups", a.Groups}} {
		if f[1] != "" {
			args = append(args, f[0], f[1])
		}
	}
	if seed != DefaultBootstrap {
		args = append(args, "--seed", strconv.FormatUint(seed, 10))
	}
	return x.Command("evaluate", args...)
}

// DefaultBootstrap is the seed of the bootstrap.
const DefaultBootstrap = 1

// ReadMetrics reads a run's metrics.jsonl.
func ReadMetrics(path string) ([]map[string]any, error) {
	text, err := custody.ReadFile(filepath.Dir(path), filepath.Base(path))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case custody.IsDamaged(err):
		return nil, fmt.Errorf("%w; restore the file that the training wrote, or retrain with --force", err)
	case err != nil:
		return nil, err
	}
	var records []map[string]any
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		var rec map[string]any
		if err := json.Unmarshal(lines.Bytes(), &rec); err != nil {
			return nil, fmt.Errorf("%s is damaged (line %d: %w); restore the file that the training wrote, or retrain with --force", path, n, err)
		}
		records = append(records, rec)
	}
	return records, lines.Err()
}
