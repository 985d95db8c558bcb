package pipeline

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/datasets"
	"vzsl/datasets/catalog"
	"vzsl/evaluate"
	"vzsl/evaluate/analysis"
	"vzsl/evaluate/report"
	"vzsl/evaluate/result"
	"vzsl/features"
	"vzsl/internal/kernels"
	"vzsl/internal/lookup"
	"vzsl/train/runs"
)

func newEvaluate(con *console) *cobra.Command {
	var r runFlags
	var seed uint64
	cmd := &cobra.Command{
		Use:   "evaluate",
		Short: "model and features to a report",
		Long: `Scores the split's test images with a trained model and writes reports/<run>/: report.html (one file,
opens offline), report.json and predictions.parquet.

Every image of an unseen class is ranked among all unseen classes of the split: top-1 per image and
as the mean over classes, top-5, confusion matrix, with bootstrap intervals. A split that holds out
images of seen classes gives the generalised figures (U, S, H) too. Where the model has a temperature,
the expected calibration error says how far its probabilities can be believed. Maps (t-SNE) show the
unseen classes' images by features and, of a model with a latent space, by latent codes among the priors and by
reconstructions. Of a model that can be read in attributes the most confident mistakes say which of them speak most for
the wrong class; where the score is not bilinear in them (VZSL, SAE) that is a reading of the model, not
a sum that gives the score.

A run of several seeds (vzsl train --seeds) is evaluated seed by seed; reports/<run>/ then has seeds.json and
report.html with mean, standard deviation and 95 % interval over them.

With --data the report shows pictures.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runEvaluate(cmd.Context(), con, &r, seed)
		},
	}
	r.ds.add(cmd)
	r.add(cmd)
	cmd.Flags().Uint64Var(&seed, "seed", defaultBootstrap, "of the bootstrap")
	return cmd
}

func runEvaluate(ctx context.Context, con *console, r *runFlags, seed uint64) error {
	name, err := r.name()
	if err != nil {
		return err
	}
	if seeds, err := seedsOf(con.runDir(name)); err != nil {
		return err
	} else if len(seeds) > 0 {
		out, _, err := con.evaluateSeeds(ctx, name, r, seeds, seed)
		if err != nil {
			return err
		}
		return con.evaluatedSeeds(out)
	}
	model, err := con.loadNamed(name, r)
	if err != nil {
		return err
	}
	e, err := con.evaluateRun(ctx, name, r, model, seed)
	if err != nil {
		return err
	}
	return con.evaluated(name, e.result, e.paths)
}

// evaluated is what came of an evaluation.
type evaluated struct {
	result *evaluate.Result
	about  result.Run
	paths  report.Paths
}

// evaluateRun evaluates one trained run and writes its report.
func (c *console) evaluateRun(ctx context.Context, name string, r *runFlags, model *runs.Predictor, seed uint64) (*evaluated, error) {
	in, err := c.inputsOf(ctx, name, r, model, true)
	if err != nil {
		return nil, err
	}
	defer in.close()
	about, shown, err := c.about(name, r, model, in, seed)
	if err != nil {
		return nil, err
	}
	result, err := c.score(ctx, name, model, in, seed)
	if err != nil {
		return nil, err
	}
	p := c.follow("report", "")
	defer p.end()
	p.say("maps")
	if result.Maps, err = analysis.Maps(ctx, result, model, in.Features, in.Classes, seed); err != nil {
		return nil, err
	}
	p.say("mistakes")
	if result.Mistakes, err = analysis.Mistakes(ctx, result, model, in.Features, in.Classes); err != nil {
		return nil, err
	}
	p.say("page")
	paths, err := report.Write(c.reportDir(name), result, &about, shown)
	return &evaluated{result, about, paths}, err
}

// score measures a model on the test images of the split that in holds.
func (c *console) score(ctx context.Context, name string, model *runs.Predictor, in *inputs, seed uint64) (*evaluate.Result, error) {
	if err := scorable(model, in); err != nil {
		return nil, trainedToFill(name, err)
	}
	hook, end := c.progress("evaluate", "images")
	defer end()
	result, err := evaluate.ZeroShot(ctx, model, in.Features, in.Classes, in.Roles, evaluate.Options{
		Seed: seed, Progress: hook, Calibration: model.Result().Constant, Temperature: model.Temperature()})
	if err != nil {
		return nil, err
	}
	result.Notes = append(result.Notes, model.Result().Notes...)
	return result, nil
}

// scorable refuses unseen classes whose descriptions lack what the model does not fill.
func scorable(model *runs.Predictor, in *inputs) error {
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

// evaluated prints the headline figures and where the report is.
func (c *console) evaluated(name string, r *evaluate.Result, paths report.Paths) error {
	type figures struct {
		Run          string             `json:"run"`
		Shots        int                `json:"shots,omitempty"`
		Classes      int                `json:"classes"`
		Images       int                `json:"images"`
		Chance       float64            `json:"chance"`
		MeanPerClass evaluate.Estimate  `json:"mean_per_class"`
		PerImage     evaluate.Estimate  `json:"per_image"`
		Hits         []evaluate.Hit     `json:"hits"`
		U            *evaluate.Harmonic `json:"generalised,omitempty"`
		Calibrated   *evaluate.Harmonic `json:"generalised_calibrated,omitempty"`
		AUSUC        *float64           `json:"ausuc,omitempty"`
		ECE          *float64           `json:"expected_calibration_error,omitempty"`
		HTML         string             `json:"html"`
		JSON         string             `json:"json"`
		Predictions  string             `json:"predictions"`
	}
	f := figures{Run: name, Shots: r.Shots, Classes: len(r.Candidates) - len(r.WithoutImages), Images: r.Images, Chance: r.Chance,
		MeanPerClass: r.Top1.MeanPerClass, PerImage: r.Top1.PerImage, Hits: r.Hits,
		HTML: paths.HTML, JSON: paths.JSON, Predictions: paths.Predictions}
	if r.Generalised != nil {
		f.U, f.Calibrated, f.AUSUC = &r.Generalised.Plain, r.Generalised.Calibrated, &r.Generalised.AUSUC
	}
	if r.Reliability != nil {
		f.ECE = &r.Reliability.ECE
	}
	return c.result(f, func(w io.Writer) {
		setting := "zero-shot"
		if f.Shots > 0 {
			setting = fmt.Sprintf("%d-shot", f.Shots)
		}
		fmt.Fprintf(w, setting+" top-1, mean per class: %s over %d unseen classes with images (chance %.1f%%)\n", percent(f.MeanPerClass), f.Classes, 100*f.Chance)
		fmt.Fprintf(w, setting+" top-1, per image:      %s over %d images\n", percent(f.PerImage), f.Images)
		for _, h := range f.Hits {
			if h.K == 5 {
				fmt.Fprintf(w, setting+" top-5, mean per class: %s\n", percent(h.MeanPerClass))
			}
		}
		if f.U != nil {
			fmt.Fprintf(w, "generalised: U %s, S %s, H %s\n", percent(f.U.U), percent(f.U.S), percent(f.U.H))
			if c := f.Calibrated; c != nil {
				fmt.Fprintf(w, "  calibrated (%.4g off seen scores, chosen on validation classes): U %s, S %s, H %s\n", c.Constant, percent(c.U), percent(c.S), percent(c.H))
			}
			fmt.Fprintf(w, "  area under the seen-unseen curve: %.3f\n", *f.AUSUC)
		}
		if f.ECE != nil {
			fmt.Fprintf(w, "probabilities: expected calibration error %.1f%%\n", 100**f.ECE)
		}
		fmt.Fprintf(w, "report: %s\n", paths.HTML)
	})
}

// percent writes a figure with its interval over images.
func percent(e evaluate.Estimate) string {
	s := fmt.Sprintf("%.1f%%", 100*e.Value)
	if e.OverImages != nil {
		s += fmt.Sprintf(" [%.1f, %.1f]", 100*e.OverImages.Low, 100*e.OverImages.High)
	}
	return s
}

// about collects what the report says of the run (settings, data, files, program and machine), and what its page shows besides.
func (c *console) about(name string, r *runFlags, model *runs.Predictor, in *inputs, seed uint64) (result.Run, report.Options, error) {
	var shown report.Options
	config, err := model.Config()
	if err != nil {
		return result.Run{}, shown, err
	}
	a := result.Run{
		Name: name, Method: title(model), Program: program,
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
	runDir := c.runDir(name)
	for _, f := range []struct{ name, path string }{
		{result.HashedModel, filepath.Join(runDir, "model.safetensors")},
		{"features (manifest)", filepath.Join(c.networkDir(r.ds.name, in.network), "manifest.json")},
		{"class table", in.file(runDir, c.classTable(r.ds.name), "classes.parquet")},
		{"split", in.file(runDir, c.rolesFile(r.ds.name, r.split), "split.parquet")},
	} {
		sum, err := features.FileSHA256(f.path)
		if err != nil {
			return a, shown, err
		}
		a.Hashes = append(a.Hashes, result.Field{Name: f.name, Value: sum})
	}
	if shown.Metrics, err = readMetrics(filepath.Join(runDir, "metrics.jsonl")); err != nil {
		return a, shown, err
	}
	shown.ImageRoot, err = c.imageRoot(&r.ds)
	a.Data, a.Layout = r.ds.remembered()
	if r.network != model.Source().Network {
		a.Network = r.network
	}
	a.Command = c.evaluateCommand(&a, seed)
	return a, shown, err
}

func title(model *runs.Predictor) string {
	s := model.Settings()
	return s.Title()
}

// imageRoot is the folder of the pictures; "" where none was named and none is where it would be: a report does without them.
func (c *console) imageRoot(d *datasetFlags) (string, error) {
	plain := datasetFlags{name: d.name}
	plain.infer()
	d.infer()
	there, err := lookup.Exists(d.data)
	switch {
	case err == nil && !there && d.data == plain.data:
		return "", nil
	case err == nil && !there:
		err = fmt.Errorf("--data %s: no such folder", d.data)
	case err == nil:
		var ds *datasets.Dataset
		if ds, err = catalog.Open(d.layout, d.data); err == nil {
			return ds.ImageRoot, nil
		}
	}
	if d.data == plain.data { // nobody asked for it
		c.log.Warn("the report is without pictures", "data", d.data, "error", err)
		return "", nil
	}
	return "", err
}

// remembered are --data and --layout as a command has to give them again; "" where the data set's name alone does.
func (d *datasetFlags) remembered() (data, layout string) {
	plain, given := datasetFlags{name: d.name}, *d
	plain.infer()
	given.infer()
	if given.data != plain.data {
		data = given.data
	}
	plain = datasetFlags{name: d.name, data: given.data}
	if plain.infer(); given.layout != plain.layout {
		layout = given.layout
	}
	return data, layout
}

// evaluateCommand makes the report that a is about again.
func (c *console) evaluateCommand(a *result.Run, seed uint64) string {
	args := []string{"--run", a.Name}
	for _, f := range [][2]string{{"--network", a.Network}, {"--data", a.Data}, {"--layout", a.Layout}} {
		if f[1] != "" {
			args = append(args, f[0], f[1])
		}
	}
	if seed != defaultBootstrap {
		args = append(args, "--seed", strconv.FormatUint(seed, 10))
	}
	return c.command("evaluate", args...)
}

// defaultBootstrap is the seed of the bootstrap.
const defaultBootstrap = 1

// command is the command line of a stage below the same --out.
func (c *console) command(stage string, args ...string) string {
	if c.out != "." {
		args = append(slices.Clone(args), "--out", c.out)
	}
	return commandLine(stage, args...)
}

// commandLine is that of a stage, quoted for a shell.
func commandLine(stage string, args ...string) string {
	words := append([]string{"vzsl", stage}, args...)
	for i, w := range words {
		words[i] = shellWord(w)
	}
	return strings.Join(words, " ")
}

// readMetrics reads a run's metrics.jsonl.
func readMetrics(path string) ([]map[string]any, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var records []map[string]any
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		var rec map[string]any
		if err := json.Unmarshal(lines.Bytes(), &rec); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		records = append(records, rec)
	}
	return records, lines.Err()
}
